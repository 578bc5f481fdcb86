"""One folder, one cohort: claimed, resumed, refused, replaced."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC as COHORT
from vct.build import Shard, build_cohort, how_to_go_on
from vct.build.folder import agree, claim, finished, read_identity
from vct.errors import CohortError, VctError
from vct.partial import partial_beside

IDENTITY = {"spec_sha256": "aa", "seed": 7}
SPEC = b"version: 1\n"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(COHORT.format(model=model))
    return path


def test_a_new_folder_is_claimed_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    claim(out, IDENTITY, SPEC)
    claim(out, IDENTITY, SPEC)
    assert read_identity(out) == IDENTITY
    assert (out / "cohort.yaml").read_bytes() == SPEC
    assert not list(out.glob(".*.partial"))


def test_shards_that_start_together_share_a_folder(tmp_path: Path) -> None:
    def start(out: Path) -> None:
        claim(out, IDENTITY, SPEC)
        agree(out, {"precision": "bf16"})

    with ThreadPoolExecutor(8) as shards:
        for number in range(40):
            out = tmp_path / str(number)
            list(shards.map(start, [out] * 8))
            assert read_identity(out) == {**IDENTITY, "precision": "bf16"}
            assert not list(out.glob(".*.partial"))


def test_of_shards_that_start_together_on_unlike_nodes_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though each has read what is known before the other has written."""
    claim(tmp_path, IDENTITY, SPEC)
    both = threading.Barrier(2)
    first = threading.local()

    def read(out: Path) -> dict[str, Any]:
        known = read_identity(out)
        if not hasattr(first, "read"):
            first.read = True
            both.wait(10)
        return known

    monkeypatch.setattr("vct.build.folder.read_identity", read)

    def start(precision: str) -> str:
        try:
            agree(tmp_path, {"precision": precision})
        except CohortError as error:
            return str(error)
        return "agrees"

    with ThreadPoolExecutor(2) as shards:
        told = list(shards.map(start, ["bf16", "fp32"]))
    assert told.count("agrees") == 1
    assert any("precision: " in words for words in told)
    assert (
        read_identity(tmp_path)["precision"] == ("bf16", "fp32")[told.index("agrees")]
    )


def test_a_folder_that_another_shard_is_claiming_can_be_claimed(tmp_path: Path) -> None:
    partial_beside(tmp_path / ".build.json").write_text("{")
    claim(tmp_path, IDENTITY, SPEC)
    assert read_identity(tmp_path) == IDENTITY


def test_a_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    claim(tmp_path, IDENTITY, SPEC)
    claim(tmp_path, IDENTITY, SPEC)
    assert read_identity(tmp_path) == IDENTITY
    assert not list(tmp_path.glob(".*.partial"))


def test_another_cohort_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    claim(tmp_path / "out", IDENTITY, SPEC)
    with pytest.raises(CohortError, match="seed: 7 there, 8 now") as refusal:
        claim(tmp_path / "out", {**IDENTITY, "seed": 8}, SPEC)
    assert "spec_sha256" not in str(refusal.value)


def test_of_what_has_parts_only_those_that_differ_are_told(tmp_path: Path) -> None:
    software = {"torch": "2.9.0", "numpy": "2.3.0"}
    claim(tmp_path / "out", {**IDENTITY, "packages": software}, SPEC)
    now = {**IDENTITY, "packages": {**software, "torch": "2.10.0"}}
    with pytest.raises(CohortError) as refusal:
        claim(tmp_path / "out", now, SPEC)
    assert "packages.torch: '2.9.0' there, '2.10.0' now" in str(refusal.value)
    assert "numpy" not in str(refusal.value)


def test_a_foreign_folder_is_refused_even_to_overwrite(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for how in ("resume", "fail", "overwrite"):
        with pytest.raises(CohortError, match="is not a cohort that 'vct build' began"):
            claim(tmp_path, IDENTITY, SPEC, how)
    assert (tmp_path / "thesis.tex").exists()


def test_fail_refuses_an_existing_cohort(tmp_path: Path) -> None:
    claim(tmp_path / "out", IDENTITY, SPEC)
    with pytest.raises(CohortError, match="holds a cohort already"):
        claim(tmp_path / "out", IDENTITY, SPEC, "fail")


def test_overwrite_removes_the_cohort_and_nothing_else(tmp_path: Path) -> None:
    claim(tmp_path, IDENTITY, SPEC)
    (tmp_path / "dicom" / "S0001").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path, {**IDENTITY, "seed": 8}, SPEC, "overwrite")
    assert not finished(tmp_path, "S0001")
    assert (tmp_path / "notes.txt").exists()
    assert read_identity(tmp_path)["seed"] == 8


def test_overwrite_leaves_nothing_of_a_cohort(tmp_path: Path, spec: Path) -> None:
    for _ in build_cohort(spec, tmp_path, workers=0, only=["S0001"]):
        pass
    assert (tmp_path / ".numerics.json").exists()
    (tmp_path / "contact-sheet.png").write_bytes(b"")  # by 'vct contact-sheet'
    (tmp_path / "run-1of2.json").write_text("{}")
    identity = read_identity(tmp_path)
    claim(tmp_path, identity, SPEC, "overwrite")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".build.json", "cohort.yaml", "dicom", "previews"}


def test_no_shard_may_remove_the_others(tmp_path: Path, spec: Path) -> None:
    message = "--on-existing overwrite with --shard 2/4: every shard would remove"
    with pytest.raises(VctError, match=message):
        build_cohort(spec, tmp_path, shard=Shard(2, 4), on_existing="overwrite")


def test_going_on_keeps_what_is_finished() -> None:
    assert how_to_go_on("resume") == "run the same command again"
    for other in ("overwrite", "fail"):
        assert how_to_go_on(other).endswith("with '--on-existing resume'")


def test_what_is_known_later_joins_the_identity(tmp_path: Path) -> None:
    claim(tmp_path, IDENTITY, SPEC)
    agree(tmp_path, {"precision": "bf16"})
    agree(tmp_path, {"precision": "bf16"})
    with pytest.raises(CohortError, match="precision: 'bf16' there, 'fp32' now"):
        agree(tmp_path, {"precision": "fp32"})


def test_a_damaged_identity_is_told(tmp_path: Path) -> None:
    claim(tmp_path, IDENTITY, SPEC)
    (tmp_path / ".build.json").write_text("{")
    with pytest.raises(CohortError, match=r"\.build\.json is damaged"):
        claim(tmp_path, IDENTITY, SPEC)
