"""Error listings: every problem at once, each at its place."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from vct.errors import SpecError
from vct.spec import cohorts_folder, load_spec

GOLDEN = Path(__file__).parents[1] / "golden" / "spec"
WRONG = sorted(GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("path", WRONG, ids=lambda p: p.stem)
def test_every_problem_is_told_at_once(
    path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(SpecError) as error:
        load_spec(path.name)
    listing = f"{error.value}\n"
    golden = path.with_suffix(".txt")
    if update_golden:
        golden.write_text(listing, "utf-8")
    assert listing == golden.read_text("utf-8")


def test_there_are_goldens() -> None:
    assert len(WRONG) >= 6


def fails(path: Path) -> str:
    with pytest.raises(SpecError) as error:
        load_spec(path)
    assert error.value.exit_code == 2
    return str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "there is no such file. 'vct new no.yaml'" in fails(tmp_path / "no.yaml")
    assert "cannot be read (Is a directory)" in fails(tmp_path)
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text (byte 0)" in fails(path)
    path.write_text("")
    assert "is empty. 'vct new other.yaml' writes an example" in fails(path)
    path.write_text("# nothing but a comment\n---\n")
    assert fails(path)
    path.write_text("a: 1\n---\nb: 2\n")
    assert "is no YAML" in fails(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    text = (cohorts_folder() / "quickstart.yaml").read_text("utf-8")
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_spec(path) == load_spec(cohorts_folder() / "quickstart.yaml")


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 9):
        refs = ", ".join([f"*a{i - 1}"] * 10)
        lines.append(f"a{i}: &a{i} [{refs}]")
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    assert "has more than 100000 values" in fails(path)


@pytest.mark.parametrize("depth", [60, 1000, 5000])
def test_what_is_nested_too_deeply_is_refused(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(f"version: 1\nname: {'[' * depth}{']' * depth}\n")
    assert "is nested " in fails(path)


@pytest.mark.parametrize("key", ["true", "null", "2026-01-31"])
def test_a_key_that_is_no_word_is_refused_where_it_stands(
    key: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(f"version: 1\n{key}: 3\n")
    assert f"{path}:2:1  a key must be a word or a number" in fails(path)


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_text_makes_anything_but_a_spec_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, "utf-8")
    assert fails(path)


@given(
    line=st.integers(0, 60),
    text=st.text("abc:-[]{}#'\"&*!|>%@`0.\n\t ", max_size=12),
)
def test_no_spoiled_line_makes_anything_but_a_spec_error(
    line: int, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = (cohorts_folder() / "quotas.yaml").read_text("utf-8").splitlines()
    lines[line % len(lines)] = text
    path = tmp_path_factory.getbasetemp() / "spoiled.yaml"
    path.write_text("\n".join(lines), "utf-8")
    with contextlib.suppress(SpecError):
        load_spec(path)


WORDS = ("x", "F", "", "age_years < 3")
PIECES = ([], [1, 2], [{}], {}, {"kind": "normal"}, {"by_sex": {"F": 1, "M": 2}})
ODD = st.sampled_from([None, 0, -1, 1e308, 10**30, True, *WORDS, *PIECES])
PAGES = sorted([*cohorts_folder().glob("*.yaml"), GOLDEN / "many-mistakes.yaml"])


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in nested keys and lists."""
    pairs: Any = ()
    if isinstance(data, dict):
        pairs = data.items()
    elif isinstance(data, list):
        pairs = enumerate(data)
    for key, value in pairs:
        yield (*at, key)
        yield from places(value, (*at, key))


@given(page=st.sampled_from(PAGES), data=st.data())
def test_no_odd_value_makes_anything_but_a_spec_error(
    page: Path, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    yaml = YAML(typ="safe", pure=True)
    spec = yaml.load(page.read_text("utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        *above, key = data.draw(st.sampled_from(list(places(spec))))
        part = reduce(lambda inside, k: inside[k], above, spec)
        part[key] = deepcopy(data.draw(ODD))  # else it may come to hold itself
    path = tmp_path_factory.getbasetemp() / "odd.yaml"
    yaml.dump(spec, path)
    with contextlib.suppress(SpecError):
        load_spec(path)


def test_loading_is_light_and_quick() -> None:
    code = (
        "import sys; from vct.spec import load_spec\n"
        f"load_spec({str(cohorts_folder() / 'quotas.yaml')!r})\n"
        "heavy = {'pandas', 'scipy', 'torch', 'pyarrow', 'matplotlib', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert time.perf_counter() - begin < 5.0  # 0.2 s where nothing else runs
