"""A prepared folder as ``vct autopet prepare`` writes it, of phantoms or of boxes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vct.autopet.prepared import (
    AIR_HU,
    StudyArrays,
    write_index,
    write_settings,
    write_study,
)
from vct.cascade.encode import decode
from vct.grid import Grid, whole_body_grid
from vct.training.cache import person_of, render_subject
from vct.training.people import Person

SPACING_MM = 16.0
Images = tuple[np.ndarray, np.ndarray]


def phantom(person: Person, index: int, grid: Grid) -> Images:
    """HU and SUV of a rendered phantom."""
    encoded, _ = render_subject(person, 5, index, grid, "cpu")
    hu, suv = decode(encoded)
    return hu.numpy(), suv.numpy()


def box(person: Person, index: int, grid: Grid) -> Images:
    """HU and SUV of a warm box in air, wider for heavier people, with noise."""
    rng = np.random.default_rng(index)
    hu = np.full(grid.shape, -1000.0)
    suv = np.zeros(grid.shape)
    half = int(2 + person.bmi_kg_m2 / 10)
    k, j, i = (n // 2 for n in grid.shape)
    body = (slice(4, 2 * k - 4), slice(j - 3, j + 3), slice(i - half, i + half))
    hu[body] = 40 + 10 * rng.standard_normal(hu[body].shape)
    suv[body] = 1 + 0.1 * rng.standard_normal(suv[body].shape)
    return hu, suv.clip(0)


def write_prepared(
    folder: Path,
    *,
    training: int = 4,
    held_out: int = 2,
    images: Callable[[Person, int, Grid], Images] = box,
    covered: Sequence[tuple[int, int]] = ((0, 72),),
    spacing_mm: float = SPACING_MM,
    **columns: Any,
) -> Path:
    """Write a folder of studies; study n covers slices ``covered[n % len(covered)]``.

    ``columns`` replace those of the index, a value for all or one a study.
    """
    grid = whole_body_grid(spacing_mm)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(training + held_out):
        person = person_of(5, n)
        low, high = covered[n % len(covered)]
        row = _row(n, person, "training" if n < training else "held_out", low, high)
        row |= {k: v[n] if isinstance(v, list) else v for k, v in columns.items()}
        arrays = _arrays(images(person, n, grid), low, high)
        write_study(folder, row["name"], arrays, row, done={})
        rows.append(row)
    write_index(folder, rows)
    settings = {"source": "/data/FDG-PET-CT-Lesions", "held_out_share": 0.2, "seed": 1}
    write_settings(folder, settings, grid)
    return folder


def _arrays(images: Images, low: int, high: int) -> StudyArrays:
    hu, suv = images
    coverage = np.zeros(hu.shape, bool)
    coverage[low:high] = True
    return StudyArrays(
        np.where(coverage, hu, AIR_HU).astype(np.int16),
        np.where(coverage, suv, 0).astype(np.float16),
        coverage,
    )


def _row(n: int, person: Person, split: str, low: int, high: int) -> dict[str, Any]:
    return {
        "name": f"study-{n}",
        "study_id": f"PETCT_{n}",
        "subject_id": f"PETCT_{n // 2}",
        "subject_key": f"key{n // 2}",
        "layout": "dicom",
        "tracer": "FDG",
        "split": split,
        "age_years": person.age_years,
        "sex": person.sex,
        "height_m": person.height_m,
        "weight_kg": person.weight_kg,
        "bmi_kg_m2": person.bmi_kg_m2,
        "diagnosis": "NEGATIVE",
        "injected_mbq": 4.0 * person.weight_kg,
        "uptake_min": 60.0 + n,
        "covered_low_k": low,
        "covered_high_k": high,
        "arms": "up",
        "ct_on_pet_grid": False,
        "notes": [],
    }
