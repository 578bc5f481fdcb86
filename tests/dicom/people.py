"""A subject, a study and images that need no model."""

from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np

from vct.anatomy import ORGANS
from vct.dicom import StudyContext
from vct.grid import Grid
from vct.volume import StoredImages


@dataclass(frozen=True)
class Person:
    """Stands for ``vct.subjects.Subject``."""

    subject_id: str = "S0001"
    arm: str = "normal weight"
    sex: str = "F"
    age_years: float = 61.4
    height_m: float = 1.643
    bmi_kg_m2: float = 27.312345678901
    weight_kg: float = 73.7251839272813
    injected_mbq: float = 294.90073570912
    uptake_min: float = 60.0


def a_protocol(
    *,
    beds: int | str = 4,
    duration_s: float = 120,
    header_only: bool = False,
    manufacturer: str = "VCT project",
) -> Any:
    """What the spec says of the scan."""
    return SimpleNamespace(
        scanner=SimpleNamespace(
            manufacturer=manufacturer, model_name="Virtual PET/CT", station="VCT1"
        ),
        beds=SimpleNamespace(duration_s=duration_s, count=beds),
        header_only=header_only,
    )


def a_study(**changes: Any) -> StudyContext:
    """Study of a cohort named ``witness``."""
    values: dict[str, Any] = {
        "cohort": "witness",
        "uid_root": "0.1.0/spec/7/model",
        "seed": 7,
        "reference_date": date(2025, 1, 15),
        "study_time": "10:00:00",
        "protocol": a_protocol(),
        "model_name": "whole-body-4mm",
        "model_version": "1",
        "trained_on": "digital phantoms, no measured patient.",
        "software_version": "0.1.0",
        "arm": "normal weight",
        "portal_venous": True,
    }
    return StudyContext(**(values | changes))


def some_images(
    shape: tuple[int, int, int] = (12, 8, 10),
    spacing_mm: tuple[float, float, float] = (4.0, 3.5, 3.0),
    seed: int = 0,
    *,
    n_labels: int = len(ORGANS),
) -> StoredImages:
    """Noise with a hot spot, of every stored value's range; bands of labels."""
    rng = np.random.default_rng(seed)
    origin = (-200.123456, -1.7 * shape[1], -1.5 * shape[2])
    suv = rng.gamma(2.0, 0.5, shape)
    suv[shape[0] // 2, 2, 3] = 87.6
    suv[0] = 0.0  # a slice without activity
    step = np.maximum(suv.max(axis=(1, 2)), 1e-3) / 32767
    ct = rng.integers(0, 4096, shape, dtype=np.uint16)
    ct.flat[:2] = 0, 4095
    # Each organ a box across a few slices, as organs lie, with background between.
    k, j, i = np.indices(shape)
    labels = (k * n_labels // shape[0] + j // 2 + i // 4) % (n_labels + 1)
    return StoredImages(
        grid=Grid(shape, spacing_mm, origin),
        ct_stored=ct,
        pet_stored=np.round(suv / step[:, None, None]).astype(np.uint16),
        pet_suv_per_step=step,
        labels=labels.astype(np.uint8),
        pet_clipped_voxels=0,
    )
