"""The outline test: bodies of drawn people against measured outlines.

    python -m vct.phantom.outline_test DATA --people 1000

DATA holds ``population/ansur_2.csv`` (ANSUR II: what breadths, depths and girths were
fitted to) and ``population/nhanes_2017_18.csv`` (NHANES: waists that nothing was fitted
to). Printed are the fits anew beside the numbers in use, and for people of NHANES's own
age, sex, height and BMI the waist of a phantom beside theirs. Nothing is rendered.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vct.errors import SpecError
from vct.phantom.composition import ANSUR, build_frame
from vct.phantom.demographics import Demographics
from vct.phantom.frame import Frame
from vct.phantom.markdown import markdown
from vct.phantom.population import draw_anatomy
from vct.seeds import generator

if TYPE_CHECKING:
    import pandas as pd

# Levels as shares of the torso: where ANSUR's waist was fitted, at the navel, and the
# top of the hip bones, where NHANES lays its tape.
NAVEL, HIP_BONES = 0.60, 0.72
ADULT_YEARS = (18.0, 80.0)  # NHANES records 80 and over as 80
BMI_RANGE = (17.0, 45.0)
BMI_BANDS = ((17.0, 25.0), (25.0, 30.0), (30.0, 35.0), (35.0, 45.0))
_ANSUR_COLUMNS = {
    "chest_breadth": "chestbreadth", "chest_depth": "chestdepth",
    "waist_breadth": "waistbreadth", "waist_depth": "waistdepth",
    "hip_breadth": "hipbreadth", "hip_depth": "buttockdepth",
    "biacromial": "biacromialbreadth", "neck_girth": "neckcircumference",
    "thigh_girth": "thighcircumference", "upper_arm_girth": "bicepscircumferenceflexed",
    "bicristal": "bicristalbreadth",
}  # fmt: skip
Table = list[dict[str, str]]


def ansur_fits(people: "pd.DataFrame") -> Table:
    """Sizes at 1.70 m and 26 kg/m², per cm and per kg/m² [mm]: in use, and fitted anew.

    Parameters
    ----------
    people
        Columns as in ``ansur_2.csv``: sex, weight_kg, stature [mm] and sizes [mm].
    """
    rows = []
    height_cm = people["stature"] / 10
    bmi = people["weight_kg"] / (height_cm / 100) ** 2
    design = np.column_stack([np.ones(len(people)), height_cm - 170, bmi - 26])
    for size, column in _ANSUR_COLUMNS.items():
        row = {"size": size}
        for sex in "FM":
            own = (people["sex"] == sex).to_numpy()
            y = people.loc[own, column].to_numpy(float)
            fitted, *_ = np.linalg.lstsq(design[own], y, rcond=None)
            row[f"{sex}, in use"] = _numbers(ANSUR[sex][size])
            row[f"{sex}, fitted"] = _numbers(fitted)
            row[f"{sex}, SD beside"] = f"{(y - design[own] @ fitted).std():.0f}"
        rows.append(row)
    return rows


def waists_cm(frame: Frame) -> dict[float, float]:
    """Girth of the trunk at the navel and at the top of the hip bones [cm]."""

    def girth_cm(z: float) -> float:
        a, b, n = (frame.profile(name, z) for name in "abn")
        return _girth_mm(a, b, n) / 10

    return {share: girth_cm(frame.level(share)) for share in (NAVEL, HIP_BONES)}


def _girth_mm(a: float, b: float, n: float, steps: int = 720) -> float:
    """Length of |x/a|^n + |y/b|^n = 1 [mm]."""
    turn = np.linspace(0, 2 * np.pi, steps + 1)
    x, y = (
        half * np.sign(part) * np.abs(part) ** (2 / n)
        for half, part in ((a, np.cos(turn)), (b, np.sin(turn)))
    )
    return float(np.hypot(np.diff(x), np.diff(y)).sum())


def phantom_waists(people: "pd.DataFrame", seed: int) -> "pd.DataFrame":
    """Waists of one phantom a person [cm], columns ``NAVEL`` and ``HIP_BONES``.

    ``people`` has columns sex (F, M), age_years, height_m and bmi_kg_m2.
    """
    import pandas as pd

    rows = []
    columns = people[["sex", "age_years", "height_m", "bmi_kg_m2"]]
    for index, row in enumerate(columns.itertuples(index=False)):
        rng = generator(seed, "outline_test/anatomy", index)
        rows.append(waists_cm(build_frame(draw_anatomy(Demographics(*row), rng))))
    return pd.DataFrame(rows, index=people.index)


def waist_table(people: "pd.DataFrame", waists: "pd.DataFrame") -> Table:
    """Means by sex and BMI [cm], and slopes and spread beside them by sex.

    Parameters
    ----------
    people
        With columns sex, age_years, height_m, bmi_kg_m2 and waist_cm.
    waists
        Of a phantom of each, as from ``phantom_waists``, with the same index.
    """
    rows = []
    for sex in "FM":
        own = people["sex"] == sex
        for low, high in BMI_BANDS:
            chosen = own & people["bmi_kg_m2"].between(low, high, inclusive="left")
            figures = {n: f"{x[chosen].mean():.0f}" for n, x in _of(people, waists)}
            rows.append(
                {"sex": sex, "": f"mean, BMI {low:.0f} to {high:.0f}", **figures}
            )
        fits = {n: _line(people[own], x[own]) for n, x in _of(people, waists)}
        for name in ("per 10 years", "per kg/m²", "per 10 cm of height", "SD beside"):
            rows.append(
                {"sex": sex, "": name}
                | {n: f"{figures[name]:.1f}" for n, figures in fits.items()}
            )
    return rows


def _of(
    people: "pd.DataFrame", waists: "pd.DataFrame"
) -> tuple[tuple[str, "pd.Series"], ...]:
    return (
        ("people", people["waist_cm"]),
        ("phantoms, hip bones", waists[HIP_BONES]),
        ("phantoms, navel", waists[NAVEL]),
    )


def _line(people: "pd.DataFrame", y: "pd.Series") -> dict[str, float]:
    """Slopes of a waist on age, BMI and height, fitted together, and what is left."""
    parts = (people["age_years"] / 10, people["bmi_kg_m2"], people["height_m"] * 10)
    design = np.column_stack([np.ones(len(y)), *parts])
    fitted, *_ = np.linalg.lstsq(design, y.to_numpy(), rcond=None)
    names = ("per 10 years", "per kg/m²", "per 10 cm of height")
    left = y.to_numpy() - design @ fitted
    return {**dict(zip(names, map(float, fitted[1:]), strict=True)),
            "SD beside": float(left.std(ddof=len(fitted)))}  # fmt: skip


def _numbers(values: "np.ndarray | tuple[float, ...]") -> str:
    middle, per_cm, per_bmi = values
    return f"{middle:.0f}, {per_cm:.2f}, {per_bmi:.2f}"


def read_nhanes(folder: Path, people: int, seed: int) -> "pd.DataFrame":
    """Adults with a waist, as many as asked for, drawn without order.

    Raises
    ------
    SpecError
        If the table is missing.
    """
    table = _read(folder / "population" / "nhanes_2017_18.csv")
    named = table.rename(
        columns={
            "AgeInYearsAtScreening": "age_years",
            "BodyMassIndexKgm2": "bmi_kg_m2",
            "WaistCircumferenceCm": "waist_cm",
        }
    )
    named["sex"] = named["Gender"].str[0]
    named["height_m"] = named["StandingHeightCm"] / 100
    adult = named["age_years"].between(*ADULT_YEARS, inclusive="left")
    told = named[adult & named["bmi_kg_m2"].between(*BMI_RANGE)]
    told = told.dropna(subset=["waist_cm", "height_m"]).reset_index(drop=True)
    rng = generator(seed, "outline_test/people")
    return told.iloc[rng.permutation(len(told))[:people]]


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if not path.is_file():
        raise SpecError(f"{path} is missing: DATA must hold population/{path.name}")
    return pd.read_csv(path)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module: prints two Markdown tables."""
    parser = argparse.ArgumentParser(
        prog="python -m vct.phantom.outline_test",
        description="Hold outlines of drawn bodies against ANSUR II and NHANES.",
    )
    parser.add_argument("data", type=Path, help="folder that holds population/")
    parser.add_argument("--people", type=int, default=1000, help="of NHANES")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    soldiers = _read(options.data / "population" / "ansur_2.csv")
    print(markdown(ansur_fits(soldiers)), end="\n\n")
    people = read_nhanes(options.data, options.people, options.seed)
    waists = phantom_waists(people, options.seed)
    print(markdown(waist_table(people, waists)))


if __name__ == "__main__":
    main()
