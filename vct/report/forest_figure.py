"""Where a cohort is off, at a glance: forest plots as SVG bytes.

A verdict is told by color and by the shape of its marker. Colors are Okabe and Ito's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vct.report.figures import INK, MUTED, RULE, svg
from vct.report.whiskers import GROUPS, Whisker
from vct.validation.comparison import SD_BOUNDS
from vct.validation.organs import REPORTED_ORGANS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITY_TITLES = {"volume_ml": "volume", "suv_mean": "mean SUV"}

# Color, marker and whether it is filled.
VERDICT_LOOKS = {
    "pass": ("#009e73", "o", True),
    "fail": ("#d55e00", "X", True),
    "inconclusive": ("#e69f00", "D", False),
    "info": ("#5b6470", "s", False),
}
VERDICT_WORDS = {
    "pass": "pass: within the bound",
    "fail": "fail: beyond the bound",
    "inconclusive": "inconclusive: too few subjects to say",
    "info": "info: not judged",
}
_LINE_INCH = 0.19
EDGE = 0.05  # share of the axis left for arrows


@dataclass(frozen=True)
class Scale:
    """Axis of a forest plot.

    Attributes
    ----------
    name
        Of the figure.
    label
        Under the axis.
    none
        Where there is no difference.
    zone
        Shaded.
    limits
        Beyond them an arrow stands at the edge.
    ticks
        On the axis.
    """

    name: str
    label: str
    none: float
    zone: tuple[float, float]
    limits: tuple[float, float]
    ticks: tuple[float, ...]
    logarithmic: bool = False


def mean_scale(bound_percent: float) -> Scale:
    """Differences of means, with the bound of equivalence shaded."""
    reach = max(45.0, 1.25 * bound_percent)
    return Scale(
        "forest-mean",
        "difference from the reference [%]",
        0.0,
        (-bound_percent, bound_percent),
        (-reach, reach),
        (-40, -20, -bound_percent, 0, bound_percent, 20, 40),
    )


SPREAD_SCALE = Scale(
    "forest-spread",
    "SD of the cohort / SD of the reference",
    1.0,
    SD_BOUNDS,
    (0.33, 3.0),
    (0.5, SD_BOUNDS[0], 1.0, SD_BOUNDS[1], 2.0),
    logarithmic=True,
)


def forest_figure(whiskers: Sequence[Whisker], scale: Scale) -> bytes | None:
    """Estimate and 95 % interval, organ by organ, one panel a quantity.

    None where there is nothing to draw.
    """
    shown = [
        w for w in whiskers if w.quantity in QUANTITY_TITLES and np.isfinite(w.value)
    ]
    if not shown:
        return None
    there = dict.fromkeys((w.group, w.reference) for w in shown)
    groups = sorted(there, key=lambda pair: GROUPS.index(pair[0]))
    found = {w.organ for w in shown}
    organs = [organ for organ in REPORTED_ORGANS if organ in found]
    organs += sorted(found - set(organs))
    lines = {
        (organ, group): index * (len(groups) + 0.6) + place
        for index, organ in enumerate(organs)
        for place, group in enumerate(groups)
    }
    height = max(lines.values()) + 1.0
    total = height * _LINE_INCH + 1.15

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, 2, sharey=True)
        for ax, (quantity, title) in zip(axes, QUANTITY_TITLES.items(), strict=True):
            _panel(ax, scale, organs, len(groups))
            for whisker in shown:
                if whisker.quantity == quantity:
                    line = lines[whisker.organ, (whisker.group, whisker.reference)]
                    _whisker(ax, whisker, line, scale)
            ax.set_title(title, fontsize=10, loc="left")
            ax.set_ylim(height - 0.2, -0.8)
        axes[0].set_yticks(
            list(lines.values()),
            [", ".join(filter(None, group)) for _, group in lines],
            fontsize=8,
        )
        for organ in organs:
            axes[0].text(
                -0.17,
                lines[organ, groups[0]],
                organ.replace("_", " "),
                transform=axes[0].get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=9,
                fontweight="bold",
            )
        _legend(figure, {w.verdict for w in shown})
        figure.subplots_adjust(
            left=0.26,
            right=0.985,
            top=1 - 0.3 / total,
            bottom=0.78 / total,
            wspace=0.06,
        )

    return svg(scale.name, (9.4, total), draw)


def _panel(ax: "Axes", scale: Scale, organs: Sequence[str], n_groups: int) -> None:
    """Zone, line of no difference, and rules between organs."""
    ax.axvspan(*scale.zone, color="#dbe7f3", zorder=0, linewidth=0)
    ax.axvline(scale.none, color=MUTED, linewidth=0.9, zorder=1)
    for index in range(1, len(organs)):
        y = index * (n_groups + 0.6) - 0.8
        ax.axhline(y, color=RULE, linewidth=0.5, zorder=0)
    if scale.logarithmic:
        ax.set_xscale("log")
        ax.minorticks_off()
    ax.set_xlim(scale.limits)
    ax.set_xticks(scale.ticks, [f"{tick:g}".replace("-", "−") for tick in scale.ticks])
    ax.set_xlabel(scale.label)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _whisker(ax: "Axes", whisker: Whisker, y: float, scale: Scale) -> None:
    """Interval and marker; at the edge with an arrow where the point lies outside."""
    color, marker, filled = VERDICT_LOOKS[whisker.verdict]
    lowest, highest = scale.limits
    if np.isfinite(whisker.low + whisker.high):
        ends = np.clip([whisker.low, whisker.high], lowest, highest)
        ax.plot(ends, [y, y], color=color, linewidth=1.3, zorder=2)
    inset = EDGE * (_pixel(ax, highest) - _pixel(ax, lowest))
    first, last = (
        ax.transData.inverted().transform((x, 0))[0]
        for x in (_pixel(ax, lowest) + inset, _pixel(ax, highest) - inset)
    )
    at = float(np.clip(whisker.value, first, last))
    ax.plot(
        [at],
        [y],
        marker=marker,
        color=color,
        markerfacecolor=color if filled else "white",
        markersize=5.5,
        linestyle="none",
        zorder=3,
    )
    if lowest <= whisker.value <= highest:
        return
    above = whisker.value > highest
    ax.annotate(
        "→" if above else "←",
        (at, y),
        xytext=(8 if above else -8, 0),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=9,
        color=INK,
        zorder=4,
    )


def _pixel(ax: "Axes", x: float) -> float:
    return float(ax.transData.transform((x, 0))[0])


def _legend(figure: "Figure", verdicts: set[str]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for verdict, (color, marker, filled) in VERDICT_LOOKS.items():
        if verdict not in verdicts:
            continue
        handles.append(
            Line2D(
                [],
                [],
                color=color,
                marker=marker,
                markerfacecolor=color if filled else "white",
                markersize=6,
                linewidth=1.3,
                label=VERDICT_WORDS[verdict],
            )
        )
    figure.legend(handles=handles, loc="lower center", ncols=4, fontsize=8.5)
