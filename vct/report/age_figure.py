"""Ages of a cohort beside those of AutoPET's patients, as SVG bytes."""

from typing import TYPE_CHECKING

import numpy as np

from vct.report.figures import INK, SEX_COLOR, SEX_WORD, svg
from vct.validation.reference_people import Ages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def age_figure(subjects: "pd.DataFrame", ages: Ages) -> bytes | None:
    """Share of each sex by decade: cohort as bars, AutoPET as a line.

    Parameters
    ----------
    subjects
        Columns ``sex age_years``; None is drawn of nobody.
    """
    if subjects.empty:
        return None
    edges = np.array(ages.edges_years)

    def draw(figure: "Figure") -> None:
        axes = figure.subplots(1, 2, sharey=True)
        for ax, (sex, word) in zip(axes, SEX_WORD.items(), strict=True):
            own = subjects.loc[subjects["sex"] == sex, "age_years"].to_numpy(float)
            shares = np.histogram(own, edges)[0] / max(len(own), 1)
            ax.stairs(
                shares, edges, fill=True, color=SEX_COLOR[sex], alpha=0.32,
                label=f"this cohort (n = {len(own)})",
            )  # fmt: skip
            counts = np.array(ages.counts[sex])
            ax.stairs(
                counts / counts.sum(), edges, color=INK, linewidth=1.4,
                label=f"AutoPET (n = {counts.sum()})",
            )  # fmt: skip
            ax.set_title(word, fontsize=10, loc="left")
            ax.set_xlabel("age [years]")
            ax.legend(fontsize=8, loc="upper left")
        axes[0].set_ylabel("share of the sex")
        axes[0].set_ylim(0, 1.25 * axes[0].get_ylim()[1])
        figure.subplots_adjust(left=0.07, right=0.99, top=0.9, bottom=0.2, wspace=0.06)

    return svg("ages", (9.0, 2.6), draw)
