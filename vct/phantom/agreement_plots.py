"""Figures of the people test: means, spreads, slopes, correlations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from vct.phantom.agreement import LARGEST_PAIRS, STANDARD_ERRORS

PEOPLE, DRAWS, RENDERED = "#555555", "#d1495b", "#00798c"
ORGANS = (
    "liver", "spleen", "kidneys", "heart", "lungs", "brain", "aorta", "stomach",
    "pancreas", "gallbladder", "urinary_bladder", "small_bowel", "colon", "muscle",
    "subcutaneous_fat", "visceral_fat", "other_soft_tissue", "vertebrae", "sacrum",
    "pelvis", "femurs", "humeri", "ribs", "sternum", "scapulae", "clavicles",
    "thyroid", "spinal_cord",
)  # fmt: skip
_KINDS = {"volume_ml": "volume", "suv": "mean SUV"}


def write_plots(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``phantom-*.png`` and tell their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "means": means_figure(found["moments"], found.get("rendered")),
        "spreads": spreads_figure(found["moments"], found.get("rendered")),
        "slopes": slopes_figure(found["slopes"]),
        "correlations": correlations_figure(found["correlations"]),
    }
    paths = []
    for name, figure in figures.items():
        path = folder / f"phantom-{name}.png"
        figure.savefig(path, dpi=80, metadata={"Software": None})
        plt.close(figure)
        paths.append(path)
    return paths


def means_figure(moments: pd.DataFrame, rendered: pd.DataFrame | None = None) -> Any:
    """Draws' mean over the people's mean, beside ± 2 standard errors."""
    half = STANDARD_ERRORS * moments.people_sd / moments.people**0.5
    return _by_organ(
        moments.assign(
            ratio=moments.draws_mean / moments.people_mean,
            low=1 - half / moments.people_mean,
            high=1 + half / moments.people_mean,
        ),
        rendered
        if rendered is None
        else rendered.assign(ratio=rendered.draws_mean / rendered.people_mean),
        "mean ÷ people's mean; bar: people's mean ± 2 SE",
    )


def spreads_figure(moments: pd.DataFrame, rendered: pd.DataFrame | None = None) -> Any:
    """Draws' SD over the people's SD, beside its 95 % interval."""
    return _by_organ(
        moments.assign(
            ratio=moments.draws_sd / moments.people_sd,
            low=moments.people_sd_low / moments.people_sd,
            high=moments.people_sd_high / moments.people_sd,
        ),
        rendered
        if rendered is None
        else rendered.assign(ratio=rendered.draws_sd / rendered.people_sd),
        "SD ÷ people's SD; bar: 95 % interval of the people's SD",
    )


def _by_organ(table: pd.DataFrame, rendered: pd.DataFrame | None, label: str) -> Any:
    figure, axes = plt.subplots(
        1, 4, figsize=(11, 7.2), sharex=True, layout="constrained"
    )
    panels = [(kind, sex) for kind in _KINDS for sex in ("F", "M")]
    for axis, (kind, sex) in zip(axes, panels, strict=True):
        names = [o for o in ORGANS if f"{kind}/{o}" in set(table.quantity)]
        axis.axvline(1, color="#cccccc", lw=0.8)
        for y, organ in enumerate(names):
            row = _row(table, f"{kind}/{organ}", sex)
            axis.plot([row.low, row.high], [y, y], color=PEOPLE, lw=4, alpha=0.45,
                      solid_capstyle="butt")  # fmt: skip
            hollow = {"mfc": "white"} if row.moved else {}
            axis.plot(row.ratio, y, "o", color=DRAWS, ms=5, **hollow)
            if rendered is not None and f"{kind}/{organ}" in set(rendered.quantity):
                one = _row(rendered, f"{kind}/{organ}", sex)
                axis.plot(one.ratio, y, "x", color=RENDERED, ms=5)
        axis.set_yticks(range(len(names)), [n.replace("_", " ") for n in names])
        axis.invert_yaxis()
        axis.set_title(f"{_KINDS[kind]}, {'women' if sex == 'F' else 'men'}", size=10)
        axis.tick_params(labelsize=8)
        axis.set_xticks([0.5, 1.0, 1.5])
    handles = _legend(rendered is not None)
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(label, size=10)
    return figure


def _legend(rendered: bool) -> list[Any]:
    line = matplotlib.lines.Line2D
    handles = [
        line([], [], color=PEOPLE, lw=4, alpha=0.45, label="people"),
        line([], [], marker="o", ls="", color=DRAWS, label="draws"),
        line([], [], marker="o", ls="", color=DRAWS, mfc="white",
             label="draws, mean moved to AutoPET"),
    ]  # fmt: skip
    if rendered:
        handles.append(
            line([], [], marker="x", ls="", color=RENDERED, label="rendered and read")
        )
    return handles


def slopes_figure(slopes: pd.DataFrame) -> Any:
    """Slopes with age and BMI and the people's 95 % intervals."""
    figure, axes = plt.subplots(1, 4, figsize=(11, 7.2), layout="constrained")
    titles = {"age": "per 20 years of age", "ln_bmi": "per unit of ln BMI"}
    panels = [(kind, name) for kind in _KINDS for name in titles]
    for axis, (kind, name) in zip(axes, panels, strict=True):
        part = slopes[slopes.slope == name].set_index("quantity")
        names = [o for o in ORGANS if f"{kind}/{o}" in part.index]
        rows = part.loc[[f"{kind}/{o}" for o in names]]
        y = np.arange(len(names))
        axis.axvline(0, color="#cccccc", lw=0.8)
        axis.hlines(y, rows.low, rows.high, color=PEOPLE, lw=4, alpha=0.45)
        axis.plot(rows.people, y, "|", color=PEOPLE, ms=8)
        axis.plot(rows.draws, y, "o", color=DRAWS, ms=5)
        axis.set_yticks(y, [n.replace("_", " ") for n in names])
        axis.invert_yaxis()
        axis.set_title(f"ln {_KINDS[kind]}\n{titles[name]}", size=10)
        axis.tick_params(labelsize=8)
    figure.legend(
        handles=_legend(False)[:2], loc="outside lower center", ncols=2, frameon=False
    )
    return figure


def correlations_figure(pairs: pd.DataFrame) -> Any:
    """All pairs as points, the largest with their intervals and names."""
    figure, (every, largest) = plt.subplots(
        1, 2, figsize=(10, 5), layout="constrained", width_ratios=(1, 1.1)
    )
    every.plot([-1, 1], [-1, 1], color="#cccccc", lw=0.8)
    every.plot(pairs.people, pairs.draws, ".", color=DRAWS, ms=3, alpha=0.6)
    every.set(xlabel="people's correlation", ylabel="draws' correlation",
              xlim=(-0.7, 1), ylim=(-0.7, 1),
              title=f"all {len(pairs)} pairs of logarithms")  # fmt: skip
    top = pairs[:LARGEST_PAIRS]
    y = np.arange(len(top))
    largest.hlines(y, top.low, top.high, color=PEOPLE, lw=4, alpha=0.45)
    largest.plot(top.people, y, "|", color=PEOPLE, ms=8)
    largest.plot(top.draws, y, "o", color=DRAWS, ms=5)
    largest.set_yticks(y, _pair_names(top), size=8)
    largest.invert_yaxis()
    largest.set(title=f"the {LARGEST_PAIRS} largest, 95 % intervals",
                xlabel="correlation")  # fmt: skip
    return figure


def _pair_names(pairs: pd.DataFrame) -> Sequence[str]:
    names = []
    for _, row in pairs.iterrows():
        kind = "volume" if str(row["first"]).startswith("volume") else "SUV"
        parts = [str(row[k]).partition("/")[2].replace("_", " ") for k in
                 ("first", "second")]  # fmt: skip
        names.append(f"{kind}: {parts[0]}, {parts[1]}")
    return names


def _row(table: pd.DataFrame, quantity: str, sex: str) -> Any:
    return table[(table.quantity == quantity) & (table.sex == sex)].iloc[0]
