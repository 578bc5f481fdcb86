"""What a trained segmenter is told about itself: volumes without bias, honest errors.

A network draws an organ too large or too small wherever an edge is uncertain. Two
things are measured on phantoms that it was not trained on, and written beside its
weights: an offset to each class's logit, so that the volumes of all these phantoms
together are right; and how large the error of a volume is for the doubt (voxels
whose probability is neither 0 nor 1) that the network has. Where the config names
stages to pass phantoms through, errors are those of phantoms that both drew over: more
than of plain ones, and what a user's generated subjects will have.

    python -m vct.training.calibrate_segmenter vct/training/configs/segmenter-4mm.yaml \
        --weights runs/segmenter-4mm/segmenter.safetensors --device cuda

``--data`` is another folder than the config names, as of ``vct train``;
``--keep-offsets`` measures errors alone, as for new stages before the same segmenter,
whose volumes then stay what they were. Run it after training and before publishing;
the held-out phantoms stay untouched.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vct.anatomy import OrganList
from vct.cascade.cascade import best_precision
from vct.cascade.checkpoint import save_stage
from vct.cascade.instrument import read_segmenter
from vct.diffusion.unet import channels_last
from vct.segment.network import Segmenter
from vct.training.cache import PhantomCache, build_cache
from vct.training.command_line import told_in_one_line
from vct.training.config import load_config
from vct.training.passed import passed_ct
from vct.training.segmenter import calibration_phantoms

ROUNDS = 8
_WITHIN_TWO_SD = 0.9545  # of a normal distribution
_MOST_STEP = 0.5


@dataclass(frozen=True)
class Volumes:
    """Voxels of each class, air first, (phantoms, classes): found, true, and doubt."""

    found: Tensor
    truth: Tensor
    doubt: Tensor

    @property
    def bias(self) -> Tensor:
        """Relative bias of the summed volumes, (classes,); 0 where there are none."""
        found, truth = self.found.sum(dim=0), self.truth.sum(dim=0)
        return torch.where(truth > 0, found / truth.clamp_min(1) - 1, 0.0)


class OffsetSearch:
    """Offsets (classes,) that bring volumes to the truth, air keeping its 0.

    Where probabilities run evenly from 0 to 1 across an edge, a volume answers to an
    offset with 1.5 times its doubt: p (1 − p) is 1/4 at the edge and 1/6 in the mean.
    Where it answers more, its error changes sign, and that class goes on with half its
    pace. The best round is kept.
    """

    def __init__(self, classes: int) -> None:
        self.offsets = torch.zeros(classes, dtype=torch.float64)
        self.best, self.least = self.offsets, float("inf")
        self._pace = torch.full_like(self.offsets, 0.8)
        self._missing = torch.zeros_like(self.offsets)

    def step(self, volumes: Volumes) -> None:
        """Take note of what the present offsets give, and move them."""
        missing = (volumes.truth - volumes.found).sum(dim=0)
        error = float(missing[1:].abs().sum())
        if error < self.least:
            self.best, self.least = self.offsets, error
        turned = missing * self._missing < 0
        self._pace = torch.where(turned, self._pace / 2, self._pace)
        self._missing = missing
        answer = (1.5 * volumes.doubt.sum(dim=0)).clamp_min(1)
        move = (self._pace * missing / answer).clamp(-_MOST_STEP, _MOST_STEP)
        move[0] = 0
        self.offsets = self.offsets + move


def errors_per_doubt(volumes: Volumes, organs: OrganList) -> dict[str, float]:
    """One SD of volume error over doubt (voxels over voxels), by row of the tables.

    Half of what 95 % of phantoms stay within, as a normal error would: one phantom that
    the network reads all wrong does not widen everybody's error. Rows that no phantom
    has are left out.
    """
    table = {}
    for row in organs.rows:
        columns = [organs.names.index(part) + 1 for part in organs.parts(row)]
        found, truth, doubt = (
            values[:, columns].sum(dim=1)
            for values in (volumes.found, volumes.truth, volumes.doubt)
        )
        there = truth > 0
        if there.any():
            ratios = ((found - truth).abs() / doubt.clamp_min(1))[there]
            table[row] = round(float(ratios.quantile(_WITHIN_TWO_SD) / 2), 4)
    return table


@torch.no_grad()
def volumes_of(
    segmenter: Segmenter, phantoms: Iterator[tuple[Tensor, Tensor]]
) -> Volumes:
    """Class volumes of (encoded CT, labels) pairs, (k, j, i) each."""
    values = [0, *(organ.label for organ in segmenter.organ_list.organs)]
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for ct, labels in phantoms:
        seen = segmenter.segment(ct[None])
        found, truth = (
            torch.bincount(image.flatten().int(), minlength=256)[values].double()
            for image in (seen.labels[0], labels)
        )
        doubt = torch.nn.functional.pad(seen.doubt[0].double(), (1, 0))
        rows.append((found.cpu(), truth.cpu(), doubt.cpu()))
    found, truth, doubt = (torch.stack(parts) for parts in zip(*rows, strict=True))
    return Volumes(found, truth, doubt)


def _take_bias_out(
    segmenter: Segmenter, phantoms: Callable[[], Iterator[tuple[Tensor, Tensor]]]
) -> None:
    """Give the segmenter the offsets by which its summed volumes are right."""
    search = OffsetSearch(segmenter.classes)
    for _ in range(ROUNDS):
        segmenter.offsets.copy_(search.offsets)
        volumes = volumes_of(segmenter, phantoms())
        search.step(volumes)
        print(f"mean |bias| of volumes {100 * volumes.bias[1:].abs().mean():.2f} %")
    segmenter.offsets.copy_(search.best)
    segmenter.architecture = replace(
        segmenter.architecture,
        logit_offsets=tuple(round(v, 4) for v in search.best.tolist()),
    )


def calibrated(
    segmenter: Segmenter,
    cache: PhantomCache,
    phantoms: range,
    device: str,
    passed: Sequence[Tensor] = (),
    *,
    keep_offsets: bool = False,
) -> Segmenter:
    """The segmenter with offsets and expected errors measured on some phantoms.

    Parameters
    ----------
    segmenter
        Gets offsets and expected errors in place, and is returned.
    cache
        Holds the phantoms.
    phantoms
        None that the segmenter was trained on.
    device
        Where it reads them.
    passed
        Encoded CT (k, j, i) of the same phantoms after both stages drew over them:
        errors are then measured there. Offsets never are.
    keep_offsets
        Measure errors alone.
    """
    where = torch.device(device)
    dtype = torch.bfloat16 if best_precision(where) == "bf16" else torch.float32
    network = segmenter.to(where).eval().requires_grad_(False).network
    channels_last(network.to(dtype))

    def pairs(drawn: Sequence[Tensor] = ()) -> Iterator[tuple[Tensor, Tensor]]:
        for n, index in enumerate(phantoms):
            ct = drawn[n] if drawn else cache.encoded(index)[0]
            yield ct.to(where).float(), cache.labels(index).to(where)

    if not keep_offsets:
        _take_bias_out(segmenter, pairs)
    volumes = volumes_of(segmenter, pairs(passed))
    segmenter.architecture = replace(
        segmenter.architecture,
        error_per_doubt=errors_per_doubt(volumes, segmenter.organ_list),
    )
    return segmenter


@told_in_one_line
def main() -> None:
    """Command line of this module: rewrites the weights file."""
    parser = argparse.ArgumentParser(description="Calibrate a trained segmenter.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data, as vct train")
    parser.add_argument(
        "--keep-offsets", action="store_true", help="measure expected errors alone"
    )
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    config = load_config(args.config, "segmenter", data=args.data)
    cache = build_cache(config.phantoms, device=args.device)
    segmenter = read_segmenter(args.weights)
    phantoms = calibration_phantoms(cache)
    passed = passed_ct(config, cache, phantoms, device=args.device)
    segmenter = calibrated(
        segmenter,
        cache,
        phantoms,
        args.device,
        passed,
        keep_offsets=args.keep_offsets,
    )
    save_stage(segmenter, args.weights)
    for row, factor in segmenter.architecture.error_per_doubt.items():
        print(f"{row:20s} volume error / doubt {factor:.3f}")


if __name__ == "__main__":
    main()
