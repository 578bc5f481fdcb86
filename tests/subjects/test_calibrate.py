"""The tables behind the presets are what the data give, where the data are."""

import os
from pathlib import Path

import pytest
from scipy.stats import norm

from vct.spec.presets import data
from vct.subjects.calibrate import DEGS1, autopet_body, calibrate

FOLDER = os.environ.get("VCT_REFERENCE_DATA")


@pytest.mark.skipif(not FOLDER, reason="VCT_REFERENCE_DATA names no folder")
def test_the_presets_are_what_the_data_give() -> None:
    assert calibrate(Path(str(FOLDER))) == data()


@pytest.mark.parametrize("sex", ["F", "M"])
def test_the_assumed_bmi_has_the_measured_shares(sex: str) -> None:
    from math import log

    body = autopet_body(sex)
    for limit, share in zip((25, 30), DEGS1[sex], strict=True):
        z = (log(limit) - body["log_bmi_mean"]) / body["log_bmi_sd"]
        assert norm.sf(z) == pytest.approx(share, abs=1e-3)
