"""The sections of config.yaml and the rules for their values."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tracker.files import is_url
from tracker.locations import database_path

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NAME_BYTES = 255
"""The longest file name on common file systems."""
LARGEST_SEED = 2**63 - 1
EFFECTIVE_CONFIG = "config/effective_config.yaml"
"""The artifact that holds the configuration of a run; one without it cannot be resumed."""
RESERVED_FILES = {"split.pt"}
"""Names of a run's other artifacts next to its images."""


def _number(value: object) -> object:
    """A float for text such as '1e-3', which YAML 1.1 does not read as a number."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("it is not valid Unicode") from error
    if "\0" in value:
        raise ValueError("it holds a NUL character")
    return value


def _name(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a name must consist of printable characters")
    return value


def _path(value: str) -> str:
    if any(len(part.encode()) > MAX_NAME_BYTES for part in Path(value).parts):
        raise ValueError(f"a name in it is longer than {MAX_NAME_BYTES} bytes")
    return os.path.expanduser(value)  # noqa: PTH111 -- Path's raises for an unknown user


def _database(value: str) -> str:
    database_path(value, Path("/"))  # raises if it names no file
    return value


def _image_file(value: str) -> str:
    plain = re.fullmatch(r"[^/\\:%]+\.pt", value) and value.isprintable()
    if not plain or value.startswith(".") or value.lower() in RESERVED_FILES:
        raise ValueError("it must be the name of a file inside paths.root, such as 'a.pt'")
    return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(_text), AfterValidator(_name)
]
PathText = Annotated[str, Field(min_length=1), AfterValidator(_text), AfterValidator(_path)]
ImageFile = Annotated[
    str, Field(max_length=200), AfterValidator(_text), AfterValidator(_image_file)
]
Option = bool | int | float | str | None
MetricName = Literal["train_loss", "train_accuracy", "val_loss", "val_accuracy"]
BothMetricName = Literal["val_both_loss", "val_both_accuracy"]
BOTH_METRICS = ("val_both_loss", "val_both_accuracy")
"""Metrics of a sweep over the validation images, sharp and blurred, whatever is trained on."""


class Section(BaseModel):
    """A section of the configuration: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_keys(cls, value: Any) -> Any:
        """Treat a section whose keys are all commented out, null in YAML, as empty."""
        return {} if value is None else value


class Paths(Section):
    """Where the images are. `root` is absolute, or a URL, once loaded; the files are inside it."""

    root: PathText = "data"
    train_data: ImageFile = "mnist_train.pt"
    test_data: ImageFile = "mnist_test.pt"
    train_data_blurred: ImageFile = "mnist_train_blurred.pt"
    test_data_blurred: ImageFile = "mnist_test_blurred.pt"

    @model_validator(mode="after")
    def _distinct(self) -> Paths:
        """No two files, substitutes included, may have names that are equal but for their case."""
        taken: dict[str, str] = {}
        for key in IMAGE_FILES:
            name = getattr(self, key)
            for used in (name, substitute_name(name)):
                if (other := taken.setdefault(used.casefold(), key)) != key:
                    raise ValueError(f"{other} and {key} would share the file {used!r}")
        return self

    def file_name(self, split: str, *, blurred: bool, substitute: bool) -> str:
        """The file of one set of images."""
        name: str = getattr(self, f"{split}_data_blurred" if blurred else f"{split}_data")
        return substitute_name(name) if substitute else name


IMAGE_FILES = [key for key in Paths.model_fields if key != "root"]


def substitute_name(name: str) -> str:
    """The file name of the substitute for a file of MNIST.

    Examples:
        >>> substitute_name("mnist_train.pt")
        'stroke_digits_train.pt'
    """
    renamed, count = re.subn("mnist", "stroke_digits", name, flags=re.IGNORECASE)
    return renamed if count else f"stroke_digits_{name}"


class DataPrep(Section):
    """How the images are made. The `stroke_*` keys are for the substitute only."""

    blur_sigma: Annotated[Number, Field(gt=0, le=14)] = 2.0
    download: bool = True
    seed: Seed = 42
    source: Literal["auto", "mnist", "stroke-digits"] = "auto"
    stroke_seed: Seed | None = None
    stroke_jitter: Annotated[Number, Field(ge=0, le=3)] = 0.6
    stroke_train_samples: Annotated[int, Field(ge=10, le=10_000_000)] = 60_000
    stroke_test_samples: Annotated[int, Field(ge=10, le=10_000_000)] = 10_000

    @property
    def image_seed(self) -> int:
        """The seed of the substitute's images."""
        return self.seed if self.stroke_seed is None else self.stroke_seed


class ModelConfig(Section):
    """One configuration: a network, its training images, and how it is trained."""

    description: Text = ""
    on_request: bool = False
    model: Text = "mlp"
    hidden_size: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    channels: Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=1)] = [
        16,
        32,
    ]
    model_options: dict[Name, Option] = {}
    train_on: Literal["sharp", "blurred", "both"] = "sharp"
    max_samples: Annotated[int, Field(ge=2, le=1_000_000_000)] | None = None
    data_split_ratio: Annotated[Number, Field(gt=0, lt=1)] = 0.8
    batch_size: Count = 64
    drop_last: bool = False
    max_epochs: Count = 10
    patience: Count | None = None
    learning_rate: Annotated[Number, Field(gt=0)] = 0.01
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    schedule: Literal["constant", "one_cycle"] = "constant"
    best_metric: MetricName = "val_loss"
    best_mode: Annotated[Literal["min", "max"] | None, Field(validate_default=True)] = None
    mixed_precision: bool = False
    threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @field_validator("best_mode")
    @classmethod
    def _matches_the_metric(cls, mode: str | None, info: ValidationInfo) -> str:
        """`best_mode` must match the metric, or the worst epoch would win."""
        metric = info.data.get("best_metric", "val_loss")
        natural = "max" if metric.endswith("accuracy") else "min"
        if mode not in {None, natural}:
            raise ValueError(f"the best {metric} is its {natural}; leave best_mode out")
        return natural


class SweepConfig(Section):
    """What `python -m training.sweep` searches; see `training.sweep.definition`."""

    configuration: Name = "default"
    metric: Literal[MetricName, BothMetricName] = "val_accuracy"
    direction: Annotated[Literal["minimize", "maximize"] | None, Field(validate_default=True)] = (
        None
    )
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    seed: Seed | None = None
    settings: dict[str, Any] = {}
    space: dict[str, Any] = {}

    @field_validator("direction")
    @classmethod
    def _matches_the_metric(cls, direction: str | None, info: ValidationInfo) -> str:
        """The direction must match the metric, or the worst trial would win."""
        metric = info.data.get("metric", "val_accuracy")
        natural = "maximize" if metric.endswith("accuracy") else "minimize"
        if direction not in {None, natural}:
            raise ValueError(f"{metric} is to {natural}; leave the direction out")
        return natural


class Testing(Section):
    """How the test sets are evaluated."""

    batch_size: Count = 10_000


class Tracking(Section):
    """Where runs are recorded. Both paths are absolute once loaded."""

    database: Annotated[PathText, AfterValidator(_database)] = "tracking.db"
    artifact_location: PathText = "artifacts"
    experiment_name: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_text)] = (
        "MNIST_Experiments"
    )


class Promotion(Section):
    """When a trained network replaces the registered champion. Off until `model` is named."""

    model: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/:]+$")] | None = None
    metric: Name = "test_accuracy"
    data_set: Name | None = None
    direction: Literal["max", "min"] = "max"
    margin: Annotated[Number, Field(ge=0)] = 0.0
    minimum: Number | None = None
    max_calibration_error: Annotated[Number, Field(ge=0, le=1)] | None = None
    min_class_recall: Annotated[Number, Field(ge=0, le=1)] | None = None

    @property
    def scores(self) -> str:
        """The test set that the metric belongs to: 'test' or 'test_blurred'."""
        return "test_blurred" if self.metric.startswith("test_blurred") else "test"

    def data_set_of(self, names: Iterable[str]) -> str:
        """The name of the test set whose digest must be the champion's."""
        if self.data_set is not None:
            return self.data_set
        blurred = self.scores == "test_blurred"
        return next((name for name in names if ("blurred" in name) == blurred), self.scores)

    def better_key(self, value: float) -> float:
        """A number that is greater for a better value."""
        return value if self.direction == "max" else -value


class Config(Section):
    """A whole study."""

    paths: Paths = Paths()
    data_prep: DataPrep = DataPrep()
    model_configs: Annotated[dict[Name, ModelConfig], Field(min_length=1)]
    testing: Testing = Testing()
    sweep: SweepConfig = SweepConfig()
    tracking: Tracking = Tracking()
    promotion: Promotion = Promotion()

    def resolved_against(self, folder: Path) -> Config:
        """The same study with relative paths resolved against `folder`."""
        root = self.paths.root
        root = root if is_url(root) else str(folder / root)
        paths = self.paths.model_copy(update={"root": root})
        database = database_path(self.tracking.database, folder)
        tracking = self.tracking.model_copy(update={"database": str(database)})
        return self.model_copy(update={"paths": paths, "tracking": tracking})

    def with_data_root(self, root: str) -> Config:
        """The same study with its images under `root`, relative to the working directory."""
        if not is_url(root):
            root = str(Path(os.path.expanduser(root)).absolute())  # noqa: PTH111 -- as in `_path`
        paths = self.paths.model_copy(update={"root": root})
        return self.model_copy(update={"paths": paths})

    def with_seed(self, seed: int) -> Config:
        """The same study on the same images, trained from another seed."""
        update = {"seed": seed, "stroke_seed": self.data_prep.image_seed}
        return self.model_copy(update={"data_prep": self.data_prep.model_copy(update=update)})

    def with_source(self, source: str) -> Config:
        """The same study on images of `source`, whatever is available."""
        update = {"source": source, "stroke_seed": self.data_prep.image_seed}
        return self.model_copy(update={"data_prep": self.data_prep.model_copy(update=update)})
