"""Stages on disk: safetensors, never pickle."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from vct.errors import ModelError
from vct.partial import written_beside

Architecture = TypeVar("Architecture")


def architecture_from(kind: type[Architecture], values: dict[str, Any]) -> Architecture:
    """Architecture dataclass from a card's or a config's plain values.

    Raises
    ------
    ModelError
        If a key is not one of the architecture's, a value is of another kind, or
        values do not fit one another.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ModelError(
            f"architecture key {unknown[0]!r} is unknown to {kind.__name__}; "
            f"it knows {', '.join(sorted(known))}"
        )
    kinds = get_type_hints(kind)
    return kind(**{key: _of_kind(kinds[key], key, v) for key, v in values.items()})


def _of_kind(kind: Any, key: str, value: Any) -> Any:
    """A value of YAML or JSON as its field holds it."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        words = error.errors()[0]["msg"]
        raise ModelError(f"architecture.{key} is {value!r}: {words}") from None


def save_stage(stage: nn.Module, path: Path) -> None:
    """Write weights as bf16 (few numbers stay float32) with their architecture.

    Raises
    ------
    OSError
        If the disk is full or not writable; what was there stays.
    """
    tensors = {}
    for name, value in stage.state_dict().items():
        keep = value.numel() <= 16
        dtype = torch.float32 if keep else torch.bfloat16
        tensors[name] = value.detach().to("cpu", dtype).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    architecture = asdict(stage.architecture)  # type: ignore[call-overload, arg-type]
    told = {"architecture": json.dumps(architecture)}
    with written_beside(path) as partial:
        # Not save_file: its error on a full disk is no OSError.
        partial.write_bytes(save(tensors, told))


def holds_stage(path: Path, stage: nn.Module) -> bool:
    """Whether a file has the weights of a stage, in its precision; it may have more.

    A damaged file has not.
    """
    if not path.is_file():
        return False
    try:
        with _readable(path):
            there = load_file(path)
    except ModelError:
        return False
    return all(
        name in there
        and torch.equal(
            there[name].to(torch.bfloat16), value.detach().to("cpu", torch.bfloat16)
        )
        for name, value in stage.state_dict().items()
    )


def read_architecture(
    kind: type[Architecture], path: Path, *, unsaid: dict[str, Any] | None = None
) -> Architecture:
    """Architecture that a weights file says it belongs to.

    ``unsaid`` are the values of keys that older files leave out.

    Raises
    ------
    ModelError
        If the file is missing or damaged, or says nothing.
    """
    with _readable(path), safe_open(path, framework="pt") as weights:
        metadata = weights.metadata() or {}
    if "architecture" not in metadata:
        raise ModelError(f"{path}: the weights name no architecture; retrain the model")
    said = json.loads(metadata["architecture"])
    return architecture_from(kind, {**(unsaid or {}), **said})


def load_stage(stage: nn.Module, path: Path, *, without: Collection[str] = ()) -> None:
    """Read weights into a stage of their architecture.

    Tensors named in ``without`` are not read, and keep their values in the stage.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or holds other weights than the stage's.
    """
    with _readable(path):
        tensors = load_file(path)
    expected = stage.state_dict()
    for name in without:
        tensors.pop(name, None)
        expected.pop(name, None)
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in tensors
        or name not in expected
        or tensors[name].shape != expected[name].shape
    )
    if wrong:
        raise ModelError(
            f"{path}: the weights do not fit their architecture "
            f"({len(wrong)} tensors differ, the first is {wrong[0]!r})"
        )
    stage.load_state_dict(tensors, strict=not without)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Errors of a weights file in the user's words."""
    try:
        yield
    except FileNotFoundError:
        raise ModelError(
            f"{path}: the weights are missing; reinstall the model"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path}: the weights are damaged or truncated ({error}); "
            "reinstall the model"
        ) from None
