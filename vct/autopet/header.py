"""What the SUV of one PET series depends on, in the words of its header."""

from dataclasses import dataclass
from datetime import datetime, time


@dataclass(frozen=True)
class SliceTiming:
    """When one slice was acquired.

    Attributes
    ----------
    acquired
        Start of the slice's bed: Acquisition Date and Time.
    duration_s
        Actual Frame Duration.
    reference_s
        Frame Reference Time; seconds from the reference of the series.
    """

    acquired: datetime | None = None
    duration_s: float | None = None
    reference_s: float | None = None


@dataclass(frozen=True)
class PetHeader:
    """The header of one PET series; None is what it does not tell.

    Attributes
    ----------
    units, suv_type, decay_correction, manufacturer
        As stored: ``BQML``, ``LBMJAMES128``, ``START`` …
    corrections
        Corrected Image: ``ATTN``, ``DECY`` …; None if absent or empty.
    attenuation_method
        Attenuation Correction Method.
    weight_kg, height_m, sex
        Of the patient.
    total_dose
        Radionuclide Total Dose as stored: becquerel by the standard, megabecquerel in
        some files.
    half_life_s, nuclide, tracer
        Half-life as stored, nuclide such as ``Ga-68``, name of the radiopharmaceutical.
    injected, injected_clock
        Radiopharmaceutical Start DateTime, and Start Time, which has no date.
    series_start
        Series Date and Time.
    decay_reference
        Decay Correction DateTime, or the private time to which GE or Siemens corrected.
    philips_suv_factor, philips_activity_factor
        Private factors from Philips counts to SUV and to Bq/mL.
    timings
        One per slice, in the order of the slices.
    """

    units: str | None = None
    suv_type: str | None = None
    decay_correction: str | None = None
    manufacturer: str = ""
    corrections: frozenset[str] | None = None
    attenuation_method: str | None = None
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    total_dose: float | None = None
    half_life_s: float | None = None
    nuclide: str | None = None
    tracer: str | None = None
    injected: datetime | None = None
    injected_clock: time | None = None
    series_start: datetime | None = None
    decay_reference: datetime | None = None
    philips_suv_factor: float | None = None
    philips_activity_factor: float | None = None
    timings: tuple[SliceTiming, ...] = ()
