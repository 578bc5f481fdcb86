"""A cohort held against the references a user names, or the built-in ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vct.errors import CohortError
from vct.manifest import Cohort
from vct.validation.comparison import (
    BOUND_PERCENT,
    SD_BOUNDS,
    Against,
    check_bound,
    compare,
    compare_summary,
)
from vct.validation.comparison_tables import COMPARISONS, HISTOGRAMS, SLOPES
from vct.validation.evidence import NOTES, built_in_kind, own_evidence
from vct.validation.finding import Finding, Kind
from vct.validation.groups import SEXES
from vct.validation.histograms import (
    NO_REFERENCE,
    Shares,
    overlay,
    shares_of_cohort,
    shares_of_reference,
)
from vct.validation.people import People, people_of_cohort, people_of_rows
from vct.validation.reference_file import (
    ReferenceFile,
    cohort_instrument,
    read_reference,
    require_same_instrument,
)
from vct.validation.references import (
    autopet_published,
    hedypet_fit,
    hedypet_slopes,
    reference_for,
)
from vct.validation.slopes import compare_slopes

if TYPE_CHECKING:
    import pandas as pd

_ALONE = Against(NO_REFERENCE, "descriptive")
BUILT_IN = {"autopet-published": autopet_published, "hedypet-fit": hedypet_fit}


@dataclass(frozen=True)
class Asked:
    """What the user asked to be held against.

    Attributes
    ----------
    references
        Names of built-in references, or paths of reference files; empty shows the
        built-in ones and judges by none.
    bound_percent
        Bound of equivalence.
    any_instrument
        Compare with a reference that another instrument measured.
    """

    references: tuple[str, ...] = ()
    bound_percent: float = BOUND_PERCENT
    any_instrument: bool = False

    def __post_init__(self) -> None:
        check_bound(self.bound_percent)
        _require_own_names(self.references)

    def check_readable(self) -> None:
        """Read each reference, before anything long is done.

        Raises
        ------
        CohortError
            If one is neither built-in nor a reference file.
        """
        for name in self.references:
            if name not in BUILT_IN:
                _read(Path(name))


def _require_own_names(references: Sequence[str]) -> None:
    """Refuse references whose rows and findings could not be told apart.

    Raises
    ------
    CohortError
        If two share a name, or a file has that of a built-in one.
    """
    taken = {name: name for name in BUILT_IN if name not in references}
    for asked in references:
        name = _name_of(asked)
        if name in taken:
            raise CohortError(
                f"the references {taken[name]} and {asked} would both be called "
                f"'{name}'. Name each once, and files by names of their own."
            )
        taken[name] = asked


def _name_of(reference: str) -> str:
    """Name of a reference in tables: of a file, without folder and suffix."""
    return reference if reference in BUILT_IN else Path(reference).stem


def comparison_tables(cohort: Cohort, asked: Asked) -> "dict[str, pd.DataFrame]":
    """Tables ``comparisons slopes histograms`` of a cohort.

    Raises
    ------
    CohortError
        If a reference cannot be read, or another instrument measured it.
    """

    people = people_of_cohort(cohort)
    comparisons, slopes, histograms = [], [], []
    for name in asked.references or tuple(BUILT_IN):
        if name in BUILT_IN:
            kind = built_in_kind(cohort.run, name)
            against = Against(name, kind, bound_percent=asked.bound_percent)
            df = compare_summary(people, BUILT_IN[name](), against)
            comparisons.append(df.assign(primary=_primary(df)))
            if name == "hedypet-fit":
                slopes.append(compare_slopes(people, hedypet_slopes(), against))
            continue
        reference, against = _own(Path(name), cohort, asked)
        other = people_of_reference(reference)
        comparisons.append(compare(people, other, against).assign(primary=True))
        slopes.append(compare_slopes(people, other, against))
        histograms.append(_overlay(cohort, people, reference, other, against))
    if not slopes:
        slopes = [compare_slopes(people, None, _ALONE)]
    return {
        "comparisons": _joined(comparisons, list(COMPARISONS)),
        "slopes": _joined(slopes, list(SLOPES)),
        "histograms": _joined(histograms, list(HISTOGRAMS))
        if histograms
        else overlay(_measured(cohort, people), None, _ALONE),
    }


def people_of_reference(reference: ReferenceFile) -> People:
    """People of a reference file; repeat studies of one person count once.

    The first study stands for a person: two of one are not two people.
    """
    return people_of_rows(_first_studies(reference))


def _first_studies(reference: ReferenceFile) -> "pd.DataFrame":
    first = reference.rows.drop_duplicates("subject_key")["subject_id"]
    return reference.rows[reference.rows["subject_id"].isin(first)]


def _overlay(
    cohort: Cohort,
    people: People,
    reference: ReferenceFile,
    others: People,
    against: Against,
) -> "pd.DataFrame":
    """SUV histograms of a cohort over those of a reference file."""
    names = _first_studies(reference)["subject_id"].drop_duplicates().tolist()
    theirs = names, others, shares_of_reference(reference)
    return overlay(_measured(cohort, people), theirs, against)


def _measured(cohort: Cohort, people: People) -> tuple[list[str], People, Shares]:
    return cohort.finished["subject_id"].tolist(), people, shares_of_cohort(cohort)


def judged_findings(
    tables: "dict[str, pd.DataFrame]", asked: Asked
) -> Iterator[Finding]:
    """Findings of the references that were named; none of what is only shown.

    Means and spreads of everybody and by sex, and every subgroup or slope that fails.
    """
    if not asked.references:
        return
    df = tables["comparisons"]
    shown = df["group_kind"].isin(["all", "sex"])
    for row in df[shown | (df["verdict"] == "fail")].itertuples():
        if row.verdict != "info":
            yield _mean_finding(row)
    for row in df[shown | (df["spread_verdict"] == "fail")].itertuples():
        if row.spread_verdict != "info":
            yield _spread_finding(row)
    slopes = tables["slopes"]
    for row in slopes[slopes["verdict"].isin(["pass", "fail"])].itertuples():
        yield _slope_finding(row)


def _read(path: Path) -> ReferenceFile:
    if not path.suffix and not path.exists():
        raise CohortError(
            f"no reference is called {str(path)!r}. Name {', '.join(BUILT_IN)}, or a "
            "file of 'vct autopet reference'."
        )
    return read_reference(path)


def _own(path: Path, cohort: Cohort, asked: Asked) -> tuple[ReferenceFile, Against]:
    reference = _read(path)
    remark = require_same_instrument(
        cohort_instrument(cohort.run),
        reference.instrument,
        any_instrument=asked.any_instrument,
    )
    source = f"{reference.source}. {remark}" if remark else reference.source
    name = _name_of(str(path))
    evidence = own_evidence(cohort.run, reference)
    return reference, Against(name, evidence, source, asked.bound_percent)


def _primary(df: "pd.DataFrame") -> list[bool]:
    """Whether a built-in reference is the one for the organ."""
    columns = (df[name].astype(str) for name in _KEY)
    return [
        (best := reference_for(organ, quantity, _sex(group))) is not None
        and best.source == source
        for organ, quantity, group, source in zip(*columns, strict=True)
    ]


def _sex(group: str) -> str:
    """Of "women" or "women, age <50": F."""
    return SEXES[group.partition(",")[0]]


_KEY = ("organ", "quantity", "group", "source")


def _joined(parts: "list[pd.DataFrame]", columns: list[str]) -> "pd.DataFrame":
    import pandas as pd

    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=columns)
    return pd.concat(filled, ignore_index=True)[columns]


def _mean_finding(row) -> Finding:
    bound = row.bound_percent / 100 * abs(row.reference_mean)
    return Finding(
        id=f"compare/{_slug(row)}/mean",
        title=f"{_title(row)}: mean",
        value=float(row.mean),
        reference=float(row.reference_mean),
        difference_percent=float(row.difference_percent),
        interval=_pair(row.low_percent, row.high_percent),
        bound=(float(row.reference_mean - bound), float(row.reference_mean + bound)),
        verdict=row.verdict,
        note=_note(row) + f" p of difference {row.p_difference_adjusted:.2g}, of "
        f"equivalence {row.p_equivalence_adjusted:.2g} (Benjamini-Hochberg).",
        **_common(row),
    )


def _spread_finding(row) -> Finding:
    low, high = SD_BOUNDS
    return Finding(
        id=f"compare/{_slug(row)}/sd",
        title=f"{_title(row)}: standard deviation",
        value=float(row.sd),
        reference=float(row.reference_sd),
        difference_percent=float(100 * (row.sd_ratio - 1)),
        interval=_pair(100 * (row.sd_ratio_low - 1), 100 * (row.sd_ratio_high - 1)),
        bound=(low * float(row.reference_sd), high * float(row.reference_sd)),
        verdict=row.spread_verdict,
        statistic="sd",
        note=_note(row) + f" p of difference {row.p_spread_adjusted:.2g} "
        "(Benjamini-Hochberg).",
        **_common(row),
    )


def _slope_finding(row) -> Finding:
    return Finding(
        id=f"slope/{row.reference}/{row.organ}/{row.quantity}/{row.sex}/{row.on}",
        title=f"{row.organ.replace('_', ' ')}, {row.quantity}, {row.sex}: slope on "
        f"{row.on}",
        quantity=row.quantity,
        group=row.sex,
        n=int(row.n),
        value=float(row.slope),
        reference=float(row.reference_slope),
        difference_percent=float(row.difference_percent_per_sd),
        verdict=row.verdict,
        source=row.reference,
        kind=_kind(row),
        statistic="slope",
        organ=row.organ,
        note=NOTES.get(row.evidence, "")
        + "Difference over one SD of the regressor, in percent of the mean. p of "
        f"difference {row.p_difference_adjusted:.2g} (Benjamini-Hochberg). "
        f"{row.note}".rstrip(),
    )


def _common(row) -> dict:
    return {
        "quantity": row.quantity,
        "group": row.group,
        "n": int(row.n),
        "source": row.source or row.reference,
        "kind": _kind(row),
        "organ": row.organ,
    }


def _title(row) -> str:
    organ = row.organ.replace("_", " ")
    return f"{organ}, {row.quantity}, {row.group} against {row.reference}"


def _slug(row) -> str:
    group = row.group.replace(" ", "-").replace(",", "").replace("/", "-")
    return f"{row.reference}/{row.organ}/{row.quantity}/{group}"


def _kind(row) -> Kind:
    return row.evidence if row.evidence in NOTES else "published"


def _note(row) -> str:
    return NOTES.get(row.evidence, "") + row.note


def _pair(low: float, high: float) -> tuple[float, float] | None:
    return (float(low), float(high)) if np.isfinite(low + high) else None
