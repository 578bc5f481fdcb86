"""Bones are as large, and differ as much, as people's.

People's numbers: hedyPET read-outs of 30 women and 30 men, Rigshospitalet (Hinge et
al.), DEPICT-RH/hedyPET, TotalSegmentator's volumes added by bone; C1-C7 count as
vertebrae, S1 as sacrum. Means and SDs only.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from vct.errors import VctError
from vct.grid import Grid, whole_body_grid
from vct.phantom.bone_fitting import fit_bones, refuse_unfinished
from vct.phantom.bones import (
    BONES,
    FACTOR_RANGE,
    NOT_COMPARABLE,
    bone_factors,
    labeled_ml,
)
from vct.phantom.demographics import Demographics, design_matrix
from vct.phantom.measured_people import bone_volumes_ml, measured_people
from vct.phantom.population import draw_anatomy, fitted_table
from vct.phantom.render import render
from vct.phantom.structures import STRUCTURE_LABEL

# Mean and SD of age [years], height [m] and ln(BMI) of the 30 people of a sex.
PEOPLE = {
    "F": ((50.9, 18.7), (1.691, 0.066), (3.202, 0.156)),
    "M": ((50.9, 18.7), (1.812, 0.074), (3.208, 0.120)),
}
# Mean and SD of volumes [mL]; "comparable" is the sum of what no field cuts.
PEOPLES_ML = {
    "F": {
        "vertebrae": (700, 110), "sacrum": (223, 34), "pelvis": (684, 90),
        "ribs": (309, 50), "sternum": (53, 12), "scapulae": (172, 20),
        "clavicles": (51, 8), "humeri": (305, 47), "comparable": (2497, 323),
    },
    "M": {
        "vertebrae": (890, 97), "sacrum": (251, 35), "pelvis": (832, 92),
        "ribs": (451, 65), "sternum": (74, 12), "scapulae": (248, 33),
        "clavicles": (72, 13), "humeri": (415, 68), "comparable": (3233, 340),
    },
}  # fmt: skip
COUNT, PEOPLES_COUNT = 14, 30
DATA = os.environ.get("VCT_REFERENCE_DATA")


@cache
def phantoms_ml(sex: str) -> pd.DataFrame:
    """Labeled volumes of ``COUNT`` phantoms at the people's demographics."""
    grid = whole_body_grid(4.0)
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(COUNT):
        age, height, ln_bmi = (m + s * rng.normal() for m, s in PEOPLE[sex])
        person = Demographics(
            sex, float(np.clip(age, 20, 85)), height, float(np.exp(ln_bmi))
        )
        anatomy = draw_anatomy(person, rng)
        noise = torch.Generator().manual_seed(0)
        labels = render(anatomy, grid, generator=noise, noise=False).labels
        rows.append(labeled_ml(labels.numpy(), grid))
    table = pd.DataFrame(rows)
    table["comparable"] = table.drop(columns=list(NOT_COMPARABLE)).sum(axis=1)
    return table


@pytest.mark.parametrize("sex", ["F", "M"])
@pytest.mark.parametrize("bone", PEOPLES_ML["F"])
def test_a_bone_has_peoples_mean_volume(sex: str, bone: str) -> None:
    mean, sd = PEOPLES_ML[sex][bone]
    ours = phantoms_ml(sex)[bone]
    error = np.sqrt(sd**2 / PEOPLES_COUNT + ours.var() / COUNT)
    assert abs(ours.mean() - mean) < 2.5 * error


@pytest.mark.parametrize("sex", ["F", "M"])
def test_bones_differ_between_phantoms_as_between_people(sex: str) -> None:
    """95 % interval of the ratio of two variances, F distribution."""
    _, sd = PEOPLES_ML[sex]["comparable"]
    ratio = phantoms_ml(sex)["comparable"].var() / sd**2
    low, high = stats.f.interval(0.95, COUNT - 1, PEOPLES_COUNT - 1)
    assert low < ratio < high


def test_one_latent_makes_all_bones_stouter() -> None:
    person = Demographics("M", 50.0, 1.78, 25.0)
    slim, middle, stout = (
        bone_factors(person, latent, fitted_table()["bones"]) for latent in (-1, 0, 1)
    )
    assert set(middle) == set(BONES)
    assert all(slim[name] < middle[name] < stout[name] for name in BONES)


def test_no_bone_leaves_the_range_of_factors() -> None:
    giant = Demographics("M", 90.0, 2.1, 45.0)
    factors = bone_factors(giant, 3.0, fitted_table()["bones"])
    low, high = FACTOR_RANGE
    assert all(low <= factor <= high for factor in factors.values())
    assert max(factors.values()) == high


def test_volumes_are_told_by_bone() -> None:
    grid = Grid((2, 2, 3), (10.0, 10.0, 10.0), (0.0, 0.0, 0.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[0, 0] = STRUCTURE_LABEL["vertebra_cortex"]
    labels[0, 1, 0] = STRUCTURE_LABEL["vertebra_marrow"]
    labels[1, 0, 0] = STRUCTURE_LABEL["rib"]
    found = labeled_ml(labels, grid)
    assert found == dict.fromkeys(BONES, 0.0) | {"vertebrae": 4.0, "ribs": 1.0}


def test_a_table_made_from_scratch_is_refused() -> None:
    table = fitted_table()
    refuse_unfinished(table)
    with pytest.raises(VctError, match=r"has no bones: it was made from scratch.*git"):
        refuse_unfinished({k: v for k, v in table.items() if k != "bones"})
    with pytest.raises(VctError, match="no bones and no reading_correction"):
        refuse_unfinished({})


def test_bones_are_drawn_after_all_else() -> None:
    """Numbers of a person drawn before bones had a latent."""
    anatomy = draw_anatomy(
        Demographics("F", 60.0, 1.65, 26.0), np.random.default_rng(1)
    )
    assert anatomy.volumes_ml["liver"] == pytest.approx(LIVER_ML)
    assert anatomy.shape["breathing"] == pytest.approx(BREATHING)


LIVER_ML, BREATHING = 1607.9982325689011, -1.1261881161533005


@pytest.mark.skipif(not DATA, reason="VCT_REFERENCE_DATA names no folder with hedypet/")
def test_the_committed_slopes_are_what_the_data_give() -> None:
    data = Path(DATA or "")
    people, _ = measured_people(data)
    rows = fit_bones(people, bone_volumes_ml(data / "hedypet" / "organs.csv"))
    committed = fitted_table()["bones"]
    kept = ("coefficients", "loading")
    assert {b: {k: committed[b][k] for k in kept} for b in committed} == rows


def test_the_fit_finds_a_known_law_and_a_shared_latent() -> None:
    rng = np.random.default_rng(0)
    people = [
        Demographics("FM"[n % 2], rng.uniform(20, 85), rng.normal(1.7, 0.08), bmi)
        for n, bmi in enumerate(rng.uniform(18, 38, 2000))
    ]
    x = design_matrix(people)
    latent = rng.normal(size=2000)
    volumes = pd.DataFrame(
        {
            "ribs": np.exp(x @ [5.8, 0.2, 0.0, 2.0, 0.1] + 0.10 * latent),
            "pelvis": np.exp(x @ [6.6, 0.1, 0.1, 2.0, 0.0] + 0.08 * latent),
        }
    )
    rows = fit_bones(people, volumes)
    assert rows["ribs"]["coefficients"] == pytest.approx(
        [5.8, 0.2, 0.0, 2.0, 0.1], abs=0.03
    )
    assert rows["ribs"]["loading"] == pytest.approx(0.10, abs=0.01)
    assert rows["pelvis"]["loading"] == pytest.approx(0.08, abs=0.01)
