"""The command line: help at once, errors in words, documented exit codes."""

import inspect
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

import vct
from vct.cli import app, main
from vct.cli.console import duration
from vct.doctor import diagnose
from vct.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    CohortError,
    ModelError,
    SpecError,
    VctError,
)
from vct.spec import cohorts_folder

REFERENCE = Path(__file__).parent.parent / "docs" / "reference" / "cli.md"
COMMANDS = (
    "build",
    "finish",
    "check",
    "sample",
    "schema",
    "new",
    "validate",
    "models",
    "doctor",
    "preview",
    "contact-sheet",
    "compare",
    "train",
)
AUTOPET_COMMANDS = ("autopet inspect", "autopet prepare", "autopet reference")


def run(*arguments: str) -> int:
    """Exit code of a command run in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def help_page(*command: str) -> str:
    """What ``vct COMMAND --help`` prints at 80 columns, without ornament."""
    environment = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PATH": "/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "vct", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parent.parent,
    )
    return done.stdout.strip()


def test_the_reference_is_what_help_prints(update_golden: bool) -> None:
    parts = ["# Command line", "Written by `pytest --update-golden` from `--help`."]
    parts.append(MODULES)
    parts.append(f"```\n{help_page()}\n```")
    for command in (*COMMANDS, *AUTOPET_COMMANDS):
        page = help_page(*command.split())
        parts.append(f"## vct {command}\n\n```\n{page}\n```")
    parts.append(EXIT_CODES)
    text = "\n\n".join(parts) + "\n"
    if update_golden:
        REFERENCE.parent.mkdir(parents=True, exist_ok=True)
        REFERENCE.write_text(text)
    assert REFERENCE.read_text() == text


MODULES = "Besides these there are [modules](modules.md), called as `python -m vct.…`."
EXIT_CODES = """## Exit codes

| code | when |
|---|---|
| 0 | all is well |
| 1 | the user can mend it: a full disk, a folder that cannot be written, an option this machine or folder cannot serve |
| 2 | the spec is not a cohort, or the command line is not one: an unknown option or a value out of its range |
| 3 | a model is missing, damaged, or not made for the request |
| 4 | a cohort folder contradicts the spec, or cannot be read |
| 5 | the build is fine, a finding failed |
| 70 | a bug of vct |
| 130 | interrupted; finished subjects, or the training so far, are kept |"""  # noqa: E501


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "cohorts/quickstart.yaml"], ["models"]]
)
def test_light_commands_do_not_import_the_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from vct.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'monai', 'pandas', 'scipy.stats', 'matplotlib', 'pydicom'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=REFERENCE.parents[2],
    )
    assert done.stderr.splitlines()[-1] == "[]"
    assert time.perf_counter() - begin < 5.0  # one second where nothing else runs


def test_what_a_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    text = (cohorts_folder() / "quickstart.yaml").read_text("utf-8")
    spec.write_text(re.sub("(?m)^name: .*", "name: \u65e5\u672c", text), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "vct", "check", spec],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert rb"\u65e5\u672c" in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"vct {vct.__version__}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VctError("text"), 1),
        (SpecError("text"), 2),
        (ModelError("text"), 3),
        (CohortError("text"), 4),
        (RuntimeError("text"), EXIT_BUG),
    ],
)
def test_every_error_has_its_exit_code(
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("vct.models.list_models", fail)
    assert run("models") == code
    told = capsys.readouterr().err
    assert ("Traceback" in told) == (code == EXIT_BUG)
    assert ("report" in told) == (code == EXIT_BUG)


@pytest.mark.parametrize("first", [True, False])
def test_debug_shows_the_traceback_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], first: bool
) -> None:
    """And the exit code stays what a script goes by."""
    words = ["models", "no-such"]
    assert run(*(["--debug", *words] if first else [*words, "--debug"])) == 3
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "error: unknown model 'no-such'" in told


def test_an_unknown_option_is_a_usage_error() -> None:
    assert run("build", "a.yaml", "--gpu") == 2
    assert run("no-such-command") == 2
    assert run("build", "a.yaml", "--on-existing", "merge") == 2


def test_doctor_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") == 0
    diagnosis = json.loads(capsys.readouterr().out)
    assert diagnosis["vct"] == vct.__version__
    assert set(diagnosis) == set(diagnose())
    assert run("doctor") == 0
    assert f"vct        {vct.__version__}" in capsys.readouterr().out


def test_public_names_are_there() -> None:
    for name in vct.__all__:
        assert getattr(vct, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'biuld_cohort'"):
        _ = vct.biuld_cohort


SAME_WORDS = [
    ("build", "build_cohort", {"dry_run", "quiet"}, {"now", "notify"}),
    ("finish", "finish_cohort", {"quiet"}, {"now"}),
    ("sample", "sample_subjects", {"spec_path", "out"}, {"spec"}),
    ("validate", "validate_cohort", {"as_json", "remeasure"}, set()),
]


@pytest.mark.parametrize(("command", "function", "only_cli", "only_python"), SAME_WORDS)
def test_command_and_function_share_words_and_defaults(
    command: str, function: str, only_cli: set[str], only_python: set[str]
) -> None:
    callbacks = {c.name: c.callback for c in app.registered_commands}
    ours = inspect.signature(callbacks[command]).parameters  # type: ignore[arg-type]
    theirs = inspect.signature(getattr(vct, function)).parameters
    assert set(ours) - only_cli == set(theirs) - only_python
    for name in set(ours) & set(theirs):
        a, b = ours[name].default, theirs[name].default
        if inspect.Parameter.empty not in (a, b):
            assert (a or None) == (b or None), name


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("resume", "run the same command again to go on"),
        ("overwrite", "run the same command with '--on-existing resume' to go on"),
    ],
)
def test_ctrl_c_says_what_goes_on(
    how: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vct.build.build_cohort", lambda *_, **__: None)
    monkeypatch.setattr("vct.cli.build.follow", interrupt)
    assert run("build", "cohort.yaml", "--on-existing", how) == EXIT_INTERRUPTED
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("quiet", [False, True])
def test_a_shard_is_told_by_its_number_unless_quiet(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vct.build.build_cohort", lambda *_, **__: [])
    for name, value in (("ID", "2"), ("COUNT", "8"), ("MIN", "1")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    options = ["--shard", "slurm", *(["--quiet"] if quiet else [])]
    run("build", "cohort.yaml", *options)
    told = "" if quiet else "Shard 2/8 is done. After the last one: vct finish out\n"
    assert capsys.readouterr().err == told


def test_durations_read_well() -> None:
    assert [duration(s) for s in (0.4, 59, 61, 3600)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 0 min",
    ]


def test_every_command_is_documented() -> None:
    assert {c.name for c in app.registered_commands} == set(COMMANDS)
    assert isinstance(app, typer.Typer)
    for command in COMMANDS:
        assert re.search(rf"^## vct {command}$", REFERENCE.read_text(), re.MULTILINE)
