"""A subject as the condition vector of the networks.

Height and BMI may be unknown (NaN): their value is then 0 and a flag is raised.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

# Center and half width that bring each demographic near [-1, 1].
_SCALING = {
    "age_years": (54.0, 36.0),
    "height_m": (1.70, 0.25),
    "bmi_kg_m2": (27.0, 9.0),
}
CONDITION = ("age", "male", "height", "bmi", "height_unknown", "bmi_unknown")
TEMPLATE_FEATURES = ("one", "age", "male", "height", "bmi", "bmi²", "age·male")


class Demographics(Protocol):
    """What a subject must tell to be generated."""

    @property
    def age_years(self) -> float: ...
    @property
    def sex(self) -> str: ...
    @property
    def height_m(self) -> float: ...
    @property
    def bmi_kg_m2(self) -> float: ...


def condition_vector(
    subjects: Sequence[Demographics], unknown: Collection[str] = ()
) -> Tensor:
    """Condition of the networks, (n, 6), in the order of ``CONDITION``.

    ``unknown`` names those of ``height_m`` and ``bmi_kg_m2`` that a model never saw.
    """
    rows = []
    for subject in subjects:
        age = _scaled("age_years", subject.age_years)
        male = {"M": 1.0, "F": -1.0}[subject.sex]
        height = _scaled("height_m", subject.height_m)
        bmi = _scaled("bmi_kg_m2", subject.bmi_kg_m2)
        height = np.nan if "height_m" in unknown else height
        bmi = np.nan if "bmi_kg_m2" in unknown else bmi
        rows.append([age, male, height, bmi, np.isnan(height), np.isnan(bmi)])
    return torch.from_numpy(np.nan_to_num(np.array(rows, np.float64))).float()


def template_features(condition: Tensor) -> Tensor:
    """Regressors of the linear template, (n, 7), from condition vectors (n, 6)."""
    age, male, height, bmi = condition[:, :4].unbind(dim=1)
    one = torch.ones_like(age)
    return torch.stack([one, age, male, height, bmi, bmi**2, age * male], dim=1)


def size_unknown(condition: Tensor) -> Tensor:
    """Whose height or BMI is unknown: bool (n,), of condition vectors (n, 6)."""
    return condition[:, CONDITION.index("height_unknown") :].amax(dim=1) > 0


def height_and_weight(condition: Tensor) -> tuple[Tensor, Tensor]:
    """Height [m] and weight [kg], (n,) each, of condition vectors (n, 6).

    What is unknown counts as the middle of its range.
    """
    height_m, bmi_kg_m2 = (
        condition[:, CONDITION.index(short)] * half_width + center
        for short, (center, half_width) in (
            ("height", _SCALING["height_m"]),
            ("bmi", _SCALING["bmi_kg_m2"]),
        )
    )
    return height_m, bmi_kg_m2 * height_m**2


def _scaled(name: str, value: float) -> float:
    center, half_width = _SCALING[name]
    return (value - center) / half_width
