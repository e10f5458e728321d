"""What the tracker hands out: plain frozen records, named as in MLflow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class RunStatus(StrEnum):
    """Where a run stands. Compares equal to its text."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @classmethod
    def from_string(cls, status: str) -> RunStatus:
        """The status with this name."""
        return cls(status)

    @classmethod
    def to_string(cls, status: str) -> str:
        """The name of a status."""
        return cls(status).value

    @classmethod
    def is_terminated(cls, status: str) -> bool:
        """Whether a run in this status has ended."""
        return status in {cls.FINISHED, cls.FAILED, cls.KILLED}


class LifecycleStage(StrEnum):
    """Whether a run or an experiment is deleted."""

    ACTIVE = "active"
    DELETED = "deleted"


class SourceType(StrEnum):
    """What started a run."""

    LOCAL = "LOCAL"
    NOTEBOOK = "NOTEBOOK"
    JOB = "JOB"
    PROJECT = "PROJECT"
    UNKNOWN = "UNKNOWN"


class ViewType(StrEnum):
    """Which lifecycle stages a search returns. MLflow's numbers 1, 2 and 3 are taken too."""

    ACTIVE_ONLY = "ACTIVE_ONLY"
    DELETED_ONLY = "DELETED_ONLY"
    ALL = "ALL"

    @classmethod
    def _missing_(cls, value: object) -> ViewType | None:
        numbers: dict[object, ViewType] = {1: cls.ACTIVE_ONLY, 2: cls.DELETED_ONLY, 3: cls.ALL}
        return numbers.get(value)


@dataclass(frozen=True, slots=True)
class Metric:
    """One point of a metric's history.

    Args:
        key: The metric's name.
        value: A float, NaN and ±infinity included.
        timestamp: Milliseconds since the epoch.
        step: The caller's counter.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter, written once."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunTag:
    """One tag of a run."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ExperimentTag:
    """One tag of an experiment."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named group of runs. Times are milliseconds since the epoch."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: dict[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as a run saw it. `source`, `schema` and `profile` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class InputTag:
    """One tag of a data set input, such as its context."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A data set used by a run, with the tags that say what for."""

    dataset: Dataset
    tags: list[InputTag] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The data sets a run used."""

    dataset_inputs: list[DatasetInput] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run's own row. Times are milliseconds since the epoch."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str

    @property
    def run_uuid(self) -> str:
        """The run id under MLflow's older name."""
        return self.run_id


@dataclass(frozen=True, slots=True)
class RunData:
    """A run's latest metric values, parameters and tags."""

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its row, what was logged, and the data sets it used."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = field(default_factory=RunInputs)

    def to_dictionary(self) -> dict[str, Any]:
        """The whole run as plain dictionaries."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One artifact. `file_size` is in bytes, None for a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None
