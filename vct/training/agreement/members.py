"""Who is compared: sets of people, each a function of (seed, set, index)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vct.errors import SpecError
from vct.seeds import generator
from vct.training.people import Person, draw_person, inside

SetName = Literal[
    "population", "generated", "fresh", "training", "alike_generated", "alike_phantom"
]
# Fixed conditions at which the spread of subjects is compared: sex, age, height, BMI.
CONDITIONS: tuple[Person, ...] = (
    Person(35.0, "F", 1.65, 22.0),
    Person(70.0, "F", 1.58, 33.0),
    Person(45.0, "M", 1.80, 26.0),
    Person(75.0, "M", 1.70, 31.0),
)


@dataclass(frozen=True)
class Member:
    """One subject of one set.

    ``number`` counts within the set; ``condition`` is the index of ``CONDITIONS`` where
    people are fixed, else -1.
    """

    set: SetName
    number: int
    person: Person
    condition: int = -1

    @property
    def subject_id(self) -> str:
        """Name that is unique among all sets; it picks the noise streams."""
        return f"{self.set}-{self.number:06d}"


def drawn_people(seed: int, n: int) -> list[Person]:
    """``n`` people of the training's law; a longer list begins with the shorter."""
    return [draw_person(generator(seed, "agreement/person", i)) for i in range(n)]


def people_of_cohort(path: Path, n: int) -> list[Person]:
    """The first ``n`` people of a cohort YAML that lie inside the model's ranges.

    Raises
    ------
    SpecError
        If more than a fifth of them lie outside, or their height or BMI is unsaid.
    """
    from vct.spec import load_spec
    from vct.subjects import sample_subjects

    table = sample_subjects(load_spec(path), size=math.ceil(1.25 * n) + 16)
    columns = ["age_years", "sex", "height_m", "bmi_kg_m2"]
    rows = table[columns].itertuples(index=False, name=None)
    people = [Person(float(a), str(s), float(h), float(b)) for a, s, h, b in rows]
    people = [person for person in people if inside(person)]
    if len(people) < n:
        raise SpecError(
            f"{path}: only {len(people)} of {len(table)} subjects drawn from it lie "
            "inside the model's ranges with height and BMI; compare a cohort that the "
            "model covers."
        )
    return people[:n]


def members(name: SetName, people: Sequence[Person]) -> list[Member]:
    """A set of people, numbered in their order."""
    return [Member(name, i, person) for i, person in enumerate(people)]


def alike(
    name: SetName, each: int, conditions: Sequence[Person] = CONDITIONS
) -> list[Member]:
    """``each`` subjects at every fixed condition, in turn.

    More of them begin with the fewer, so that a folder can be grown.
    """
    return [
        Member(name, turn * len(conditions) + which, person, which)
        for turn in range(each)
        for which, person in enumerate(conditions)
    ]
