"""The shape test: form counts, size, place and tilt do not; axes run as said."""

from pathlib import Path

import numpy as np
import pytest

from vct.errors import SpecError
from vct.phantom.shape_test import (
    Atlas,
    aligned_dice,
    main,
    one_over_another,
    read_atlases,
)

AT = np.indices((40, 40, 40)).reshape(3, -1).T


def ellipsoid(
    radii: tuple[float, float, float], middle: tuple[float, float, float], turn: float
) -> np.ndarray:
    sine, cosine = np.sin(turn), np.cos(turn)
    about_k = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    scaled = (AT - np.array(middle)) @ about_k / np.array(radii)
    return ((scaled**2).sum(axis=1) < 1).reshape(40, 40, 40)


def test_size_place_and_tilt_count_for_nothing() -> None:
    one = ellipsoid((6, 9, 13), (19, 19, 19), 0.0)
    other = ellipsoid((14, 8, 6), (22, 18, 20), 0.7)
    assert aligned_dice(one, other) > 0.95
    assert aligned_dice(other, one) > 0.95


def test_form_counts() -> None:
    box = np.zeros((40, 40, 40), bool)
    box[10:30, 12:28, 5:35] = True
    two = np.zeros((40, 40, 40), bool)
    two[10:15, 12:28, 5:35] = two[25:30, 12:28, 5:35] = True
    assert 0.8 < aligned_dice(ellipsoid((6, 9, 13), (19, 19, 19), 0.0), box) < 0.95
    assert aligned_dice(box, two) < 0.75


def test_atlases_are_laid_over_one_another_where_two_have_the_organ() -> None:
    round_one = ellipsoid((9, 9, 9), (19, 19, 19), 0.0)
    box = np.zeros((40, 40, 40), bool)
    box[10:30, 12:28, 5:35] = True
    atlases = [
        Atlas("one", "F", {"liver": round_one, "heart": box}),
        Atlas("other", "M", {"liver": box}),
    ]
    both = sorted((aligned_dice(round_one, box), aligned_dice(box, round_one)))
    assert one_over_another(atlases, "liver").endswith(
        f"({both[0]:.2f} to {both[1]:.2f})"
    )
    assert one_over_another(atlases, "heart") == ""


def write_atlases(folder: Path) -> None:
    """A liver at the right, in front, above; in both orders of axes."""
    seen = np.zeros((30, 50, 20), np.uint8)  # x right to left, y up, z back to front
    seen[4, 40, 17] = 2
    names, ids = np.array(["skin", "liver", "thymus"]), np.array([1, 2, 3], np.uint8)
    for sex in ("male", "female"):
        path = folder / f"visible_human_{sex}_labels_4mm.npz"
        np.savez(path, labels=seen, names=names, ids=ids)
    xcat = np.zeros((50, 20, 30), np.uint8)
    xcat[40, 2, 4] = 5
    np.savez(folder / "xcat_male_labels_4mm.npz", labels=xcat)


def test_atlases_are_turned_to_our_axes(tmp_path: Path) -> None:
    write_atlases(tmp_path)
    atlases = read_atlases(tmp_path)
    assert [atlas.sex for atlas in atlases] == ["M", "F", "M"]
    for atlas in atlases:
        assert np.argwhere(atlas.organs["liver"]).tolist() == [[40, 2, 4]]
    assert [*atlases[0].organs] == ["liver"]  # skin and thymus are none of ours


def test_a_missing_atlas_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"visible_human_male_labels_4mm\.npz is"):
        main([str(tmp_path)])
