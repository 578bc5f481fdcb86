"""Every module that the reference lists tells its options."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "modules.md"
LISTED = dict.fromkeys(re.findall(r"^\| `(vct\.[\w.]+)", PAGE.read_text(), re.M))


def test_the_page_lists_modules() -> None:
    assert len(LISTED) > 15


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_module_prints_its_options(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec(name)
    assert spec is not None
    is_package = spec.submodule_search_locations is not None
    module = import_module(f"{name}.__main__" if is_package else name)
    monkeypatch.setattr("sys.argv", [f"python -m {name}", "--help"])
    run = getattr(module, "main", None) or module.app
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 0
    assert "usage: python -m" in capsys.readouterr().out.lower()
