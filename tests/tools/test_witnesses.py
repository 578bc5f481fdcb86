"""Programs that share no code with ours read what we wrote."""

from pathlib import Path

import pytest

from tests.dicom.people import Person, a_protocol, a_study, some_images
from tests.tools.witness import WITNESSES, Case, witness_subject
from vct.dicom import write_subject

pytestmark = pytest.mark.tools

CASES = {
    "four beds": (Person(), {}, {}),
    "one bed": (
        Person(sex="M", uptake_min=57.123456, weight_kg=131.0),
        {"protocol": a_protocol(beds="single", duration_s=1200)},
        {},
    ),
    "an organ is absent": (Person(), {"cohort": "Kohorte für Übung"}, {"n_labels": 9}),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    subject, study, images_of = request.param
    folder = tmp_path_factory.mktemp("subject")
    images = some_images(**images_of)
    write_subject(images, subject, a_study(**study), folder)
    return Case(folder, images, subject, folder)


@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_agrees(case: Case, name: str) -> None:
    [result] = witness_subject(
        case.folder, case.images, case.subject, names={name}
    ).values()
    if result != "agrees":
        pytest.skip(result)


def test_witnesses_notice_a_wrong_picture(case: Case, tmp_path: Path) -> None:
    other = some_images(seed=1)
    with pytest.raises(AssertionError):
        witness_subject(case.folder, other, case.subject, names={"QIBA oracle"})


@pytest.mark.slow
@pytest.mark.timeout(3600)  # dciodvfy takes minutes of a core for 10 000 frames
def test_witnesses_agree_at_full_size(tmp_path: Path) -> None:
    """A subject of the 4 mm grid: 288 slices each, thousands of frames."""
    images = some_images((288, 96, 128), (4.0, 4.0, 4.0))
    write_subject(images, Person(), a_study(), tmp_path)
    result = witness_subject(tmp_path, images, Person())
    assert result["QIBA oracle"] == result["highdicom"] == "agrees"
