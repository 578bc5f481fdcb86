"""What a trained base stage is told about itself: how far its tissues are off.

The gains of ``vct.cascade.innovations`` are fitted on people whom the network was not
trained on: phantoms after the config's held-out ones, or a prepared folder's studies
for calibration. A folder without them gives its held-out ones: a comparison with these
is then no evidence of patients whom the model has not seen, and its card says so.

    python -m vct.training.calibrate_base vct/training/configs/base-8mm.yaml \
        --weights runs/base-8mm/base.safetensors --device cuda

``--data`` is another folder than the config names, as of ``vct train``. Run it after
training and before publishing; it rewrites the weights file.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vct.autopet.prepared import CALIBRATION, HELD_OUT
from vct.cascade.body_mass import mean_density
from vct.cascade.cascade import best_precision
from vct.cascade.checkpoint import save_stage
from vct.cascade.condition import template_features
from vct.cascade.innovations import (
    LEVELS,
    Innovations,
    RegressionSums,
    block_sums,
    features,
    tissue_of,
)
from vct.cascade.resample import coarsen, covered_boxes
from vct.cascade.stage import BaseStage, load_base
from vct.diffusion.unet import channels_last
from vct.errors import SpecError
from vct.seeds import torch_seed
from vct.training.cache import Images, build_cache
from vct.training.coarse import factor_to
from vct.training.command_line import told_in_one_line
from vct.training.config import PhantomData, PreparedData, load_config
from vct.training.prepared import PreparedCache
from vct.training.provenance import RECORD, read_record, remember_calibration

PHANTOMS = 160


def unseen(data: PhantomData | PreparedData, phantoms: int, *, device: str) -> Images:
    """Images whose held-out ones no network was trained on.

    Raises
    ------
    SpecError
        If a prepared folder holds neither studies for calibration nor held-out ones.
    """
    if isinstance(data, PreparedData):
        for aside in (CALIBRATION, HELD_OUT):
            studies = PreparedCache(data, device=device, aside=aside)
            if studies.held_out:
                return studies
        raise SpecError(
            f"{data.prepared}: no study is kept for calibration, and none is held out; "
            "prepare them with a calibration share"
        )
    after = data.model_copy(
        update={"subjects": data.subjects + data.held_out, "held_out": phantoms}
    )
    return build_cache(after, device=device, held_out_only=True)


def refuse_people_of_training(images: Images, weights: Path) -> None:
    """Refuse patients for calibration whom the run of ``weights`` was trained on.

    Whom it was trained on stands in the ``data.json`` beside them; what an earlier
    version of vct wrote does not tell.

    Raises
    ------
    SpecError
        With their names.
    """
    run = weights.parent
    if not isinstance(images, PreparedCache) or not (run / RECORD).is_file():
        return
    seen = set(read_record(run).get("patients", ()))
    rows = images.held_out_rows
    known = rows[rows["subject_key"].astype(str).isin(seen)]
    if known.empty:
        return
    names = ", ".join(known["name"].astype(str).head(3))
    raise SpecError(
        f"{images.data.prepared}: {len(known)} of {len(rows)} {images.aside} studies "
        f"are of patients whom {run} was trained on ({names} ...). Calibrate on the "
        "folder that it was trained on."
    )


def with_innovations(stage: BaseStage) -> BaseStage:
    """The stage, with gains that add nothing yet."""
    stage.architecture = replace(stage.architecture, innovations=True)
    stage.innovations = Innovations()
    return stage


@torch.no_grad()
def calibrated(
    stage: BaseStage,
    images: Images,
    *,
    device: str,
    told: Callable[[str], None] = print,
) -> BaseStage:
    """The stage with innovations fitted to the held-out images.

    Parameters
    ----------
    stage
        Gains that it has are fitted anew.
    images
        Whose ``held_out`` it was not trained on.
    device
        Where to compute.
    told
        Is told how far the fit is.
    """
    where = torch.device(device)
    stage = with_innovations(stage).to(where).eval().requires_grad_(False)
    dtype = torch.bfloat16 if best_precision(where) == "bf16" else torch.float32
    channels_last(stage.network.to(dtype))
    factor = factor_to(stage.architecture.shape, images.grid)
    innovations = _with_mass(stage, images, factor, where)
    sums = [RegressionSums() for _ in LEVELS]
    for done, index in enumerate(images.held_out, start=1):
        person = _person(images, index, factor, where)
        rng = torch.Generator(where)
        rng.manual_seed(torch_seed(0, "training/innovations", index))
        for level, sums_of_level in zip(LEVELS, sums, strict=True):
            _add(sums_of_level, stage, *person, level, rng)
        if done % 10 == 0 or done == len(images.held_out):
            told(f"{done} of {len(images.held_out)} people")
    for number, sums_of_level in enumerate(sums):
        innovations.fit(number, sums_of_level)
    return stage


def _with_mass(
    stage: BaseStage, images: Images, factor: int, device: torch.device
) -> Innovations:
    """The stage's innovations, which know by now what people weigh.

    A scan of a part of the field tells nothing of that, and is left out.
    """
    assert stage.innovations is not None
    densities, conditions = [], []
    for index in images.held_out:
        condition, coarse, coverage = _person(images, index, factor, device)
        if coverage is None or bool((coverage == 1).all()):
            densities.append(mean_density(coarse))
            conditions.append(condition)
    if densities:
        stage.innovations.mass.fit(torch.cat(densities), torch.cat(conditions))
    return stage.innovations


def _person(
    images: Images, index: int, factor: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Condition (1, 6), encoded coarse volume and coverage of one of the images."""
    condition = images.condition(range(index, index + 1)).to(device)
    coarse = coarsen(images.encoded(index)[None].to(device).float(), factor)
    fine = images.coverage(index)
    if fine is None:
        return condition, coarse, None
    return condition, coarse, covered_boxes(fine[None, None], factor).to(device).float()


def _add(
    sums: RegressionSums,
    stage: BaseStage,
    condition: Tensor,
    coarse: Tensor,
    coverage: Tensor | None,
    level: float,
    rng: torch.Generator,
) -> None:
    """Denoise one person at one noise level and add what is missed."""
    regressors = template_features(condition)
    clean = stage.template.to_residual(coarse, regressors)
    if coverage is not None:
        clean = clean * coverage
    noise = torch.randn(clean.shape, generator=rng, device=rng.device)
    x, sigma = clean + level * noise, clean.new_full((1,), level)
    estimate = stage.denoise(
        x,
        sigma,
        condition=condition,
        template=stage.template(regressors),
        coverage=coverage,
    )
    encoded = stage.template.to_encoded(estimate, regressors)
    assert stage.innovations is not None
    tissue = tissue_of(encoded)
    overweight = stage.innovations.mass(encoded, condition, coverage)
    innovation = block_sums(x - estimate, tissue, coverage)
    sums.add(
        features(innovation, sigma, overweight),
        block_sums(clean - estimate, tissue, coverage),
    )


@told_in_one_line
def main() -> None:
    """Command line of this module: rewrites the weights file."""
    parser = argparse.ArgumentParser(description="Calibrate a trained base stage.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data, as vct train")
    parser.add_argument("--phantoms", type=int, default=PHANTOMS)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    config = load_config(args.config, "base", data=args.data)
    images = unseen(config.data, args.phantoms, device=args.device)
    refuse_people_of_training(images, args.weights)
    stage = calibrated(load_base(args.weights), images, device=args.device)
    save_stage(stage, args.weights)
    if isinstance(images, PreparedCache):
        remember_calibration(images, args.weights.parent)


if __name__ == "__main__":
    main()
