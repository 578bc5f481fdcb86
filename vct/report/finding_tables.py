"""Findings and manifests as tables of the page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vct.manifest import Cohort
from vct.report.page_table import (
    Cell,
    Field,
    PageTable,
    figure,
    measured,
    sortable,
    text,
    verdict,
)
from vct.report.scorecard import CRITERIA, VERDICTS, counts, criterion_of
from vct.report.tables import (
    decimals_of,
    file_size,
    interval,
    is_primary,
    number,
    short_source,
    signed,
)
from vct.validation.finding import Finding
from vct.validation.organs import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd

_OF_FINDING = (
    "id", "title", "kind", "organ", "quantity", "statistic", "group", "n", "excluded",
    "value", "reference", "difference_percent", "low", "high", "bound_low",
    "bound_high", "verdict", "source", "note",
)  # fmt: skip
_SEX = {"F": "women", "M": "men"}


def finding_table(
    name: str, caption: str, findings: Sequence[Finding], *, tools: bool = True
) -> PageTable:
    """Findings with their bounds and verdicts, one row each."""
    by_id = {finding.id: finding for finding in findings}

    def of(title: str, cell: Any, numeric: bool = True) -> Field:
        return Field(title, lambda row: cell(by_id[row.id]), numeric)

    fields = (
        of("what", lambda f: Cell(f.title, note=f.note, hint=f.id), numeric=False),
        figure("n", "n", lambda n: number(n, 0)),
        of("cohort", lambda f: _number(f, f.value)),
        of("reference", lambda f: _number(f, f.reference)),
        figure("difference_percent", "difference [%]", signed),
        of("95 % interval", _interval_cell),
        of("passes within", _bound_cell),
        verdict(),
    )
    return PageTable(name, caption, findings_frame(findings), fields, tools)


def findings_frame(findings: Sequence[Finding]) -> "pd.DataFrame":
    """One row a finding; intervals and bounds as two columns each."""
    import pandas as pd

    rows = []
    for finding in findings:
        low, high = finding.interval or (None, None)
        bound_low, bound_high = finding.bound or (None, None)
        ends = {"low": low, "high": high}
        bounds = {"bound_low": bound_low, "bound_high": bound_high}
        rows.append({**vars(finding), **ends, **bounds})
    df = pd.DataFrame(rows, columns=list(_OF_FINDING))
    floats = ["value", "reference", "difference_percent", *_OF_FINDING[12:16]]
    return df.astype(dict.fromkeys(floats, float))


def _number(finding: Finding, value: float | None) -> Cell:
    return Cell(number(value, decimals_of(finding)), sortable(value))


def _interval_cell(finding: Finding) -> Cell:
    in_percent = finding.difference_percent is not None
    decimals = 1 if in_percent else decimals_of(finding)
    words = interval(finding.interval, decimals, sign=in_percent)
    return Cell(words, sortable((finding.interval or [None])[0]))


def _bound_cell(finding: Finding) -> Cell:
    words = interval(finding.bound, decimals_of(finding), sign=False)
    return Cell(words, sortable((finding.bound or [None])[0]))


def spec_tables(
    findings: Sequence[Finding], attrition: dict[str, int]
) -> list[PageTable]:
    """The cohort against its own specification."""
    import pandas as pd

    spec = [f for f in findings if criterion_of(f) == "Constraint"]
    counted = [f for f in spec if f.kind == "spec" and f.group != "all"]
    judged = [f for f in spec if f not in counted]
    lost = pd.DataFrame(
        sorted(attrition.items()), columns=["criterion", "did_not_meet_it"]
    )
    return [
        finding_table("specification", "Sampled against specified", judged),
        finding_table("counts", "Arms, strata and diagnoses against the plan", counted),
        PageTable(
            "attrition",
            "Candidates who were not eligible, by the criterion they failed first",
            lost,
            (
                Field("criterion", lambda row: Cell(row.criterion)),
                figure("did_not_meet_it", "candidates", lambda n: number(n, 0)),
            ),
            tools=False,
        ),
    ]


def criterion_tables(findings: Sequence[Finding]) -> list[PageTable]:
    """What was left out, variety, images against subjects, files; and everything."""

    def having(*beginnings: str) -> list[Finding]:
        return [f for f in findings if f.id.startswith(beginnings)]

    consistent = [
        f
        for f in findings
        if criterion_of(f) == "Consistency" and not f.id.startswith("slope/")
    ]
    return [
        finding_table(
            "left_out", "Organ measurements left out, by reason", having("instrument/"),
            tools=False,
        ),
        finding_table(
            "diversity", "Variety and nearest neighbors", having("image/copies")
        ),
        finding_table("images", "Images against their subjects", consistent),
        finding_table(
            "conformance", "Files and tables", having("conformance/"), tools=False
        ),
        finding_table("findings", "All findings", findings),
    ]  # fmt: skip


def scorecard_table(findings: Sequence[Finding]) -> PageTable:
    """Verdicts by the seven criteria."""
    import pandas as pd

    found = counts(findings)
    questions = {criterion.name: criterion.question for criterion in CRITERIA}
    rows = [
        {"criterion": name, "question": questions.get(name, "")}
        | {verdict: of[verdict] for verdict in VERDICTS}
        for name, of in found.items()
    ]
    fields = (
        text("criterion", "criterion"),
        text("question", "question"),
        *(figure(name, name, lambda n: number(n, 0)) for name in VERDICTS),
    )
    caption = "Findings by criterion and verdict"
    return PageTable("scorecard", caption, pd.DataFrame(rows), fields, tools=False)


def organ_table(findings: Sequence[Finding], *, compared: bool) -> PageTable:
    """Organs by sex: the cohort's own values.

    Parameters
    ----------
    compared
        Whether to show the references too, for want of comparison tables.
    """
    fields: tuple[Field, ...] = (
        text("organ", "organ", lambda name: name.replace("_", " ")),
        text("quantity", "quantity", lambda name: QUANTITIES.get(name, name)),
        text("sex", "sex", lambda sex: _SEX.get(sex, sex)),
        figure("n", "n", lambda n: number(n, 0)),
        figure("left_out", "left out", lambda n: number(n, 0)),
        measured("mean", "mean"),
        measured("sd", "SD"),
    )
    df = organ_frame(findings)
    if compared:
        fields += (
            measured("reference_mean", "reference mean"),
            figure("difference_percent", "difference [%]", signed),
            measured("reference_sd", "reference SD"),
            figure("sd_difference_percent", "SD, difference [%]", signed),
            Field("reference", _reference),
        )
    else:
        df = df[df["primary"]].iloc[:, :7]
    return PageTable("organs", "Organs of this cohort by sex", df, fields)


def _reference(row: Any) -> Cell:
    none = row.reference_mean != row.reference_mean
    return Cell(short_source(row.source), "", "" if none else row.kind, row.source)


def organ_frame(findings: Sequence[Finding]) -> "pd.DataFrame":
    """One row per organ, quantity, sex and reference: mean and SD side by side."""
    import pandas as pd

    found = [f for f in findings if f.id.startswith("organ/")]
    spreads = {f.id: f for f in found if f.statistic == "sd"}
    rows = []
    for mean in found:
        if mean.statistic != "mean":
            continue
        sd = spreads[mean.id.replace("/mean", "/sd")]
        rows.append(
            {
                "organ": mean.organ,
                "quantity": mean.quantity,
                "sex": mean.group,
                "n": mean.n,
                "left_out": mean.excluded,
                "mean": mean.value,
                "sd": sd.value,
                "reference_mean": mean.reference,
                "difference_percent": mean.difference_percent,
                "reference_sd": sd.reference,
                "sd_difference_percent": sd.difference_percent,
                "kind": mean.kind,
                "source": mean.source,
                "primary": is_primary(mean),
            }
        )
    columns = [
        "organ", "quantity", "sex", "n", "left_out", "mean", "sd", "reference_mean",
        "difference_percent", "reference_sd", "sd_difference_percent", "kind",
        "source", "primary",
    ]  # fmt: skip
    df = pd.DataFrame(rows, columns=columns)
    df["primary"] = df["primary"].astype(bool)
    return df.astype(dict.fromkeys(columns[5:11], float))


def series_table(cohort: Cohort) -> PageTable:
    """One row per modality: series, files, slices, voxels, sizes."""
    import pandas as pd

    files = cohort.instances.groupby("modality")["bytes"]
    counted, sizes = files.size().to_dict(), files.sum().to_dict()
    rows = []
    for modality, df in cohort.series.groupby("modality", sort=True):
        first = df.iloc[0]
        rows.append(
            {
                "modality": str(modality),
                "series": len(df),
                "files": int(counted[modality]),
                "rows": int(first["rows"]),
                "columns": int(first["columns"]),
                **{f"spacing_{a}_mm": float(first[f"spacing_{a}_mm"]) for a in "kji"},
                "units": str(first["units"] or ""),
                "bytes": int(sizes[modality]),
                "bytes_per_subject": float(sizes[modality] / len(df)),
            }
        )
    columns = [
        "modality", "series", "files", "rows", "columns", "spacing_k_mm",
        "spacing_j_mm", "spacing_i_mm", "units", "bytes", "bytes_per_subject",
    ]  # fmt: skip
    fields = (
        text("modality", "modality"),
        figure("series", "series", lambda n: number(n, 0)),
        figure("files", "files", lambda n: number(n, 0)),
        Field("rows × columns", lambda r: Cell(f"{r.rows} × {r.columns}")),
        Field(
            "spacing k × j × i [mm]",
            lambda r: Cell(
                f"{r.spacing_k_mm:g} × {r.spacing_j_mm:g} × {r.spacing_i_mm:g}"
            ),
        ),
        text("units", "units"),
        figure("bytes", "size", file_size),
        figure("bytes_per_subject", "per subject", file_size),
    )
    caption = "Series, all alike within a modality"
    return PageTable("series", caption, pd.DataFrame(rows, columns=columns), fields,
                     tools=False)  # fmt: skip
