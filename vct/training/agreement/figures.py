"""The comparison as pictures: generated against chance, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vct.training.agreement.comparison import Comparison
from vct.training.agreement.row import Row
from vct.training.agreement.tables import (
    LENGTH,
    LISTED,
    MASS,
    QUANTITIES,
    SUV_SHARE,
    Measured,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, told apart by every eye.
GENERATED, CHANCE, POPULATION = "#D55E00", "#0072B2", "#999999"
_NAMES = {"volume_ml": "volume", "suv_mean": "mean SUV"}
_DPI = 110


def write_figures(measured: Measured, result: Comparison, out: Path) -> list[Path]:
    """Write every picture there are data for; returns the files."""
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 8, "axes.spines.top": False,
                         "axes.spines.right": False, "backend": "agg"}):  # fmt: skip
        pictures = {
            "means.png": forest(measured, result.rows, "mean difference"),
            "spreads.png": forest(measured, result.rows, "SD ratio"),
            "slopes.png": slopes(measured, result.rows),
            "cells.png": cells(result),
            "neighbors.png": neighbors(result),
            "consistency.png": consistency(measured),
        }
        written = []
        for name, figure in pictures.items():
            if figure is not None:
                figure.savefig(out / name, dpi=_DPI)
                written.append(out / name)
    return written


def _figure(rows: int, columns: int, width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    return figure


def forest(measured: Measured, rows: Sequence[Row], statistic: str) -> "Figure | None":
    """Listed organs: value and interval, of generated and of fresh."""
    found = {
        (r.group, r.quantity, r.organ): r
        for r in rows
        if r.part == "moments" and r.statistic == statistic and r.organ in LISTED
    }
    if not found:
        return None
    organs = [o for o in LISTED if any(key[2] == o for key in found)]
    groups = measured.groups
    figure = _figure(len(groups), 2, 8.5, 0.8 + 3.0 * len(groups))
    for row, group in enumerate(groups):
        for column, quantity in enumerate(QUANTITIES):
            axes = figure.axes[2 * row + column]
            chosen = [found.get((group, quantity, organ)) for organ in organs]
            _forest_panel(axes, organs, chosen)
            axes.set_title(f"{_NAMES[quantity]}, {group}")
            axes.axvline(0 if statistic.startswith("mean") else 1, color="k", lw=0.5)
            unit = " [%]" if statistic.startswith("mean") else ""
            axes.set_xlabel(f"{statistic}{unit}, 90 % interval")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _forest_panel(
    axes: "Axes", organs: Sequence[str], rows: Sequence[Row | None]
) -> None:
    bounds = [row.bound for row in rows if row and row.bound]
    if bounds:
        axes.axvspan(*bounds[0], color="#009E73", alpha=0.12, label="bound")
    height = np.arange(len(organs))[::-1]
    for shift, color, label, own in (
        (0.15, GENERATED, "generated", True),
        (-0.15, CHANCE, "fresh phantoms", False),
    ):
        first = True
        for y, row in zip(height, rows, strict=True):
            if row is None:
                continue
            value = row.value if own else row.chance
            interval = row.interval if own else row.chance_interval
            if value is None or interval is None:
                continue
            axes.plot(interval, [y + shift] * 2, color=color, lw=1.5)
            axes.plot(value, y + shift, "o", color=color, ms=4,
                      label=label if first else None)  # fmt: skip
            first = False
    axes.set_yticks(height, [organ.replace("_", " ") for organ in organs])


def slopes(measured: Measured, rows: Sequence[Row]) -> "Figure | None":
    """Slopes of generated subjects and fresh phantoms against the population's."""
    found = [
        r for r in rows if r.statistic.startswith("change per") and r.organ in LISTED
    ]
    steps = list(dict.fromkeys(r.statistic for r in found))
    if not steps:
        return None
    figure = _figure(len(QUANTITIES), len(steps), 8.5, 5.6)
    for i, quantity in enumerate(QUANTITIES):
        for j, step in enumerate(steps):
            axes = figure.axes[i * len(steps) + j]
            chosen = [r for r in found if (r.quantity, r.statistic) == (quantity, step)]
            for r in chosen:
                if r.bound is None:
                    continue
                middle = sum(r.bound) / 2
                axes.plot([middle] * 2, r.bound, color=POPULATION, lw=3, alpha=0.5)
                if r.chance is not None:
                    axes.plot(middle, r.chance, "s", color=CHANCE, ms=3)
                axes.plot(middle, r.value, "o", color=GENERATED, ms=3)
            axes.axline((0, 0), slope=1, color="k", lw=0.5)
            axes.set_title(f"{_NAMES[quantity]}, {step}")
            axes.set_xlabel("population [% of mean]")
    figure.suptitle("circle: generated, square: fresh phantoms, gray: 95 % of chance")
    return figure


def cells(result: Comparison) -> "Figure | None":
    """Differences of listed organs in every cell, generated above fresh phantoms."""
    table = result.cells[result.cells["organ"].isin(LISTED)]
    if table.empty:
        return None
    figure = _figure(len(QUANTITIES), 2, 8.5, 8.5)
    for i, quantity in enumerate(QUANTITIES):
        part = table[table["quantity"] == quantity]
        for j, name in enumerate(("generated", "fresh")):
            axes = figure.axes[2 * i + j]
            grid = part.pivot(index="cell", columns="organ", values=name)
            grid = grid.loc[
                part["cell"].unique(), [o for o in LISTED if o in grid.columns]
            ]
            image = axes.imshow(grid, cmap="PuOr", vmin=-15, vmax=15, aspect="auto")
            axes.set_title(f"{_NAMES[quantity]}: {name}")
            labels = [organ.replace("_", " ") for organ in grid.columns]
            axes.set_xticks(range(len(labels)), labels, rotation=90)
            axes.set_yticks(
                range(len(grid)), grid.index if j == 0 else [""] * len(grid)
            )
    figure.colorbar(image, ax=figure.axes, shrink=0.5, label="difference of means [%]")
    return figure


def neighbors(result: Comparison) -> "Figure | None":
    """Histograms of distances to the nearest known phantom."""
    table = result.neighbors
    if table.empty:
        return None
    figure = _figure(1, 2, 8.5, 3.0)
    for axes, column, label in zip(
        figure.axes,
        ("distance", "ratio"),
        ("RMS distance to the nearest [encoded]", "nearest over second nearest"),
        strict=True,
    ):
        edges = np.linspace(table[column].min(), table[column].max(), 40).tolist()
        for name, color in (("fresh", CHANCE), ("generated", GENERATED)):
            values = table.loc[table["set"] == name, column]
            axes.hist(values, edges, histtype="step", color=color, lw=1.5, label=name)
        axes.set_xlabel(label)
        axes.set_ylabel("subjects")
    figure.axes[0].legend(frameon=False)
    return figure


def consistency(measured: Measured) -> "Figure":
    """Mass against weight, trunk length against height, SUV integral against BMI."""
    figure = _figure(1, 3, 8.5, 3.2)
    panels = (
        (MASS, "weight_kg", "mass in field [kg]", "weight [kg]"),
        (LENGTH, "height_m", "lung top to hip [mm]", "height [m]"),
        (SUV_SHARE, "bmi_kg_m2", "SUV × volume / weight", "BMI [kg/m²]"),
    )
    for axes, (quantity, demographic, ylabel, xlabel) in zip(
        figure.axes, panels, strict=True
    ):
        for name, color in (
            ("population", POPULATION),
            ("fresh", CHANCE),
            ("generated", GENERATED),
        ):
            subjects = measured.of(name)
            y = measured.values.loc[subjects.index, ("body", quantity)]
            axes.plot(subjects[demographic], y, ".", color=color, ms=2, label=name)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
    figure.axes[-1].axhline(1.0, color="k", lw=0.5)
    figure.axes[0].legend(frameon=False, markerscale=4)
    return figure
