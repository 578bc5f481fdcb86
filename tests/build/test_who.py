"""One folder, one table of subjects, whatever CPU drew it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.spec.strategies import spec_data
from vct.build.who import agreed_subjects
from vct.errors import CohortError
from vct.spec import CohortSpec
from vct.subjects import sample_subjects


@pytest.fixture(scope="module")
def subjects() -> pd.DataFrame:
    return sample_subjects(CohortSpec.model_validate(spec_data()))


def test_the_first_build_writes_the_table(
    subjects: pd.DataFrame, tmp_path: Path
) -> None:
    agreed_subjects(tmp_path, subjects)
    assert [path.name for path in tmp_path.iterdir()] == ["subjects.parquet"]


def test_a_build_on_another_cpu_goes_on_with_the_numbers_there(
    subjects: pd.DataFrame, tmp_path: Path
) -> None:
    agreed_subjects(tmp_path, subjects)
    elsewhere = subjects.copy()
    elsewhere["weight_kg"] = np.nextafter(subjects["weight_kg"], np.inf)
    agreed = agreed_subjects(tmp_path, elsewhere)
    pd.testing.assert_frame_equal(agreed, subjects, check_exact=True)


def test_other_subjects_are_refused_by_name(
    subjects: pd.DataFrame, tmp_path: Path
) -> None:
    agreed_subjects(tmp_path, subjects)
    changed = subjects.copy()
    changed.loc[1, "weight_kg"] += 0.001
    with pytest.raises(CohortError, match=r"other subjects: S0002 differ"):
        agreed_subjects(tmp_path, changed)
    with pytest.raises(CohortError, match=r"other subjects: .*S0001"):
        agreed_subjects(tmp_path, subjects.iloc[1:])
    with pytest.raises(CohortError, match="in another order, by which shards divide"):
        agreed_subjects(tmp_path, subjects.iloc[::-1])
    pd.testing.assert_frame_equal(agreed_subjects(tmp_path, subjects), subjects)


def test_of_shards_that_begin_together_one_writes(
    subjects: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = subjects.copy()
    first["weight_kg"] = np.nextafter(subjects["weight_kg"], np.inf)
    agreed_subjects(tmp_path, first)
    # The second looked before the first had written.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    agreed = agreed_subjects(tmp_path, subjects)
    pd.testing.assert_frame_equal(agreed, first, check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["subjects.parquet"]


def test_a_damaged_table_is_written_anew_where_it_is_deleted(
    subjects: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "subjects.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(CohortError) as refusal:
        agreed_subjects(tmp_path, subjects)
    assert str(refusal.value).startswith(f"{path}: cannot be read")
    assert "Delete this file, then run the same 'vct build'" in str(refusal.value)
    path.unlink()
    agreed_subjects(tmp_path, subjects)
    pd.testing.assert_frame_equal(agreed_subjects(tmp_path, subjects), subjects)
