"""Trained models on disk: found, described and checked without torch.

A model is a folder with ``card.yaml`` and the files the card names. The card says
what the model was trained on and what may be asked of it.
"""

import difflib
import json
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from vct.bundled import bundled_folder
from vct.errors import ModelError
from vct.provenance import sha256_of_bytes, sha256_of_file

CARD_NAME = "card.yaml"


def _range(values: list[float]) -> list[float]:
    if len(values) != 2 or not values[0] <= values[1]:
        raise ValueError("must be [low, high] with low <= high")
    return values


def _triple(values: list[Any]) -> list[Any]:
    if len(values) != 3:
        raise ValueError("must have three values, along k, j, i")
    return values


Range = Annotated[list[float], AfterValidator(_range)]
_Triple = Annotated[list[float], AfterValidator(_triple)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class CardGrid(_Part):
    """Voxel grid of the images a model makes (k, j, i)."""

    shape: Annotated[list[int], AfterValidator(_triple)]
    """Voxels."""
    spacing_mm: _Triple
    """Distance between voxel centers [mm]."""
    origin_mm: _Triple
    """Center of voxel (0, 0, 0) as (z, y, x) [mm]."""

    def __getitem__(self, name: str) -> list[float]:
        """``grid["spacing_mm"]``, as in the YAML."""
        return getattr(self, name)


class CardProtocol(_Part):
    """Protocol whose images the model learned; another one is refused."""

    injected_mbq_per_kg: Range
    uptake_min: Range
    scanner: str = ""
    """Resolution and CT protocol in words."""
    contrast: Literal["portal-venous"] | None = None
    """Phase of contrast medium in the CTs that the model learned; None if unsaid."""

    @property
    def portal_venous(self) -> bool:
        """Whether the model learned CT with contrast medium in the portal vein."""
        return self.contrast == "portal-venous"


class CardSampler(_Part):
    """How a stage goes from noise to data; what is left out is its default."""

    solver: Literal["heun", "dpmpp2m"] = "heun"
    steps: int = Field(default=18, ge=1)
    sigma_min: float = Field(default=0.01, gt=0)
    sigma_max: float = Field(default=80.0, gt=0)

    @model_validator(mode="after")
    def _falls(self) -> "CardSampler":
        if not self.sigma_min < self.sigma_max:
            raise ValueError("sigma_min must lie below sigma_max")
        return self


def _stage(values: dict[str, Any]) -> dict[str, Any]:
    """A stage of a card, whose sampler can be followed."""
    try:
        CardSampler.model_validate(values.get("sampler"))
    except ValidationError as error:
        raise ValueError("; ".join(_told(error, "sampler"))) from None
    return values


def _told(error: ValidationError, *where: str) -> list[str]:
    """Every problem with its place."""
    return [
        f"{'.'.join(map(str, (*where, *each['loc'])))}: {each['msg']}"
        for each in error.errors()
    ]


_Stage = Annotated[dict[str, Any], AfterValidator(_stage)]


# Of a card, all that stands in a subject's files or makes their pixels; but for
# ``portal_venous``, which the UIDs take up, so that older cohorts keep their model.
_DECIDING = {
    "name", "version", "trained_on", "grid", "files", "base", "superres", "segmenter",
}  # fmt: skip


class ModelCard(_Part):
    """What ``card.yaml`` says."""

    name: str
    version: str
    summary: str
    trained_on: str
    """One sentence; it stands in every report and DICOM object."""
    licence: str
    grid: CardGrid
    conditioning_ranges: dict[str, Range]
    """Low and high of age_years, height_m, bmi_kg_m2 and weight_kg."""
    protocol: CardProtocol
    files: dict[str, str]
    """SHA-256 of each file of the model, by its name."""
    base: _Stage
    superres: _Stage
    segmenter: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    folder: Path = Field(default=Path(), exclude=True)
    """Where the card lies; not part of the YAML."""

    @model_validator(mode="after")
    def _parts_name_their_files(self) -> "ModelCard":
        parts = {"base": self.base, "superres": self.superres}
        if self.segmenter:
            parts["segmenter"] = self.segmenter
        for name, part in parts.items():
            if part.get("file") not in self.files:
                raise ValueError(
                    f"{name}.file is {part.get('file')!r}, which is none of 'files'"
                )
        return self

    @property
    def sha256(self) -> str:
        """One hash of all that decides what a subject's files hold."""
        deciding = self.model_dump(mode="json", include=_DECIDING)
        return sha256_of_bytes(json.dumps(deciding, sort_keys=True).encode())

    @property
    def instrument(self) -> str:
        """What measures organs with this model: its segmenter, by its weights."""
        file = self.segmenter.get("file")
        return f"bundled segmenter {self.files[file][:12]}" if file else "no segmenter"

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Conditioning ranges as (low, high)."""
        return {k: (v[0], v[1]) for k, v in self.conditioning_ranges.items()}

    @property
    def voxels(self) -> int:
        """Voxels of one image."""
        return math.prod(self.grid.shape)

    def check_files(self) -> None:
        """Compare every file with its hash.

        Raises
        ------
        ModelError
            If a file is missing, cannot be read or differs: damaged, truncated or
            replaced.
        """
        for name, digest in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise ModelError(
                    f"{path} is missing, but {self.folder / CARD_NAME} names it. "
                    "Copy the model again, or reinstall vct."
                )
            try:
                found = sha256_of_file(path)
            except OSError as error:
                raise ModelError(
                    f"{path} cannot be read ({error.strerror or error}). Make it "
                    "readable, copy the model again, or reinstall vct."
                ) from error
            if found != digest:
                raise ModelError(
                    f"{path} is damaged or truncated: its SHA-256 is not the one in "
                    f"{CARD_NAME}. Copy the model again, or reinstall vct."
                )


def list_models(folder: Path | None = None) -> list[ModelCard]:
    """Cards of the models in a folder, by default the bundled ones; sorted by name.

    Raises
    ------
    ModelError
        If a card cannot be read.
    """
    folder = folder or bundled_folder("trained_models")
    if not folder.is_dir():
        return []
    cards = [load_card(path.parent) for path in folder.glob(f"*/{CARD_NAME}")]
    return sorted(cards, key=lambda card: card.name)


def find_model(name: str | Path) -> ModelCard:
    """Card of a model: the name of a bundled one, or a folder with a ``card.yaml``.

    A name without a slash is a bundled model's if one is called so, whatever lies in
    the working directory.

    Raises
    ------
    ModelError
        If there is no such model; the message offers the nearest name.
    """
    folder = Path(name)
    bare = isinstance(name, str) and os.sep not in name
    bundled = [bundled_folder("trained_models") / name] if bare else []
    for place in (*bundled, folder):
        # Unlike Path.is_file, False for a name that is too long.
        if os.path.isfile(place / CARD_NAME):
            return load_card(place)
    if bare:
        raise ModelError(_unknown(str(name)))
    raise ModelError(
        f"{folder}: no {CARD_NAME} here. Name a model folder, or a bundled model "
        "from 'vct models'."
    )


def _unknown(name: str) -> str:
    """Message for a name no bundled model has."""
    folder = bundled_folder("trained_models")
    names = sorted(path.parent.name for path in folder.glob(f"*/{CARD_NAME}"))
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(names) or "none"
    return (
        f"unknown model {name!r}.{hint} Models here: {known}. Name one of them, or "
        f"the path of a folder with a {CARD_NAME}."
    )


def load_card(folder: Path) -> ModelCard:
    """Read ``card.yaml`` of a model folder.

    Raises
    ------
    ModelError
        If it is missing, no YAML, or not a card; every problem is named.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = folder / CARD_NAME
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    if not isinstance(values, dict) or "folder" in values:
        raise ModelError(f"{path} is not a model card: it must map keys to values.")
    try:
        return ModelCard.model_validate({**values, "folder": folder})
    except ValidationError as error:
        problems = [f"{path}: {words}" for words in _told(error)]
        raise ModelError("\n".join(problems)) from None
