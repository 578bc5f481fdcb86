"""Tables as ``measure`` makes them, of a population whose law is known."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from vct.seeds import generator
from vct.training.agreement.members import (
    CONDITIONS,
    Member,
    SetName,
    alike,
    drawn_people,
    members,
)
from vct.training.agreement.reading import described
from vct.training.agreement.tables import LISTED, Measured, measured_of

# Mean volume [mL], mean SUV, coefficient of variation at the same demographics.
_LAW = {
    "liver": (1700.0, 2.2, 0.15),
    "spleen": (220.0, 1.9, 0.30),
    "kidneys": (340.0, 2.8, 0.15),
    "heart": (650.0, 1.9, 0.13),
    "lungs": (3600.0, 0.5, 0.18),
    "brain": (1250.0, 7.0, 0.08),
    "aorta": (210.0, 1.6, 0.20),
    "urinary_bladder": (220.0, 15.0, 0.45),
    "muscle": (16000.0, 0.7, 0.12),
    "subcutaneous_fat": (17000.0, 0.3, 0.18),
    "bone": (5500.0, 1.1, 0.10),
    "pancreas": (90.0, 1.6, 0.30),
}
DIMENSIONS = 48
Tables = tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]


def tables_of(every: Sequence[Member], seed: int) -> Tables:
    """Subjects, organs and embeddings of members, drawn from the law."""
    subjects, organs, embeddings = [], [], {}
    directions = generator(0, "synthetic/directions").normal(size=(6, DIMENSIONS))
    for member in every:
        rng = generator(seed, "synthetic", member.subject_id)
        subject, rows, latent = _one(member, rng)
        subjects.append(subject)
        organs += rows
        noise = rng.normal(0, 4, DIMENSIONS)
        raw = 20 * latent @ directions + noise
        embeddings[member.subject_id] = raw.clip(-127, 127).round().astype(np.int8)
    return pd.DataFrame(subjects), pd.DataFrame(organs), embeddings


def _one(
    member: Member, rng: np.random.Generator
) -> tuple[dict, list[dict], np.ndarray]:
    person = member.person
    age = (person.age_years - 54) / 10
    bmi = (person.bmi_kg_m2 - 27) / 5
    height = (person.height_m - 1.7) / 0.1
    draw = rng.normal(size=2 * len(_LAW) + 3)
    rows = []
    for i, (organ, (volume_ml, suv, cv)) in enumerate(_LAW.items()):
        grown = 1 + 0.10 * bmi + 0.06 * height - 0.02 * age
        warm = 1 + 0.08 * bmi - 0.01 * age
        rows.append(
            _organ(
                member,
                organ,
                volume_ml=volume_ml * max(grown, 0.2) * np.exp(cv * draw[2 * i]),
                suv_mean=suv * max(warm, 0.2) * np.exp(0.8 * cv * draw[2 * i + 1]),
                z_high_mm=0.0,
            )
        )
    mass = 0.7 * person.weight_kg * np.exp(0.02 * draw[-1])
    rows.append(_organ(member, "body_hu", mass_kg=mass))
    trunk = 350 * person.height_m + 10 * draw[-2]
    rows.append(_organ(member, "femurs", z_high_mm=-trunk))
    share = 0.81 + 0.03 * draw[-3]
    subject = {**described(member), "suv_ml_field": 1000 * share * person.weight_kg}
    return subject, rows, np.array([age, bmi, height, *draw[:3]])


def _organ(member: Member, organ: str, **values: float) -> dict:
    empty = dict.fromkeys(
        ("volume_ml", "suv_mean", "mass_kg", "z_low_mm", "z_high_mm"), np.nan
    )
    return {
        "subject_id": member.subject_id, "organ": organ, "status": "ok",
        **empty, **values,
    }  # fmt: skip


def drawn_sets(
    seed: int = 1,
    *,
    generated: int = 512,
    population: int = 1500,
    fresh: int = 512,
    training: int = 600,
    each: int = 24,
) -> dict[SetName, Tables]:
    """Every set, all of them phantoms: the generated ones too."""
    people = drawn_people(seed, max(generated, population, fresh))
    others = drawn_people(seed + 1000, training)
    return {
        "generated": tables_of(members("generated", people[:generated]), seed),
        "population": tables_of(members("population", people[:population]), seed),
        "fresh": tables_of(members("fresh", people[:fresh]), seed),
        "training": tables_of(members("training", others), seed),
        "alike_generated": tables_of(alike("alike_generated", each, CONDITIONS), seed),
        "alike_phantom": tables_of(alike("alike_phantom", each, CONDITIONS), seed),
    }


def joined(sets: dict[SetName, Tables], **more: bool) -> Measured:
    """Sets as one comparison."""
    subjects = pd.concat([s for s, _, _ in sets.values()], ignore_index=True)
    organs = pd.concat(
        [o for name, (_, o, _) in sets.items() if name != "training"],
        ignore_index=True,
    )
    embeddings = {k: v for _, _, e in sets.values() for k, v in e.items()}
    return measured_of(subjects, organs, embeddings, **more)


def changed(
    sets: dict[SetName, Tables], fault: Callable[[pd.DataFrame], None]
) -> dict[SetName, Tables]:
    """The sets with generated subjects' organs changed in place by ``fault``."""
    subjects, organs, embeddings = sets["generated"]
    wrong = organs.merge(subjects.drop(columns="set"), on="subject_id")
    fault(wrong)
    return {**sets, "generated": (subjects, wrong[organs.columns], embeddings)}


assert set(LISTED) <= set(_LAW)
