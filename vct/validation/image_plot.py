"""Image statistics of several sets of subjects on one plot.

python -m vct.validation.image_plot phantom=FOLDER real=FOLDER -o statistics.png
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from vct.validation.image_folder import folder_statistics
from vct.validation.image_statistics import SUV_EDGES, ImageStatistics, pooled

LEAST_LENGTH_MM = 600.0  # a shorter scan has no histogram or profile of a body
_COLORS = ("#00798c", "#d1495b", "#555555", "#edae49", "#66a182", "#8d6cab")
_STYLES = {"muscle": "-", "fat": ":", "liver": "--"}


def plot_image_statistics(
    statistics: Mapping[str, ImageStatistics], path: Path, title: str = ""
) -> Path:
    """Draw noise spectra, correlations, SUV histogram and axial profile.

    Parameters
    ----------
    statistics
        One color per name, as ``image_statistics`` or ``pooled`` gave it. Images
        shorter than ``LEAST_LENGTH_MM`` appear with their noise only.
    path
        PNG to write.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    if not statistics:
        raise ValueError("no statistics to draw: give at least one named set")
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.6), layout="constrained")
    colors = {n: _COLORS[k % len(_COLORS)] for k, n in enumerate(statistics)}
    for name, found in statistics.items():
        _draw_noise(axes, found, colors[name])
        if found.axial_mm[-1] - found.axial_mm[0] >= LEAST_LENGTH_MM:
            _draw_body(axes, found, colors[name])
    _name_axes(axes)
    figure.legend(
        handles=_legend(statistics, colors), loc="outside lower center", ncols=6,
        frameon=False, fontsize=8,
    )  # fmt: skip
    if title:
        figure.suptitle(title, size=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)
    return path


def statistics_rows(statistics: Mapping[str, ImageStatistics]) -> list[str]:
    """Markdown table of noise levels and correlation lengths."""
    rows = [
        "| set | tissue | CT SD [HU] | CT corr. at 4 mm | PET CoV | PET corr. FWHM "
        "[mm] | subjects |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in statistics.items():
        for tissue in dict.fromkeys([*found.ct_noise, *found.pet_noise]):
            ct, pet = found.ct_noise.get(tissue), found.pet_noise.get(tissue)
            cells = ["-"] * 4
            if ct is not None:
                at_4_mm = np.interp(4.0, ct.lag_mm, ct.in_plane)
                cells[:2] = [f"{ct.sd:.1f}", f"{at_4_mm:.2f}"]
            if pet is not None:
                cells[2:] = [f"{pet.sd:.3f}", f"{pet.correlation_fwhm_mm:.1f}"]
            rows.append(
                f"| {name} | {tissue} | {' | '.join(cells)} | {found.subjects} |"
            )
    return rows


def _draw_noise(axes: Any, found: ImageStatistics, color: str) -> None:
    panels = ((found.ct_noise, axes[0, 0], axes[1, 0]),
              (found.pet_noise, axes[0, 1], axes[1, 1]))  # fmt: skip
    for noise, power, correlation in panels:
        for tissue, spectrum in noise.items():
            style = {"color": color, "ls": _STYLES[tissue], "lw": 1.3}
            shown = spectrum.frequency_per_mm > 0
            power.plot(spectrum.frequency_per_mm[shown], spectrum.power[shown], **style)
            correlation.plot(spectrum.lag_mm, spectrum.in_plane, **style)


def _draw_body(axes: Any, found: ImageStatistics, color: str) -> None:
    middle = np.sqrt(SUV_EDGES[1:] * SUV_EDGES[:-1])
    axes[0, 2].plot(middle[1:-1], 100 * found.suv_share[1:-1], color=color, lw=1.3)
    axes[1, 2].plot(found.axial_mm, found.axial_activity, color=color, lw=1.3)


def _name_axes(axes: Any) -> None:
    frequency = "frequency within a slice [1/mm]"
    axes[0, 0].set(title="CT noise spectrum", xlabel=frequency, ylabel="HU² mm²")
    axes[0, 1].set(title="PET noise spectrum", xlabel=frequency, ylabel="share² mm²")
    axes[0, 0].set_yscale("log")
    axes[0, 1].set_yscale("log")
    for axis in axes[0, :2]:
        axis.set_ylim(bottom=axis.get_ylim()[1] / 2000)
    axes[1, 0].set(title="CT correlation", xlabel="distance within a slice [mm]")
    axes[1, 1].set(title="PET correlation", xlabel="distance within a slice [mm]")
    for axis in axes[1, :2]:
        axis.axhline(0, color="#cccccc", lw=0.8)
        axis.set(xlim=(0, 24), ylim=(-0.25, 1.05))
    axes[0, 2].set(title="voxels of the body by SUV", xlabel="SUV [g/mL]",
                   ylabel="% of the body per bin", xscale="log")  # fmt: skip
    axes[1, 2].set(title="activity along the body", xlabel="height in the field [mm]",
                   ylabel="SUV × volume [g/mm]")  # fmt: skip
    for axis in axes.flat:
        axis.tick_params(labelsize=8)


def _legend(statistics: Mapping[str, ImageStatistics], colors: dict[str, str]) -> list:
    line = matplotlib.lines.Line2D
    tissues = dict.fromkeys(t for s in statistics.values() for t in s.ct_noise)
    sets = [
        line([], [], color=colors[name], lw=2.5, label=f"{name} ({found.subjects})")
        for name, found in statistics.items()
    ]
    return sets + [
        line([], [], color="black", ls=_STYLES[tissue], label=tissue)
        for tissue in tissues
    ]


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(
        prog="python -m vct.validation.image_plot",
        description="Plot image statistics of folders of images.",
    )
    parser.add_argument(
        "sets", nargs="+", metavar="NAME=FOLDER", help=".npz files or NIfTI folders"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="PNG to write")
    parser.add_argument(
        "--voxel-mm", type=float, help="average finer images to about this size"
    )
    options = parser.parse_args(arguments)
    found = {}
    for entry in options.sets:
        name, equals, folder = entry.partition("=")
        if not equals or not name or not folder:
            parser.error(f"{entry!r} is not NAME=FOLDER, such as phantom=out/phantoms")
        subjects = folder_statistics(Path(folder), options.voxel_mm)
        found[name] = pooled([statistics for _, statistics in subjects])
    print("\n".join(statistics_rows(found)))
    print(plot_image_statistics(found, options.out))


if __name__ == "__main__":
    main()
