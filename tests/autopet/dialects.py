"""The seventeen header dialects of the OncoRay / IBSI digital reference objects.

Written from their one-line descriptions ("Units = GML …, SUVlbmjames128"); the raw
values follow from the same physical body by each dialect's definition.
"""

from collections.abc import Callable
from datetime import datetime

from pydicom.dataset import Dataset

from tests.autopet.scans import (
    GA68,
    SLICES,
    PetScan,
    in_block,
    in_drug,
    set_value,
)

PHILIPS = "Philips PET Private Group"


def default() -> PetScan:
    """DRO_0_0."""
    return PetScan()


def several_slopes() -> PetScan:
    """DRO_1_0: the slope differs between slices, the picture does not."""
    scan = PetScan()

    def change(ds: Dataset, k: int) -> None:
        # A slope twice as large with half the steps in every second slice.
        if k % 2:
            halved = ds.pixel_array // 2
            ds.PixelData = halved.astype("int16").tobytes()
            ds.RescaleSlope = f"{2 * float(ds.RescaleSlope):.10g}"

    scan.changes.append(change)
    return scan


def gml_body_weight() -> PetScan:
    """DRO_2_0."""
    return _already_suv("BW", lambda scan: scan.weight_kg)


def gml_lean_body() -> PetScan:
    """DRO_2_1: James, factor 128, a man."""
    return _already_suv("LBMJAMES128", lambda s: _james_128_kg(s, male=True), sex="M")


def gml_ideal_weight() -> PetScan:
    """DRO_2_2: Sugawara's ideal weight; sex O is the mean of men and women."""
    return _already_suv(
        "IBW",
        lambda s: (_ideal_kg(s, male=True) + _ideal_kg(s, male=False)) / 2,
        sex="O",
    )


def cm2ml_body_surface() -> PetScan:
    """DRO_2_3: Du Bois; SUVbsa is in cm²/mL."""
    scan = PetScan(units="CM2ML")

    def unit(s: PetScan, k: int) -> float:
        height_cm = s.height_m * 100
        bsa_m2 = 0.007184 * s.weight_kg**0.425 * height_cm**0.725
        return bsa_m2 * 1e4 / (s.weight_kg * 1e3)

    scan.units_per_suv = unit
    scan.changes.append(set_value("SUVType", "BSA"))
    return scan


def counts_suv_factor() -> PetScan:
    """DRO_2_4: Philips counts, (7053,1000) makes SUV of them."""
    scan = PetScan(units="CNTS", units_per_suv=lambda s, k: 1.0 / 3.7e-4)
    scan.changes += [
        set_value("Manufacturer", "Philips Medical Systems"),
        in_block(0x7053, PHILIPS, 0x00, "DS", "0.00037"),
    ]
    return scan


def counts_activity_factor() -> PetScan:
    """DRO_2_5: Philips counts, (7053,1009) makes Bq/mL of them."""
    scan = PetScan(units="CNTS", units_per_suv=lambda s, k: s.bq_ml_at_start() / 2.5)
    scan.changes += [
        set_value("Manufacturer", "Philips Medical Systems"),
        in_block(0x7053, PHILIPS, 0x09, "DS", "2.5"),
    ]
    return scan


def dose_in_mbq() -> PetScan:
    """DRO_3_0."""
    scan = PetScan()
    scan.changes.append(in_drug(RadionuclideTotalDose="368.08"))
    return scan


def corrected_to_injection() -> PetScan:
    """DRO_3_1: Decay Correction ADMIN."""
    return PetScan(
        decay_correction="ADMIN", units_per_suv=lambda s, k: s.bq_ml_at_injection
    )


def series_after_acquisition() -> PetScan:
    """DRO_3_2: the series was written ten minutes after the acquisition."""
    scan = PetScan()
    scan.changes.append(set_value("SeriesTime", "111000.000000"))
    return scan


def ge_private_time() -> PetScan:
    """DRO_3_3: only GE's private element keeps the reference of the decay."""
    scan = PetScan()
    scan.changes += [
        set_value("Manufacturer", "GE MEDICAL SYSTEMS"),
        set_value("SeriesTime", "112000.000000"),
        set_value("AcquisitionTime", "111500.000000"),
        in_block(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20250101110000.00"),
    ]
    return scan


def uncorrected_by_slice() -> PetScan:
    """DRO_3_4: Decay Correction NONE; beds follow one another."""
    return PetScan(
        decay_correction="NONE",
        bed_delay_s=tuple(120.0 * k for k in range(SLICES)),
        units_per_suv=lambda s, k: s.bq_ml_in_frame(k),
        changes=[set_value("CorrectedImage", ["NORM", "ATTN", "SCAT"])],
    )


def only_injection_date_time() -> PetScan:
    """DRO_4_0."""
    scan = PetScan()
    scan.changes.append(in_drug(RadiopharmaceuticalStartTime=None))
    return scan


def only_injection_time() -> PetScan:
    """DRO_4_1."""
    scan = PetScan()
    scan.changes.append(in_drug(RadiopharmaceuticalStartDateTime=None))
    return scan


def over_midnight() -> PetScan:
    """DRO_4_2: injected before midnight, scanned after; only the time is told."""
    scan = PetScan(
        injected=datetime(2024, 12, 31, 23, 30), start=datetime(2025, 1, 1, 0, 30)
    )
    scan.changes.append(in_drug(RadiopharmaceuticalStartDateTime=None))
    return scan


def gallium() -> PetScan:
    """DRO_5_0."""
    scan = PetScan(half_life_s=GA68)

    def change(ds: Dataset, k: int) -> None:
        code = ds.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence[0]
        code.CodeValue, code.CodeMeaning = "C-131A3", "^68^Gallium"

    scan.changes += [change, in_drug(Radiopharmaceutical="DOTATATE")]
    return scan


DIALECTS = {
    "DRO_0_0": default,
    "DRO_1_0": several_slopes,
    "DRO_2_0": gml_body_weight,
    "DRO_2_1": gml_lean_body,
    "DRO_2_2": gml_ideal_weight,
    "DRO_2_3": cm2ml_body_surface,
    "DRO_2_4": counts_suv_factor,
    "DRO_2_5": counts_activity_factor,
    "DRO_3_0": dose_in_mbq,
    "DRO_3_1": corrected_to_injection,
    "DRO_3_2": series_after_acquisition,
    "DRO_3_3": ge_private_time,
    "DRO_3_4": uncorrected_by_slice,
    "DRO_4_0": only_injection_date_time,
    "DRO_4_1": only_injection_time,
    "DRO_4_2": over_midnight,
    "DRO_5_0": gallium,
}


def _already_suv(
    suv_type: str, mass_kg: Callable[[PetScan], float], sex: str = "F"
) -> PetScan:
    """Units GML: SUV of another mass, which is SUVbw · mass / weight."""
    scan = PetScan(units="GML", sex=sex)
    scan.units_per_suv = lambda s, k: mass_kg(s) / s.weight_kg
    scan.changes.append(set_value("SUVType", suv_type))
    return scan


def _james_128_kg(scan: PetScan, *, male: bool) -> float:
    ratio = scan.weight_kg / (100.0 * scan.height_m)
    if male:
        return 1.1 * scan.weight_kg - 128.0 * ratio**2
    return 1.07 * scan.weight_kg - 148.0 * ratio**2


def _ideal_kg(scan: PetScan, *, male: bool) -> float:
    above_152_cm = 100.0 * scan.height_m - 152.0
    return 48.0 + 1.06 * above_152_cm if male else 45.5 + 0.91 * above_152_cm
