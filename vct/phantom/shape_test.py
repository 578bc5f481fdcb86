"""The shape test: organs of phantoms laid over organs of anatomy atlases.

    python -m vct.phantom.shape_test DATA --phantoms 8

DATA holds label volumes of whole bodies as ``.npz``: ``visible_human_male`` and
``visible_human_female`` (HuBMAP Human Reference Atlas) and ``xcat_male`` (mesh50_XCAT),
each ``_labels_4mm.npz``. Every organ is brought onto the atlas's by the affine map that
makes its position and its second moments the same, so that size, place and tilt count
for nothing, and form alone does. Printed is Dice, mean and range over phantoms, and the
same of the atlases' organs laid over one another: what two people share.
"""

import argparse
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import affine_transform

from vct.anatomy import LABEL_OF
from vct.errors import SpecError
from vct.grid import whole_body_grid
from vct.phantom.demographics import Demographics
from vct.phantom.markdown import markdown
from vct.phantom.population import draw_anatomy
from vct.phantom.render import render
from vct.phantom.structures import to_organs
from vct.seeds import generator

SPACING_MM = 4.0
# Organs of an atlas, and the phantom's that lie in them.
_PARTS = {
    "colon": ("colon", "bowel_gas"),
    "lungs": ("lung_left", "lung_right"),
    "pelvis": ("hips", "sacrum"),
    "trachea": ("airway",),
}


@dataclass(frozen=True)
class Atlas:
    """One atlas: organs by name, each a boolean volume (k, j, i) of 4 mm.

    Axes run as ours do: feet to head, front to back, right to left.
    """

    name: str
    sex: str
    organs: dict[str, np.ndarray]


def read_atlases(folder: Path) -> list[Atlas]:
    """The three atlases of a folder.

    Raises
    ------
    SpecError
        If one is missing.
    """
    atlases = []
    for sex in ("male", "female"):
        with np.load(_there(folder / f"visible_human_{sex}_labels_4mm.npz")) as held:
            labels = held["labels"].transpose(1, 2, 0)[:, ::-1]  # from x, y, z
            ids = dict(zip(held["names"].tolist(), held["ids"].tolist(), strict=True))
        wanted = [name for name in ids if _parts(name)]
        organs = {name: labels == ids[name] for name in wanted}
        atlases.append(Atlas(f"Visible Human, {sex}", sex[0].upper(), organs))
    with np.load(_there(folder / "xcat_male_labels_4mm.npz")) as held:
        labels = held["labels"]  # z, y, x as ours
    organs = {"brain": labels == 3, "liver": labels == 5, "lungs": labels == 6}
    return [*atlases, Atlas("XCAT, male", "M", organs)]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise SpecError(f"{path} is missing: the folder must hold the three atlases")
    return path


def _parts(name: str) -> tuple[str, ...]:
    """The phantom's organs in an atlas's; empty where it has none."""
    return _PARTS.get(name, (name,) if name in LABEL_OF else ())


def phantom_organs(sex: str, seed: int, index: int) -> np.ndarray:
    """Organ labels (k, j, i) at 4 mm of one person of middle age, height and BMI."""
    height_m = 1.76 if sex == "M" else 1.63
    person = Demographics(sex, 50.0, height_m, 26.0)
    anatomy = draw_anatomy(person, generator(seed, "shape_test/anatomy", index))
    unused = torch.Generator()  # images without noise draw nothing
    grid = whole_body_grid(SPACING_MM)
    phantom = render(anatomy, grid, generator=unused, noise=False)
    return to_organs(phantom.labels).numpy()


def aligned_dice(moving: np.ndarray, fixed: np.ndarray) -> float:
    """Dice of two shapes after the affine map of their moments.

    Parameters
    ----------
    moving, fixed
        Boolean (k, j, i), not empty; voxels of one size. The map is the one without
        rotation beyond the moments' own: symmetric roots of the second moments.
    """
    to_fixed, at = _moments(fixed)
    to_moving, origin = _moments(moving)
    matrix = to_moving @ np.linalg.inv(to_fixed)
    shift = origin - matrix @ at
    laid = affine_transform(
        moving.astype(np.float32), matrix, shift, output_shape=fixed.shape, order=1
    )
    overlap = laid > 0.5
    return float(2 * (overlap & fixed).sum() / (overlap.sum() + fixed.sum()))


def _moments(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric root of the second moments (3, 3) [voxels], and the centroid (3,)."""
    at = np.argwhere(shape)
    values, axes = np.linalg.eigh(np.cov(at, rowvar=False) + np.eye(3) / 12)
    return axes @ np.diag(np.sqrt(values)) @ axes.T, at.mean(axis=0)


def shape_test(atlases: list[Atlas], phantoms: int, seed: int) -> list[dict[str, str]]:
    """One row an organ, one column an atlas: Dice, mean (lowest to highest).

    The last column lays each atlas over the others that have the organ.
    """
    drawn = {
        sex: [phantom_organs(sex, seed, index) for index in range(phantoms)]
        for sex in sorted({atlas.sex for atlas in atlases})
    }
    names = sorted({name for atlas in atlases for name in atlas.organs})
    return [
        {
            "organ": name,
            **{a.name: _over(drawn[a.sex], a, name) for a in atlases},
            "one atlas over another": one_over_another(atlases, name),
        }
        for name in names
    ]


def _over(drawn: list[np.ndarray], atlas: Atlas, name: str) -> str:
    if name not in atlas.organs:
        return ""
    wanted = [LABEL_OF[part] for part in _parts(name)]
    dice = [aligned_dice(np.isin(one, wanted), atlas.organs[name]) for one in drawn]
    return _in_words(dice)


def one_over_another(atlases: list[Atlas], name: str) -> str:
    """Dice of one organ between atlases, in words; empty unless two have it."""
    having = [atlas.organs[name] for atlas in atlases if name in atlas.organs]
    return _in_words([aligned_dice(a, b) for a, b in permutations(having, 2)])


def _in_words(dice: list[float]) -> str:
    if not dice:
        return ""
    return f"{np.mean(dice):.2f} ({min(dice):.2f} to {max(dice):.2f})"


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module: prints a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m vct.phantom.shape_test",
        description="Lay organs of phantoms over organs of anatomy atlases.",
    )
    parser.add_argument("data", type=Path, help="folder of the three atlases")
    parser.add_argument("--phantoms", type=int, default=8, help="of each sex")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows = shape_test(read_atlases(options.data), options.phantoms, options.seed)
    print(markdown(rows))


if __name__ == "__main__":
    main()
