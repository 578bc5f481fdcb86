"""``vct autopet reference``: numbers, refusals, bad studies, stops and reruns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.measured_boxes import ORGANS, prepared_boxes, write_masks
from vct.autopet.prepared import PreparedFolder
from vct.cli.main import main
from vct.cli.organ_finder import FoundOrgans, MaskFiles, OrganFinder, choose_finder
from vct.cli.reference import _measured, _Work, measure_reference
from vct.errors import EXIT_INTERRUPTED, VctError
from vct.measured import SUV_BIN_EDGES
from vct.validation.reference_file import read_reference


def mask_files(folder: Path) -> OrganFinder:
    return choose_finder(
        PreparedFolder(folder / "prepared"),
        masks=folder / "masks",
        labels=None,
        totalsegmentator=False,
        unvalidated=False,
        model="",
        device="cpu",
    )


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three prepared studies and their masks; tests only read them."""
    folder = tmp_path_factory.mktemp("boxes")
    write_masks(folder / "masks", prepared_boxes(folder / "prepared"))
    return folder


@pytest.fixture(scope="module")
def rows(boxes: Path) -> pd.DataFrame:
    """The reference of the boxes, written by the command."""
    out = boxes / "reference.parquet"
    main_ends_well(
        "autopet", "reference", str(boxes / "prepared"), "-o", str(out),
        "--masks", str(boxes / "masks"), "--device", "cpu",
    )  # fmt: skip
    return read_reference(out).rows


def main_ends_well(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0


@pytest.mark.parametrize("organ", ORGANS)
def test_numbers_are_those_of_the_voxels(
    boxes: Path, rows: pd.DataFrame, organ: str
) -> None:
    _, pet, _ = PreparedFolder(boxes / "prepared").volumes("study-1")
    where, _, hu, _ = ORGANS[organ]
    suv = pet[where].astype(float)
    row = rows.query("subject_id == 'study-1' and organ == @organ").iloc[0]
    assert (row["source"], row["status"]) == ("masks", "ok")
    assert row["volume_ml"] == pytest.approx(suv.size * 4.096)
    assert row["suv_mean"] == pytest.approx(suv.mean(), rel=1e-5)
    assert row["suv_sd"] == pytest.approx(suv.std(), rel=1e-3)
    assert row["suv_p50"] == pytest.approx(np.median(suv), rel=1e-5)
    assert row["suv_p90"] == pytest.approx(np.percentile(suv, 90), rel=1e-5)
    assert row["suv_max"] == pytest.approx(suv.max(), rel=1e-5)
    assert row["hu_mean"] == pytest.approx(hu)


def test_a_histogram_knows_the_mean(rows: pd.DataFrame) -> None:
    liver = rows.query("organ == 'liver'")
    for row in liver.itertuples():
        assert row.suv_histogram.sum() == pytest.approx(1.0)
        middle = (SUV_BIN_EDGES + 0.05) @ row.suv_histogram
        assert middle == pytest.approx(row.suv_mean, abs=0.05)


def test_groups_are_summed_and_what_masks_do_not_know_is_not_told(
    rows: pd.DataFrame,
) -> None:
    organs = rows.query("subject_id == 'study-0'").set_index("organ")
    parts = organs.loc[["kidney_left", "kidney_right"], "volume_ml"]
    assert organs.loc["kidneys", "volume_ml"] == pytest.approx(parts.sum())
    assert organs.loc["spleen", "status"] == "not_found"
    assert organs.loc["spleen", "suv_histogram"] is None
    assert {"body", "muscle", "small_bowel"}.isdisjoint(organs.index)
    assert organs.loc["body_hu", "source"] == "threshold"


def test_each_row_says_whose_it_is(boxes: Path, rows: pd.DataFrame) -> None:
    index = PreparedFolder(boxes / "prepared").index.set_index("name")
    for name, group in rows.groupby("subject_id"):
        for column in ("subject_key", "age_years", "sex", "bmi_kg_m2", "diagnosis"):
            assert set(group[column]) == {index.loc[name, column]}


def test_the_file_says_what_measured_it(boxes: Path, rows: pd.DataFrame) -> None:
    reference = read_reference(boxes / "reference.parquet")
    assert reference.instrument == f"masks from {boxes / 'masks'}"
    assert reference.source.startswith("/data/FDG-PET-CT-Lesions, all studies of")
    assert reference.left_out == {}
    assert not (boxes / "reference.parquet.parts").exists()


def test_an_organ_that_the_scan_cuts_has_no_numbers(tmp_path: Path) -> None:
    prepared = prepared_boxes(tmp_path / "prepared", studies=2, low_k=32)
    write_masks(tmp_path / "masks", prepared)
    found = measure_reference(
        prepared, tmp_path / "r.parquet", mask_files(tmp_path), split="held_out",
        workers=1, notify=lambda text: None,
    )  # fmt: skip
    assert set(found.rows["subject_id"]) == {"study-1"}
    organs = found.rows.set_index("organ")
    assert organs.loc["kidney_left", "status"] == "cut_by_field"
    assert np.isnan(
        organs.loc["kidney_left", ["volume_ml", "suv_p50"]].astype(float)
    ).all()
    assert organs.loc["kidney_left", "suv_histogram"] is None
    assert organs.loc["liver", "status"] == "ok"


def test_a_bad_study_stops_nothing_and_is_told(tmp_path: Path) -> None:
    prepared = prepared_boxes(tmp_path / "prepared")
    write_masks(tmp_path / "masks", prepared)
    (tmp_path / "masks" / "study-0.nii.gz").unlink()
    suv = tmp_path / "prepared" / "studies" / "study-1" / "suv.npy"
    suv.write_bytes(suv.read_bytes()[:1000])
    found = measure_reference(
        prepared, tmp_path / "r.parquet", mask_files(tmp_path), split="all",
        workers=1, notify=lambda text: None,
    )  # fmt: skip
    assert set(found.rows["subject_id"]) == {"study-2"}
    left_out = read_reference(tmp_path / "r.parquet").left_out
    assert "holds no study-0.nii.gz" in left_out["study-0"]
    assert "studies/study-1" in left_out["study-1"]


def test_when_no_study_can_be_measured_the_first_reason_is_told(tmp_path: Path) -> None:
    prepared_boxes(tmp_path / "prepared")
    (tmp_path / "masks").mkdir()
    with pytest.raises(VctError, match=r"None of 3 studies .*study-0: .*holds no"):
        measure_reference(
            PreparedFolder(tmp_path / "prepared"), tmp_path / "r.parquet",
            mask_files(tmp_path), split="all", workers=1, notify=lambda text: None,
        )  # fmt: skip
    assert not (tmp_path / "r.parquet").exists()


def test_a_full_disk_is_no_fault_of_the_study(
    boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vct.cli.reference.write_reference", full)
    with pytest.raises(VctError, match=r"cannot be written: No space left .*are kept"):
        measure_reference(
            PreparedFolder(boxes / "prepared"), tmp_path / "r.parquet",
            mask_files(boxes), split="held_out", workers=1, notify=lambda text: None,
        )  # fmt: skip


def test_a_folder_is_no_place_for_the_table(boxes: Path, tmp_path: Path) -> None:
    with pytest.raises(VctError, match="is a folder; name a file"):
        measure_reference(
            PreparedFolder(boxes / "prepared"), tmp_path, mask_files(boxes),
            split="all", workers=1, notify=lambda text: None,
        )  # fmt: skip


def test_a_split_without_studies_is_refused(tmp_path: Path) -> None:
    prepared = prepared_boxes(tmp_path / "prepared", studies=1)
    (tmp_path / "masks").mkdir()
    with pytest.raises(VctError, match="holds no studies of the split 'training'"):
        measure_reference(
            prepared, tmp_path / "r.parquet", mask_files(tmp_path), split="training",
            workers=1, notify=lambda text: None,
        )  # fmt: skip


@dataclass
class Stopping:
    """A finder that is interrupted at its n-th study, and counts."""

    inner: OrganFinder
    after: int
    asked: list[str]

    @property
    def instrument(self) -> str:
        return self.inner.instrument

    def find(self, prepared: PreparedFolder, name: str) -> FoundOrgans:
        if len(self.asked) == self.after:
            raise KeyboardInterrupt
        self.asked.append(name)
        return self.inner.find(prepared, name)


def test_a_stopped_run_goes_on_to_the_same_bytes(boxes: Path, tmp_path: Path) -> None:
    prepared, out = PreparedFolder(boxes / "prepared"), tmp_path / "r.parquet"
    stopping = Stopping(mask_files(boxes), 2, [])
    with pytest.raises(KeyboardInterrupt):
        measure_reference(
            prepared, out, stopping, split="all", workers=1, notify=lambda text: None
        )
    assert not out.exists()
    again = Stopping(mask_files(boxes), 9, [])
    measure_reference(
        prepared, out, again, split="all", workers=1, notify=lambda text: None
    )
    assert (stopping.asked, again.asked) == (["study-0", "study-1"], ["study-2"])
    whole = tmp_path / "whole.parquet"
    measure_reference(
        prepared, whole, mask_files(boxes), split="all", workers=1,
        notify=lambda text: None,
    )  # fmt: skip
    assert whole.read_bytes() == out.read_bytes()


@dataclass
class Noting:
    """A finder that finds nothing and leaves a file for each study it was asked for."""

    folder: Path
    instrument: str = "nothing"

    def find(self, prepared: PreparedFolder, name: str) -> FoundOrgans:
        (self.folder / name).touch()
        raise VctError("nothing is found")


def test_a_stop_waits_for_no_study_that_has_not_begun(
    boxes: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    asked.mkdir()
    work = _Work(boxes / "prepared", tmp_path, Noting(asked), "here", "all", False)
    measuring = _measured(work, [f"study-{n}" for n in range(8)], workers=2)
    next(measuring)
    measuring.close()
    assert len(list(asked.iterdir())) <= 3


def test_ctrl_c_says_that_what_was_measured_is_kept(
    boxes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vct.cli.reference.measure_reference", interrupted)
    with pytest.raises(SystemExit) as end:
        main(
            ["autopet", "reference", str(boxes / "prepared"), "--device", "cpu",
             "--masks", str(boxes / "masks"), "-o", str(tmp_path / "r.parquet")]
        )  # fmt: skip
    assert end.value.code == EXIT_INTERRUPTED
    assert "Measured studies are kept" in capsys.readouterr().err


def test_parts_of_another_instrument_are_not_mixed_in(
    boxes: Path, tmp_path: Path
) -> None:
    prepared, out = PreparedFolder(boxes / "prepared"), tmp_path / "r.parquet"
    with pytest.raises(KeyboardInterrupt):
        measure_reference(
            prepared, out, Stopping(mask_files(boxes), 1, []), split="all", workers=1,
            notify=lambda text: None,
        )  # fmt: skip
    one = mask_files(boxes)
    assert isinstance(one, MaskFiles)
    other = MaskFiles(one.folder, one.map, "another instrument")
    with pytest.raises(VctError, match=r"measured by masks from .*Remove that folder"):
        measure_reference(
            prepared, out, other, split="all", workers=1, notify=lambda text: None
        )


@pytest.mark.slow
def test_two_workers_write_the_bytes_of_one(boxes: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        measure_reference(
            PreparedFolder(boxes / "prepared"), tmp_path / f"{workers}.parquet",
            mask_files(boxes), split="all", workers=workers, notify=lambda text: None,
        )  # fmt: skip
    one, two = (tmp_path / f"{n}.parquet" for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()
