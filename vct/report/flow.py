"""From candidates to measured subjects, in the boxes of a CONSORT diagram."""

from dataclasses import dataclass, field

from vct.manifest import Cohort


@dataclass(frozen=True)
class Step:
    """One box, and who was lost on the way to the next.

    Attributes
    ----------
    title, n
        Of the box.
    parts
        Names and numbers inside it.
    lost_title, lost
        Reasons and numbers beside the way down; empty where nobody can be lost.
    """

    title: str
    n: int
    parts: dict[str, int] = field(default_factory=dict)
    lost_title: str = ""
    lost: dict[str, int] = field(default_factory=dict)

    @property
    def n_lost(self) -> int:
        return sum(self.lost.values())


def flow(cohort: Cohort, attrition: dict[str, int]) -> list[Step]:
    """Candidates drawn, subjects planned, images written, organs measured.

    Parameters
    ----------
    attrition
        Candidates who were not eligible, by the criterion they failed first.
    """
    planned, done = cohort.subjects, cohort.finished
    organs = cohort.organs[cohort.organs["source"] != "threshold"]
    measured = organs.loc[organs["volume_ml"].notna(), "subject_id"].nunique()
    missing = len(planned) - len(done)
    steps = [
        Step(
            "Subjects in the plan",
            len(planned),
            _parts(planned),
            "No images yet",
            {"build limited or not finished": missing} if missing else {},
        ),
        Step(
            "Subjects with images",
            len(done),
            _parts(done),
            "No organ measured",
            {"see Completeness": len(done) - measured} if len(done) > measured else {},
        ),
        Step("Subjects with organs measured", measured),
    ]
    lost = {name: n for name, n in sorted(attrition.items()) if n}
    if lost:
        drawn = len(planned) + sum(lost.values())
        steps.insert(0, Step("Candidates drawn", drawn, {}, "Not eligible", lost))
    return steps


def _parts(subjects) -> dict[str, int]:
    """Subjects by arm, where there are several."""
    counts = subjects["arm"].astype(str).value_counts(sort=False).sort_index()
    return {str(k): int(n) for k, n in counts.items() if n} if len(counts) > 1 else {}
