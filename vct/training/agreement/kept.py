"""What of people's differences outlives the noise, and from which level on not.

Phantoms that no network saw are noised to σ, sampled on from there, sharpened and
measured. What their organs differ by beside demographics should come back as it was,
where the noise does not hide it, and with its spread, where it does.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vct.cascade import Cascade
from vct.cascade.condition import condition_vector, template_features
from vct.cascade.resample import coarsen
from vct.seeds import torch_seed
from vct.training.agreement.members import Member
from vct.training.agreement.reading import Rows, described, need_segmenter, read_batch
from vct.training.agreement.regression import fit, linear_design
from vct.training.cache import person_of, render_subject

ITSELF = -1.0  # in the place of σ: the phantom, not sampled at all
QUANTITIES = ("volume_ml", "suv_mean")


def measure_kept(
    cascade: Cascade,
    indices: Iterable[int],
    sigmas: Sequence[float],
    *,
    seed: int = 1,
    told: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Organs of phantoms and of what is sampled on from them, one row an organ.

    Parameters
    ----------
    cascade
        Its segmenter measures.
    indices
        Of training's numbering; such as no network saw.
    sigmas
        Noise levels to sample on from; 0 is the true coarse volume. The same noise is
        used for all of a phantom.
    seed
        Of the phantoms and the noise.
    told
        Is told which phantom is done.

    Raises
    ------
    ModelError
        If the model has no segmenter.
    """
    need_segmenter(cascade)
    rows: Rows = []
    for index in indices:
        rows += _rows_of(cascade, index, sigmas, seed)
        told(f"phantom {index}")
    return pd.DataFrame(rows)


@torch.inference_mode()
def _rows_of(
    cascade: Cascade, index: int, sigmas: Sequence[float], seed: int
) -> Iterator[dict[str, object]]:
    person = person_of(seed, index)
    device = str(cascade.device)
    fine, _ = render_subject(person, seed, index, cascade.grid, device)
    fine = fine[None].half().float()  # as a training cache holds it
    condition = condition_vector([person]).to(cascade.device)
    rng = torch.Generator(cascade.device)
    rng.manual_seed(torch_seed(seed, "training/kept", index))
    coarse = (1, 2, *cascade.base.architecture.shape)
    noise = [
        torch.randn(shape, generator=rng, device=cascade.device)
        for shape in (coarse, coarse, fine.shape)
    ]
    member = Member("fresh", index, person)
    who = described(member)
    for sigma in (ITSELF, *sigmas):
        volume = fine
        if sigma != ITSELF:
            volume = sampled_on(cascade, fine, condition, sigma, noise)
        _, organs = read_batch(cascade, volume, [member])
        for organ in organs:
            measures = {name: organ[name] for name in ("organ", *QUANTITIES)}
            yield {**who, "sigma": sigma, **measures}


def sampled_on(
    cascade: Cascade,
    fine: Tensor,
    condition: Tensor,
    sigma: float,
    noise: Sequence[Tensor],
) -> Tensor:
    """Encoded fine volume sampled on from noise of level ``sigma``, (b, 2, k, j, i).

    Parameters
    ----------
    fine
        Encoded volume of the truth, (b, 2, k, j, i).
    condition
        (b, 6).
    sigma
        The sampler's level nearest to it is where sampling begins; 0 leaves the coarse
        volume as it is.
    noise
        Base noise, augmentation noise and fine noise, as ``Cascade.run`` takes them.
    """
    base, sampler = cascade.base, cascade.base_sampler
    coarse = coarsen(fine, cascade.superres.architecture.factor)
    if sigma > 0:
        levels = levels_from(sampler.levels(), sigma)
        clean = base.template.to_residual(coarse, template_features(condition))
        start = clean + levels[0] * noise[0]
        coarse = base.sample(start, condition, levels, solver=sampler.solver)
    return cascade.sample_superres(condition, coarse, noise[1], noise[2])


def levels_from(levels: list[float], sigma: float) -> list[float]:
    """Noise levels from the one nearest to ``sigma`` on; the last, 0, is none."""
    first = min(range(len(levels) - 1), key=lambda n: abs(math.log(levels[n] / sigma)))
    return levels[first:]


def kept_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How much came back, one row for each σ, organ and quantity.

    Parameters
    ----------
    rows
        Of ``measure_kept``.

    Returns
    -------
    DataFrame
        ``n`` people; ``bias_percent`` and ``error_percent``, mean and SD of the
        logarithm's change; ``slope`` and ``r`` of what came back on what the phantoms
        differ by, and ``spread``, the ratio of the SDs, all beside age, BMI, height and
        sex. Where fewer than 25 people have both values the last three are NaN.
    """
    made = []
    for organ, of_organ in rows.groupby("organ", sort=False):
        truth = of_organ[of_organ["sigma"] == ITSELF].set_index("subject_id")
        design = linear_design(truth, with_sex=True)
        for sigma, drawn in of_organ[of_organ["sigma"] != ITSELF].groupby("sigma"):
            drawn = drawn.set_index("subject_id").reindex(truth.index)
            for name in QUANTITIES:
                before, after = (_logarithm(table[name]) for table in (truth, drawn))
                made.append(
                    {
                        "organ": organ,
                        "quantity": name,
                        "sigma": sigma,
                        **_came_back(design, before, after),
                    }
                )
    return pd.DataFrame(made)


def _logarithm(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(float)
    return np.log(np.where(numbers > 0, numbers, np.nan))


def _came_back(
    design: np.ndarray, before: np.ndarray, after: np.ndarray
) -> dict[str, float]:
    change = after - before
    both = np.isfinite(change)
    found = {
        "n": int(both.sum()),
        "bias_percent": 100 * float(change[both].mean()) if both.any() else math.nan,
        "error_percent": 100 * float(change[both].std()) if both.any() else math.nan,
    }
    fits = [fit(design[both], values[both]) for values in (before, after)]
    if fits[0] is None or fits[1] is None:
        return {**found, "slope": math.nan, "r": math.nan, "spread": math.nan}
    x, y = fits[0].residuals, fits[1].residuals
    return {
        **found,
        "slope": float(x @ y / (x @ x)),
        "r": float(np.corrcoef(x, y)[0, 1]),
        "spread": float(y.std() / x.std()),
    }
