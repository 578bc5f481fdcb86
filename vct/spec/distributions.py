"""Distributions a spec can name; ``vct.subjects.quantile`` draws from them."""

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AllowInfNan,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from vct.spec.part import LARGEST, NotNegative, Number, Part, Positive, Problem, refuse

Sex = Literal["F", "M"]


_LARGEST_RATIO = 1e6  # of SD and mean; the square of a larger one may overflow


class Constant(Part):
    """One value for everybody; a bare number means the same."""

    kind: Literal["constant"]
    value: Number
    """The value."""


class Normal(Part):
    """Normal distribution. Weigh ``truncated_normal``: this one has no ends."""

    kind: Literal["normal"]
    mean: Number
    """Mean."""
    sd: Positive
    """Standard deviation, above 0."""


class TruncatedNormal(Part):
    """Normal distribution, cut at ``low`` and ``high``."""

    kind: Literal["truncated_normal"]
    mean: Number
    """Mean before the cut."""
    sd: Positive
    """Standard deviation before the cut, above 0."""
    low: Number
    """Lowest value."""
    high: Number
    """Highest value."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_order(self.low, self.high)
        nearest = min(max(self.mean, self.low), self.high)
        if abs(nearest - self.mean) > 8 * self.sd:
            message = (
                f"low {self.low:g} to high {self.high:g} lies more than 8 sd from "
                f"the mean {self.mean:g}; nobody would be drawn"
            )
            refuse([(("low",), message)])
        return self


class LogNormal(Part):
    """Log-normal distribution by its own mean and SD, not those of the logarithm."""

    kind: Literal["lognormal"]
    mean: Positive
    """Mean, above 0."""
    sd: Positive
    """Standard deviation, above 0."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sd > _LARGEST_RATIO * self.mean:
            message = f"sd {self.sd:g} is over a million times the mean {self.mean:g}"
            refuse([(("sd",), message)])
        return self


class Uniform(Part):
    """Every value from ``low`` to ``high`` alike."""

    kind: Literal["uniform"]
    low: Number
    """Lowest value."""
    high: Number
    """Highest value."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_order(self.low, self.high)
        return self


def _values_apart(weights: Any) -> Any:
    """Refuse two keys for one value, which were one: JSON has texts for keys."""
    seen: dict[float, Any] = {}
    for key in weights if isinstance(weights, Mapping) else ():
        try:
            value = float(key)
        except (TypeError, ValueError):
            continue  # told by its type
        if isinstance(key, bool):
            raise ValueError(f"{str(key).lower()} is no number")
        if value in seen:
            raise ValueError(f"{seen[value]!r} and {key!r} are one value")
        seen[value] = key
    return weights


_Key = Annotated[float, AllowInfNan(False), Field(ge=-LARGEST, le=LARGEST)]


class Categorical(Part):
    """A few values, each with its weight."""

    kind: Literal["categorical"]
    weights: Annotated[
        dict[_Key, NotNegative],
        BeforeValidator(_values_apart),
        Field(min_length=1),
    ]
    """Value: weight. Weights need not add up to 1."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_weight("weights", list(self.weights.values()))
        return self


class Histogram(Part):
    """Empirical distribution: counts in bins, uniform within each bin."""

    kind: Literal["histogram"]
    edges: Annotated[tuple[Number, ...], Field(min_length=2)]
    """Edges of the bins, ascending; one more than counts."""
    counts: Annotated[tuple[NotNegative, ...], Field(min_length=1)]
    """Count or weight of each bin."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems: list[Problem] = []
        for i, (a, b) in enumerate(itertools.pairwise(self.edges)):
            if not a < b:
                problems.append(
                    (("edges", i + 1), f"edges must ascend; {b:g} <= {a:g}")
                )
        if len(self.edges) != len(self.counts) + 1:
            message = (
                f"{len(self.counts)} counts need {len(self.counts) + 1} edges, "
                f"there are {len(self.edges)}"
            )
            problems.append((("edges",), message))
        if problems:
            refuse(problems)
        _require_weight("counts", list(self.counts))
        return self


class Component(Part):
    """One component of a mixture."""

    weight: Positive
    """Weight; those of a mixture need not add up to 1."""
    draw: "PlainDistribution"
    """Distribution of this component."""


class Mixture(Part):
    """Several distributions, each with its weight."""

    kind: Literal["mixture"]
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    """The components."""


class BySex(Part):
    """One distribution for women, another for men."""

    by_sex: Annotated[dict[Sex, "Distribution"], Field(min_length=2)]
    """F and M, each with its distribution."""


class AgeBand(Part):
    """Distribution up to an age."""

    below: Positive | None = None
    """Upper end of the band [years], itself outside it; left out in the last band."""
    draw: "Distribution"
    """Distribution of this band."""


class ByAge(Part):
    """A distribution for each age band, ascending, the last without end."""

    by_age: Annotated[tuple[AgeBand, ...], Field(min_length=1)]
    """The bands."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems: list[Problem] = []
        previous = 0.0
        for i, band in enumerate(self.by_age[:-1]):
            if band.below is None:
                message = "only the last band may leave 'below' out"
                problems.append((("by_age", i), message))
            elif not band.below > previous:
                message = f"bands must ascend; {band.below:g} <= {previous:g}"
                problems.append((("by_age", i, "below"), message))
            previous = band.below or previous
        if self.by_age[-1].below is not None:
            message = "the last band has no end: leave 'below' out"
            problems.append((("by_age", len(self.by_age) - 1, "below"), message))
        if problems:
            refuse(problems)
        return self


KINDS = (
    "constant",
    "normal",
    "truncated_normal",
    "lognormal",
    "uniform",
    "categorical",
    "histogram",
    "mixture",
)


def tag_of(value: Any) -> str | None:
    """Which distribution a YAML value, or a part already made, stands for."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    if not isinstance(value, Mapping):
        value = {
            name: getattr(value, name, None) for name in ("kind", "by_sex", "by_age")
        }
        value = {name: given for name, given in value.items() if given is not None}
    for name in ("by_sex", "by_age"):
        if name in value:
            return name
    kind = value.get("kind")
    return kind if isinstance(kind, str) else None


PlainDistribution = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[TruncatedNormal, Tag("truncated_normal")]
    | Annotated[LogNormal, Tag("lognormal")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Categorical, Tag("categorical")]
    | Annotated[Histogram, Tag("histogram")]
    | Annotated[Mixture, Tag("mixture")],
    Discriminator(tag_of),
]

Distribution = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[TruncatedNormal, Tag("truncated_normal")]
    | Annotated[LogNormal, Tag("lognormal")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Categorical, Tag("categorical")]
    | Annotated[Histogram, Tag("histogram")]
    | Annotated[Mixture, Tag("mixture")]
    | Annotated[BySex, Tag("by_sex")]
    | Annotated[ByAge, Tag("by_age")],
    Discriminator(tag_of),
]

for _part in (Component, Mixture, BySex, AgeBand, ByAge):
    _part.model_rebuild()


class SexShares(Part):
    """Shares of women and men."""

    kind: Literal["categorical"]
    weights: Annotated[dict[Sex, NotNegative], Field(min_length=1)]
    """F and M, each with its weight; they need not add up to 1."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_weight("weights", list(self.weights.values()))
        return self


def support(distribution: Any, sex: str | None = None) -> tuple[float, float]:
    """Lowest and highest value a distribution can give, to one sex or to either."""
    match distribution:
        case Constant(value=value) | (int() | float() as value):
            return float(value), float(value)
        case TruncatedNormal(low=low, high=high) | Uniform(low=low, high=high):
            return low, high
        case LogNormal():
            return 0.0, float("inf")
        case Categorical(weights=weights):
            values = [value for value, weight in weights.items() if weight > 0]
            return min(values), max(values)
        case Histogram(edges=edges, counts=counts):
            filled = [i for i, count in enumerate(counts) if count > 0]
            return edges[filled[0]], edges[filled[-1] + 1]
        case Mixture(components=components):
            return _hull([support(c.draw) for c in components])
        case BySex(by_sex=by_sex):
            chosen = [d for name, d in by_sex.items() if sex in (None, name)]
            return _hull([support(d, sex) for d in chosen])
        case ByAge(by_age=by_age):
            return _hull([support(band.draw, sex) for band in by_age])
    return -float("inf"), float("inf")


def gives(distribution: Any, low: float, high: float, sex: str | None = None) -> bool:
    """Whether there are values from ``low``, itself inside, up to ``high``, outside.

    Of one sex or of either. Tails without end reach everywhere.
    """
    match distribution:
        case Constant(value=value) | (int() | float() as value):
            return low <= value < high
        case Categorical(weights=weights):
            return any(low <= x < high for x, weight in weights.items() if weight > 0)
        case Histogram(edges=edges, counts=counts):
            bins = zip(itertools.pairwise(edges), counts, strict=True)
            return any(a < high and low < b for (a, b), count in bins if count > 0)
        case Mixture(components=components):
            return any(gives(c.draw, low, high) for c in components)
        case BySex(by_sex=by_sex):
            chosen = [d for name, d in by_sex.items() if sex in (None, name)]
            return any(gives(d, low, high, sex) for d in chosen)
    lowest, highest = support(distribution, sex)
    return lowest < high and low < highest


_REACH_SD = 6
_LARGEST_EXPONENT = 700.0  # of which exp is still a double


class Reach(NamedTuple):
    """Where the values of one part of a distribution lie.

    Attributes
    ----------
    low, high
        The lowest and the highest; of an unbounded part, all but one value in 500
        million lie between.
    stated
        Whether the spec names these ends; else they are those of a tail.
    """

    low: float
    high: float
    stated: bool


def reaches(distribution: Any) -> list[Reach]:
    """Reach of every part: of each sex, age band, component and category."""
    match distribution:
        case Normal(mean=mean, sd=sd):
            return [Reach(mean - _REACH_SD * sd, mean + _REACH_SD * sd, False)]
        case LogNormal(mean=mean, sd=sd):
            variance = math.log1p((sd / mean) * (sd / mean))
            middle, reach = math.log(mean) - variance / 2, math.sqrt(variance)
            ends = (middle - _REACH_SD * reach, middle + _REACH_SD * reach)
            low, high = (math.exp(min(end, _LARGEST_EXPONENT)) for end in ends)
            return [Reach(low, high, False)]
        case Categorical(weights=weights):
            return [Reach(x, x, True) for x, weight in weights.items() if weight > 0]
        case Mixture(components=components):
            return [one for c in components for one in reaches(c.draw)]
        case BySex(by_sex=by_sex):
            return [one for part in by_sex.values() for one in reaches(part)]
        case ByAge(by_age=by_age):
            return [one for band in by_age for one in reaches(band.draw)]
    return [Reach(*support(distribution), True)]


def _hull(ranges: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _require_order(low: float, high: float) -> None:
    if not low < high:
        refuse([(("low",), f"low ({low:g}) must be below high ({high:g})")])


def _require_weight(name: str, weights: list[float]) -> None:
    if not sum(weights) > 0:
        refuse([((name,), f"{name} must not all be 0")])
