"""One attempt: a row of uniform numbers becomes a person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vct.errors import SpecError
from vct.seeds import stream
from vct.spec import Population, Preset, Protocol, Quota, find_preset
from vct.spec.distributions import Distribution, SexShares
from vct.spec.population import POSSIBLE
from vct.spec.presets import DIAGNOSES, MODEL_RANGE
from vct.subjects.body import bsa_du_bois, lbm_janmahasatian, weight_from_bmi
from vct.subjects.quantile import (
    Floats,
    Mask,
    People,
    RowLogNormal,
    RowNormal,
    below,
    quantile_within,
)
from vct.subjects.reference import BodyReference, body_reference

# One uniform number for each purpose; the last is spare, so that a purpose to come
# changes nobody.
SEX, AGE, HEIGHT, BMI, DIAGNOSIS, DOSE, UPTAKE = range(7)
WIDTH = 8
_SPARSE = 64  # rows are reached by jumping when fewer than one in so many is wanted

Columns = dict[str, NDArray]


def uniforms(seed: int, attempt: int, rows: NDArray[np.int64]) -> Floats:
    """Rows of the array of one attempt; row k depends on seed, attempt and k only.

    Parameters
    ----------
    rows
        Ascending.

    Returns
    -------
    Floats
        (rows, WIDTH), above 0 and below 1.
    """
    bits = np.random.PCG64(stream(seed, "demographics", attempt))
    rng = np.random.Generator(bits)
    if len(rows) * _SPARSE > rows[-1]:
        u = rng.random((int(rows[-1]) + 1, WIDTH))[rows]
    else:
        u, at = np.empty((len(rows), WIDTH)), 0
        for i, row in enumerate(rows):
            bits.advance(int(row) * WIDTH - at)  # a double takes one step of PCG64
            u[i], at = rng.random(WIDTH), (int(row) + 1) * WIDTH
    return np.clip(u, 2.0**-54, 1.0 - 2.0**-53)


@dataclass(frozen=True)
class Source:
    """Where the people of one arm and one quota come from."""

    population: Population
    protocol: Protocol
    quota: Quota | None = None

    @property
    def preset(self) -> Preset | None:
        """The named population, if there is one."""
        name = self.population.preset
        return find_preset(name) if name else None

    def draw(self, u: Floats) -> Columns:
        """People from uniform numbers, eligible or not."""
        is_male = self._sexes(u[:, SEX])
        age, scores = self._ages(u, is_male)
        people = People(is_male, age)
        height, bmi = self._bodies(u, people, scores)
        weight = weight_from_bmi(bmi, height)
        per_kg = self.protocol.injected_mbq_per_kg
        dose = per_kg if per_kg is not None else self.protocol.injected_mbq
        activity = positive(dose, u[:, DOSE], people)
        return {
            "sex": np.where(is_male, "M", "F"),
            "age_years": age,
            "height_m": height,
            "bmi_kg_m2": bmi,
            "weight_kg": weight,
            "bsa_m2": bsa_du_bois(weight, height),
            "lbm_kg": lbm_janmahasatian(weight, bmi, is_male),
            "diagnosis": self._diagnoses(u[:, DIAGNOSIS], people),
            "injected_mbq": activity * weight if per_kg is not None else activity,
            "uptake_min": positive(self.protocol.uptake_min, u[:, UPTAKE], people),
        }

    def _age_range(self) -> tuple[float, float]:
        low, high = POSSIBLE["age_years"]
        band = self.quota.age_years if self.quota else None
        if band is None:
            return low, float(np.nextafter(high, np.inf))
        return max(low, band.low), min(float(np.nextafter(high, np.inf)), band.high)

    def _age(self, sex: str) -> Distribution:
        """Age, from the spec or the preset."""
        if self.population.age_years is not None:
            return self.population.age_years
        assert self.preset is not None  # the spec has been checked
        return self.preset.age(sex)

    def _share_of_men(self) -> float:
        """Share of men among those the quota takes."""
        shares = self._sex_shares()
        if self.quota and self.quota.sex:
            shares = {s: w for s, w in shares.items() if s == self.quota.sex}
        low, high = self._age_range()
        weights = {"F": 0.0, "M": 0.0}
        for sex, share in shares.items():
            one = People(np.array([sex == "M"]), np.zeros(1))
            if share > 0:
                age = self._age(sex)
                mass = below(age, high, one) - below(age, low, one)
                weights[sex] = share * float(mass[0])
        if not sum(weights.values()) > 0:
            name = self.quota.name if self.quota else "any possible age"
            raise SpecError(
                f"quotas: nobody in the population is '{name}'. Change the quota or "
                "the population."
            )
        return weights["M"] / (weights["F"] + weights["M"])

    def _sex_shares(self) -> dict[str, float]:
        match self.population.sex:
            case "F" | "M" as sex:
                return {sex: 1.0}
            case SexShares(weights=weights):
                return {str(sex): weight for sex, weight in weights.items()}
        assert self.preset is not None  # the spec has been checked
        return {sex: float(sum(self.preset.by_sex(sex))) for sex in "FM"}

    def _sexes(self, u: Floats) -> Mask:
        return u < self._share_of_men()

    def _ages(self, u: Floats, is_male: Mask) -> tuple[Floats, Floats]:
        """Ages, and their normal scores within the whole population."""
        from scipy.special import ndtri

        low, high = self._age_range()
        age, score = np.empty(len(u)), np.empty(len(u))
        for sex in "FM":
            mask = is_male == (sex == "M")
            if not mask.any():
                continue
            people = People(is_male[mask], np.zeros(int(mask.sum())))
            distribution = self._age(sex)
            start, end = (below(distribution, x, people) for x in (low, high))
            age[mask] = quantile_within(distribution, u[mask, AGE], low, high, people)
            score[mask] = start + u[mask, AGE] * (end - start)
        if not self.population.correlations:
            return age, score
        return age, ndtri(np.clip(score, 2.0**-54, 1.0 - 2.0**-53))

    def _bodies(
        self, u: Floats, people: People, age_scores: Floats
    ) -> tuple[Floats, Floats]:
        """Height [m] and BMI [kg/m²]."""
        body = self.preset.body if self.preset else "nhanes"
        reference = body_reference(body, people.is_male, people.age_years)
        u_height, u_bmi = self._joined(u, age_scores, reference)
        height, bmi = self.population.height_m, self.population.bmi_kg_m2
        return (
            _within_range("height_m", height, u_height, people)
            if height is not None
            else quantile_within(
                RowNormal(reference.height_mean_m, reference.height_sd_m),
                u_height,
                *MODEL_RANGE["height_m"],
                people,
            ),
            _within_range("bmi_kg_m2", bmi, u_bmi, people)
            if bmi is not None
            else quantile_within(
                RowLogNormal(reference.log_bmi_mean, reference.log_bmi_sd),
                u_bmi,
                *MODEL_RANGE["bmi_kg_m2"],
                people,
            ),
        )

    def _joined(
        self, u: Floats, age_scores: Floats, reference: BodyReference
    ) -> tuple[Floats, Floats]:
        """Uniform numbers of height and BMI, correlated by a Gaussian copula.

        The spec's correlations if it names any, else those measured between height
        and BMI where both come from the same table.
        """
        from scipy.special import ndtr, ndtri

        named = self.population.matrix()
        measured = (
            self.population.height_m is None and self.population.bmi_kg_m2 is None
        )
        if not named and not (measured and np.any(reference.correlation)):
            return u[:, HEIGHT], u[:, BMI]
        score_height, score_bmi = ndtri(u[:, HEIGHT]), ndtri(u[:, BMI])
        if not named:
            rho = reference.correlation
            joined = rho * score_height + np.sqrt(1 - rho**2) * score_bmi
            return u[:, HEIGHT], ndtr(joined)
        # Rows of the Cholesky factor of the correlations of age, height and BMI.
        r21 = named.get(frozenset(("age_years", "height_m")), 0.0)
        r31 = named.get(frozenset(("age_years", "bmi_kg_m2")), 0.0)
        r32 = named.get(frozenset(("height_m", "bmi_kg_m2")), 0.0)
        l22 = np.sqrt(1 - r21**2)
        l32 = (r32 - r31 * r21) / l22
        l33 = np.sqrt(max(0.0, 1 - r31**2 - l32**2))  # rounded, it may fall below 0
        height = r21 * age_scores + l22 * score_height
        bmi = r31 * age_scores + l32 * score_height + l33 * score_bmi
        return ndtr(height), ndtr(bmi)

    def _diagnoses(self, u: Floats, people: People) -> NDArray:
        """Diagnosis given sex and age; 'none' without a preset of patients."""
        preset = self.preset
        if preset is None or "none" in preset.counts:
            return np.full(len(u), "none")
        names = [name for name in DIAGNOSES if name in preset.counts]
        counts = np.array(
            [[preset.counts[name][sex] for sex in "FM"] for name in names], float
        )
        empty = counts.sum(axis=0) == 0  # nobody measured there: all ages stand in
        counts = np.where(empty, counts.sum(axis=2, keepdims=True), counts)
        shares = np.cumsum(counts, axis=0) / counts.sum(axis=0)
        bins = np.searchsorted(np.array(preset.edges), people.age_years, "right") - 1
        bins = np.clip(bins, 0, len(preset.edges) - 2)
        chosen = shares[:, people.is_male.astype(int), bins]
        return np.array(names)[np.minimum((u > chosen).sum(axis=0), len(names) - 1)]


def _within_range(
    name: str, distribution: Distribution, u: Floats, people: People
) -> Floats:
    """Draw what the spec names, cut to what is possible."""
    low, high = POSSIBLE[name]
    return quantile_within(
        distribution, u, low, float(np.nextafter(high, np.inf)), people
    )


def positive(distribution: Distribution | None, u: Floats, people: People) -> Floats:
    """Draw a dose or a time: above 0."""
    tiny = np.finfo(float).tiny
    return quantile_within(distribution, u, tiny, np.inf, people)
