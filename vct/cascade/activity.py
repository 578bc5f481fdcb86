"""No body holds more activity than was injected, decay counted out.

SUV [g/mL] summed over a body, times the volume of a voxel, is the weight times the
share of the injected activity that is inside. A network knows of no dose, and now and
then draws too hot a body.
"""

import torch
from torch import Tensor

from vct.cascade.condition import height_and_weight, size_unknown
from vct.cascade.encode import decode_suv, encode_suv

MOST_IN_FIELD = 0.99  # what lies outside, lower legs most of all, is not cold


def share_in_field(encoded: Tensor, condition: Tensor, voxel_ml: float) -> Tensor:
    """Activity in the field as a share of what was injected, (b,).

    Parameters
    ----------
    encoded
        (b, 2, k, j, i), as ``vct.cascade.encode`` encodes.
    condition
        (b, 6); who has no height or BMI counts as of middle size.
    voxel_ml
        Volume of a voxel [mL].
    """
    _, weight_kg = height_and_weight(condition)
    suv_ml = decode_suv(encoded[:, 1]).sum(dim=(1, 2, 3)) * voxel_ml
    return suv_ml / (1000 * weight_kg)


def at_most_injected(encoded: Tensor, condition: Tensor, voxel_ml: float) -> Tensor:
    """The volumes, all SUV scaled down where more than ``MOST_IN_FIELD`` is inside.

    Everybody else's volume stays the same to the last bit, and so does that of those
    whose height or BMI is unknown. Parameters as of ``share_in_field``.
    """
    factor = MOST_IN_FIELD / share_in_field(encoded, condition, voxel_ml)
    kept = (factor >= 1) | size_unknown(condition)
    factor = torch.where(kept, 1.0, factor)[:, None, None, None]
    pet = encoded[:, 1]
    scaled = encode_suv(decode_suv(pet) * factor)
    pet = torch.where(kept[:, None, None, None], pet, scaled)
    return torch.stack([encoded[:, 0], pet], dim=1)
