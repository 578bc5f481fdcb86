"""How the subjects are scanned, and what is made of them."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from vct.spec.distributions import Distribution, reaches
from vct.spec.part import READABLE, Flag, Integer, Label, Part, Problem, refuse

_NAMES = ("injected_mbq", "injected_mbq_per_kg", "uptake_min")


class Scanner(Part):
    """What the headers say of the scanner: nobody's, so that no reader guesses."""

    manufacturer: Label = "VCT project"
    """Manufacturer (0008,0070)."""
    model_name: Label = "Virtual PET/CT"
    """Manufacturer's Model Name (0008,1090)."""
    station: Annotated[str, Field(max_length=16, pattern=READABLE)] = "VCT"
    """Station Name (0008,1010), at most 16 characters."""


def _count_tag(value: object) -> str:
    return "word" if isinstance(value, str) else "number"


BedCount = Annotated[
    Annotated[Integer, Field(ge=1, le=100), Tag("number")]
    | Annotated[Literal["single"], Tag("word")],
    Discriminator(_count_tag),
]


class Beds(Part):
    """Bed positions of the PET."""

    duration_s: Annotated[Integer, Field(ge=1, le=36000)] = 120
    """Duration of one bed position [s]."""
    count: BedCount = "single"
    """Bed positions, feet to head, or single: one that covers everything."""


class Protocol(Part):
    """Dose, uptake time and scanner."""

    injected_mbq: Distribution | None = None
    """Activity at injection [MBq], or injected_mbq_per_kg."""
    injected_mbq_per_kg: Distribution | None = None
    """Activity at injection for each kilogram of body weight [MBq/kg]."""
    uptake_min: Distribution
    """Time from injection to the start of the PET [min]."""
    scanner: Scanner = Scanner()
    """What the headers say of the scanner."""
    beds: Beds = Beds()
    """Bed positions."""
    header_only: Flag = False
    """Accept a dose or an uptake time the model was not trained at: the headers say
    it, marked as such, and the pictures do not follow."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems: list[Problem] = []
        doses = (self.injected_mbq, self.injected_mbq_per_kg)
        if all(dose is None for dose in doses):
            message = "missing; give injected_mbq or injected_mbq_per_kg"
            problems.append((("injected_mbq_per_kg",), message))
        if all(dose is not None for dose in doses):
            message = "give injected_mbq or injected_mbq_per_kg, not both"
            problems.append((("injected_mbq_per_kg",), message))
        for name in _NAMES:
            distribution = getattr(self, name)
            if distribution is None:
                continue
            # An unbounded tail below 0 is drawn again; a stated end there is an error.
            if any(
                reach.high <= 0 or (reach.stated and reach.low < 0)
                for reach in reaches(distribution)
            ):
                problems.append(((name,), f"{name} must be above 0"))
        if problems:
            refuse(problems)
        return self


class Sampler(Part):
    """Steps of the diffusion sampler; what is left out is the model card's."""

    base_steps: Annotated[Integer, Field(ge=1, le=1000)] | None = None
    """Steps of the base stage."""
    superres_steps: Annotated[Integer, Field(ge=1, le=1000)] | None = None
    """Steps of the super-resolution stage."""
    solver: Literal["heun", "dpmpp2m"] | None = None
    """Heun (second order) or DPM-Solver++(2M)."""


class Model(Part):
    """Which model draws the pictures."""

    name: Annotated[str, Field(strict=True, min_length=1)] = "whole-body-4mm"
    """Name of a bundled model, see 'vct models', or a model's folder, which counts from
    the working directory; './tiny' where a bundled model is called tiny, too."""
    extrapolate: Flag = False
    """Accept subjects outside the model's range."""
    sampler: Sampler = Sampler()
    """Steps of the sampler."""


class Output(Part):
    """What is written besides CT and PET."""

    segmentation: Flag = True
    """Organs as DICOM SEG."""
    previews: Flag = True
    """One PNG of each subject."""
    report: Flag = True
    """report.html."""
