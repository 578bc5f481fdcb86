"""DICOM slices of one PET series → ``PetHeader``."""

from collections.abc import Sequence
from datetime import datetime
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
_GE_REFERENCE = (0x0009, 0x0D, ("GEMS_PETD_01",))
_SIEMENS_REFERENCE = (0x0071, 0x22, ("SIEMENS MED PT",))
_PHILIPS_CREATORS = ("Philips PET Private Group",)
_PHILIPS_SUV = (0x7053, 0x00, _PHILIPS_CREATORS)
_PHILIPS_ACTIVITY = (0x7053, 0x09, _PHILIPS_CREATORS)

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
        Of one series, in order; what is the same for all is read from the first.

    Raises
    ------
    ScanError
        If a value is not what its attribute means, or there are several injections.
    """
    first = slices[0]
    drug = _injection(first)
    corrections = text(first, "CorrectedImage")
    injected = text(drug, "RadiopharmaceuticalStartDateTime")
    injected_clock = clock(text(drug, "RadiopharmaceuticalStartTime"))
    return PetHeader(
        units=text(first, "Units"),
        suv_type=text(first, "SUVType"),
        decay_correction=text(first, "DecayCorrection"),
        manufacturer=text(first, "Manufacturer") or "",
        corrections=frozenset(corrections.split("\\")) if corrections else None,
        attenuation_method=text(first, "AttenuationCorrectionMethod"),
        weight_kg=number(first, "PatientWeight"),
        height_m=_positive(number(first, "PatientSize")),
        sex=text(first, "PatientSex"),
        total_dose=number(drug, "RadionuclideTotalDose"),
        half_life_s=_positive(number(drug, "RadionuclideHalfLife")),
        nuclide=_nuclide(drug),
        tracer=_tracer(drug),
        injected=date_time(injected, text(first, "TimezoneOffsetFromUTC")),
        injected_clock=injected_clock,
        series_start=moment(first, "Series", "StudyDate"),
        decay_reference=_private_reference(first),
        philips_suv_factor=_private_number(slices, _PHILIPS_SUV),
        philips_activity_factor=_private_number(slices, _PHILIPS_ACTIVITY),
        timings=tuple(_timing(ds) for ds in slices),
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


def _private_reference(ds: Dataset) -> datetime | None:
    for place in (_GE_REFERENCE, _SIEMENS_REFERENCE):
        found = date_time(as_text(_private(ds, *place)))
        if found is not None:
            return found
    return None


def _private_number(
    slices: Sequence[Dataset], place: tuple[int, int, tuple[str, ...]]
) -> float | None:
    """A private factor, the same in all slices; zero means there is none."""
    name = f"private factor ({place[0]:04X},10{place[1]:02X})"
    found = {as_number(_private(ds, *place), name) for ds in slices}
    if len(found) > 1:
        raise ScanError(f"{name} differs between slices")
    return _positive(found.pop())


def _private(
    ds: Dataset, group: int, number_in_block: int, creators: tuple[str, ...]
) -> Any | None:
    """Value of a private element, in whichever block its creator holds."""
    for block in range(0x10, 0x100):
        if (group, block) not in ds:
            break
        creator = (as_text(element(ds, group, block)) or "").upper()
        if creator in (name.upper() for name in creators):
            return element(ds, group, block * 0x100 + number_in_block)
    owned = (group, 0x10) in ds
    return None if owned else element(ds, group, 0x1000 + number_in_block)


def _positive(value: float | None) -> float | None:
    """Zero and less stand for 'not known' where they mean nothing else."""
    return value if value is not None and value > 0 else None
