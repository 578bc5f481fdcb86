"""Does the cohort agree with itself: images with subjects, files with tables?

The measures of images here use thresholds only, no network.
"""

from typing import Any

import numpy as np

from vct.manifest import Cohort, finished_subjects
from vct.uptake import bq_ml_per_suv
from vct.validation.demographics import FEWEST_JUDGED
from vct.validation.duplicates import (
    COPY,
    FARTHEST,
    FEWEST_MEASURES,
    FEWEST_SUBJECTS,
    nearest_pairs,
)
from vct.validation.finding import Finding, Kind, Verdict
from vct.validation.people import people_of_cohort
from vct.validation.statistics import correlation, finite, mean_interval

THRESHOLD_SOURCE = "thresholds on HU and SUV, no network"
LEAST_BLADDER_ML = 20.0
SHOWN_FILES = 3  # in a note
MISSING_IN_PHANTOMS = 1 / 2000  # of the population, docs/benchmarks.md

# (id, organ, quantity, column of subjects, title)
_TRENDS = (
    ("mass-weight", "body_hu", "mass_kg", "weight_kg", "Mass in the field and weight"),
    ("fat-bmi", "fat_hu", "volume_ml", "bmi_kg_m2", "Fat in the field and BMI"),
    ("lungs-height", "lungs_hu", "volume_ml", "height_m", "Lung volume and height"),
)


def image_findings(cohort: Cohort, *, of_phantoms: bool) -> list[Finding]:
    """What images say of their subjects: mass, trends, activity, bladders, copies.

    ``of_phantoms`` says that the model learned from phantoms, so that how rare a
    missing bladder should be is known.
    """
    table = cohort.organs.query("source == 'threshold'").merge(
        cohort.subjects, on="subject_id"
    )
    findings = [_mass_share(table, sex) for sex in ("F", "M")]
    findings += [_trend(table, *trend) for trend in _TRENDS]
    findings.append(_length(cohort))
    findings.append(_missing_bladders(table, of_phantoms))
    findings.append(_activity_share(table))
    findings.append(_clipping(cohort))
    findings.append(_copies(cohort))
    return [finding for finding in findings if finding is not None]


def _descriptive(
    id: str, title: str, quantity: str, group: str, n: int, value: float | None, **more
) -> Finding:
    """Finding without reference, and not judged unless ``more`` says how."""
    given = {
        "verdict": "info",
        "source": THRESHOLD_SOURCE,
        "kind": "descriptive",
        **more,
    }
    return Finding(
        id=id,
        title=title,
        quantity=quantity,
        group=group,
        n=n,
        value=value,
        **given,  # type: ignore[arg-type]
    )


def _mass_share(table, sex: str) -> Finding | None:
    """Mass inside the field as a share of body weight."""
    rows = table[(table["organ"] == "body_hu") & (table["sex"] == sex)]
    x = finite((rows["mass_kg"] / rows["weight_kg"]).to_numpy())
    if not len(x):
        return None
    mean, spread = float(np.mean(x)), mean_interval(x)
    return _descriptive(
        f"image/mass-share/{sex}",
        f"Mass in the field of view as a share of weight, {sex}",
        "share",
        sex,
        len(x),
        mean,
        interval=spread,
        organ="body_hu",
        note="Legs and, in part, arms lie outside the field, so the share is below 1.",
    )


def _trend(
    table, name: str, organ: str, quantity: str, column: str, title: str
) -> Finding | None:
    """Correlation of a measure in the images with a demographic variable."""
    rows = table[table["organ"] == organ]
    found = correlation(rows[quantity].to_numpy(), rows[column].to_numpy())
    if found is None:
        return None
    r, interval = found
    return _descriptive(
        f"image/{name}",
        f"{title}: Pearson's r",
        quantity,
        "all",
        len(rows),
        r,
        interval=interval,
        statistic="r",
        organ=organ,
    )


def _length(cohort: Cohort) -> Finding | None:
    """Correlation of the length of the trunk with height."""
    rows = cohort.images.merge(cohort.subjects, on="subject_id")
    found = correlation(
        rows["trunk_length_mm"].to_numpy(float), rows["height_m"].to_numpy(float)
    )
    if found is None:
        return None
    r, interval = found
    return _descriptive(
        "image/length-height",
        "Length from hips to lung tops and height: Pearson's r",
        "trunk_length_mm",
        "all",
        int(rows["trunk_length_mm"].notna().sum()),
        r,
        interval=interval,
        statistic="r",
        source="organs that the segmenter found in the CT",
    )


def _missing_bladders(table, of_phantoms: bool) -> Finding | None:
    """Subjects in whose pelvis next to nothing is hot; more than chance fails.

    A bladder that the field cuts is there, and of no known size: it is left out.
    """
    rows = table[table["organ"] == "bladder_suv"]
    cut = rows["status"] == "cut_by_field"
    rows = rows[~cut]
    if rows.empty:
        return None
    missing = rows.loc[rows["volume_ml"].fillna(0.0) < LEAST_BLADDER_ML, "subject_id"]
    names = ", ".join(sorted(missing)[:5]) + (", …" if len(missing) > 5 else "")
    note = f"Look at: {names}." if names else ""
    judge = of_phantoms and len(rows) >= FEWEST_JUDGED
    judged = judged_by_chance(len(missing), len(rows)) if judge else {}
    return _descriptive(
        "image/no-hot-bladder",
        f"Subjects with less than {LEAST_BLADDER_ML:.0f} mL of hot urine",
        "subjects",
        "all",
        len(rows),
        float(len(missing)),
        statistic="count",
        organ="bladder_suv",
        excluded=int(cut.sum()),
        note=note,
        **judged,
    )


def _activity_share(table) -> Finding | None:
    """The largest share of the injected activity in a field, which cannot pass 1."""
    rows = table[table["organ"] == "body_hu"]
    share = rows["suv_mean"] * rows["volume_ml"] / (1000.0 * rows["weight_kg"])
    if not share.notna().any():
        return None
    hottest = share.idxmax()
    return _descriptive(
        "image/activity-share",
        "Largest share of the injected activity inside a body",
        "share",
        "all",
        int(share.notna().sum()),
        float(share[hottest]),
        statistic="largest",
        organ="body_hu",
        kind="conformance",
        bound=(0.0, 1.0),
        verdict="pass" if share[hottest] <= 1 else "fail",
        note=f"SUV mean × volume ÷ weight of {rows.at[hottest, 'subject_id']}.",
    )


def judged_by_chance(missing: int, n: int) -> dict[str, Any]:
    """Fields of a finding on ``missing`` of ``n``: up to the binomial 95 % point pass.

    The share expected is ``MISSING_IN_PHANTOMS``.
    """
    from scipy import stats

    most = float(stats.binom.ppf(0.95, n, MISSING_IN_PHANTOMS))
    return {
        "kind": "calibrated",
        "bound": (0.0, most),
        "verdict": "pass" if missing <= most else "fail",
        "source": f"{THRESHOLD_SOURCE}; one of 2000 phantoms has less",
    }


_TOO_FEW_TO_TELL = (
    f"Below {FEWEST_SUBJECTS} subjects, or {FEWEST_MEASURES} measures that most of "
    "them have, copies are not told from people."
)


def _copies(cohort: Cohort) -> Finding:
    """Subjects whose organs measure as another's do: one subject twice."""
    people = people_of_cohort(cohort)
    nearest = nearest_pairs(people)
    names = cohort.finished["subject_id"].tolist()
    copies = [
        f"{names[pair.one]} and {names[pair.other]}"
        for pair in nearest
        if pair.distance < COPY
    ]
    verdict: Verdict = "fail" if copies else "pass" if nearest else "inconclusive"
    note = f"One subject twice: {', '.join(copies[:5])}." if copies else ""
    return Finding(
        id="image/copies",
        title="Least distance of two subjects' organs, of two people's usual one",
        quantity="distance",
        n=len(people),
        value=nearest[0].distance if nearest else None,
        bound=(COPY, FARTHEST) if nearest else None,
        verdict=verdict,
        source="organs.parquet",
        kind="conformance",
        statistic="distance",
        note=note if nearest else _TOO_FEW_TO_TELL,
    )


def _clipping(cohort: Cohort) -> Finding:
    """Voxels whose SUV passed the end of the PET encoding."""
    pet = cohort.series[cohort.series["modality"] == "PT"]
    clipped = pet["clipped_voxels"].fillna(0).to_numpy(dtype=float)
    return _descriptive(
        "image/pet-clipped",
        "PET voxels clipped at the end of the encoding",
        "clipped_voxels",
        "all",
        len(pet),
        float(clipped.sum()),
        statistic="count",
        source="counted by the build",
        note=f"In {int((clipped > 0).sum())} of {len(pet)} subjects.",
    )


def file_findings(cohort: Cohort, *, hashes: bool = False) -> list[Finding]:
    """Are the files those of the tables, and every subject there?

    Parameters
    ----------
    hashes
        Also read every file and compare its SHA-256.
    """
    planned, done = len(cohort.subjects), len(cohort.finished)
    later = _written_later(cohort)
    problems = [*cohort.verify(hashes=hashes), *_unrecorded(cohort, later)]
    uids = cohort.instances["sop_uid"]
    return [
        _judged(
            "subjects",
            "Subjects with images",
            done,
            planned,
            done,
            "pass" if done == planned else "inconclusive",
            note=_unfinished(done, planned, len(later)),
        ),
        _judged(
            "files",
            "Files that differ from instances.parquet"
            + (" (SHA-256 compared)" if hashes else " (names and sizes compared)"),
            len(problems),
            0,
            done,
            "fail" if problems else "pass",
            note=" ".join([f"{len(uids)} files recorded.", *_cure(problems)]),
        ),
        _judged(
            "unique-uids",
            "SOP Instance UIDs that repeat",
            int(uids.duplicated().sum()),
            0,
            done,
            "fail" if uids.duplicated().any() else "pass",
        ),
        *_suv_factor(cohort),
    ]


def _unfinished(done: int, planned: int, later: int) -> str:
    """What a cohort lacks, and how to go on."""
    if done == planned:
        return ""
    if later:
        return (
            f"{later} more {'is' if later == 1 else 'are'} written and not in the "
            "tables: a build was interrupted. Run the same 'vct build' again."
        )
    return "The build was limited or has not finished."


def _written_later(cohort: Cohort) -> set[str]:
    """Subjects that an interrupted build wrote and did not enter in the tables."""
    absent = set(cohort.subjects["subject_id"]) - set(cohort.finished["subject_id"])
    return absent & {folder.name for folder in finished_subjects(cohort.path)}


def _unrecorded(cohort: Cohort, later: set[str]) -> list[str]:
    """One line per DICOM file that no table names, but of subjects ``later``."""
    recorded = set(cohort.instances["path"])
    files = cohort.path.glob("dicom/*/*/*.dcm")
    present = {
        path.relative_to(cohort.path).as_posix()
        for path in files
        if not path.parts[-3].startswith(".") and path.parts[-3] not in later
    }
    return [f"{name} is not recorded" for name in sorted(present - recorded)]


def _cure(problems: list[str]) -> list[str]:
    """Which files differ, and what makes their subjects anew, as sentences."""
    if not problems:
        return []
    shown = "; ".join(problems[:SHOWN_FILES])
    if len(problems) > SHOWN_FILES:
        shown += f"; and {len(problems) - SHOWN_FILES} more"
    folders = list(dict.fromkeys("/".join(line.split("/")[:2]) for line in problems))
    removed = ", ".join(folders[:SHOWN_FILES])
    if len(folders) > SHOWN_FILES:
        removed += f" and {len(folders) - SHOWN_FILES} more"
    return [f"{shown}.", f"Remove {removed} and run the same 'vct build' again."]


def _suv_factor(cohort: Cohort) -> list[Finding]:
    """Activity concentration of SUV 1: series table against subjects table."""
    pet = cohort.series[cohort.series["modality"] == "PT"].merge(
        cohort.subjects, on="subject_id"
    )
    if pet.empty:
        return []
    columns = ["bq_ml_per_suv", "weight_kg", "injected_mbq", "uptake_min"]
    worst = max(
        abs(
            written
            / bq_ml_per_suv(
                weight_kg=weight_kg, injected_mbq=injected_mbq, uptake_min=uptake_min
            )
            - 1.0
        )
        for written, weight_kg, injected_mbq, uptake_min in pet[columns].to_numpy(float)
    )
    bound = 1e-6  # what an independent reader of the header must find
    return [
        _judged(
            "suv-factor",
            "Largest relative error of the SUV factor recomputed from dose and weight",
            worst,
            0.0,
            len(pet),
            "pass" if worst <= bound else "fail",
            bound=(0.0, bound),
        )
    ]


def _judged(
    name: str,
    title: str,
    value: float,
    reference: float,
    n: int,
    verdict: Verdict,
    *,
    bound: tuple[float, float] | None = None,
    note: str = "",
) -> Finding:
    """Finding on files and tables."""
    kind: Kind = "conformance"
    return Finding(
        id=f"conformance/{name}",
        title=title,
        quantity=name,
        n=n,
        value=float(value),
        reference=float(reference),
        bound=bound or (float(reference), float(reference)),
        verdict=verdict,
        source="the cohort's own tables",
        kind=kind,
        statistic="count" if bound is None else "mean",
        note=note,
    )
