"""How bone volumes follow sex, age, height and BMI in people, and as painted.

    python -m vct.phantom.bone_fitting DATA vct/phantom/fitted.json --subjects 60

DATA holds ``hedypet/{subjects,organs}.csv``. Replaces ``bones`` in the table: of each
bone the slopes in people (pulled to those of all bones together, as if ``BONE_RIDGE``
people had shown them), how it follows the skeleton's common latent, the slopes of what
phantoms paint at a factor of 1 (its level by sex corrected once, on phantoms with their
factors), and how much of a factor their volume takes.

Phantoms are drawn from the packaged ``vct/phantom/fitted.json``, whatever table is
given, so that file needs bones and a reading correction before: any will do for bones,
whose factors are replaced here. ``vct.phantom.fitting`` keeps both in a table it
rewrites; one made from scratch lacks them and is refused.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vct.errors import VctError
from vct.grid import whole_body_grid
from vct.phantom.bones import (
    BONE_RIDGE,
    BONES,
    NOT_COMPARABLE,
    STOUT,
    bone_factors,
    labeled_ml,
)
from vct.phantom.calibration import calibration_people
from vct.phantom.demographics import REGRESSORS, Demographics, design_matrix
from vct.phantom.measured_people import BONE_PARTS, bone_volumes_ml, measured_people
from vct.phantom.population import draw_anatomy, fitted_table
from vct.phantom.render import render
from vct.seeds import generator

SOURCE = (
    "fit to 60 healthy adults: hedyPET read-outs, Rigshospitalet (Hinge et al.), "
    "DEPICT-RH/hedyPET; painted: {count} phantoms rendered at 4 mm"
)


def fit_bones(
    people: Sequence[Demographics], volumes_ml: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    """Slopes and loading of every bone: one row a person, one column a bone.

    The latent is the residual of all comparable bones together, in SD; a bone's
    loading is its residual's covariance with it, so that the sum spreads as people's.
    """
    names = [str(name) for name in volumes_ml]
    whole = [name for name in names if name not in NOT_COMPARABLE]
    design = design_matrix(people)
    weight = np.diag([0.0, 0.0, *(BONE_RIDGE * design[:, 2:].var(axis=0))])
    freedom = len(people) - len(REGRESSORS)
    total = np.log(volumes_ml[whole].sum(axis=1).to_numpy())
    common = np.linalg.lstsq(design, total, rcond=None)[0]
    residual = total - design @ common
    latent = residual / np.sqrt((residual**2).sum() / freedom)
    rows: dict[str, dict[str, Any]] = {}
    for name in names:
        logs = np.log(volumes_ml[name].to_numpy())
        beta = np.linalg.solve(
            design.T @ design + weight, design.T @ logs + weight @ common
        )
        loading = float((logs - design @ beta) @ latent) / freedom
        rows[name] = {
            "coefficients": [round(float(b), 4) for b in beta],
            "loading": round(loading, 4),
        }
    return rows


def painted_bones(
    count: int, seed: int, factors_of: Callable[[Demographics], dict[str, float]]
) -> tuple[list[Demographics], pd.DataFrame]:
    """Volumes labeled in phantoms whose bones have the factors given [mL].

    All else of the phantoms comes from the packaged fit.

    Raises
    ------
    VctError
        If the packaged fit lacks what anatomies are drawn from.
    """
    refuse_unfinished(fitted_table())
    grid = whole_body_grid(4.0)
    people = list(calibration_people(count, seed))
    rows = []
    for n, person in enumerate(people):
        anatomy = draw_anatomy(person, generator(seed, "bones", n))
        noise = torch.Generator().manual_seed(0)
        plain = replace(anatomy, bone_factors=factors_of(person))
        labels = render(plain, grid, generator=noise, noise=False).labels
        rows.append(labeled_ml(labels.numpy(), grid))
    return people, pd.DataFrame(rows)


def refuse_unfinished(packaged: Mapping[str, Any]) -> None:
    """Raise ``VctError`` if a table lacks what only rendered phantoms can give it."""
    lacks = [name for name in ("bones", "reading_correction") if name not in packaged]
    if lacks:
        raise VctError(
            f"vct/phantom/fitted.json, from which phantoms are drawn, has no "
            f"{' and no '.join(lacks)}: it was made from scratch. Bring the committed "
            "file back (git checkout vct/phantom/fitted.json) and write the fit over "
            "it (python -m vct.phantom.fitting DATA -o vct/phantom/fitted.json), which "
            "keeps both; then fit the bones again"
        )


def painted_slopes(
    people: Sequence[Demographics], volumes_ml: pd.DataFrame
) -> dict[str, list[float]]:
    """Slopes of the logarithm of what is painted, by bone."""
    beta, *_ = np.linalg.lstsq(design_matrix(people), np.log(volumes_ml), rcond=None)
    return {
        str(name): [round(float(b), 4) for b in beta[:, n]]
        for n, name in enumerate(volumes_ml)
    }


def fitted_bones(data: Path, count: int, seed: int) -> dict[str, dict[str, Any]]:
    """What ``fitted.json`` holds as ``bones``; draws from the packaged one."""
    people, _ = measured_people(data)
    rows = fit_bones(people, bone_volumes_ml(data / "hedypet" / "organs.csv"))
    who, plain = painted_bones(count, seed, lambda _: dict.fromkeys(BONES, 1.0))
    painted = painted_slopes(who, plain)
    half = count // 2
    _, stout = painted_bones(half, seed, lambda _: dict.fromkeys(BONES, STOUT))
    gain = np.log(stout.sum() / plain[:half].sum()) / np.log(STOUT)
    table = {
        name: rows[name]
        | {
            "painted": painted[name],
            "gain": round(float(gain[name]), 3),
            "source": SOURCE.format(count=count),
        }
        for name in BONE_PARTS
    }
    read = painted_bones(count, seed, lambda p: bone_factors(p, 0.0, table))
    _correct(table, *read)
    return table


def _correct(
    table: dict[str, dict[str, Any]],
    people: Sequence[Demographics],
    volumes_ml: pd.DataFrame,
) -> None:
    """Move what is painted, by sex, by what people of no latent read too much."""
    design = design_matrix(people)
    for name in set(table) - set(NOT_COMPARABLE):
        row = table[name]
        excess = np.log(volumes_ml[name]) - design @ np.array(row["coefficients"])
        more, *_ = np.linalg.lstsq(design[:, :2], excess, rcond=None)
        for n in range(2):
            row["painted"][n] = round(row["painted"][n] + float(more[n]), 4)


def main() -> None:
    """Command line of this module: replaces the bones in the table."""
    parser = argparse.ArgumentParser(description="Fit the phantoms' bones.")
    parser.add_argument("data", type=Path, help="folder with hedypet/")
    parser.add_argument("table", type=Path)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bones = fitted_bones(args.data, args.subjects, args.seed)
    table = json.loads(args.table.read_text())
    table["bones"] = bones
    args.table.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
