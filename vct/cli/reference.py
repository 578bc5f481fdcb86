"""``vct autopet reference``: prepared studies → one Parquet of organs of people.

Each study is measured on its own and kept as a small reference file beside the result,
so that a stopped run goes on and one bad study loses nothing.
"""

import json
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import vct
from vct.autopet.prepared import PreparedFolder, name_of_data
from vct.errors import VctError
from vct.measured import SUV_BIN_EDGES
from vct.validation.reference_file import (
    COLUMNS,
    ReferenceFile,
    read_reference,
    write_reference,
)
from vct.workers import worker_pool

if TYPE_CHECKING:
    import pandas as pd

    from vct.cli.organ_finder import FoundOrgans, OrganFinder

Split = Literal["all", "training", "calibration", "held_out"]
_PERSON = (
    "subject_key", "age_years", "sex", "height_m", "weight_kg", "bmi_kg_m2",
    "diagnosis",
)  # fmt: skip


@dataclass(frozen=True)
class _Work:
    """What a worker needs to measure any study."""

    prepared: Path
    parts: Path
    finder: "OrganFinder"
    source: str
    split: Split
    alone: bool

    @property
    def studies(self) -> str:
        """Which studies of what, in words."""
        return f"{self.source}, {self.split} studies of {self.prepared}"


def measure_reference(
    prepared: PreparedFolder,
    out: Path,
    finder: "OrganFinder",
    *,
    split: Split,
    workers: int,
    notify: Callable[[str], None],
) -> ReferenceFile:
    """Measure every study and write the reference; studies already measured are kept.

    Raises
    ------
    VctError
        If no study could be measured, or parts of another run lie beside ``out``.
    """
    names = _names(prepared, split)
    source = _source(prepared)
    parts = _parts_folder(out)
    work = _Work(prepared.path, parts, finder, source, split, workers == 1)
    done = {name for name in names if _is_measured(work, name)}
    if done:
        notify(f"{len(done)} of {len(names)} studies were measured before")
    left_out: dict[str, str] = {}
    missing = [name for name in names if name not in done]
    with closing(_measured(work, missing, workers)) as measured:
        for number, (name, reason) in enumerate(measured, start=1):
            told = f"left out: {reason}" if reason else "measured"
            notify(f"{number + len(done)}/{len(names)} {name} {told}")
            if reason:
                left_out[name] = reason
    reference = _merged(
        work, [name for name in names if name not in left_out], left_out
    )
    write_reference(reference, out)
    shutil.rmtree(parts)
    return reference


def _parts_folder(out: Path) -> Path:
    if out.is_dir():
        raise VctError(f"-o {out} is a folder; name a file, such as {out}.parquet.")
    parts = out.with_name(f"{out.name}.parts")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VctError(f"{parts} cannot be made: {error.strerror}.") from error
    return parts


def _source(prepared: PreparedFolder) -> str:
    """Where the studies came from, in the words of who prepared them."""
    about = json.loads((prepared.path / "prepared.json").read_text("utf-8"))
    return str(about.get("source", "unknown source"))


def _names(prepared: PreparedFolder, split: Split) -> list[str]:
    index = prepared.index
    chosen = index if split == "all" else index[index["split"] == split]
    if chosen.empty:
        raise VctError(f"{prepared.path} holds no studies of the split '{split}'.")
    return sorted(chosen["name"])


def _is_measured(work: _Work, name: str) -> bool:
    path = work.parts / f"{name}.parquet"
    if not path.is_file():
        return False
    part = read_reference(path)
    if (part.instrument, part.source) != (work.finder.instrument, work.studies):
        raise VctError(
            f"{work.parts} holds studies measured by {part.instrument}, from "
            f"{part.source}. Remove that folder, or name another file with -o."
        )
    return True


def _measured(
    work: _Work, names: list[str], workers: int
) -> Generator[tuple[str, str | None], None, None]:
    """Each study's name, and why it could not be measured."""
    if workers == 1:
        yield from (_measure_one(work, name) for name in names)
        return
    running: set[Future[tuple[str, str | None]]] = set()
    with worker_pool(workers) as pool:
        try:
            for name in names:
                # Nobody waits in a queue, which a stop would have to wait for.
                if len(running) == workers:
                    yield from _ended(running)
                running.add(pool.submit(_measure_one, work, name))
            while running:
                yield from _ended(running)
        except BrokenProcessPool:
            raise VctError(
                "A worker was killed, for lack of memory most likely. Run the same "
                "line with fewer --workers: studies that were measured are kept."
            ) from None


def _ended(
    running: set[Future[tuple[str, str | None]]],
) -> list[tuple[str, str | None]]:
    """Wait for one study at least; all that have ended leave the set."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    running -= done
    return [future.result() for future in done]


def _measure_one(work: _Work, name: str) -> tuple[str, str | None]:
    """Measure one study and write its part; whatever is wrong with it is told."""
    import torch

    if not work.alone:
        torch.set_num_threads(1)
    try:
        prepared = PreparedFolder(work.prepared)
        rows = study_rows(prepared, name, work.finder.find(prepared, name))
    except Exception as error:  # one bad study never stops the rest
        return name, f"{error}" or type(error).__name__
    path = work.parts / f"{name}.parquet"
    try:
        write_reference(_reference(rows, work, {}), path)
    except OSError as error:  # not the study's fault
        raise VctError(
            f"{path} cannot be written: {error.strerror}. Mend that and run the same "
            "line again: studies that were measured are kept."
        ) from error
    return name, None


def study_rows(
    prepared: PreparedFolder, name: str, found: "FoundOrgans"
) -> "pd.DataFrame":
    """Rows of one study, columns of a reference file."""
    import pandas as pd
    import torch

    from vct.segment.distribution import row_suvs, suv_distribution
    from vct.segment.measure import measure
    from vct.segment.rows import IN_FIELD, OK, organ_rows

    index = prepared.index
    person = index[index["name"] == name].iloc[0]
    ct_hu, pet, _ = prepared.volumes(name)
    device = found.labels.device
    hu = torch.tensor(ct_hu, dtype=torch.float32, device=device)
    suv = torch.tensor(pet, dtype=torch.float32, device=device)
    seen: dict[str, Any] = {"organs": found.organs, "coverage": found.coverage}
    sums = measure(hu, suv, found.labels, prepared.grid, doubt=found.doubt, **seen)
    rows = organ_rows(
        sums.tolist(),
        prepared.grid,
        organs=found.organs,
        sex=person["sex"],
        error_per_doubt=found.error_per_doubt,
    )
    suvs = row_suvs(hu, suv, found.labels, prepared.grid, **seen)
    told = []
    for row, (organ, values) in zip(rows, suvs, strict=True):
        if organ == "body" and found.source == "masks":
            continue  # masks hold some organs, not the body
        spread = None
        if row.status in (OK, IN_FIELD):
            spread = suv_distribution(values, SUV_BIN_EDGES)
        source = found.source if row.source == "segmenter" else row.source
        told.append({**asdict(row), "source": source, **_spread_columns(spread)})
    df = pd.DataFrame(told).assign(
        subject_id=name, **{column: person[column] for column in _PERSON}
    )
    return df[[*COLUMNS, "suv_histogram"]]


def _spread_columns(spread: Any) -> dict[str, Any]:
    names = ("p10", "p50", "p90")
    columns: dict[str, Any] = {
        f"suv_{name}": getattr(spread, name, float("nan")) for name in names
    }
    columns["suv_histogram"] = None if spread is None else spread.histogram
    return columns


def _merged(work: _Work, names: list[str], left_out: dict[str, str]) -> ReferenceFile:
    import pandas as pd

    if not names:
        name, reason = next(iter(left_out.items()))
        raise VctError(
            f"None of {len(left_out)} studies could be measured; {name}: {reason}"
        )
    parts = [read_reference(work.parts / f"{name}.parquet").rows for name in names]
    return _reference(pd.concat(parts, ignore_index=True), work, left_out)


def _reference(
    rows: "pd.DataFrame", work: _Work, left_out: dict[str, str]
) -> ReferenceFile:
    return ReferenceFile(
        rows=rows,
        instrument=work.finder.instrument,
        source=work.studies,
        created_by=f"vct {vct.__version__}",
        suv_bin_edges=SUV_BIN_EDGES,
        left_out=left_out,
        data=name_of_data(work.source),
        split=work.split,
    )
