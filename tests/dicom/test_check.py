"""Refused early, in the user's words."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from tests.dicom.people import Person, a_protocol, a_study
from vct.dicom import check_study
from vct.errors import SpecError
from vct.spec.protocol import Beds, Scanner


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sex": "O"}, "sex is 'O'; SUV readers accept F or M only"),
        ({"weight_kg": 0.0}, "weight_kg is 0.0; expected 1 to 500 kg"),
        ({"weight_kg": math.nan}, "weight_kg is nan"),
        ({"height_m": 164.3}, "height_m is 164.3; expected 0.3 to 2.8 m"),
        ({"injected_mbq": 3e8}, "injected_mbq is 300000000.0"),
        ({"uptake_min": -1.0}, "uptake_min is -1.0; expected 0 to 600 min"),
    ],
)
def test_a_subject_without_suv_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match="subject S0001: ") as error:
        check_study(Person(**change), a_study())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("cohort", "subject_id", "message"),
    [
        ("c" * 48, "A" * 16, "its Patient ID would be 'c"),
        ("c" * 64, "A" * 16, "65 characters; DICOM holds 64. Shorten its subject_id to "
         "15, or the cohort's name."),
        ("c", "A" * 61, "its Patient's Name would be 'VCT^A"),
    ],
)  # fmt: skip
def test_a_name_that_no_header_holds_is_refused(
    cohort: str, subject_id: str, message: str
) -> None:
    with pytest.raises(SpecError, match=f"subject {subject_id}: ") as error:
        check_study(Person(subject_id=subject_id), a_study(cohort=cohort))
    assert message in str(error.value)
    shorter = subject_id[:-1]
    check_study(Person(subject_id=shorter), a_study(cohort=cohort))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Simulated scanner", "begins with 'SI'"),
        ("Virtual Image Co", "contains 'GE'"),
        ("  ge-like", "begins with 'GE'"),
        ("Acti", "contains 'CTI'"),
        ("", "empty"),
    ],
)
def test_a_manufacturer_like_a_vendor_is_refused(name: str, reason: str) -> None:
    with pytest.raises(SpecError, match=r"protocol\.scanner\.manufacturer") as error:
        a_study(protocol=a_protocol(manufacturer=name))
    assert reason in str(error.value)


def test_the_scanner_and_beds_of_a_spec_pass_as_they_come() -> None:
    protocol = SimpleNamespace(scanner=Scanner(), beds=Beds(), header_only=False)
    assert a_study(protocol=protocol).n_beds == 1


@pytest.mark.parametrize("name", ["VCT project", "Synthetic", "Virtual trials"])
def test_neutral_manufacturers_pass(name: str) -> None:
    assert a_study(protocol=a_protocol(manufacturer=name)).n_beds == 4


@pytest.mark.parametrize("protocol", [{"duration_s": 90.5}, {"beds": 0}])
def test_beds_that_headers_cannot_hold_are_refused(protocol: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"protocol\.beds\."):
        a_study(protocol=a_protocol(**protocol))


@pytest.mark.parametrize("text", ["10:00", "25:00:00", "10:00:00.5", "noon"])
def test_a_study_time_is_in_whole_seconds(text: str) -> None:
    with pytest.raises(SpecError, match="Write HH:MM:SS"):
        a_study(study_time=text)
