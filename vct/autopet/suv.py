"""Body-weight SUV from any dialect of PET header; pure, no files.

Every dialect either gives a factor per slice or is refused with a reason.
"""

from dataclasses import dataclass

import numpy as np

from vct.autopet.decay import Decay, decay_of
from vct.autopet.header import PetHeader
from vct.autopet.nuclide import nuclide_of
from vct.autopet.refusal import SuvError
from vct.autopet.suv_type import GRAM_TYPES, bw_per_unit
from vct.uptake import bq_ml_per_suv

# Beyond these no patient of a PET scanner is believed. A dose in MBq, or in Bq, cannot
# be mistaken for the other; one in mCi (about 1 to 25) or kBq is neither.
WEIGHT_RANGE_KG = (20.0, 300.0)
HEIGHT_RANGE_M = (1.0, 2.3)
DOSE_RANGE_BQ = (5e6, 3e9)
_DOSE_RANGE_MBQ = (30.0, 3e3)
_FACTORS_AGREE = 1e-2  # relative


@dataclass(frozen=True)
class SuvScaling:
    """How stored values, after slope and intercept, become body-weight SUV.

    Attributes
    ----------
    factor
        float64, one per slice: SUV [g/mL] of one rescaled unit.
    dialect
        Units and route, for people: ``BQML START``, ``CNTS by activity factor`` …
    injected_mbq, uptake_min, nuclide
        Of the injection, where the header tells; uptake to the first slice's moment.
    notes
        What had to be assumed.
    """

    factor: np.ndarray
    dialect: str
    injected_mbq: float | None
    uptake_min: float | None
    nuclide: str | None
    notes: tuple[str, ...]

    @property
    def described(self) -> str:
        """The route to SUV in words, with what was assumed on it."""
        parts = [self.dialect]
        if self.injected_mbq is not None:
            parts.append(f"{self.injected_mbq:.0f} MBq")
        if self.uptake_min is not None:
            parts.append(f"{self.uptake_min:.0f} min")
        return ", ".join(parts + [f"({note})" for note in self.notes])


def suv_scaling(header: PetHeader) -> SuvScaling:
    """Factor per slice from rescaled values to body-weight SUV.

    Parameters
    ----------
    header
        With one timing per slice.

    Raises
    ------
    SuvError
        If the header does not tell the SUV beyond doubt.

    Notes
    -----
    BQML is divided by the decayed dose per gram; GML and CM2ML are SUV of another kind
    and are converted; Philips CNTS become Bq/mL or SUV by a private factor.
    """
    _check_person(header)
    _check_attenuation(header)
    try:
        return _by_units(header)
    except (OverflowError, ZeroDivisionError) as error:
        raise SuvError(
            f"a time or a number of the header is absurd ({error})"
        ) from error


def _by_units(header: PetHeader) -> SuvScaling:
    units = header.units
    if units == "BQML":
        return _from_activity(header, 1.0, f"BQML {header.decay_correction}")
    if units == "GML":
        return _from_suv(header, header.suv_type or "BW", "GML", GRAM_TYPES)
    if units == "CM2ML":
        return _from_suv(header, header.suv_type or "BSA", "CM2ML", ("BSA",))
    if units == "CNTS":
        return _from_counts(header)
    raise SuvError(f"Units is {units}; BQML, GML, CM2ML or Philips CNTS is needed")


def injected_mbq(header: PetHeader) -> tuple[float, list[str]]:
    """Injected activity [MBq], whether stored in Bq or in MBq, and what is assumed.

    Raises
    ------
    SuvError
        If it is missing or plausible as neither.
    """
    dose = header.total_dose
    if dose is None:
        raise SuvError("Radionuclide Total Dose is not in the header")
    if DOSE_RANGE_BQ[0] <= dose <= DOSE_RANGE_BQ[1]:
        return dose * 1e-6, []
    if _DOSE_RANGE_MBQ[0] <= dose <= _DOSE_RANGE_MBQ[1]:
        return dose, [f"Radionuclide Total Dose {dose:g} is read as MBq"]
    raise SuvError(
        f"Radionuclide Total Dose {dose:g} is no dose of a patient, in Bq or in MBq"
    )


def _from_activity(header: PetHeader, bq_ml: float, dialect: str) -> SuvScaling:
    """Rescaled values times ``bq_ml`` are Bq/mL."""
    weight = header.weight_kg
    if weight is None:
        raise SuvError("Patient's Weight is not in the header")
    contradiction = _check_decay_named(header)
    mbq, notes = injected_mbq(header)
    notes = notes + contradiction
    decay = decay_of(header)
    at_injection = bq_ml_per_suv(weight_kg=weight, injected_mbq=mbq, uptake_min=0.0)
    factor = bq_ml / (at_injection * decay.factor)
    return _scaling(header, factor, dialect, (*notes, *decay.notes), mbq, decay)


def _from_suv(
    header: PetHeader, suv_type: str, units: str, allowed: tuple[str, ...]
) -> SuvScaling:
    """Rescaled values are SUV of some kind."""
    if suv_type not in allowed:
        raise SuvError(
            f"SUV Type is {suv_type}; with Units {units} it is {' or '.join(allowed)}"
        )
    per_unit, notes = bw_per_unit(header, suv_type)
    factor = np.full(len(header.timings), per_unit)
    return _told(header, factor, f"{units} {suv_type}", notes)


def _from_counts(header: PetHeader) -> SuvScaling:
    """Counts of a Philips scanner, by whichever private factor there is."""
    by_suv, by_activity = header.philips_suv_factor, header.philips_activity_factor
    if not by_suv and not by_activity:
        raise SuvError(
            "Units is CNTS without a private factor of Philips, (7053,1000) or "
            "(7053,1009)"
        )
    if header.suv_type not in (None, "BW"):
        raise SuvError(f"Units is CNTS, but SUV Type is {header.suv_type}")
    direct = np.full(len(header.timings), by_suv or np.nan)
    if not by_activity:
        return _told(header, direct, "CNTS by SUV factor", [])
    scaling = _from_activity(header, by_activity, "CNTS by activity factor")
    if by_suv and not np.allclose(scaling.factor, direct, rtol=_FACTORS_AGREE):
        raise SuvError(
            f"the two private factors of Philips give SUV {direct[0]:.4g} and "
            f"{scaling.factor[0]:.4g} for one count"
        )
    return scaling


def _told(
    header: PetHeader, factor: np.ndarray, dialect: str, notes: list[str]
) -> SuvScaling:
    """Scaling that needs no dose; dose and uptake are told where they can be."""
    try:
        mbq: float | None = injected_mbq(header)[0]
        decay: Decay | None = decay_of(header)
    except SuvError:
        mbq, decay = None, None
    return _scaling(header, factor, dialect, tuple(notes), mbq, decay)


def _scaling(
    header: PetHeader,
    factor: np.ndarray,
    dialect: str,
    notes: tuple[str, ...],
    mbq: float | None,
    decay: Decay | None,
) -> SuvScaling:
    corrected_to_scan = header.decay_correction in ("START", "NONE")
    uptake = None
    if decay is not None and corrected_to_scan and decay.uptake_s.size:
        uptake = float(decay.uptake_s.min()) / 60
    nuclide = header.nuclide
    if header.half_life_s is not None:
        nuclide = nuclide_of(header.half_life_s) or nuclide
    return SuvScaling(factor, dialect, mbq, uptake, nuclide, notes)


def _check_person(header: PetHeader) -> None:
    checks = (
        ("Patient's Weight", header.weight_kg, WEIGHT_RANGE_KG, "kg"),
        ("Patient's Size", header.height_m, HEIGHT_RANGE_M, "m"),
    )
    for name, value, (low, high), unit in checks:
        matters = name == "Patient's Weight" or _needs_height(header)
        if value is not None and matters and not low <= value <= high:
            raise SuvError(f"{name} {value:g} is not a person's in {unit}")


def _needs_height(header: PetHeader) -> bool:
    other_kind = header.suv_type not in (None, "BW")
    return header.units == "CM2ML" or (header.units == "GML" and other_kind)


def _check_attenuation(header: PetHeader) -> None:
    corrected = header.corrections
    if corrected is None and header.attenuation_method:
        return
    if corrected is None or "ATTN" not in corrected:
        raise SuvError(
            "Corrected Image does not name ATTN: no SUV without attenuation correction"
        )


def _check_decay_named(header: PetHeader) -> list[str]:
    """Corrected Image may not deny what Decay Correction says."""
    corrected = header.corrections
    if corrected is None:
        return []
    named = "DECY" in corrected
    if header.decay_correction in ("START", "ADMIN") and not named:
        raise SuvError(
            f"Decay Correction is {header.decay_correction}, but Corrected Image does "
            "not name DECY"
        )
    if header.decay_correction == "NONE" and named:
        return [
            "Corrected Image names DECY, but Decay Correction is NONE; NONE is taken"
        ]
    return []
