"""The population: its own moments, its trends, its joint draw, its completeness."""

import numpy as np
import pytest

from vct.phantom.population import draw_anatomy, draw_quantities, expected
from vct.phantom.structures import NAMES, SHAPE_LATENTS, TARGET_VOLUMES
from vct.training.people import Person

MAN = Person(60.0, "M", 1.77, 27.0)
WOMAN = Person(60.0, "F", 1.655, 26.0)


def draws(person: Person, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = [draw_quantities(person, rng) for _ in range(count)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("person", [MAN, WOMAN], ids=["man", "woman"])
def test_draws_have_the_stated_means(person: Person) -> None:
    found, stated = draws(person, 2000), expected(person)
    for name, (mean, sd) in stated.items():
        bound = 5 * sd / 2000**0.5 + 0.01 * mean  # draws beyond 2.8 SD are drawn back
        assert found[name].mean() == pytest.approx(mean, abs=bound), name


def test_liver_heart_and_kidneys_have_the_published_autopet_means() -> None:
    for person, published in [
        (Person(60.0, "M", 1.768, 27.0), (1766, 684, 354, 2.27)),
        (Person(59.0, "F", 1.655, 26.0), (1553, 543, 296, 2.35)),
    ]:
        mean = {name: value for name, (value, _) in expected(person).items()}
        kidneys = mean["volume_ml/kidney_left"] + mean["volume_ml/kidney_right"]
        ours = (
            mean["volume_ml/liver"], mean["volume_ml/heart"], kidneys,
            mean["suv/liver"],
        )  # fmt: skip
        assert ours == pytest.approx(published, rel=1e-3)


def test_published_trends_are_there() -> None:
    obese = expected(Person(60.0, "M", 1.77, 36.0))
    lean = expected(Person(60.0, "M", 1.77, 21.0))
    old, young = (expected(Person(age, "M", 1.77, 26.0)) for age in (80.0, 30.0))
    tall = expected(Person(60.0, "M", 1.90, 26.0))
    small = expected(Person(60.0, "M", 1.60, 26.0))
    assert obese["suv/liver"][0] > 1.2 * lean["suv/liver"][0]
    assert obese["volume_ml/liver"][0] > lean["volume_ml/liver"][0]
    assert old["suv/brain"][0] < young["suv/brain"][0]
    assert old["volume_ml/aorta"][0] > young["volume_ml/aorta"][0]
    assert tall["volume_ml/lung_left"][0] > small["volume_ml/lung_left"][0]


def test_organs_of_one_person_share_their_uptake() -> None:
    found = draws(MAN, 1000)
    logs = np.log([found["suv/liver"], found["suv/aorta"], found["suv/spleen"]])
    correlation = np.corrcoef(logs)
    assert correlation[0, 1] > 0.4
    assert correlation[0, 2] > 0.4


def test_an_anatomy_is_complete_and_possible() -> None:
    anatomy = draw_anatomy(WOMAN, np.random.default_rng(1))
    assert set(anatomy.suv) == set(NAMES)
    assert set(anatomy.hu) == set(NAMES)
    assert set(anatomy.shape) == set(SHAPE_LATENTS)
    assert set(TARGET_VOLUMES) <= set(anatomy.volumes_ml)
    assert min(anatomy.suv.values()) > 0
    assert anatomy.suv["brain_grey"] > anatomy.suv["brain_white"]


def test_the_same_generator_gives_the_same_person() -> None:
    a, b = (draw_anatomy(MAN, np.random.default_rng(3)) for _ in range(2))
    assert a == b


def test_most_scans_are_contrast_enhanced() -> None:
    rng = np.random.default_rng(0)
    share = np.mean([draw_anatomy(MAN, rng).contrast for _ in range(800)])
    assert share == pytest.approx(0.94, abs=5 * (0.94 * 0.06 / 800) ** 0.5)
