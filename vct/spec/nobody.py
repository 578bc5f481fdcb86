"""Rules, quotas and populations that together leave nobody."""

from collections.abc import Iterator, Mapping
from typing import Any

from vct.spec.contradiction import Choices, Ranges, find_contradictions
from vct.spec.distributions import SexShares, gives, support
from vct.spec.expression import Node, parse
from vct.spec.part import Location, Problem
from vct.spec.population import POSSIBLE, ArmSpec, Population, Quota
from vct.spec.presets import DIAGNOSES, MODEL_RANGE, find_preset


def contradictions(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules no subject of an arm, or of a quota in it, can meet.

    Parameters
    ----------
    parts
        Fields of a cohort by name, those that are right by themselves.
    """
    if "eligibility" not in parts or "arms" not in parts:
        return
    common = [(rule, parse(rule)) for rule in parts["eligibility"]]
    told: set[str] = set()
    for i, arm in enumerate(parts["arms"]):
        population = arm.population or parts.get("population")
        own = [(rule, parse(rule)) for rule in arm.eligibility]
        places = _places_of_rules(common, own, i)
        for j, quota in enumerate([None, *parts.get("quotas", ())], start=-1):
            only = _only_sex(population, None)
            if quota is not None and only and quota.sex not in (None, only):
                message = f"'{quota.name}': everybody in the population is {only}"
                yield ("quotas", j), message
                continue
            ranges, texts = _given(population, quota)
            found = find_contradictions([*common, *own], ranges, texts)
            for pair in found:
                if not told & set(pair):
                    at = ("quotas", j) if quota is not None else _home(arm, i)
                    yield _place(pair, places, at), _sentence(pair, arm, own)
                told |= {s for s in pair if not s.startswith(_GIVEN)}
            if quota is not None and not found and not _can_fill(population, quota):
                message = f"nobody in the population meets quota '{quota.name}'"
                yield ("quotas", j), message
            if quota is None and any(_is_empty(pair) for pair in found):
                break  # and so is every quota


def _home(arm: ArmSpec, at: int) -> Location:
    """Where the population of an arm stands."""
    return ("population",) if arm.population is None else ("arms", at, "population")


def _places_of_rules(
    common: list[tuple[str, Node]], own: list[tuple[str, Node]], arm: int
) -> dict[str, Location]:
    places: dict[str, Location] = {}
    for i, (rule, _) in enumerate(common):
        places.setdefault(rule, ("eligibility", i))
    for i, (rule, _) in enumerate(own):
        places.setdefault(rule, ("arms", arm, "eligibility", i))
    return places


def _place(
    pair: tuple[str, str], rules: Mapping[str, Location], other: Location
) -> Location:
    """Where to point: the later of the two that is a rule, or somewhere else."""
    found = [rules[source] for source in pair if source in rules]
    return max(found, key=lambda at: (at[0] == "eligibility", at), default=other)


_GIVEN = ("the population", "quota '")  # sources that are no rules


def _is_empty(pair: tuple[str, str]) -> bool:
    """Whether a population has nobody, whatever the rules."""
    return pair[0] == pair[1] and pair[0].startswith(_GIVEN[0])


def _sentence(pair: tuple[str, str], arm: ArmSpec, own: list[tuple[str, Node]]) -> str:
    first, second = (s if s.startswith(_GIVEN) else f"'{s}'" for s in pair)
    where = f" in arm '{arm.name}'" if own else ""
    if _is_empty(pair):
        return f"there is nobody in {first}"
    if pair[0] == pair[1]:
        return f"nobody in the population meets {first}{where}"
    return f"{first} and {second} cannot both hold{where}; nobody would be eligible"


def _given(
    population: Population | None, quota: Quota | None
) -> tuple[Ranges, Choices]:
    """What population and quota leave each column."""
    sex = _only_sex(population, quota)
    ranges: dict[str, tuple[float, float, str]] = {}
    for name in POSSIBLE:
        low, high = _support(population, name, sex)
        ranges[name] = (low, high, f"the population ({name} {low:g} to {high:g})")
    if quota is not None and quota.age_years is not None:
        low, high, source = ranges["age_years"]
        band = quota.age_years
        if low < band.low or band.high < high:
            source = f"quota '{quota.name}'"
        ranges["age_years"] = (max(low, band.low), min(high, band.high), source)
    ranges["weight_kg"] = _weights(population, ranges["height_m"], ranges["bmi_kg_m2"])
    is_narrower = sex != _only_sex(population, None)
    source = f"quota '{quota.name}'" if quota and is_narrower else "the population"
    texts: dict[str, tuple[tuple[str, ...], str]] = {
        "sex": ((sex,) if sex else ("F", "M"), source)
    }
    if population is not None:
        texts["diagnosis"] = (_diagnoses(population), "the population")
    return ranges, texts


def _weights(
    population: Population | None,
    height_m: tuple[float, float, str],
    bmi_kg_m2: tuple[float, float, str],
) -> tuple[float, float, str]:
    """Lowest and highest weight [kg], and what says so."""
    low, high = bmi_kg_m2[0] * height_m[0] ** 2, bmi_kg_m2[1] * height_m[1] ** 2
    told = f"weight_kg {low:g} to {high:g}"
    if population is not None and population.preset is not None:
        cut_low, cut_high = MODEL_RANGE["weight_kg"]
        if low > cut_high or high < cut_low:
            told += f" by height and BMI, {cut_low:g} to {cut_high:g} by its preset"
        else:
            told = f"weight_kg {max(low, cut_low):g} to {min(high, cut_high):g}"
        low, high = max(low, cut_low), min(high, cut_high)
    return low, high, f"the population ({told})"


def _support(
    population: Population | None, name: str, sex: str | None
) -> tuple[float, float]:
    """Lowest and highest value of a variable in a population."""
    if population is None:
        return POSSIBLE[name]
    distribution = getattr(population, name)
    if distribution is None:
        return MODEL_RANGE[name]  # of a preset, or a height from NHANES
    low, high = support(distribution, sex)
    return max(low, POSSIBLE[name][0]), min(high, POSSIBLE[name][1])


def _can_fill(population: Population | None, quota: Quota) -> bool:
    """Whether a population has ages of a quota's band, of its sex."""
    if population is None or quota.age_years is None:
        return True
    sex, band = _only_sex(population, quota), quota.age_years
    if population.age_years is not None:
        return gives(population.age_years, band.low, band.high, sex)
    if population.preset is None:
        return True
    preset = find_preset(population.preset)
    return any(
        gives(preset.age(each), band.low, band.high)
        for each in ("F", "M")
        if sex in (None, each)
    )


def _only_sex(population: Population | None, quota: Quota | None) -> str | None:
    """The only sex there can be, if there is one."""
    if quota is not None and quota.sex is not None:
        return quota.sex
    sex = population.sex if population is not None else None
    if isinstance(sex, SexShares):
        present = [name for name, weight in sex.weights.items() if weight > 0]
        return present[0] if len(present) == 1 else None
    return sex


def _diagnoses(population: Population) -> tuple[str, ...]:
    """Values the diagnosis can have."""
    if population.preset is None or population.preset == "nhanes":
        return ("none",)
    counts = find_preset(population.preset).counts
    return tuple(name for name in DIAGNOSES if name in counts)
