"""What a network leaves in the noise is taken back, and nothing else is."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from vct.cascade.encode import encode
from vct.cascade.innovations import (
    LEVELS,
    TISSUES,
    Innovations,
    RegressionSums,
    block_sums,
    features,
    tissue_of,
)

SHAPE = (16, 16, 16)
LEVEL = 3
SIGMA = LEVELS[LEVEL]
SHIFT_SD = 0.3
NOBODY = torch.zeros(1, 6)


def body() -> Tensor:
    """Encoded volume (1, 2, k, j, i): muscle above, fat below, air around both."""
    hu, suv = torch.full((2, 1, *SHAPE), -1000.0)
    suv[:] = 0.0
    hu[:, :8, 2:14, 2:14], suv[:, :8, 2:14, 2:14] = 50.0, 0.8
    hu[:, 8:, 2:14, 2:14], suv[:, 8:, 2:14, 2:14] = -100.0, 0.3
    return encode(hu, suv)


def people(count: int, seed: int, shift_sd: float = SHIFT_SD) -> Iterator[Tensor]:
    """y of people whose fat has a shift in PET in common, and no other residual."""
    rng = torch.Generator().manual_seed(seed)
    fat = tissue_of(body()) == TISSUES.index("fat")
    for _ in range(count):
        clean = torch.zeros(1, 2, *SHAPE)
        clean[:, 1][fat] = shift_sd * torch.randn(1, generator=rng)
        yield clean


def noisy(clean: Tensor, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return clean + SIGMA * torch.randn(clean.shape, generator=rng)


def fitted(shift_sd: float = SHIFT_SD) -> Innovations:
    """Fitted to a network that says 0 of everybody: D = 0."""
    sums = RegressionSums()
    for number, clean in enumerate(people(60, seed=1, shift_sd=shift_sd)):
        x = noisy(clean, number)
        tissue = tissue_of(body())
        seen = features(block_sums(x, tissue), torch.tensor([SIGMA]), torch.zeros(1))
        sums.add(seen, block_sums(clean, tissue))
    made = Innovations()
    made.fit(LEVEL, sums)
    return made


def test_a_shift_that_a_tissue_has_in_common_is_found_in_new_people() -> None:
    made, missed = fitted(), []
    for number, clean in enumerate(people(20, seed=2)):
        x = noisy(clean, 1000 + number)
        added = made(x, torch.tensor([SIGMA]), encoded=body(), condition=NOBODY)
        missed.append(clean - added)
    left = torch.cat(missed)
    fat = (tissue_of(body()) == TISSUES.index("fat"))[0]
    of_fat = left[:, 1][:, fat].mean(dim=1)
    assert of_fat.square().mean().sqrt() < 0.35 * SHIFT_SD
    assert left[:, 0].abs().mean() < 0.05  # nothing is made of CT noise


def test_where_nothing_is_missed_nothing_is_added() -> None:
    added = fitted(shift_sd=0.0)(
        noisy(torch.zeros(1, 2, *SHAPE), 5),
        torch.tensor([SIGMA]),
        encoded=body(),
        condition=NOBODY,
    )
    assert added.abs().max() == 0


def test_beyond_the_levels_gains_stay() -> None:
    made = fitted()
    made.gains[0], made.gains[-1] = 1.0, 2.0
    x = noisy(torch.zeros(1, 2, *SHAPE), 5)
    for inside, outside in ((LEVELS[0], 0.1), (LEVELS[-1], 200.0)):
        gains = [made._gains_at(torch.tensor([s])) for s in (inside, outside)]
        assert torch.allclose(*gains, rtol=1e-6)
    for sigma in (0.1, 200.0):
        assert (
            made(x, torch.tensor([sigma]), encoded=body(), condition=NOBODY).abs().max()
            > 0
        )


def test_between_levels_gains_are_interpolated() -> None:
    made = Innovations()
    made.gains[2], made.gains[3] = 1.0, 3.0
    x = noisy(torch.zeros(1, 2, *SHAPE), 5)
    middle = (LEVELS[2] * LEVELS[3]) ** 0.5
    at_middle = made(x, torch.tensor([middle]), encoded=body(), condition=NOBODY)
    made.gains[2:4] = 2.0
    assert torch.allclose(
        at_middle,
        made(x, torch.tensor([middle]), encoded=body(), condition=NOBODY),
        rtol=1e-4,
    )


def test_no_member_of_a_batch_influences_another() -> None:
    made = fitted()
    made.gains[:-1] += 0.3
    x = torch.cat([noisy(clean, n) for n, clean in enumerate(people(3, seed=4))])
    encoded, sigma = body().repeat(3, 1, 1, 1, 1), torch.tensor([0.3, 2.0, 9.0])
    together = made(x, sigma, encoded=encoded, condition=NOBODY.repeat(3, 1))
    for n in range(3):
        alone = made(
            x[n : n + 1], sigma[n : n + 1], encoded=encoded[:1], condition=NOBODY
        )
        assert torch.allclose(together[n], alone[0], atol=1e-5)


def test_what_a_scan_does_not_cover_counts_for_nothing() -> None:
    made = fitted()
    coverage = torch.ones(1, 1, *SHAPE)
    coverage[:, :, 12:] = 0
    x = noisy(torch.zeros(1, 2, *SHAPE), 5)
    wild = torch.where(coverage > 0, x, 1e4)
    sigma = torch.tensor([SIGMA])
    first, second = (
        made(v, sigma, encoded=body(), condition=NOBODY, coverage=coverage)
        for v in (x, wild)
    )
    assert torch.equal(first, second)
    assert first[:, :, 12:].abs().max() == 0
    assert first[:, :, :12].abs().max() > 0


@pytest.mark.parametrize(
    ("hu", "suv", "tissue"),
    [
        (-1000.0, 0.0, "air"),
        (-800.0, 0.4, "lung"),
        (-300.0, 0.2, "skin"),
        (-100.0, 9.0, "fat"),
        (50.0, 0.8, "soft"),
        (60.0, 2.2, "warm"),
        (40.0, 6.0, "hot"),
        (10.0, 30.0, "hottest"),
        (400.0, 2.0, "bone"),
    ],
)
def test_tissues_are_told_by_density_and_uptake(
    hu: float, suv: float, tissue: str
) -> None:
    shape = (1, 1, 1, 1)
    encoded = encode(torch.full(shape, hu), torch.full(shape, suv))
    assert TISSUES[int(tissue_of(encoded))] == tissue


def test_sums_are_of_the_tissue_and_the_block() -> None:
    rng = torch.Generator().manual_seed(4)
    values = torch.randn(2, 2, 8, 4, 12, generator=rng)
    tissue = torch.randint(0, len(TISSUES), (2, 8, 4, 12), generator=rng)
    coverage = (torch.rand(2, 1, 8, 4, 12, generator=rng) > 0.3).float()
    sums = block_sums(values, tissue, coverage)
    person, which, k, i = 1, 5, 1, 2
    block = (slice(4, 8), slice(0, 4), slice(8, 12))
    inside = (tissue[person][block] == which) & (coverage[person, 0][block] > 0)
    expected = [inside.sum(), *(values[person, c][block][inside].sum() for c in (0, 1))]
    assert inside.any()
    assert torch.allclose(sums[person, which, :, k, 0, i], torch.stack(expected))
