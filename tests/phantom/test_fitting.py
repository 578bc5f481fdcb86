"""The fit: committed numbers follow from the data, when the data are at hand."""

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from vct.phantom.fitting import fit_people, fitted

DATA = os.environ.get("VCT_REFERENCE_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="VCT_REFERENCE_DATA names no folder with hedypet/ and autopet/"
)


def committed() -> dict:
    return json.loads(files("vct.phantom").joinpath("fitted.json").read_text("utf-8"))


@needs_data
def test_the_committed_table_is_what_the_data_give() -> None:
    table = committed()
    table.pop("reading_correction")
    assert fitted(Path(DATA or "")) == table


@needs_data
def test_the_fit_explains_people() -> None:
    fit = fit_people(Path(DATA or ""))
    assert (fit.residual_sd > 0).all()
    assert np.linalg.eigvalsh(fit.correlation).min() > 0


def test_every_number_names_its_source_and_no_person_is_in_the_table() -> None:
    table = committed()
    assert all(row["source"] for row in table["quantities"].values())
    assert "sub-0" not in json.dumps(table)


def test_the_correlation_is_one() -> None:
    matrix = np.array(committed()["correlation"])
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1.0)
    assert np.linalg.eigvalsh(matrix).min() > 0
