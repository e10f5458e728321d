"""What a study can be told: the sections of config.yaml and the rules their values keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _number(value: object) -> object:
    """A float for text such as '1e-3', which YAML 1.1 does not read as a number."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


Number = Annotated[float, BeforeValidator(_number)]
MetricName = Literal["train_loss", "train_accuracy", "val_loss", "val_accuracy"]


class Section(BaseModel):
    """A part of the configuration: no unknown key, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Paths(Section):
    """Where the images lie. `root` is absolute once loaded; the files lie inside it."""

    root: str = "data"
    train_data: str = "mnist_train.pt"
    test_data: str = "mnist_test.pt"
    train_data_blurred: str = "mnist_train_blurred.pt"
    test_data_blurred: str = "mnist_test_blurred.pt"


class DataPrep(Section):
    """How the images are made. The `stroke_*` keys concern the substitute only."""

    blur_sigma: Annotated[Number, Field(gt=0, le=14)] = 2.0
    download: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42
    source: Literal["auto", "mnist", "stroke-digits"] = "auto"
    stroke_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stroke_jitter: Annotated[Number, Field(ge=0, le=3)] = 0.6
    stroke_train_samples: Annotated[int, Field(ge=10)] = 60_000
    stroke_test_samples: Annotated[int, Field(ge=10)] = 10_000


class ModelConfig(Section):
    """One configuration: a network, its training images and how it is trained."""

    description: str = ""
    on_request: bool = False
    model: str = "mlp"
    hidden_size: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    channels: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = [16, 32]
    train_on: Literal["sharp", "blurred", "both"] = "sharp"
    max_samples: Annotated[int, Field(ge=2)] | None = None
    data_split_ratio: Annotated[Number, Field(gt=0, lt=1)] = 0.8
    batch_size: Annotated[int, Field(ge=1)] = 64
    max_epochs: Annotated[int, Field(ge=1)] = 10
    learning_rate: Annotated[Number, Field(gt=0, allow_inf_nan=False)] = 0.01
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0
    schedule: Literal["constant", "one_cycle"] = "constant"
    best_metric: MetricName = "val_loss"
    best_mode: Literal["min", "max"] = "min"
    mixed_precision: bool = False
    threads: Annotated[int, Field(ge=1, le=1024)] = 1


class Testing(Section):
    """How the test sets are evaluated."""

    batch_size: Annotated[int, Field(ge=1)] = 10_000


class Tracking(Section):
    """Where runs are recorded. Both paths are absolute once loaded."""

    database: str = "tracking.db"
    artifact_location: str = "artifacts"
    experiment_name: Annotated[str, Field(min_length=1, max_length=256)] = "MNIST_Experiments"


class Config(Section):
    """A whole study."""

    paths: Paths = Paths()
    data_prep: DataPrep = DataPrep()
    model_configs: Annotated[dict[str, ModelConfig], Field(min_length=1)]
    testing: Testing = Testing()
    tracking: Tracking = Tracking()

    def located_in(self, folder: Path) -> Config:
        """The same study with its paths resolved against `folder`."""
        paths = self.paths.model_copy(update={"root": str(folder / self.paths.root)})
        tracking = self.tracking.model_copy(
            update={"database": str(folder / self.tracking.database)}
        )
        return self.model_copy(update={"paths": paths, "tracking": tracking})

    def with_data_root(self, root: str) -> Config:
        """The same study with its images under `root`, relative to the working directory."""
        paths = self.paths.model_copy(update={"root": str(Path(root).absolute())})
        return self.model_copy(update={"paths": paths})

    def with_seed(self, seed: int) -> Config:
        """The same study on the same images from another seed."""
        prep = self.data_prep
        drawn = prep.seed if prep.stroke_seed is None else prep.stroke_seed
        prep = prep.model_copy(update={"seed": seed, "stroke_seed": drawn})
        return self.model_copy(update={"data_prep": prep})
