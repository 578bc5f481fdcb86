"""SUV histograms of organs, cohort and what it is held against, as SVG bytes."""

from typing import TYPE_CHECKING

import numpy as np

from vct.report.figures import INK, svg
from vct.validation.organs import REPORTED_ORGANS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_HISTOGRAMS = 12
_LINES = ("-", "--", ":", "-.")  # of references, in their order


def histogram_figure(histograms: "pd.DataFrame") -> bytes | None:
    """SUV of the voxels of organs, everybody: cohort filled, references as lines.

    Parameters
    ----------
    histograms
        Table ``histograms`` of ``vct.validation.comparison_tables``.
    """
    closed = np.isfinite(histograms["high_suv"].astype(float))
    df = histograms[closed & (histograms["group"] == "all")]
    present = set(df["organ"])
    organs = [organ for organ in REPORTED_ORGANS if organ in present][:MOST_HISTOGRAMS]
    if not organs:
        return None
    columns = min(3, len(organs))
    rows = -(-len(organs) // columns)
    total = 1.75 * rows + 0.6

    def draw(figure: "Figure") -> None:
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for ax, organ in zip(axes, organs, strict=False):
            _histogram(ax, df[df["organ"] == organ].sort_values("low_suv"), organ)
        for ax in axes[len(organs) :]:
            ax.set_visible(False)
        drawn = [ax.get_legend_handles_labels() for ax in axes]
        named = {name: h for pair in drawn for h, name in zip(*pair, strict=True)}
        figure.legend(
            named.values(), named, loc="lower center", ncols=len(named), fontsize=9
        )
        figure.subplots_adjust(
            left=0.07,
            right=0.99,
            top=1 - 0.25 / total,
            bottom=0.75 / total,
            hspace=0.62,
            wspace=0.22,
        )

    return svg("suv-histograms", (9.4, total), draw)


def _histogram(ax: "Axes", df: "pd.DataFrame", organ: str) -> None:
    """Density of one organ, over the bins that hold anything to speak of."""
    shares = df[["share", "reference_share"]].fillna(0.0).max(axis=1)
    held = df["low_suv"][shares > 0.002 * shares.max()]
    df = df[df["low_suv"].between(held.min() - 0.15, held.max() + 0.15)]
    lines = zip(df.groupby("reference", sort=False), _LINES, strict=False)
    for number, ((name, part), line) in enumerate(lines):
        width = (part["high_suv"] - part["low_suv"]).to_numpy()
        edges = [*part["low_suv"], part["high_suv"].iloc[-1]]
        if number == 0:
            ax.stairs(
                part["share"] / width, edges, fill=True, color="#56b4e9", alpha=0.55,
                label="this cohort",
            )  # fmt: skip
        if part["reference_share"].notna().any():
            density = part["reference_share"].fillna(0.0) / width
            ax.stairs(
                density, edges, color=INK, linewidth=1.2, linestyle=line, label=name
            )
    ax.set_title(organ.replace("_", " "), fontsize=9, loc="left", pad=3)
    ax.set_xlabel("SUV", fontsize=8, labelpad=1)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.tick_params(labelsize=8)
