"""SUV from a header: what is refused, and why; what is mended, and said."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.autopet.header import PetHeader, SliceTiming
from vct.autopet.refusal import SuvError
from vct.autopet.suv import suv_scaling

ELEVEN = datetime(2025, 1, 1, 11)
HEADER = PetHeader(
    units="BQML",
    decay_correction="START",
    corrections=frozenset({"ATTN", "DECY"}),
    weight_kg=70.0,
    height_m=1.75,
    sex="F",
    total_dose=350e6,
    half_life_s=6586.2,
    injected=ELEVEN - timedelta(hours=1),
    series_start=ELEVEN,
    timings=(SliceTiming(ELEVEN, 120.0, 59.8),),
)


def factor(header: PetHeader) -> float:
    return float(suv_scaling(header).factor[0])


def test_suv_is_concentration_over_decayed_dose_per_gram() -> None:
    left = 350e6 * 2 ** (-3600 / 6586.2)
    assert factor(HEADER) == pytest.approx(70e3 / left, rel=1e-12)


@given(
    weight=st.floats(20, 150), dose=st.floats(1e7, 1e9), minutes=st.floats(1.0, 300.0)
)
def test_heavier_is_more_and_a_half_life_later_is_twice(
    weight: float, dose: float, minutes: float
) -> None:
    header = replace(
        HEADER,
        weight_kg=weight,
        total_dose=dose,
        injected=ELEVEN - timedelta(minutes=minutes),
    )
    once = factor(header)
    twice = factor(replace(header, weight_kg=2 * weight))
    assert twice == pytest.approx(2 * once)
    earlier = replace(
        header, injected=ELEVEN - timedelta(minutes=minutes, seconds=6586.2)
    )
    assert factor(earlier) == pytest.approx(2 * once)


REFUSED = {
    "Units is PROPCNTS": {"units": "PROPCNTS"},
    "Units is None": {"units": None},
    "without a private factor of Philips": {"units": "CNTS"},
    "SUV Type is BSA; with Units GML": {"units": "GML", "suv_type": "BSA"},
    "SUV Type is LBM; with Units CM2ML": {"units": "CM2ML", "suv_type": "LBM"},
    "SUV Type is FOO": {"units": "GML", "suv_type": "FOO"},
    "height_m is not in the header": {
        "units": "GML",
        "suv_type": "IBW",
        "height_m": None,
    },
    "Patient's Size 175 is not": {
        "units": "GML",
        "suv_type": "IBW",
        "height_m": 175.0,
    },
    "sex is None": {"units": "GML", "suv_type": "LBMJANMA", "sex": None},
    "Patient's Weight is not in the header": {"weight_kg": None},
    "Patient's Weight 0 is not": {"weight_kg": 0.0},
    "Patient's Weight 70000 is not": {"weight_kg": 70000.0},
    "Radionuclide Total Dose is not in": {"total_dose": None},
    "Dose 9.46 is no dose": {"total_dose": 9.46},  # mCi
    "Dose 350000 is no dose": {"total_dose": 350e3},  # kBq
    "does not name ATTN": {"corrections": frozenset({"DECY"})},
    "Image does not name ATTN: no SUV": {"corrections": None},
    "does not name DECY": {"corrections": frozenset({"ATTN"})},
    "Decay Correction is None": {"decay_correction": None},
    "neither half-life nor nuclide": {"half_life_s": None},
    "109.77 s is no PET": {"half_life_s": 109.77},
    "time of injection is not in": {"injected": None},
    "does not lie before": {"injected": ELEVEN + timedelta(minutes=5)},
    "neither Series Time nor": {
        "series_start": None,
        "timings": (SliceTiming(None, 120.0, 0.0),),
    },
    "two times of injection: 10:00:00 and 09:30": {"injected_clock": time(9, 30)},
    "corrected to 10:40:00, Frame Reference Time says 11:00": {
        "series_start": ELEVEN - timedelta(minutes=20)
    },
    "decay reference after the acquisition": {
        "series_start": ELEVEN + timedelta(minutes=20),
        "timings": (SliceTiming(ELEVEN, 120.0, -600.0),),
    },
    "a number of the header is absurd (float division": {
        "timings": (SliceTiming(ELEVEN, 1e-320, 59.8),)
    },
    "decay is not corrected, and a slice lacks": {
        "decay_correction": "NONE",
        "timings": (SliceTiming(ELEVEN, None, None),),
    },
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals_name_their_reason(message: str) -> None:
    with pytest.raises(SuvError) as refused:
        suv_scaling(replace(HEADER, **REFUSED[message]))
    assert message in str(refused.value)


def test_two_factors_of_philips_must_agree() -> None:
    activity = replace(HEADER, units="CNTS", philips_activity_factor=2.5)
    by_activity = factor(activity)
    both = replace(activity, philips_suv_factor=by_activity)
    assert factor(both) == by_activity
    with pytest.raises(SuvError, match="two private factors of Philips"):
        suv_scaling(replace(both, philips_suv_factor=2 * by_activity))


def test_a_date_that_does_not_fit_is_mended_for_short_half_lives_only() -> None:
    """Anonymized dates often move apart; the time of day does not."""
    wrong = replace(HEADER, injected=datetime(1999, 5, 5, 10))
    assert factor(wrong) == factor(HEADER)
    assert any("date of injection" in note for note in suv_scaling(wrong).notes)
    zirconium = replace(wrong, half_life_s=282276.0)
    with pytest.raises(SuvError, match="does not lie before"):
        suv_scaling(zirconium)


def test_a_long_half_life_leaves_no_date_to_guess() -> None:
    """Beds over midnight under one date: a day of zirconium is a plausible number."""
    start = datetime(2025, 1, 1, 23, 55)
    header = replace(
        HEADER,
        injected=start - timedelta(hours=1),
        series_start=start,
        timings=(SliceTiming(start), SliceTiming(datetime(2025, 1, 1, 0, 0))),
    )
    assert factor(header) == factor(HEADER)
    with pytest.raises(SuvError, match="does not lie before"):
        suv_scaling(replace(header, half_life_s=282276.0))


def test_beds_of_one_scan_share_one_reference() -> None:
    """START: a later bed is not corrected a second time."""
    beds = tuple(
        SliceTiming(ELEVEN + timedelta(seconds=120 * k), 120.0, 59.9 + 120 * k)
        for k in range(8)
    )
    scaling = suv_scaling(replace(HEADER, timings=beds))
    np.testing.assert_allclose(scaling.factor, factor(HEADER), rtol=1e-9)


def test_a_part_of_a_rewritten_series_keeps_the_reference_of_the_whole() -> None:
    """Only later beds are left, and Series Time was set anew."""
    beds = tuple(
        SliceTiming(ELEVEN + timedelta(seconds=120 * k), 120.0, 59.9 + 120 * k)
        for k in range(6, 8)
    )
    late = ELEVEN + timedelta(hours=2)
    scaling = suv_scaling(replace(HEADER, timings=beds, series_start=late))
    np.testing.assert_allclose(scaling.factor, factor(HEADER), rtol=1e-4)
    assert any("Frame Reference Time" in note for note in scaling.notes)


def test_a_header_as_autopet_has_it() -> None:
    """PETCT_0011f3deaf: 68 kg, 327 MBq, 3623 s, 14 beds of 120 s.

    The factor is that of the collection's own conversion (tcia_dicom_to_nifti.py). The
    private time of Siemens lies a day before the public ones, in the real files too.
    """
    start = datetime(2003, 3, 23, 13, 10, 23)
    beds = tuple(
        SliceTiming(start + timedelta(seconds=125 * k), 120.0, 59.94 + 125 * k)
        for k in range(14)
    )
    header = replace(
        HEADER,
        weight_kg=68.0,
        total_dose=3.27e8,
        injected=datetime(2003, 3, 23, 12, 10),
        injected_clock=time(12, 10),
        series_start=start,
        manufacturer="SIEMENS",
        decay_reference=datetime(2003, 3, 22, 13, 10, 23),
        timings=beds,
    )
    scaling = suv_scaling(header)
    np.testing.assert_allclose(scaling.factor, 3.04477093e-4, rtol=1e-8)
    assert scaling.notes == ()


def test_uninformative_frame_times_do_not_count() -> None:
    """Some files count Frame Reference Time from each bed's own start."""
    beds = tuple(
        SliceTiming(ELEVEN + timedelta(seconds=120 * k), 120.0, 59.9) for k in range(8)
    )
    assert factor(replace(HEADER, timings=beds)) == factor(HEADER)


def test_a_series_time_that_nothing_confirms_is_said() -> None:
    """By the standard it is the reference; twenty minutes are 12 % of SUV."""
    early = replace(
        HEADER,
        series_start=ELEVEN - timedelta(minutes=20),
        timings=(SliceTiming(ELEVEN, 120.0, None),),
    )
    (note,) = suv_scaling(early).notes
    assert note.startswith("decay reference is Series Time, 1200 s before")
    confirmed = replace(early, timings=(SliceTiming(ELEVEN, 120.0, 1259.8),))
    assert suv_scaling(confirmed).notes == ()
    assert factor(confirmed) == factor(early)


@pytest.mark.parametrize(
    ("manufacturer", "reference_s"),
    [("GE MEDICAL SYSTEMS", 0.0), ("GE MEDICAL SYSTEMS", 59.9), ("SIEMENS", 59.9)],
)
def test_a_whole_series_starts_at_its_reference(
    manufacturer: str, reference_s: float
) -> None:
    """GE counts Frame Reference Time to the frame's start, others to its middle."""
    beds = tuple(
        SliceTiming(ELEVEN + timedelta(seconds=120 * k), 120.0, reference_s + 120 * k)
        for k in range(8)
    )
    late = ELEVEN + timedelta(hours=2)
    header = replace(HEADER, manufacturer=manufacturer, timings=beds, series_start=late)
    assert factor(header) == pytest.approx(factor(HEADER), rel=1e-4)


def test_a_small_contradiction_is_said() -> None:
    """Thirty seconds are 0.3 % of SUV: between rounding and refusal."""
    odd = replace(HEADER, timings=(SliceTiming(ELEVEN, 120.0, 89.9),))
    (note,) = suv_scaling(odd).notes
    assert note.startswith("Frame Reference Time differs from Series Time by 0.3")


def test_a_decay_reference_unlike_series_and_beds_is_said() -> None:
    earlier = replace(HEADER, decay_reference=ELEVEN - timedelta(minutes=10))
    (note,) = suv_scaling(earlier).notes
    assert note == (
        "decay reference is the header's own moment of decay correction, 10:50:00"
    )
    assert suv_scaling(replace(HEADER, decay_reference=ELEVEN)).notes == ()


def test_uncorrected_decay_beside_decy_is_read_and_said() -> None:
    odd = replace(HEADER, decay_correction="NONE")
    (note,) = suv_scaling(odd).notes
    assert note.endswith("Decay Correction is NONE; NONE is taken")
    plain = replace(odd, corrections=frozenset({"ATTN"}))
    assert factor(odd) == factor(plain) > factor(HEADER)


def test_half_life_outweighs_the_nuclide_and_says_so() -> None:
    odd = replace(HEADER, nuclide="Ga-68")
    assert factor(odd) == factor(HEADER)
    assert any("the half-life is taken" in note for note in suv_scaling(odd).notes)
    named = replace(HEADER, half_life_s=None, nuclide="F-18")
    assert factor(named) == pytest.approx(factor(HEADER))
    assert any("no half-life" in note for note in suv_scaling(named).notes)


@pytest.mark.parametrize(
    ("suv_type", "sex", "mass_kg"),
    [
        # By hand for 70 kg, 1.75 m: (70 / 175)² = 0.16, BMI 22.857.
        ("LBMJAMES128", "M", 77.0 - 128 * 0.16),
        ("LBMJAMES128", "F", 74.9 - 148 * 0.16),
        ("LBM", "M", 77.0 - 120 * 0.16),
        ("LBMJANMA", "M", 9270 * 70 / (6680 + 216 * 70 / 1.75**2)),
        ("LBMJANMA", "F", 9270 * 70 / (8780 + 244 * 70 / 1.75**2)),
        ("IBW", "M", 48 + 1.06 * 23),
        ("IBW", "F", 45.5 + 0.91 * 23),
        ("IBW", "O", (48 + 1.06 * 23 + 45.5 + 0.91 * 23) / 2),
        ("BW", "F", 70.0),
        (None, "F", 70.0),
    ],
)
def test_other_kinds_of_suv(suv_type: str | None, sex: str, mass_kg: float) -> None:
    header = replace(HEADER, units="GML", suv_type=suv_type, sex=sex)
    assert factor(header) == pytest.approx(70.0 / mass_kg)


def test_suv_in_the_file_needs_no_dose() -> None:
    bare = PetHeader(
        units="GML", corrections=frozenset({"ATTN"}), timings=(SliceTiming(),)
    )
    scaling = suv_scaling(bare)
    assert scaling.factor.tolist() == [1.0]
    assert scaling.injected_mbq is None
    assert scaling.described == "GML BW"
