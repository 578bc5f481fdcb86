"""The words of the report: what the cohort is, its methods and its limits."""

from collections.abc import Sequence
from typing import Any

from vct.manifest import Cohort
from vct.report.tables import number
from vct.subjects import share_in_words

# Keys are cited in the methods paragraph, in this order.
LITERATURE = (
    "Yoon S, et al. Cascaded 3D diffusion models for whole-body 3D 18-F FDG PET/CT "
    "synthesis from demographics. arXiv:2505.22489, 2025.",
    "Karras T, Aittala M, Aila T, Laine S. Elucidating the design space of "
    "diffusion-based generative models. NeurIPS 2022, arXiv:2206.00364.",
    "Ho J, et al. Cascaded diffusion models for high fidelity image generation. "
    "JMLR 23(47), 2022.",
    "Gatidis S, et al. A whole-body FDG-PET/CT dataset with manually annotated tumor "
    "lesions. Sci Data 9:601, 2022.",
    "Hinge C, et al. hedyPET: total-body FDG PET/CT of healthy adults. "
    "Rigshospitalet, read-outs published in github.com/DEPICT-RH/hedyPET.",
    "Du Bois D, Du Bois EF. A formula to estimate the approximate surface area. "
    "Arch Intern Med 17:863, 1916.",
    "Janmahasatian S, et al. Quantification of lean bodyweight. "
    "Clin Pharmacokinet 44:1051, 2005.",
    "Zamzmi G, et al. Scorecard for synthetic medical data evaluation. "
    "Commun Eng 4:130, 2025.",
    "Schuirmann DJ. A comparison of the two one-sided tests procedure and the power "
    "approach for assessing the equivalence of average bioavailability. "
    "J Pharmacokinet Biopharm 15:657, 1987.",
    "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and "
    "powerful approach to multiple testing. J R Stat Soc B 57:289, 1995.",
)


# Built-in references and their places in that list.
_BUILT_IN = {"autopet-published": " [1, 4]", "hedypet-fit": " [5]"}


def statements(
    cohort: Cohort, spec: Any | None, *, calibrated: bool, seen: bool
) -> list[str]:
    """What every reader must know, in whole sentences.

    Parameters
    ----------
    calibrated, seen
        Whether comparisons are marked so.
    """
    model = cohort.run.get("model", {})
    trained_on = (model.get("trained_on") or "not recorded in run.json").rstrip(".")
    lines = [
        "Every subject is synthetic: nobody was scanned. The images were drawn by the "
        f"diffusion model {model.get('name', 'of unknown name')}, version "
        f"{model.get('version', 'unknown')}.",
        f"Training data of the model: {trained_on}.",
        "No lesions are drawn. A diagnosis sets the demographics of a subject and "
        "nothing in the images.",
    ]
    if calibrated:
        lines.append(
            "Comparisons marked calibrated are no validation: the phantoms that "
            "trained the model were fitted to the same references."
        )
    if seen:
        lines.append(
            "Comparisons marked seen are no evidence: the people of the reference may "
            "be among those the model was trained on."
        )
    return lines + _departures(cohort.run, spec)


def _departures(run: dict[str, Any], spec: Any | None) -> list[str]:
    """Where the cohort leaves what its model was trained for."""
    lines = []
    if run.get("header_only_protocol") or (spec and spec.protocol.header_only):
        lines.append(
            "Header-only protocol: injected activity and uptake time may differ from "
            "what the model was trained at. They are written to the DICOM header, and "
            "the images do not follow them."
        )
    outside = run.get("share_outside_model_range") or {}
    shares = [
        f"{name} {share_in_words(share)}"
        for name, share in outside.items()
        if isinstance(share, int | float) and share > 0
    ]
    if shares:
        lines.append(
            "Extrapolated: part of the subjects lies outside the ranges of the model's "
            f"training ({', '.join(shares)})."
        )
    return lines


def methods(
    cohort: Cohort,
    spec: Any | None,
    references: Sequence[str] = (),
    *,
    calibrated: bool,
    seen: bool,
) -> str:
    """A paragraph to paste into a paper; numbers in brackets cite ``LITERATURE``.

    Parameters
    ----------
    spec
        Of the cohort, where it can be read.
    references
        Names of what the cohort was compared with; none where it has no tables of
        comparisons.
    calibrated, seen
        Whether comparisons are marked so.
    """
    run, model = cohort.run, cohort.run.get("model", {})
    subjects = cohort.finished
    n_women = int((subjects["sex"] == "F").sum())
    pet = cohort.series[cohort.series["modality"] == "PT"]
    voxels = (
        " × ".join(f"{pet.iloc[0][f'spacing_{a}_mm']:g}" for a in "kji") + " mm"
        if len(pet)
        else "unknown size"
    )
    hedge = (
        " Agreement with the built-in references is calibrated, not independent: the "
        "model was trained on digital phantoms fitted to them."
        if calibrated and (not references or any(map(_BUILT_IN.get, references)))
        else ""
    )
    if seen:
        hedge += (
            " Agreement marked seen is not independent: people of the reference may be "
            "among those the model was trained on."
        )
    return (
        f"A virtual cohort of {len(subjects)} subjects ({n_women} women, "
        f"{len(subjects) - n_women} men; {_spread(subjects, 'age_years', 0)} years, "
        f"BMI {_spread(subjects, 'bmi_kg_m2', 1)} kg/m², mean ± SD) was generated with "
        f"vct {run.get('vct_version', 'unknown')} (specification SHA-256 "
        f"{str(run.get('spec_sha256', 'unknown'))[:12]}, seed {run.get('seed')}). "
        f"Demographics were {_origin(spec)}; body surface area follows "
        "Du Bois [6], lean body mass Janmahasatian [7]. For each subject a paired "
        f"[18F]FDG PET and CT with voxels of {voxels} was drawn from age, sex, height "
        f"and BMI by the two-stage cascaded diffusion model {model.get('name')}, "
        f"version {model.get('version')} [1–3] (training data: "
        f"{_first_sentence(model.get('trained_on') or 'not recorded')}) and stored as "
        "DICOM CT and PET (BQML, decay-corrected to the series start), from which "
        "body-weight SUV is recovered by dose, uptake time and weight. Organs were "
        "measured on the CT by the model's bundled segmenter. "
        + _comparison(references)
        + hedge
        + " No lesions were simulated."
    )


def _origin(spec: Any | None) -> str:
    """Where demographics came from, after "were"."""
    if spec is not None and spec.subjects_file is not None:
        return "given subject by subject in a table"
    return "sampled from the specification"


def _comparison(references: Sequence[str]) -> str:
    """How organs were compared, and with whom."""
    from vct.validation.comparison import N_RESAMPLES

    if not references:
        return (
            "Means and standard deviations by sex were compared with AutoPET [1, 4] "
            "for liver, heart and kidneys and with hedyPET [5] for the other organs; "
            "intervals of means are Welch's, of standard deviations from 2000 "
            "bootstrap resamples, both 95 %."
        )
    named = " and ".join(f"{name}{_BUILT_IN.get(name, '')}" for name in references)
    return (
        f"Means and standard deviations by organ and subgroup were compared with "
        f"{named}; intervals are 95 % from {N_RESAMPLES} bootstrap resamples. "
        "Equivalence of means was tested by two one-sided tests [9], difference by "
        "Welch's test; p values are adjusted after Benjamini and Hochberg [10], "
        "everybody, the sexes and the other subgroups each for themselves."
    )


def limits(*, calibrated: bool) -> list[str]:
    """What this report cannot show."""
    lines = [
        "Not for clinical use, and no substitute for evidence from patients.",
        "No lesions, implants or other pathology are drawn.",
        "Organs are measured by a network trained on phantoms. Its error is part of "
        "every organ volume here and of no built-in reference: those were measured "
        "with TotalSegmentator. What measured a reference of your own stands in its "
        "file.",
        "An organ that is cut by the field of view, not found, of a volume that no "
        "adult has, or too uncertain by the segmenter's own estimate has no number: it "
        "is left out of the means and counted. That estimate was measured on "
        "phantoms: on other images the segmenter may be wrong and sure. "
        "Volumes of muscle, fat, bone and spine are not compared: every field of view "
        "cuts them.",
        "AutoPET's organ values for 200 patients are published as a figure only. They "
        "were read off it, the reading error is part of the interval, and each sex is "
        "taken as 100. No SUV histogram is published: distributions are compared with "
        "a reference of your own only.",
        f"hedyPET describes {_volunteers()}, on one scanner: part of a difference is a "
        "difference of population and protocol.",
        "The built-in references are means and spreads by sex, hedyPET's also by sex "
        "and age band. Other subgroups and distributions need a reference of your own. "
        "Correlations between organs and image texture are not judged.",
    ]
    if calibrated:
        lines.insert(
            3,
            "The model learned phantoms, not patients: what the phantoms lack, the "
            "images lack.",
        )
    return lines


def _volunteers() -> str:
    """Who hedyPET measured, in words."""
    from vct.validation.references import about

    groups = [
        f"{people['n']} {word} (mean age {people['age_years']:.0f} years, BMI "
        f"{people['bmi_kg_m2']:.1f} kg/m²)"
        for word, people in (
            ("healthy women", about("hedypet")["people"]["F"]),
            ("men", about("hedypet")["people"]["M"]),
        )
    ]
    return " and ".join(groups)


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".")


def _spread(subjects: Any, column: str, decimals: int) -> str:
    """Mean ± SD of a column."""
    x = subjects[column]
    mean = number(float(x.mean()) if len(x) else None, decimals)
    return f"{mean} ± {number(float(x.std()) if len(x) > 1 else None, decimals)}"
