"""How stout a person's bones are: their volumes against plain ones of equal length.

ln(volume) = β · (1, male, age, ln height, ln BMI) + loading · latent, fitted to people
by ``vct.phantom.bone_fitting``; one latent is shared by the skeleton. What is painted
at a factor of 1 follows the same regressors. The ratio scales cross-sections; since not
all parts of a bone grow (a canal does not), it is raised to 1 / gain before.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vct.grid import Grid
from vct.phantom import structures
from vct.phantom.demographics import Person, regressors

# Bone → structures that are painted for it.
BONES: dict[str, tuple[str, ...]] = {
    "vertebrae": ("vertebra_cortex", "vertebra_marrow"),
    "sacrum": ("sacrum_cortex", "sacrum_marrow"),
    "pelvis": ("pelvis_cortex", "pelvis_marrow"),
    "ribs": ("rib",),
    "sternum": ("sternum",),
    "scapulae": ("scapulae",),
    "clavicles": ("clavicles",),
    "humeri": ("humeri_cortex", "humeri_marrow"),
    "femurs": ("femurs_cortex", "femurs_marrow"),
    "skull": ("skull_cortex", "skull_marrow", "face_bone"),
}
# Bones whose volume cannot be compared (a field cuts the femurs, the skull's label
# counts air cells): factor at 1.70 m, and slope of its logarithm with ln(height).
NOT_COMPARABLE = {"femurs": (1.12, 1.3), "skull": (1.15, 0.0)}
# Radii of 0.81 to 1.24. This is reached: of 2000 people drawn for training 13 % have
# vertebrae at 1.55, 10 % scapulae, 10 % clavicles, 4 % the sternum, and 19 % have the
# sternum at 0.65; other bones 2 % at most. The tallest and stoutest (57 % of 1.85 m and
# more, by their vertebrae) and the slightest no longer follow people's slopes.
FACTOR_RANGE = (0.65, 1.55)
# For the fit: people's worth of the slopes of all bones together, and the factor at
# which the gain is measured.
BONE_RIDGE = 16.0
STOUT = 1.2


def bone_factors(
    person: Person, latent: float, table: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Factor on the cross-sections of each of ``BONES``.

    Parameters
    ----------
    latent
        Standard normal, how stout the person's bones are at equal demographics.
    table
        ``fitted.json``'s ``bones``.
    """
    x = regressors(person)
    factors = {}
    for name in BONES:
        row = table[name]
        if name in NOT_COMPARABLE:
            factor, slope = NOT_COMPARABLE[name]
            ln_factor = np.log(factor) + slope * x[3]
        else:
            ln_factor = x @ (np.array(row["coefficients"]) - np.array(row["painted"]))
        factor = np.exp((ln_factor + row["loading"] * latent) / row["gain"])
        factors[name] = float(np.clip(factor, *FACTOR_RANGE))
    return factors


def labeled_ml(labels: np.ndarray, grid: Grid) -> dict[str, float]:
    """Volume of each of ``BONES`` in a phantom's labels [mL].

    ``labels`` are ``structures``', uint8, on the grid.
    """
    voxels = np.bincount(labels.ravel(), minlength=256)
    label_of = structures.STRUCTURE_LABEL
    return {
        name: grid.voxel_ml * float(sum(voxels[label_of[part]] for part in parts))
        for name, parts in BONES.items()
    }
