"""Who the built-in references measured, and how: told to readers, never judged by."""

from dataclasses import dataclass

from vct.validation.references import about, autopet_published

_BLOCKS = {"autopet-published": "autopet_published", "hedypet-fit": "hedypet"}


@dataclass(frozen=True)
class Ages:
    """Ages of people: ``counts`` by sex (F, M) in the bins between ``edges_years``."""

    edges_years: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class ReferencePeople:
    """One built-in reference, in words.

    Attributes
    ----------
    name
        As ``vct validate --reference`` takes it.
    people
        Who was measured.
    drawn_from
        Of whom they are a part: patients by sex, studies by diagnosis; empty if of
        nobody else.
    acquisition
        How they were scanned, with its source at the end.
    instrument
        What found the organs.
    judged
        Organs it is the primary reference for.
    reading_error
        How far numbers read off a figure may be wrong; empty where none was.
    source
        Citation of the numbers.
    """

    name: str
    people: str
    drawn_from: str
    acquisition: str
    instrument: str
    judged: str
    reading_error: str
    source: str


def reference_people(name: str) -> ReferencePeople:
    """A built-in reference: ``autopet-published`` or ``hedypet-fit``."""
    block = about(_BLOCKS[name])
    scanned = block["acquisition"]
    is_autopet = name == "autopet-published"
    return ReferencePeople(
        name=name,
        people=_autopet_people(block) if is_autopet else _hedypet_people(block),
        drawn_from=_drawn_from(block["drawn_from"]) if is_autopet else "",
        acquisition=f"{'; '.join(scanned['facts'])} ({scanned['source']})",
        instrument=block["instrument"],
        judged="liver, heart, kidneys" if is_autopet else "all other organs",
        reading_error=_reading_error() if is_autopet else "",
        source=block["source"],
    )


def autopet_ages() -> Ages:
    """Ages of AutoPET's FDG patients at their first study, by decade."""
    block = about("autopet_published")["drawn_from"]
    return Ages(
        tuple(block["age_edges_years"]),
        {sex: tuple(counts) for sex, counts in block["age_counts"].items()},
    )


def _autopet_people(block: dict) -> str:
    people = block["people"]
    return f"{people['n']} patients ({people['note']})"


def _hedypet_people(block: dict) -> str:
    parts = [
        f"{group['n']} {word} (mean age {group['age_years']:g} y, height "
        f"{group['height_m']:.2f} m, BMI {group['bmi_kg_m2']:g} kg/m²)"
        for word, group in (
            ("women", block["people"]["F"]),
            ("men", block["people"]["M"]),
        )
    ]
    bands = "ages in bands of 18-34, 35-49, 50-69 and 70-99 years"
    return f"healthy adults, {' and '.join(parts)}; {bands}"


def _drawn_from(block: dict) -> str:
    sexes, studies = block["patients"], block["studies_by_diagnosis"]
    diagnoses = ", ".join(f"{n} {name}" for name, n in studies.items())
    return (
        f"{sum(sexes.values())} patients ({sexes['F']} women, {sexes['M']} men, "
        f"{sexes['not told']} not told), {sum(studies.values())} studies: {diagnoses} "
        f"({block['source']})"
    )


def _reading_error() -> str:
    """Errors of the figure's numbers, organ by organ."""
    units = {"volume_ml": "mL", "suv_mean": "SUV"}
    rows = autopet_published().drop_duplicates(["organ", "quantity"])
    return ", ".join(
        f"{organ} ±{error:g} {units[quantity]}"
        for organ, quantity, error in zip(
            rows["organ"], rows["quantity"], rows["reading_error"], strict=True
        )
    )
