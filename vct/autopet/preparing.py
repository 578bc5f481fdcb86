"""A whole copy of AutoPET into a folder of prepared studies: parallel, resumable."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

from vct.autopet.demographics import subject_key
from vct.autopet.picture import write_picture
from vct.autopet.prepare import PreparedStudy, prepare_study, what_was_done
from vct.autopet.prepared import (
    StudyArrays,
    read_arrays,
    read_row,
    read_settings,
    remove_study,
    split_of,
    study_name,
    update_row,
    write_index,
    write_left_out,
    write_settings,
    write_study,
)
from vct.autopet.processes import EveryItemFailsError, each_in_a_process
from vct.autopet.study import Study, StudyReport
from vct.autopet.survey import Survey
from vct.errors import VctError
from vct.grid import whole_body_grid

SPACINGS_MM = (2.0, 4.0, 8.0, 16.0)  # 16 mm: to try the road with the tiny presets


@dataclass(frozen=True)
class Settings:
    """What decides the content of a prepared folder.

    Attributes
    ----------
    spacing_mm
        2, 4, 8 or 16: of ``whole_body_grid``.
    held_out_share, calibration_share
        Shares of patients kept out of training: to compare a model with, and to
        calibrate it on.
    seed
        Of the split.
    arms_down
        Take studies with arms beside the trunk.
    psma, demographics, dicom
        As ``Survey`` takes them.
    """

    spacing_mm: float = 2.0
    held_out_share: float = 0.1
    calibration_share: float = 0.05
    seed: int = 0
    arms_down: bool = False
    psma: bool = False
    demographics: Path | None = None
    dicom: Path | None = None

    def __post_init__(self) -> None:
        if self.spacing_mm not in SPACINGS_MM:
            raise VctError(f"spacing {self.spacing_mm:g} mm: must be 2, 4, 8 or 16 mm")
        shares = self.held_out_share, self.calibration_share
        if not (min(shares) >= 0.0 and sum(shares) < 1.0):
            raise VctError(
                f"held-out share {shares[0]:g} and calibration share {shares[1]:g}: "
                "must be at least 0, and together below 1"
            )

    def told(self, source: Path) -> dict[str, Any]:
        """For ``prepared.json``."""
        return {
            "source": str(source),
            "spacing_mm": self.spacing_mm,
            "held_out_share": self.held_out_share,
            "calibration_share": self.calibration_share,
            "seed": self.seed,
            "arms_down": self.arms_down,
            "psma": self.psma,
            "demographics": _text(self.demographics),
            "dicom": _text(self.dicom),
        }


class Outcome(NamedTuple):
    """What became of one study; ``seconds`` of a prepared one.

    One is ``updated`` if it was prepared before and its person is told otherwise now.
    """

    study_id: str
    status: Literal["prepared", "kept", "updated", "left out"]
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0


class Task(NamedTuple):
    """What a process needs to prepare one study."""

    study: Study
    name: str
    out: Path
    settings: Settings


@dataclass
class _Tables:
    """Rows of the two tables, as they come."""

    index: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def leave_out(self, study: StudyReport | Study, reasons: tuple[str, ...]) -> None:
        self.left_out.append(
            {
                "study_id": study.study_id,
                "path": str(study.path),
                "layout": study.layout,
                "reasons": list(reasons),
            }
        )

    def write(self, out: Path) -> None:
        write_index(out, self.index.values())
        write_left_out(out, self.left_out)


def prepare_folder(
    survey: Survey,
    out: Path,
    settings: Settings,
    *,
    workers: int = 1,
    notify: Callable[[Outcome], None] = lambda outcome: None,
    work: Callable[[Task], dict[str, Any]] | None = None,
) -> None:
    """Prepare the studies of a survey; the images of complete ones are kept.

    What the survey now knows of the person is taken over. The tables are written at the
    end, also at an early one, by Ctrl-C.

    Parameters
    ----------
    survey
        Made with the same ``psma``, ``demographics`` and ``dicom``.
    out
        Folder to write; its layout is that of ``prepared``.
    workers
        Processes, each with one study in memory; 0 works in this process.
    notify
        Told of each study.
    work
        Prepares one study and returns its index row; ``prepare_task`` by default.

    Raises
    ------
    VctError
        If the folder holds something else, was prepared with other settings, lies
        within the source, or can no longer be written; what is prepared stays.
    """
    grid = whole_body_grid(settings.spacing_mm)
    told = {"vct_version": _version(), **settings.told(survey.root)}
    _open(out, survey.root, told)
    write_settings(out, {**told, "finished": False}, grid)
    tables = _Tables()
    tasks = _Tasks(survey, out, settings, tables, notify)
    try:
        for task, ended in each_in_a_process(work or prepare_task, tasks, workers):
            if ended.failure is None:
                tables.index[task.name] = ended.result["row"]
                seconds = ended.result["seconds"]
                notify(Outcome(task.study.study_id, "prepared", (), seconds))
            elif ended.hopeless:
                raise VctError(ended.failure)
            else:
                tables.leave_out(task.study, (ended.failure,))
                notify(Outcome(task.study.study_id, "left out", (ended.failure,)))
    except VctError:
        with suppress(OSError):  # the disk that stopped us
            tables.write(out)
        raise
    except BaseException:
        tables.write(out)
        raise
    tables.write(out)
    write_settings(out, {**told, "finished": True}, grid)


class _Tasks:
    """The studies still to prepare; the others go straight into the tables."""

    def __init__(
        self,
        survey: Survey,
        out: Path,
        settings: Settings,
        tables: _Tables,
        notify: Callable[[Outcome], None],
    ) -> None:
        self._survey, self._out, self._settings = survey, out, settings
        self._tables, self._notify = tables, notify

    def __iter__(self) -> Any:
        names: set[str] = set()
        for report in self._survey:
            study = report.study
            if study is None:
                self._leave_out(report, report.reasons)
                continue
            name = study_name(study.study_id)
            if name in names:
                self._leave_out(report, ("another study has the same identifier",))
                continue
            names.add(name)
            task = Task(study, name, self._out, self._settings)
            row = read_row(self._out, name)
            if row is not None and not _suv_differs(study, row):
                self._keep(task, row)
            else:
                with _writing_to(self._out):
                    remove_study(self._out, name)
                yield task

    def _keep(self, task: Task, row: dict[str, Any]) -> None:
        now = row | _told(task.study)
        changes = tuple(
            f"{name} was {row[name]}, now {value}"
            for name, value in now.items()
            if row[name] != value and name != "notes"
        )
        if now != row:
            with _writing_to(self._out):
                update_row(self._out, task.name, now)
                if _caption(row) != _caption(now):
                    grid = whole_body_grid(self._settings.spacing_mm)
                    _draw(task, read_arrays(self._out, task.name, grid), now)
        self._tables.index[task.name] = now
        outcome = Outcome(task.study.study_id, "kept")
        if changes:
            outcome = outcome._replace(status="updated", reasons=changes)
        self._notify(outcome)

    def _leave_out(self, report: StudyReport, reasons: tuple[str, ...]) -> None:
        self._tables.leave_out(report, reasons)
        self._notify(Outcome(report.study_id, "left out", reasons))


def prepare_task(task: Task) -> dict[str, Any]:
    """Read, prepare and write one study.

    Returns
    -------
    dict
        ``row`` of the index, and ``seconds`` it took.
    """
    begin = perf_counter()
    study, settings = task.study, task.settings
    grid = whole_body_grid(settings.spacing_mm)
    prepared = prepare_study(
        study.read_padded_ct,
        study.read_pet,
        grid,
        ct_on_pet_grid=study.ct_on_pet_grid,
        take_arms_down=settings.arms_down,
    )
    row = _row(task, prepared)
    done = what_was_done(
        prepared,
        vct_version=_version(),
        path=str(study.path),
        ct_grid=_grid_told(study.ct.grid),
        pet_grid=_grid_told(study.pet.grid),
    )
    with _writing_to(task.out):
        _draw(task, prepared.arrays, row)
        write_study(task.out, task.name, prepared.arrays, row, done)
    return {"row": row, "seconds": perf_counter() - begin}


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    """A disk that is full, or not writable, is no study's fault."""
    try:
        yield
    except OSError as error:
        raise EveryItemFailsError(
            f"{out} cannot be written: {error.strerror or error}. Mend that and run "
            "the same line again: studies that were prepared are kept."
        ) from error


def _draw(task: Task, arrays: StudyArrays, row: dict[str, Any]) -> None:
    pictures = task.out / "qc"
    pictures.mkdir(exist_ok=True)
    grid = whole_body_grid(task.settings.spacing_mm)
    write_picture(arrays, grid, _caption(row), pictures / f"{task.name}.png")


def _caption(row: dict[str, Any]) -> str:
    age_years = math.floor(row["age_years"])  # completed, as Patient's Age (0010,1010)
    return f"{row['study_id']}   {row['sex']}, {age_years} y"


def _suv_differs(study: Study, row: dict[str, Any]) -> bool:
    """Whether the study was prepared by another weight than it would be now.

    A table's weight scales the SUV of DICOM files that tell none.
    """
    weight_kg = study.demographics.weight_kg
    return study.layout == "dicom" and row["weight_kg"] != weight_kg


def _told(study: Study) -> dict[str, Any]:
    """The part of an index row that tables and headers tell of the person."""
    person = study.demographics
    return {
        "age_years": person.age_years,
        "sex": person.sex,
        "height_m": person.height_m,
        "weight_kg": person.weight_kg,
        "bmi_kg_m2": person.bmi_kg_m2,
        "diagnosis": person.diagnosis,
        "notes": list(study.notes),
    }


def _row(task: Task, prepared: PreparedStudy) -> dict[str, Any]:
    study, settings = task.study, task.settings
    key = subject_key(study.subject_id)
    low, high = prepared.covered_k
    return {
        "name": task.name,
        "study_id": study.study_id,
        "subject_id": study.subject_id,
        "subject_key": key,
        "layout": study.layout,
        "tracer": study.tracer,
        "split": split_of(
            key, settings.seed, settings.held_out_share, settings.calibration_share
        ),
        **_told(study),
        "injected_mbq": study.injected_mbq,
        "uptake_min": study.uptake_min,
        "covered_low_k": low,
        "covered_high_k": high,
        "arms": prepared.arms,
        "ct_on_pet_grid": study.ct_on_pet_grid,
    }


def _open(out: Path, source: Path, told: dict[str, Any]) -> None:
    if out.resolve().is_relative_to(source.resolve()):
        raise VctError(
            f"{out} lies within {source}, which is only read: name a folder elsewhere."
        )
    if out.exists() and not out.is_dir():
        raise VctError(f"{out} is no folder.")
    if not out.exists() or not any(out.iterdir()):
        with suppress(FileExistsError):
            out.mkdir(parents=True)
        return
    # Folders of earlier programs keep nobody for calibration, and do not say so.
    before = {"calibration_share": 0.0, **read_settings(out)}
    other = [
        f"{name} was {before.get(name)}, now {value}"
        for name, value in told.items()
        if name != "vct_version" and before.get(name) != value
    ]
    if other:
        raise VctError(
            f"{out} was prepared with other settings: {'; '.join(other)}. Run it with "
            "the same, or name another folder."
        )


def _grid_told(grid: Any) -> dict[str, Any]:
    return {
        "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm),
        "origin_mm": list(grid.origin_mm),
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _version() -> str:
    import vct

    return vct.__version__
