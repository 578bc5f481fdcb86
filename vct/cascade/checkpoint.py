"""Stages on disk: safetensors, never pickle."""

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vct.errors import ModelError

Architecture = TypeVar("Architecture")


def architecture_from(kind: type[Architecture], values: dict[str, Any]) -> Architecture:
    """Architecture dataclass from a card's or a config's plain values.

    Raises
    ------
    ModelError
        If a key is not one of the architecture's.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ModelError(
            f"architecture key {unknown[0]!r} is unknown to {kind.__name__}; "
            f"it knows {', '.join(sorted(known))}"
        )
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    )


def save_stage(stage: nn.Module, path: Path) -> None:
    """Write weights as bf16 (buffers of statistics stay float32)."""
    tensors = {}
    for name, value in stage.state_dict().items():
        keep = value.numel() <= 16
        dtype = torch.float32 if keep else torch.bfloat16
        tensors[name] = value.detach().to("cpu", dtype).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def load_stage(stage: nn.Module, path: Path) -> None:
    """Read weights into a stage built from its card.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or holds other weights than the stage's.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ModelError(
            f"{path}: the weights are missing; reinstall the model"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path}: the weights are damaged or truncated ({error}); "
            "reinstall the model"
        ) from None
    expected = stage.state_dict()
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in tensors
        or name not in expected
        or tensors[name].shape != expected[name].shape
    )
    if wrong:
        raise ModelError(
            f"{path}: the weights do not fit the architecture in the card "
            f"({len(wrong)} tensors differ, the first is {wrong[0]!r})"
        )
    stage.load_state_dict(tensors)
