"""DICOM slices of one PET series → ``PetHeader``."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from vct.autopet.element import (
    as_number,
    as_text,
    clock,
    date_time,
    element,
    items,
    moment,
    number,
    text,
)
from vct.autopet.header import PetHeader, SliceTiming
from vct.autopet.nuclide import nuclide_named
from vct.autopet.refusal import ScanError, SuvError

# Private elements that tell the SUV: group, element, creators. Files whose creator
# element got lost keep the first block.
_PrivateElement = tuple[int, int, tuple[str, ...]]
_GE_REFERENCE: _PrivateElement = (0x0009, 0x0D, ("GEMS_PETD_01",))
_SIEMENS_REFERENCE: _PrivateElement = (0x0071, 0x22, ("SIEMENS MED PT",))
_PRIVATE_REFERENCES = (_GE_REFERENCE, _SIEMENS_REFERENCE)
_PHILIPS_CREATORS = ("Philips PET Private Group",)
_PHILIPS_SUV: _PrivateElement = (0x7053, 0x00, _PHILIPS_CREATORS)
_PHILIPS_ACTIVITY: _PrivateElement = (0x7053, 0x09, _PHILIPS_CREATORS)

# What all slices of a series must tell alike, and where it stands.
_KEYWORDS = {
    "units": "Units",
    "suv_type": "SUVType",
    "decay_correction": "DecayCorrection",
    "manufacturer": "Manufacturer",
    "corrections": "CorrectedImage",
    "attenuation_method": "AttenuationCorrectionMethod",
    "weight_kg": "PatientWeight",
    "height_m": "PatientSize",
    "sex": "PatientSex",
    "total_dose": "RadionuclideTotalDose",
    "half_life_s": "RadionuclideHalfLife",
    "nuclide": "RadionuclideCodeSequence",
    "tracer": "Radiopharmaceutical",
    "injected": "RadiopharmaceuticalStartDateTime",
    "injected_clock": "RadiopharmaceuticalStartTime",
    "series_start": "SeriesTime",
    "decay_reference": "the moment of decay correction",
    "philips_suv_factor": "private factor (7053,1000)",
    "philips_activity_factor": "private factor (7053,1009)",
}

# SRT and SCT codes of the two nuclides of AutoPET (CID 4020).
_NUCLIDE_CODES = {
    "C-111A1": "F-18",
    "77004003": "F-18",
    "C-131A3": "Ga-68",
    "80751004": "Ga-68",
}


def pet_header(slices: Sequence[Dataset]) -> PetHeader:
    """What the SUV of a series depends on.

    Parameters
    ----------
    slices
        Of one series, in order.

    Raises
    ------
    ScanError
        If a value is not what its attribute means, slices do not tell the same, or
        there are several injections.
    """
    headers = [_slice_header(ds) for ds in slices]
    for k in range(1, len(slices)):
        _check_same(slices, headers, k)
    timings = tuple(timing for header in headers for timing in header.timings)
    return replace(headers[0], timings=timings)


def _check_same(
    slices: Sequence[Dataset], headers: Sequence[PetHeader], k: int
) -> None:
    """Slice k tells what the first one does; only its timing is its own."""
    for name in (each.name for each in fields(PetHeader) if each.name != "timings"):
        expected, found = getattr(headers[0], name), getattr(headers[k], name)
        if found != expected:
            raise ScanError(
                f"{_KEYWORDS[name]} is {_shown(found)} in {_file(slices, k)}, but "
                f"{_shown(expected)} in {_file(slices, 0).name}; all slices of a "
                "series must tell the same"
            )


def _shown(value: Any) -> str:
    if isinstance(value, frozenset):
        return "\\".join(sorted(value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _file(slices: Sequence[Dataset], k: int) -> Path:
    """Where slice k was read from."""
    return Path(getattr(slices[k], "filename", None) or f"slice {k + 1}")


def _slice_header(ds: Dataset) -> PetHeader:
    drug = _injection(ds)
    corrections = text(ds, "CorrectedImage")
    injected = text(drug, "RadiopharmaceuticalStartDateTime")
    return PetHeader(
        units=text(ds, "Units"),
        suv_type=text(ds, "SUVType"),
        decay_correction=text(ds, "DecayCorrection"),
        manufacturer=text(ds, "Manufacturer") or "",
        corrections=frozenset(corrections.split("\\")) if corrections else None,
        attenuation_method=text(ds, "AttenuationCorrectionMethod"),
        weight_kg=number(ds, "PatientWeight"),
        height_m=_positive(number(ds, "PatientSize")),
        sex=text(ds, "PatientSex"),
        total_dose=number(drug, "RadionuclideTotalDose"),
        half_life_s=_positive(number(drug, "RadionuclideHalfLife")),
        nuclide=_nuclide(drug),
        tracer=_tracer(drug),
        injected=date_time(injected, text(ds, "TimezoneOffsetFromUTC")),
        injected_clock=clock(text(drug, "RadiopharmaceuticalStartTime")),
        series_start=moment(ds, "Series", "StudyDate"),
        decay_reference=_decay_reference(ds),
        philips_suv_factor=_private_factor(ds, _PHILIPS_SUV),
        philips_activity_factor=_private_factor(ds, _PHILIPS_ACTIVITY),
        timings=(_timing(ds),),
    )


def _injection(ds: Dataset) -> Dataset:
    found = items(ds, "RadiopharmaceuticalInformationSequence")
    if len(found) > 1:
        raise SuvError(f"{len(found)} injections are in the header, not one")
    return found[0] if found else Dataset()


def _nuclide(drug: Dataset) -> str | None:
    for code in items(drug, "RadionuclideCodeSequence"):
        known = _NUCLIDE_CODES.get(text(code, "CodeValue") or "")
        named = known or nuclide_named(text(code, "CodeMeaning") or "")
        if named:
            return named
    tracer = _tracer(drug) or ""
    is_fdg = "FDG" in tracer.upper() or "DEOXYGLUCOSE" in tracer.upper()
    return nuclide_named(tracer) or ("F-18" if is_fdg else None)


def _tracer(drug: Dataset) -> str | None:
    codes = items(drug, "RadiopharmaceuticalCodeSequence")
    names = [text(code, "CodeMeaning") for code in codes]
    names.append(text(drug, "Radiopharmaceutical"))
    return next((name for name in names if name), None)


def _timing(ds: Dataset) -> SliceTiming:
    duration_ms = number(ds, "ActualFrameDuration")
    reference_ms = number(ds, "FrameReferenceTime")
    return SliceTiming(
        acquired=moment(ds, "Acquisition", "SeriesDate", "StudyDate"),
        duration_s=None if duration_ms is None else duration_ms / 1e3,
        reference_s=None if reference_ms is None else reference_ms / 1e3,
    )


def _decay_reference(ds: Dataset) -> datetime | None:
    """The moment that decay is corrected to, where an element of its own tells it.

    DecayCorrectionDateTime (0018,9701) is an attribute of Enhanced PET images, which
    single-frame series hold sometimes, too.
    """
    local_offset = text(ds, "TimezoneOffsetFromUTC")
    private = (as_text(_private(ds, *each)) for each in _PRIVATE_REFERENCES)
    for told in (text(ds, "DecayCorrectionDateTime"), *private):
        found = date_time(told, local_offset)
        if found is not None:
            return found
    return None


def _private_factor(ds: Dataset, place: _PrivateElement) -> float | None:
    """A private factor; zero means there is none."""
    name = f"private factor ({place[0]:04X},10{place[1]:02X})"
    return _positive(as_number(_private(ds, *place), name))


def _private(
    ds: Dataset, group: int, number_in_block: int, creators: tuple[str, ...]
) -> Any | None:
    """Value of a private element, in whichever of the blocks 10 to FF it lies.

    A creator takes any block that is free (PS3.5, 7.8.1), and de-identification may
    remove the creators before it.
    """
    names = {name.upper() for name in creators}
    blocks = [
        tag.element
        for tag in ds.keys()  # noqa: SIM118 -- iterating a data set reads its values
        if tag.group == group and 0x10 <= tag.element <= 0xFF
    ]
    for block in sorted(blocks):
        if (as_text(element(ds, group, block)) or "").upper() in names:
            return element(ds, group, block * 0x100 + number_in_block)
    return None if blocks else element(ds, group, 0x1000 + number_in_block)


def _positive(value: float | None) -> float | None:
    """Zero and less stand for 'not known' where they mean nothing else."""
    return value if value is not None and value > 0 else None
