"""What is measured in one subject's images: rows for the tables of a cohort."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Bins of 0.1 g/mL up to SUV 30, and a last one open above: 301 bins.
SUV_BIN_EDGES = np.round(np.arange(301) * 0.1, 1)


@dataclass(frozen=True)
class Measured:
    """Measures of one subject; who it is stands elsewhere.

    Attributes
    ----------
    organs
        Rows of organs.parquet.
    suv_voxels
        Organ → voxels in each bin of ``SUV_BIN_EDGES`` [g/mL], as many numbers as there
        are bins; refused organs have none.
    image
        Row of images.parquet.
    """

    organs: list[dict[str, Any]] = field(default_factory=list)
    suv_voxels: Mapping[str, list[int]] = field(default_factory=dict)
    image: Mapping[str, float] = field(default_factory=dict)
