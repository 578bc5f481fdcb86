"""What must be painted so that an instrument reads what was fitted.

Blur carries activity over an organ's edge, labels take in some of its neighbors: the
mean inside a label differs from what was painted. This renders phantoms with their
labels, compares each organ's mean SUV with the reading that was drawn, and writes the
ratios as ``reading_correction`` into the fitted table.

    python -m vct.phantom.calibration vct/phantom/fitted.json --subjects 60
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from vct.anatomy import LABEL_OF, ORGAN_GROUPS
from vct.grid import whole_body_grid
from vct.phantom.population import draw_anatomy, draw_quantities
from vct.phantom.render import render
from vct.phantom.structures import STRUCTURES, to_organs
from vct.seeds import generator, torch_seed

# Fitted quantities → the organ whose label reads them, and the structures to correct.
_READ_BY: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "liver": (("liver",), "liver", ("liver",)),
    "spleen": (("spleen",), "spleen", ("spleen",)),
    "kidneys": (
        ("kidney_left", "kidney_right"),
        "kidneys",
        ("kidney_cortex_left", "kidney_cortex_right"),
    ),
    "heart": (("heart",), "heart", ("myocardium",)),
    "lungs": (("lung_left", "lung_right"), "lungs", ("lung_left", "lung_right")),
    "brain": (("brain",), "brain", ("brain_grey", "brain_white")),
    "aorta": (
        ("aorta",),
        "aorta",
        ("aorta", "vena_cava", "blood_pool_left", "blood_pool_right"),
    ),
    "urinary_bladder": (("urinary_bladder",), "urinary_bladder", ("urinary_bladder",)),
    "bowel": (("small_bowel", "colon"), "bowel", ("small_bowel", "colon")),
    "spine": (
        ("vertebrae",),
        "spine",
        ("vertebra_marrow", "vertebra_cortex", "sacrum_marrow", "sacrum_cortex"),
    ),
    "muscle": (
        ("muscle",),
        "muscle",
        tuple(s.name for s in STRUCTURES if s.organ == "muscle"),
    ),
    "subcutaneous_fat": (
        ("subcutaneous_fat",),
        "subcutaneous_fat",
        ("subcutaneous_fat",),
    ),
}
# The heart's mean moves by this share of what its wall is changed by.
_WALL_SHARE_OF_HEART = 0.6


class _Person:
    """Demographics near AutoPET's."""

    def __init__(self, rng: np.random.Generator, sex: str) -> None:
        self.sex = sex
        self.age_years = float(rng.uniform(30, 80))
        self.height_m = float(rng.normal(1.77 if sex == "M" else 1.655, 0.07))
        self.bmi_kg_m2 = float(np.clip(rng.normal(26.5, 4), 18, 42))


def measured_ratios(subjects: int, seed: int) -> dict[str, float]:
    """Reading ÷ measured mean SUV of each quantity, over ``subjects`` phantoms."""
    grid = whole_body_grid(4.0)
    sums: dict[str, list[float]] = {name: [0.0, 0.0] for name in _READ_BY}
    for n in range(subjects):
        person = _Person(generator(seed, "calibration/person", n), "MF"[n % 2])
        drawn = draw_quantities(person, generator(seed, "calibration", n))
        anatomy = draw_anatomy(person, generator(seed, "calibration", n))
        noise = torch.Generator().manual_seed(torch_seed(seed, "calibration", n))
        phantom = render(anatomy, grid, generator=noise)
        labels = to_organs(phantom.labels)
        for name, (quantities, organ, _) in _READ_BY.items():
            parts = ORGAN_GROUPS.get(organ, (organ,))
            mask = torch.stack([labels == LABEL_OF[p] for p in parts]).any(dim=0)
            readings = [drawn[f"suv/{q}"] for q in quantities]
            sums[name][0] += sum(readings) / len(readings)
            sums[name][1] += float(phantom.suv[mask].mean())
    return {name: reading / found for name, (reading, found) in sums.items()}


def corrections(ratios: Mapping[str, float]) -> dict[str, float]:
    """Factor of each structure's painted SUV."""
    table = {}
    for name, ratio in ratios.items():
        factor = ratio
        if name == "heart":
            factor = 1 + (ratio - 1) / _WALL_SHARE_OF_HEART
        table.update(dict.fromkeys(_READ_BY[name][2], round(factor, 3)))
    return table


def main() -> None:
    """Command line of this module: multiplies the corrections already in the table."""
    parser = argparse.ArgumentParser(description="Calibrate painted uptake.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    ratios = measured_ratios(args.subjects, args.seed)
    data = json.loads(args.table.read_text())
    before = data.get("reading_correction", {})
    data["reading_correction"] = {
        name: round(before.get(name, 1.0) * factor, 3)
        for name, factor in corrections(ratios).items()
    }
    args.table.write_text(json.dumps(data, indent=1) + "\n")
    for name, ratio in ratios.items():
        print(f"{name:18s} reading / measured {ratio:.3f}")


if __name__ == "__main__":
    main()
