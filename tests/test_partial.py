"""A file is whole or not there, whoever writes it at the same time."""

from pathlib import Path

import pytest

from vct.partial import (
    partial_beside,
    partials_of,
    place_meant,
    written_beside,
    written_once,
)


def test_a_file_appears_when_its_block_ends(tmp_path):
    path = tmp_path / "run.json"
    with written_beside(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("before")

    def fail() -> None:
        with written_beside(path) as partial:
            partial.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / ".build.json"
    with written_beside(path) as one, written_beside(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # whose block ended last


def test_partial_names_are_hidden_and_beside_the_file(tmp_path):
    for name in ("run.json", ".build.json"):
        partial = partial_beside(tmp_path / name)
        assert partial.parent == tmp_path
        assert partial.name.startswith(f".{name.lstrip('.')}.")


def test_the_first_to_write_once_does_and_the_next_finds_it(tmp_path):
    path = tmp_path / "subjects.parquet"
    assert written_once(path, lambda partial: partial.write_text("first"))
    assert not written_once(path, lambda partial: partial.write_text("second"))
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_who_is_overtaken_while_writing_takes_what_is_there(tmp_path):
    path = tmp_path / "subjects.parquet"

    def overtaken(partial):
        path.write_text("the other's")
        partial.write_text("mine")

    assert not written_once(path, overtaken)
    assert path.read_text() == "the other's"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_to_be_written_once_leaves_nothing(tmp_path):
    def fail(partial):
        partial.write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        written_once(tmp_path / "subjects.parquet", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["S0001", "a*b [1].parquet"])
def test_names_beside_are_found_and_told_as_what_is_meant(
    tmp_path: Path, name: str
) -> None:
    place = tmp_path / name
    beside = partial_beside(place)
    beside.touch()
    partial_beside(tmp_path / f"x{name}").touch()
    partial_beside(tmp_path / f"{name}.2").touch()
    assert list(tmp_path.glob(partials_of(place))) == [beside]
    again = partial_beside(beside)  # what is written once is written beside, too
    assert again.match(partials_of(place))
    assert place_meant(beside) == place_meant(again) == place
    assert place_meant(place) == place
