"""Plots of the report as SVG bytes, the same for the same data.

Colors are Okabe and Ito's, told apart under color blindness; sexes also differ by
marker, so that a gray print reads.
"""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vct.validation.demographics import CONTINUOUS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEX_COLOR = {"F": "#d55e00", "M": "#0072b2"}
SEX_MARKER = {"F": "o", "M": "s"}
SEX_WORD = {"F": "women", "M": "men"}
INK, MUTED, RULE = "#20262e", "#5b6470", "#d9dde3"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


def demographics_figure(subjects: "pd.DataFrame", pool: "pd.DataFrame | None") -> bytes:
    """Histograms of the subjects by sex, and the density the spec asks for.

    Parameters
    ----------
    subjects
        Finished subjects.
    pool
        Large sample of the spec, or None where it cannot be sampled again.
    """
    columns = ("age_years", "bmi_kg_m2", "height_m", "weight_kg")

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(2, 2)
        for ax, column in zip(axes.flat, columns, strict=True):
            _histogram(ax, column, subjects, pool)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="lower center", ncols=len(labels), fontsize=9
        )
        figure.subplots_adjust(
            left=0.07, right=0.99, top=0.98, bottom=0.16, hspace=0.38, wspace=0.18
        )

    return svg("demographics", (9.0, 5.4), draw)


def _histogram(
    ax: "Axes", column: str, subjects: "pd.DataFrame", pool: "pd.DataFrame | None"
) -> None:
    """One variable: bars are subjects, lines the spec scaled to their number."""
    everything = [subjects] if pool is None else [subjects, pool]
    values = np.concatenate([df[column].to_numpy(dtype=float) for df in everything])
    low, high = np.nanpercentile(values, [0.05, 99.95])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    bins = np.linspace(low, high, _n_bins(len(subjects)) + 1)
    for sex in ("F", "M"):
        own = subjects.loc[subjects["sex"] == sex, column].to_numpy(dtype=float)
        ax.hist(
            own,
            list(bins),
            color=SEX_COLOR[sex],
            alpha=0.32,
            label=f"{SEX_WORD[sex]}, sampled (n = {len(own)})",
        )
        if pool is not None:
            asked = pool.loc[pool["sex"] == sex, column].to_numpy(dtype=float)
            counts, _ = np.histogram(asked, bins)
            ax.plot(
                (bins[1:] + bins[:-1]) / 2,
                counts * (len(subjects) / len(pool)),
                color=SEX_COLOR[sex],
                linewidth=1.6,
                linestyle={"F": "-", "M": "--"}[sex],
                label=f"{SEX_WORD[sex]}, specified",
            )
    ax.set_xlabel(CONTINUOUS[column])
    ax.set_ylabel("subjects")
    ax.set_xlim(low, high)


def _n_bins(n: int) -> int:
    """Bins that a histogram of n subjects can fill."""
    return 12 if n < 50 else 24


def trend_figure(organs: "pd.DataFrame", subjects: "pd.DataFrame") -> bytes | None:
    """Images against demographics: mass, fat and lungs by threshold; None if absent."""
    panels: Mapping[str, tuple[str, str, float, str, str]] = {
        "body_hu": ("mass_kg", "weight_kg", 1.0, "weight [kg]", "mass in field [kg]"),
        "fat_hu": ("volume_ml", "bmi_kg_m2", 1e-3, "BMI [kg/m²]", "fat in field [L]"),
        "lungs_hu": ("volume_ml", "height_m", 1e-3, "height [m]", "lungs [L]"),
    }
    table = organs.query("source == 'threshold'").merge(subjects, on="subject_id")
    if not table["organ"].isin(list(panels)).any():
        return None

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, 3)
        for ax, (organ, panel) in zip(axes, panels.items(), strict=True):
            quantity, column, factor, x_label, y_label = panel
            for sex in ("F", "M"):
                rows = table[(table["organ"] == organ) & (table["sex"] == sex)]
                ax.plot(
                    rows[column],
                    rows[quantity] * factor,
                    SEX_MARKER[sex],
                    color=SEX_COLOR[sex],
                    markersize=3.5,
                    alpha=0.65,
                    markeredgewidth=0,
                    label=SEX_WORD[sex],
                    rasterized=len(rows) > 2000,
                )
            ax.set_xlabel(x_label)
            ax.set_ylabel(y_label)
            ax.set_ylim(0, 1.08 * ax.get_ylim()[1])
        axes[0].legend(loc="lower right", fontsize=8, handletextpad=0.2)
        figure.subplots_adjust(
            left=0.06, right=0.99, top=0.97, bottom=0.18, wspace=0.28
        )

    return svg("trends", (9.0, 2.9), draw)


def svg(name: str, size_inch: tuple[float, float], draw: Any) -> bytes:
    """SVG of a drawing; ids from the name, no date, no version."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"vct-{name}"}):
        figure = Figure(figsize=size_inch)
        FigureCanvasSVG(figure)
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
