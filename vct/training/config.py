"""What a training run is, as YAML: one file a stage."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vct.errors import SpecError

CONFIGS = Path(__file__).parent / "configs"
StageName = Literal["base", "superres", "segmenter"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Edges = tuple[float, float]
OptimizerName = Literal["adamw", "muon"]


class PhantomData(_Strict):
    """Digital phantoms to train on, rendered once into a cache folder.

    ``held_out`` phantoms follow the ``subjects``. A stage that needs fewer trains on
    the first ``train_on`` and shares folder and held-out phantoms with the others.
    """

    folder: Path
    subjects: int = Field(gt=0)
    train_on: int | None = Field(default=None, gt=0)
    held_out: int = Field(default=32, gt=0)
    seed: int = 1
    spacing_mm: float = Field(default=4.0, gt=0)
    workers: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> "PhantomData":
        if self.train_on and self.train_on > self.subjects:
            raise ValueError(
                f"train_on {self.train_on} is more than the {self.subjects} subjects"
            )
        return self

    @property
    def training(self) -> range:
        """Indices of the phantoms to train on."""
        return range(self.train_on or self.subjects)


class PreparedData(_Strict):
    """Studies of patients, written by ``vct autopet prepare``.

    ``window_mm`` keeps a part of the field: low and high edge along z, y and x [mm].
    Slices that fewer than ``min_subjects_per_slice`` training studies cover are named
    in the card.
    """

    prepared: Path
    window_mm: tuple[Edges, Edges, Edges] | None = None
    min_subjects_per_slice: int = Field(default=100, gt=0)


def _kind_of_data(values: Any) -> str | None:
    """Which data a config names, by the key that only they have."""
    if isinstance(values, _Strict):
        return "prepared" if isinstance(values, PreparedData) else "phantoms"
    if not isinstance(values, dict):
        return None
    if "prepared" in values:
        return "prepared"
    return "phantoms" if "folder" in values or "subjects" in values else None


TrainingData = Annotated[
    Annotated[PhantomData, Tag("phantoms")] | Annotated[PreparedData, Tag("prepared")],
    Discriminator(
        _kind_of_data,
        custom_error_type="no_data",
        custom_error_message=(
            "name phantoms by 'folder' and 'subjects', or studies that 'vct autopet "
            "prepare' wrote by 'prepared'"
        ),
    ),
]


class Optimization(_Strict):
    """Warm-up, a flat part, and a linear decay to zero at the end.

    ``optimizer`` is AdamW for all weights, or Muon for the inner convolutions.
    """

    optimizer: OptimizerName = "adamw"
    batch_size: int = Field(default=8, gt=0)
    accumulate: int = Field(default=1, gt=0)
    learning_rate: float = Field(default=5e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_steps: int = Field(default=200, ge=0)
    decay_from: float = Field(default=0.6, ge=0, le=1)
    gradient_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.999, gt=0, lt=1)
    max_samples: int | None = Field(default=None, gt=0)
    max_minutes: float | None = Field(default=None, gt=0)
    precision: Literal["bf16", "fp32"] = "bf16"
    compile: bool = False
    seed: int = 0


class Reporting(_Strict):
    """How often a run writes down where it stands."""

    log_every_steps: int = Field(default=50, gt=0)
    checkpoint_minutes: float = Field(default=3.0, gt=0)
    pictures_minutes: float = Field(default=30.0, gt=0)


_FINE: tuple[StageName, ...] = ("superres",)
_ORGANS: tuple[StageName, ...] = ("segmenter",)
# Which stages read a key; those not named here are read by all.
_READ_BY: dict[str, tuple[StageName, ...]] = {
    "p_mean": ("base", *_FINE),
    "p_std": ("base", *_FINE),
    "unknown_share": ("base",),
    "augmentation_max": _FINE,
    "patch_slices": _FINE,
    "patch_window": _FINE,
    "base_weights": (*_FINE, *_ORGANS),
    "base_pass_share": (*_FINE, *_ORGANS),
    "superres_weights": _ORGANS,
    "base_pass_phantoms": _ORGANS,
    "loss_share": _ORGANS,
}


def unread(stage: StageName) -> set[str]:
    """Keys of a config that a stage does not read."""
    return {name for name, stages in _READ_BY.items() if stage not in stages}


class TrainingConfig(_Strict):
    """One stage's training: data, architecture, optimization, noise."""

    stage: StageName
    data: TrainingData
    architecture: dict[str, Any] = Field(default_factory=dict)
    optimization: Optimization = Optimization()
    reporting: Reporting = Reporting()
    p_mean: float = 0.0
    p_std: float = Field(default=1.5, gt=0)
    unknown_share: float = Field(default=0.05, ge=0, lt=1)
    augmentation_max: float = Field(default=1.0, ge=0)
    patch_slices: int = Field(default=96, gt=0)
    patch_window: tuple[PositiveInt, PositiveInt] | None = None  # rows, columns
    base_weights: Path | None = None
    superres_weights: Path | None = None
    base_pass_share: float = Field(default=0.0, ge=0, le=1)
    base_pass_phantoms: int = Field(default=256, gt=0)
    loss_share: float = Field(default=1.0, gt=0, le=1)
    initial_weights: Path | None = None

    @model_validator(mode="after")
    def _muon_knows_token_networks(self) -> "TrainingConfig":
        if self.stage == "segmenter" and self.optimization.optimizer == "muon":
            raise ValueError(
                "optimization.optimizer muon tells first and last layers of the base "
                "and superres stages from inner ones; train the segmenter with adamw"
            )
        return self

    @model_validator(mode="after")
    def _every_key_is_read(self) -> "TrainingConfig":
        said = self.model_fields_set
        for name in sorted(said & unread(self.stage)):
            raise ValueError(
                f"{name} is read by {' and '.join(_READ_BY[name])} alone; the "
                f"{self.stage} has no use for it: leave it out"
            )
        if self.stage == "segmenter" and self.optimization.compile:
            raise ValueError(
                "optimization.compile is for base and superres alone; the segmenter "
                "is not compiled: leave it out"
            )
        weights = [
            name
            for name in ("base_weights", "superres_weights")
            if name not in unread(self.stage)
        ]
        for name in weights:
            there = getattr(self, name) is not None
            if self.base_pass_share and not there:
                raise ValueError(
                    f"base_pass_share {self.base_pass_share:g} needs {name}: the "
                    "weights that images are passed through"
                )
            if there and "base_pass_share" not in said:
                raise ValueError(
                    f"{name} is read where base_pass_share says how many images pass "
                    "through it: name one, or leave it out"
                )
        return self

    @property
    def phantoms(self) -> PhantomData:
        """The phantoms to train on.

        Raises
        ------
        SpecError
            If the data are of patients, whose organs nobody has labeled.
        """
        if isinstance(self.data, PhantomData):
            return self.data
        raise SpecError(
            f"the {self.stage} needs phantoms, whose organs are known, and the config "
            f"names studies of patients ({self.data.prepared}); train it with "
            "segmenter-4mm.yaml, or publish with the segmenter of a bundled model"
        )


# What may change when a run goes on, and is told: a way on for one that diverged.
CHANGEABLE = frozenset({"optimization.learning_rate", "optimization.precision"})


def told_apart(config: TrainingConfig) -> dict[str, Any]:
    """What a run that goes on has in common with what it began as: name → value.

    Its end, its log, its speed and the place of its data may differ, and how a step is
    divided. What is ``CHANGEABLE`` may differ too.
    """
    division = {"batch_size", "accumulate"}
    free = {
        "reporting": True,
        "optimization": {"max_samples", "max_minutes", "compile", *division},
        "data": {"folder", "prepared", "workers"},
    }
    left = config.model_dump(mode="json", exclude=free)  # type: ignore[arg-type]
    return {
        f"{name}.{part}" if isinstance(value, dict) else name: inner
        for name, value in left.items()
        for part, inner in (value if isinstance(value, dict) else {"": value}).items()
    }


def find_config(name: str | Path) -> Path:
    """A training YAML by its path, or a preset of ours by its name.

    Raises
    ------
    SpecError
        If it is neither.
    """
    path = Path(name)
    if path.suffix or len(path.parts) > 1 or path.is_file():
        return path
    preset = CONFIGS / f"{name}.yaml"
    if preset.is_file():
        return preset
    known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
    raise SpecError(f"{name}: neither a file nor a preset; presets are {known}")


def load_config(
    path: Path, stage: StageName, *, data: Path | None = None
) -> TrainingConfig:
    """Read a training YAML.

    Parameters
    ----------
    path
        Of the file.
    stage
        Which it must train.
    data
        Folder of the data, instead of the one it names.

    Raises
    ------
    SpecError
        If the file is missing, unreadable, no YAML, or not a training of ``stage``.
    """
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text())
        if data is not None and isinstance(values, dict):
            values["data"] = _elsewhere(values.get("data"), data)
        config = TrainingConfig.model_validate(values)
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such training config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error})") from None
    except YAMLError as error:
        raise SpecError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        words = "\n".join(f"{path}: {_told(each)}" for each in error.errors())
        raise SpecError(words) from None
    if config.stage != stage:
        raise SpecError(
            f"{path}: trains stage {config.stage!r}, but {stage!r} was asked for"
        )
    return config


def _told(error: Any) -> str:
    """One of pydantic's errors: where, if it is of one key, and what."""
    where = ".".join(map(str, error["loc"]))
    what = error["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def _elsewhere(values: Any, folder: Path) -> Any:
    """The config's data, in another folder."""
    key = "prepared" if _kind_of_data(values) == "prepared" else "folder"
    return {**values, key: folder} if isinstance(values, dict) else values
