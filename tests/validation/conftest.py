"""A cohort folder for the tests of validation and report."""

import pytest

from tests.validation.fake_cohort import SPEC, references, write_fake_cohort


@pytest.fixture
def known_references(monkeypatch):
    """References of the fake cohort in place of the published ones."""
    monkeypatch.setattr("vct.validation.run.organ_references", references)


@pytest.fixture(scope="session")
def pristine_cohort(tmp_path_factory):
    """Twenty-four subjects, two previews; never changed."""
    out = tmp_path_factory.mktemp("cohort") / "out"
    return write_fake_cohort(out, SPEC.format(size=24), previews=2)


@pytest.fixture
def cohort_dir(pristine_cohort, tmp_path):
    """A copy that a test may damage."""
    import shutil

    return shutil.copytree(pristine_cohort, tmp_path / "out")
