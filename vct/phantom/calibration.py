"""What must be painted so that an instrument reads what was fitted.

Blur carries activity over an organ's edge, labels take in some of its neighbors: the
mean inside a label differs from what was painted, and spreads less. This renders
phantoms with their labels, fits ln(read) = level(sex) + slope · ln(painted) by organ,
and writes the inverse as ``reading_correction`` into the fitted table.

    python -m vct.phantom.calibration vct/phantom/fitted.json --subjects 50

Run it again after every change of geometry: the second run shows what the first left.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vct.grid import whole_body_grid
from vct.phantom.demographics import Demographics
from vct.phantom.painted_uptake import structures_read
from vct.phantom.reading import Reading, read_phantom
from vct.seeds import generator

# Read in people as a mixture with bowel wall, or with no label of its own: painted as
# ``painted_uptake`` says, without correction.
NOT_CORRECTED = ("visceral_fat", "other_soft_tissue")
SLOPE_RANGE = (0.75, 1.1)
FACTOR_RANGE = (0.5, 2.5)


def calibration_people(count: int, seed: int) -> Iterator[Demographics]:
    """People with demographics near AutoPET's, women and men by turns."""
    for n in range(count):
        rng = generator(seed, "calibration/person", n)
        sex = "FM"[n % 2]
        yield Demographics(
            sex,
            float(rng.uniform(30, 80)),
            float(rng.normal(1.77 if sex == "M" else 1.655, 0.07)),
            float(np.clip(rng.normal(26.5, 4), 18, 42)),
        )


def correction_of(
    drawn: np.ndarray, painted: np.ndarray, read: np.ndarray, male: np.ndarray
) -> dict[str, Any]:
    """Correction of one quantity, see ``painted_uptake.corrected``.

    Parameters
    ----------
    drawn, painted, read
        Mean SUV of the organ in each phantom: wanted, painted and measured.
    male
        Whether each phantom is a man.
    """
    x, y = np.log(painted), np.log(read)
    design = np.stack([~male, male, x], axis=1).astype(float)
    (women, men, slope), *_ = np.linalg.lstsq(design, y, rcond=None)
    error2 = _slope_variance(design, y - design @ [women, men, slope])
    # A slope that chance alone could give is drawn to 1: the spread is kept then.
    slope = 1 + (slope - 1) * max(0.0, 1 - error2 / max((slope - 1) ** 2, 1e-9))
    slope = float(np.clip(slope, *SLOPE_RANGE))
    at = float(np.exp(np.log(drawn).mean()))
    factor = {}
    for sex, inside in (("F", ~male), ("M", male)):
        level = float((y - slope * x)[inside].mean())
        wanted = np.exp((np.log(at) - level) / slope) / at
        factor[sex] = round(float(np.clip(wanted, *FACTOR_RANGE)), 4)
    return {"factor": factor, "exponent": round(1 / slope, 3), "at": round(at, 4)}


def _slope_variance(design: np.ndarray, residual: np.ndarray) -> float:
    freedom = max(len(residual) - design.shape[1], 1)
    inverse = np.linalg.inv(design.T @ design)
    return float(inverse[-1, -1] * (residual**2).sum() / freedom)


def corrections(
    readings: Sequence[Reading],
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Correction of each quantity, and mean read over mean drawn before it."""
    table, ratios = {}, {}
    male = np.array([r.person.sex == "M" for r in readings])
    read = [r.read() for r in readings]
    for quantity in structures_read():
        name = f"suv/{quantity}"
        has = np.array([name in one for one in read])
        if has.sum() < 4 or quantity in NOT_CORRECTED:
            continue
        found = np.array([one[name] for one in read if name in one])
        drawn = np.array([r.drawn[name] for r in readings])[has]
        painted = np.array([r.painted[quantity] for r in readings])[has]
        ratios[quantity] = float(found.mean() / drawn.mean())
        table[quantity] = correction_of(drawn, painted, found, male[has])
    return table, ratios


def main() -> None:
    """Command line of this module: replaces the corrections in the table."""
    parser = argparse.ArgumentParser(description="Calibrate painted uptake.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--subjects", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    grid = whole_body_grid(4.0)
    readings = [
        read_phantom(person, grid, args.seed, "calibration", n)
        for n, person in enumerate(calibration_people(args.subjects, args.seed))
    ]
    table, ratios = corrections(readings)
    data = json.loads(args.table.read_text())
    data["reading_correction"] = table
    args.table.write_text(json.dumps(data, indent=1) + "\n")
    for name, ratio in ratios.items():
        row = table[name]
        print(
            f"{name:18s} read / drawn {ratio:.3f} before; now factor F "
            f"{row['factor']['F']:.3f} M {row['factor']['M']:.3f} "
            f"exponent {row['exponent']:.2f}"
        )
    shares = [r.activity_share for r in readings]
    print(f"activity share {np.mean(shares):.3f} ± {np.std(shares):.3f}, "
          f"at most {max(shares):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
