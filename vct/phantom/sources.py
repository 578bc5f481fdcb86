"""Every number of the phantom population and where it comes from.

    python -m vct.phantom.sources

prints the table as Markdown. Values are read from the modules that use them, so that
table and code cannot differ. ``kind`` says what a number is worth: *measured* (by the
source, on people), *fitted* (by us, to measured people), *published* (a mean or slope
taken over), *rendered* (measured on our own phantoms), *assumed*. Sizes and places of
the painted anatomy, such as where a lobe ends, are drawn by hand and stand in the
modules that draw it; ``docs/explanation/phantom.md`` says how far from people's.
"""

import argparse
from dataclasses import dataclass
from typing import Any

from vct.phantom import (
    activity,
    bones,
    calibration,
    composition,
    fitting,
    image,
    mixture,
    outline,
    painted_uptake,
    population,
    render,
    texture,
)
from vct.phantom.structures import SHAPE_LATENTS, STRUCTURES


@dataclass(frozen=True)
class Source:
    """Origin of one number or group of numbers.

    ``name`` is ``module.NAME``, for a group with what it holds; ``value`` is the number
    itself or how many there are.
    """

    name: str
    value: Any
    unit: str
    kind: str
    source: str


_MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        population,
        painted_uptake,
        activity,
        mixture,
        fitting,
        bones,
        calibration,
        composition,
        outline,
        texture,
        image,
        render,
    )
}
_HEDYPET = "hedyPET read-outs of 60 healthy adults, Rigshospitalet (Hinge et al.)"
_AUTOPET = "AutoPET, FDG-PET-CT-Lesions clinical metadata, doi 10.7937/gkr0-xv29"
_TEXTBOOK = "textbook range; no measurement behind it"
_AGING = "trunks fill out, muscle thins; the sign is known, the size assumed"
_BY_CROPS = (
    "set by eight sarcoma patients' scans (TCIA Soft-tissue-Sarcoma, cropped by IBSI): "
    "limbs, other protocols"
)

# name, unit, kind, source
_CONSTANTS: tuple[tuple[str, str, str, str], ...] = (
    ("population.LIMIT_SD", "SD", "assumed", "1 in 370 normal draws is drawn back"),
    ("population.PATCHY_SHARE_OF_WARM", "share", "published",
     "302 oncologic PETs: diffuse 25.5, focal or focal on diffuse 38.4 %"),
    ("population.COLD_HEART_TO_BLOOD", "SUV ratio", "measured",
     f"{_HEDYPET}: 38 % read less; 36.1 % of 302 oncologic PETs show no uptake"),
    ("population.ACTIVITY_SHARE_MIDDLE", "share", "measured",
     f"{_HEDYPET}: the same estimate on them is 0.797"),
    ("population.ACTIVITY_SHARE_WIDTH", "share", "fitted",
     "brings the draws' SD of the share to the people's 0.054"),
    ("population.MOST_ACTIVITY_SHARE", "share", "measured",
     f"{_HEDYPET}: at most 0.94"),
    ("population.MOST_ATTEMPTS", "draws", "assumed", "a limit, not a property"),
    ("population.CONTRAST_SHARE", "share", "measured",
     f"{_AUTOPET}: 952 of 1014 studies are portal-venous"),
    ("population.HU_SD", "HU", "assumed", "whole organs, between people"),
    ("population.LIVER_HU_SD", "HU", "published",
     "Graffy 2019 (n = 11 669): 55 ± 10, of which BMI explains 14 %"),
    ("population.LIVER_HU_PER_BMI", "HU per kg/m²", "published",
     "Graffy 2019: r² 0.14; at an SD of BMI of 5 kg/m², sign as in fatty liver"),
    ("population.ENHANCEMENT_SD", "ln", "assumed", "contrast dose not by weight"),
    ("population.MARROW_HU_PER_YEAR", "HU per year", "published",
     "Jang 2019 (n = 20 374): L1 trabecular -2.5; taken at -2, an assumption"),
    ("population.MUSCLE_HU_PER_YEAR", "HU per year after 40", "assumed", _TEXTBOOK),
    ("population.MUSCLE_HU_PER_BMI", "HU per kg/m²", "assumed",
     "van der Werf 2017 (n = 420) gives the sign"),
    ("painted_uptake.MYOCARDIUM_SHARE", "of heart volume", "rendered",
     "painted geometry"),
    ("painted_uptake.RENAL_PELVIS_SHARE", "of kidney volume", "rendered",
     "painted geometry"),
    ("painted_uptake.GREY_SHARE", "of brain volume", "rendered", "painted geometry"),
    ("painted_uptake.GREY_TO_WHITE", "SUV ratio", "assumed", "textbook: 2-3"),
    ("painted_uptake.RENAL_PELVIS_SUV", "g/mL; SD of ln", "assumed",
     "textbook: 5-20 at 60 min"),
    ("painted_uptake.COLDEST_WALL_TO_BLOOD", "SUV ratio", "assumed",
     "keeps a cold wall from falling far under its blood"),
    ("painted_uptake.OTHER_UPTAKE_SD", "ln", "assumed",
     "structures that no fit covers; what is fitted spreads 0.10-0.35"),
    ("painted_uptake.UPTAKE_FROM", "factors on an organ's uptake", "assumed",
     "marrow above cortex, skin below and glands above soft tissue: textbook"),
    ("activity.MUSCLE_PER_LEAN", "mL/g", "measured", _HEDYPET),
    ("activity.OTHER_PER_LEAN", "mL/g", "measured", _HEDYPET),
    ("activity.BONE_PER_LEAN", "mL/g", "measured", _HEDYPET),
    ("activity.VISCERAL_FAT_PER_WEIGHT", "mL/g", "measured", _HEDYPET),
    ("activity.SUBCUTANEOUS_ML", "mL; mL per kg/m²; m", "fitted", _HEDYPET),
    ("mixture.COLD_SHARE", "share", "published",
     "302 oncologic PETs: 36.1 % without myocardial uptake"),
    ("bones.NOT_COMPARABLE", "factor; slope with ln(height)", "assumed",
     "volume; gives a middle man a femur of 37 mm below the trochanters, a skull vault "
     "of 7 mm; no measurement behind it"),
    ("bones.FACTOR_RANGE", "factor on cross-sections", "assumed",
     "keeps bones inside muscle; each of vertebrae, scapulae, clavicles and sternum "
     "reaches an end in 10-23 % of people drawn for training"),
    ("bones.BONE_RIDGE", "people", "assumed", "weight of all bones' slopes among 60"),
    ("bones.STOUT", "factor", "assumed", "where the gain is measured"),
    ("fitting.RIDGE", "people", "assumed", "weight of published slopes among 60"),
    ("fitting.SPREAD_BY_SEX", "share", "assumed", "30 people of each sex"),
    ("fitting.OUTLIER_SD", "robust SD", "assumed", "one right kidney is atrophied"),
    ("fitting.AUTOPET_PEOPLE", "mean, SD", "measured",
     f"ages: {_AUTOPET}; heights: 565 of arXiv 2505.22489; BMI: DEGS1, an assumption"),
    ("fitting.AUTOPET_WEIGHT_KG", "kg", "published", "range of arXiv 2505.22489"),
    ("calibration.SLOPE_RANGE", "exponent", "assumed", "a limit, not a property"),
    ("calibration.FACTOR_RANGE", "factor", "assumed", "a limit, not a property"),
    ("composition.ANSUR", "mm; mm per cm of height; mm per kg/m²", "fitted",
     "ANSUR II (6068 adults), linear in height and BMI, at 1.70 m and 26 kg/m²"),
    ("composition.LYING", "factor", "assumed", "a trunk widens and flattens lying"),
    ("composition.MASS_SHARE_IN_FIELD", "of weight", "assumed",
     "vertex to mid-thigh, arms up, at 1.72 m; sets where the girth of a trunk starts"),
    ("composition.FAT_DENSITY", "g/mL", "published", "textbook: adipose tissue"),
    ("composition.LEAN_DENSITY", "g/mL", "published", "textbook: lean tissue"),
    ("composition.TORSO_MM", "mm; mm per m; mm", "fitted",
     "565 torsos of arXiv 2505.22489, lung top to hips; at 1.715 m, SD beside height"),
    ("composition.VISCERAL_ML", "mL; mL per kg/m²; cm", "fitted", _HEDYPET),
    ("composition.VISCERAL_LEAST_ML", "mL", "assumed", "a limit, not a property"),
    ("composition.VISCERAL_PER_YEAR", "share per year", "assumed",
     "visceral fat grows with age; textbook gives the sign"),
    ("composition.SUBCUTANEOUS_PER_SD", "ln per SD", "assumed",
     "spread of the fat layer beside demographics"),
    ("composition.VISCERAL_PER_SD", "ln per SD", "assumed",
     "spread of the fat inside beside demographics"),
    ("composition.MESENTERY_SHARE", "of visceral fat", "assumed",
     "its vessels, nodes and folds"),
    ("composition.ABDOMINAL_ML", "mL", "assumed",
     "room of an organ where the anatomy names no volume; textbook range"),
    ("composition.OTHER_ABDOMINAL_ML", "mL", "assumed",
     "spine, psoas, vessels and pelvic organs, of a middle torso"),
    ("composition.BELOW_DOME_MM", "mm", "assumed", "where the abdomen's room begins"),
    ("composition.CHEST_DEPTH_PER_YEAR", "share per year", "assumed", _AGING),
    ("composition.WAIST_PER_YEAR", "share per year", "assumed", _AGING),
    ("composition.ANDROID_SD", "SD", "assumed", "men's fat sits at the waist"),
    ("composition.MUSCLE_WALL", "factor on thickness", "assumed", _TEXTBOOK),
    ("composition.MUSCLE_WALL_PER_YEAR", "share per year", "assumed", _AGING),
    ("composition.MUSCLE_WALL_PER_BMI", "share per kg/m²", "assumed",
     "who carries more has more muscle"),
    ("outline.HIP_FAT", "factor on the fat layer", "assumed", "gynoid: sign only"),
    ("outline.CHEST_FAT", "factor on the fat layer", "assumed", "gynoid: sign only"),
    ("texture.MOTTLE_NODE_MM", "mm", "assumed", "wide and fine"),
    ("texture.MOTTLE_SUV", "of SUV", "assumed", "wide and fine"),
    ("texture.MOTTLE_SOFT_HU", "HU", "assumed", "wide and fine"),
    ("texture.MOTTLE_LUNG_HU", "HU", "assumed", "wide and fine"),
    ("texture.STRAND_THICKNESS_MM", "mm", "assumed", "3 % of muscle; " + _BY_CROPS),
    ("texture.STRAND_NODE_MM", "mm, z y x", "assumed", "along the body, 15 mm apart"),
    ("texture.STRENGTH_NODE_MM", "mm, z y x", "assumed", "in places no strand"),
    ("texture.FAT_LESS_MUSCLE_HU", "HU", "assumed", _TEXTBOOK),
    ("texture.VESSEL_RADIUS_MM", "mm", "assumed", "finer than what is painted"),
    ("texture.VESSEL_NODE_MM", "mm, z y x", "assumed", "some 12 mm apart"),
    ("texture.VESSEL_LESS_LUNG_HU", "HU", "assumed", _TEXTBOOK),
    ("texture.HILUM_REACH_MM", "mm", "assumed", "vessels thin out from the hila"),
    ("image.PET_FWHM_MM", "mm", "assumed", "clinical scanners: about 5; not measured"),
    ("image.PET_NOISE_FWHM_MM", "mm", "measured", _BY_CROPS),
    ("image.CT_FINE_FWHM_MM", "mm", "measured", _BY_CROPS),
    ("image.CT_WIDE_FWHM_MM", "mm", "measured", _BY_CROPS),
    ("image.CT_WIDE_SHARE", "of variance", "measured", _BY_CROPS),
    ("image.NOISE_STEP_MM", "mm", "assumed", "where levels are told, not a property"),
    ("image.REFERENCE_MBQ_PER_KG", "MBq/kg", "assumed", "middle of the protocol, 2-6"),
    ("image.COUNTS_FWHM_MM", "mm", "assumed", "activity around that adds to the noise"),
    ("image.LARGEST_VARIANCE", "of mean squared", "assumed", "a limit, not a property"),
    ("image.BREATHING_MM", "mm", "assumed", "excursion of a diaphragm at rest"),
    ("image.BREATHING_REACH_MM", "mm", "assumed", "end, and SD of the weight"),
    ("image.COUNTS_SHARES", "of variance; SUV", "assumed",
     "attenuation correction lifts noise where much is around"),
    ("image.CT_NOISE_IN_AIR", "of tissue's", "assumed", "about a third"),
    ("render.BREATHING_SHIFT_MM", "mm, mean and SD", "assumed",
     "PET higher than a CT of one moment"),
    ("render.LIVER_COV", "coefficient of variation", "published",
     "clinical livers 10-13 %; at 76 kg, 4 mm and 4 MBq/kg"),
    ("render.LIVER_COV_WEIGHT_KG", "kg", "assumed", "where LIVER_COV is told"),
    ("render.WEIGHT_EXPONENT", "power of weight", "assumed",
     "0.5 at one dose per weight (de Groot 2013, doi 10.1186/2191-219X-3-63); sites "
     "scan heavy people longer"),
    ("render.CT_NOISE_HU", "HU", "measured", f"at 26 kg/m², 4 mm; {_BY_CROPS}"),
    ("render.CT_NOISE_PER_BMI", "ln per kg/m²", "assumed",
     "tube current is raised for heavy people, not by as much as they attenuate"),
    ("render.LABELED_SHARE", "of volume covered", "rendered", "24 subjects at 4 mm"),
)  # fmt: skip

_STRUCTURES = (
    Source("structures.STRUCTURES.suv", len(STRUCTURES), "g/mL", "assumed",
           f"{_TEXTBOOK}; used only where no fitted quantity covers a structure"),
    Source("structures.STRUCTURES.hu", len(STRUCTURES), "HU", "assumed",
           f"{_TEXTBOOK}; liver 57: Graffy 2019, 55 ± 10"),
    Source("structures.STRUCTURES.hu_contrast", len(STRUCTURES), "HU", "assumed",
           "portal-venous phase, textbook"),
    Source("structures.SHAPE_LATENTS", len(SHAPE_LATENTS), "SD", "assumed",
           "standard normal, independent; what one SD moves stands in structures.py"),
)  # fmt: skip


def sources() -> list[Source]:
    """Every row of the table."""
    rows = [
        Source(name, _value(name), unit, kind, source)
        for name, unit, kind, source in _CONSTANTS
    ]
    return [*rows, *_STRUCTURES, *_fitted()]


def _value(name: str) -> Any:
    module, _, constant = name.partition(".")
    value = getattr(_MODULES[module], constant)
    return len(value) if constant == "UPTAKE_FROM" else value


_BONE_UNIT = "ln mL (beta, painted), ln mL per SD (loading), share (gain)"
_BONE_NOTE = "; only loading and gain are used, see bones.NOT_COMPARABLE"


def _fitted() -> list[Source]:
    table = population.fitted_table()
    rows = [
        Source(
            f"fitted.quantities.{name}",
            _fit_in_words(row),
            "ln mL" if name.startswith("volume_ml") else "ln g/mL over weight/lean",
            "fitted",
            row["source"],
        )
        for name, row in table["quantities"].items()
    ]
    slopes = [
        Source(
            f"fitting.PUBLISHED_SLOPES.{name}.{regressor}",
            slope,
            "per 20 years" if regressor == "age" else f"per unit of {regressor}",
            "published",
            source,
        )
        for name, given in fitting.PUBLISHED_SLOPES.items()
        for regressor, slope, source in given
    ]
    return [
        *rows,
        *slopes,
        Source("fitted.heart_mixture", _words(table["heart_mixture"]), "SD", "fitted",
               f"{_HEDYPET}: residuals of the heart's uptake; cold share published"),
        Source("fitted.correlation", len(table["correlation"]), "rows", "fitted",
               f"{_HEDYPET}: shrunk, see vct.phantom.correlation"),
        *(
            Source(f"fitted.bones.{name}", _bone_in_words(row), _BONE_UNIT, "fitted",
                   row["source"] + _BONE_NOTE * (name in bones.NOT_COMPARABLE))
            for name, row in table["bones"].items()
        ),
        Source("fitted.reading_correction", len(table["reading_correction"]),
               "organs", "rendered", "vct.phantom.calibration, 50 phantoms"),
    ]  # fmt: skip


def _fit_in_words(row: dict[str, Any]) -> str:
    beta = " ".join(f"{c:+.3f}" for c in row["coefficients"])
    sd = row["residual_sd"]
    words = f"beta {beta}; SD F {sd['F']:.3f} M {sd['M']:.3f}"
    if row["autopet_shift"]:
        words += "; AutoPET F {F:+.3f} M {M:+.3f}".format(**row["autopet_shift"])
    return words


def _bone_in_words(row: dict[str, Any]) -> str:
    beta = " ".join(f"{c:+.3f}" for c in row["coefficients"])
    painted = " ".join(f"{c:+.3f}" for c in row["painted"])
    return (
        f"beta {beta}; loading {row['loading']:.3f}; painted {painted}; "
        f"gain {row['gain']:.2f}"
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(_words(v) for v in value)
    return f"{value}"


def as_markdown() -> str:
    """The table for people."""
    lines = ["| name | value | unit | kind | source |", "|---|---|---|---|---|"]
    lines += [
        f"| `{s.name}` | {_words(s.value)} | {s.unit} | {s.kind} | {s.source} |"
        for s in sources()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line of this module: prints the table."""
    argparse.ArgumentParser(
        prog="python -m vct.phantom.sources",
        description="Print every number of the phantom population and its source.",
    ).parse_args()
    print(as_markdown(), end="")


if __name__ == "__main__":
    main()
