"""An architecture of a config or a weights file makes a network, or says why not."""

from typing import Any

import pytest

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.checkpoint import architecture_from
from vct.errors import ModelError
from vct.segment.network import SegmenterArchitecture

BASE = {"shape": [36, 12, 16], "channels": [8, 16], "blocks": [1, 1]}
REFUSED: dict[str, tuple[type, dict[str, Any]]] = {
    "key 'chanels' is unknown": (BaseArchitecture, {"chanels": [8]}),
    "channels is 8: Input should be a valid tuple": (BaseArchitecture, {"channels": 8}),
    r"shape is \[36, 12\]: Field required": (BaseArchitecture, {"shape": [36, 12]}),
    "patch 2 and 3 levels need multiples of 8": (
        BaseArchitecture,
        {"shape": [36, 12, 16]},
    ),
    r"channels \[8, 16\] and blocks \[1\] must be": (
        BaseArchitecture,
        {**BASE, "blocks": [1]},
    ),
    "template_factor 5 does not divide": (
        BaseArchitecture,
        {**BASE, "template_factor": 5},
    ),
    "modes_factor 3 must be a multiple of patch 2": (
        BaseArchitecture,
        {**BASE, "modes": 2, "modes_factor": 3},
    ),
    "conditional_start needs modes": (
        BaseArchitecture,
        {**BASE, "conditional_start": True},
    ),
    "template_factor and modes_factor are at least 1": (
        BaseArchitecture,
        {**BASE, "patch": 0},
    ),
    "patch 3 must be a multiple or a divisor of factor 2": (
        SuperResolutionArchitecture,
        {"patch": 3},
    ),
    r"up_blocks \[1, 1\] must be a number for each level but the last": (
        SuperResolutionArchitecture,
        {"up_blocks": [1, 1]},
    ),
    r"features \[8, 8, 8\] six multiples of 8": (
        SegmenterArchitecture,
        {"features": [8, 8, 8]},
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_makes_no_network_is_refused(words: str) -> None:
    kind, values = REFUSED[words]
    with pytest.raises(ModelError, match=words):
        architecture_from(kind, values)


@pytest.mark.parametrize(("patch", "fits"), [(1, True), (4, False), (5, False)])
def test_a_segmenter_halves_its_volume_four_times(patch: int, fits: bool) -> None:
    architecture = SegmenterArchitecture(patch=patch)
    if fits:
        architecture.check_shape((72, 24, 32))
        return
    words = rf"patch {patch} must divide the volume \[72, 24, 32\] into 16 tokens"
    with pytest.raises(ModelError, match=words):
        architecture.check_shape((72, 24, 32))
