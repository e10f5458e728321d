"""What the tracker returns: frozen records with MLflow's names and fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Dataset",
    "DatasetInput",
    "Experiment",
    "ExperimentTag",
    "FileInfo",
    "InputTag",
    "LifecycleStage",
    "Metric",
    "ModelVersion",
    "ModelVersionStatus",
    "PagedList",
    "Param",
    "RegisteredModel",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunStatus",
    "RunTag",
    "SourceType",
    "ViewType",
]


class _Word(StrEnum):
    """Compares equal to its text; converts from and to it as MLflow's enumerations do.

    MLflow's numbers work too: `RunStatus(3)` and `RunStatus.to_string(3)`.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:
            return None
        return next((word for word in cls if _NUMBERS.get((cls.__name__, word)) == value), None)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """The word with this text."""
        return cls(text)

    @classmethod
    def to_string(cls, word: Any) -> str:
        """The text of a word."""
        return cls(word).value


class RunStatus(_Word):
    """The status of a run. Compares equal to its text."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @classmethod
    def is_terminated(cls, status: str) -> bool:
        """Whether a run in this status has ended."""
        return status in {cls.FINISHED, cls.FAILED, cls.KILLED}

    @classmethod
    def all_status(cls) -> list[RunStatus]:
        """Every status."""
        return list(cls)


class ModelVersionStatus(_Word):
    """Whether a version of a registered model can be used. The tracker's are READY at once."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"


class SourceType(_Word):
    """What started a run."""

    LOCAL = "LOCAL"
    NOTEBOOK = "NOTEBOOK"
    JOB = "JOB"
    PROJECT = "PROJECT"
    UNKNOWN = "UNKNOWN"


class ViewType(_Word):
    """The lifecycle stages that a search returns. MLflow's numbers 1, 2 and 3 work too."""

    ACTIVE_ONLY = "ACTIVE_ONLY"
    DELETED_ONLY = "DELETED_ONLY"
    ALL = "ALL"

    @classmethod
    def from_string(cls, text: str) -> ViewType:
        """The view with this name, in lower or upper case."""
        return cls(text.upper())

    @classmethod
    def to_string(cls, word: Any) -> str:
        """The name of a view in lower case."""
        return cls(word).lower()


MAX_HTML_ROWS: Final = 20
_NUMBERS: Final = {
    ("RunStatus", "RUNNING"): 1,
    ("RunStatus", "SCHEDULED"): 2,
    ("RunStatus", "FINISHED"): 3,
    ("RunStatus", "FAILED"): 4,
    ("RunStatus", "KILLED"): 5,
    ("SourceType", "NOTEBOOK"): 1,
    ("SourceType", "JOB"): 2,
    ("SourceType", "PROJECT"): 3,
    ("SourceType", "LOCAL"): 4,
    ("SourceType", "UNKNOWN"): 1000,
    ("ViewType", "ACTIVE_ONLY"): 1,
    ("ViewType", "DELETED_ONLY"): 2,
    ("ViewType", "ALL"): 3,
}


class LifecycleStage(StrEnum):
    """Whether a run or an experiment is deleted."""

    ACTIVE = "active"
    DELETED = "deleted"

    @classmethod
    def is_valid(cls, lifecycle_stage: str) -> bool:
        """Whether there is such a stage."""
        return lifecycle_stage in set(cls)

    @classmethod
    def view_type_to_stages(cls, view_type: str = ViewType.ALL) -> list[LifecycleStage]:
        """The stages that a view shows."""
        hidden = {ViewType.ACTIVE_ONLY: cls.DELETED, ViewType.DELETED_ONLY: cls.ACTIVE}
        return [stage for stage in cls if stage != hidden.get(ViewType(view_type))]

    @classmethod
    def matches_view_type(cls, view_type: str, lifecycle_stage: str) -> bool:
        """Whether a view shows a stage."""
        return cls(lifecycle_stage) in cls.view_type_to_stages(view_type)


class _Record:
    """Fields by name, as MLflow's entities give them: `dict(run.info)`, `run.to_dictionary()`."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name in sorted(self.__dataclass_fields__):
            yield name, getattr(self, name)

    def __hash__(self) -> int:
        return hash(tuple(_hashable(getattr(self, name)) for name in self.__dataclass_fields__))

    def to_dictionary(self) -> dict[str, Any]:
        """Its fields by name, as plain dictionaries all the way down."""
        return {name: _plain(value) for name, value in self}

    @classmethod
    def from_dictionary(cls, the_dict: Mapping[str, Any]) -> Self:
        """The record with these fields.

        Raises:
            InvalidValueError: A field is missing.
        """
        known = {name: the_dict[name] for name in cls.__dataclass_fields__ if name in the_dict}
        try:
            return cls(**known)
        except TypeError as error:
            raise InvalidValueError(f"A {cls.__name__} lacks a field: {error}.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, _Record):
        return value.to_dictionary()
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return dict(value) if isinstance(value, dict) else value


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset(value.items())
    return tuple(value) if isinstance(value, list) else value


def _html_table(rows: Mapping[str, Any]) -> str:
    """Two columns of escaped text, at most 20 rows."""
    from html import escape  # noqa: PLC0415

    shown = [
        f"<tr><th>{escape(str(key)[:100])}</th><td>{escape(str(value)[:200])}</td></tr>"
        for key, value in list(rows.items())[:MAX_HTML_ROWS]
    ]
    rest = len(rows) - len(shown)
    return f"<table>{''.join(shown)}</table>" + (f"<p>… and {rest} more</p>" if rest else "")


def _by_key(entries: Any) -> dict[str, Any]:
    """Metrics, parameters or tags by their keys, from a list of entities as MLflow passes them."""
    if entries is None or isinstance(entries, dict):
        return entries or {}
    return {entry.key: entry.value for entry in entries}


@dataclass(frozen=True, slots=True)
class Metric(_Record):
    """One point of a metric's history.

    Args:
        key: The metric's name.
        value: A float, NaN and ±infinity included.
        timestamp: Milliseconds since the epoch.
        step: The caller's counter, such as the epoch.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Param(_Record):
    """One parameter, written once."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunTag(_Record):
    """One tag of a run."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ExperimentTag(_Record):
    """One tag of an experiment."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, repr=False)
class Experiment(_Record):
    """A named group of runs. Times are milliseconds since the epoch."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: dict[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None
    __hash__ = _Record.__hash__

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", _by_key(self.tags))

    def __repr__(self) -> str:
        return f"<Experiment {self.experiment_id} {self.name!r} {self.lifecycle_stage}>"

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        rows = {"experiment": self.name, "id": self.experiment_id, "stage": self.lifecycle_stage}
        return _html_table(rows | self.tags)


@dataclass(frozen=True, slots=True)
class Dataset(_Record):
    """A data set as a run saw it. `source`, `schema` and `profile` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its fields by name; `mlflow.data`'s data sets have this method."""
        return self.to_dictionary()


@dataclass(frozen=True, slots=True)
class InputTag(_Record):
    """One tag of a data set input, such as its context."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DatasetInput(_Record):
    """A data set used by a run, with the tags that say what for."""

    dataset: Dataset
    tags: list[InputTag] = field(default_factory=list)
    __hash__ = _Record.__hash__

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", [] if self.tags is None else self.tags)

    def to_dictionary(self) -> dict[str, Any]:
        """The data set's fields, and the tags by key."""
        tags = {tag.key: tag.value for tag in self.tags}
        return {"dataset": self.dataset.to_dictionary(), "tags": tags}


@dataclass(frozen=True, slots=True)
class RunInputs(_Record):
    """The data sets a run used."""

    dataset_inputs: list[DatasetInput] = field(default_factory=list)
    __hash__ = _Record.__hash__


@dataclass(frozen=True, slots=True)
class RunInfo(_Record):
    """A run's own row. Times are milliseconds since the epoch."""

    run_id: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str = ""
    run_name: str = ""

    @property
    def run_uuid(self) -> str:
        """The run id under MLflow's older name."""
        return self.run_id


@dataclass(frozen=True, slots=True)
class RunData(_Record):
    """A run's latest metric values, parameters and tags, by their keys.

    Lists of `Metric`, `Param` and `RunTag` are taken too.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    __hash__ = _Record.__hash__

    def __post_init__(self) -> None:
        for name in ("metrics", "params", "tags"):
            object.__setattr__(self, name, _by_key(getattr(self, name)))


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Run(_Record):
    """A run: its row, what was logged, and the data sets it used.

    Args:
        run_info: Its row; `info` is the same argument.
        run_data: What was logged; `data` is the same argument.
        run_inputs: The data sets it used; `inputs` is the same argument.

    Raises:
        InvalidValueError: There is no row.
    """

    info: RunInfo
    data: RunData
    inputs: RunInputs = field(default_factory=RunInputs)
    __hash__ = _Record.__hash__

    def __init__(
        self,
        run_info: RunInfo | None = None,
        run_data: RunData | None = None,
        run_inputs: RunInputs | None = None,
        run_outputs: object = None,  # noqa: ARG002  MLflow's; logged models are artifacts here.
        *,
        info: RunInfo | None = None,
        data: RunData | None = None,
        inputs: RunInputs | None = None,
    ) -> None:
        row = run_info or info
        if row is None:
            raise InvalidValueError("A run needs a run_info.")
        object.__setattr__(self, "info", row)
        object.__setattr__(self, "data", run_data or data or RunData())
        object.__setattr__(self, "inputs", run_inputs or inputs or RunInputs())

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.info.run_name!r} {self.info.status} {self.info.run_id}>"
        )

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        rows = {"run": self.info.run_name, "id": self.info.run_id, "status": self.info.status}
        numbers = {key: f"{value:.6g}" for key, value in self.data.metrics.items()}
        return _html_table(rows | self.data.params | numbers)


@dataclass(frozen=True, slots=True)
class FileInfo(_Record):
    """One artifact. `file_size` is in bytes, None for a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class ModelVersion(_Record):
    """One version of a registered model. Times are milliseconds since the epoch."""

    name: str
    version: int
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    description: str | None = None
    user_id: str | None = None
    current_stage: str = "None"
    source: str | None = None
    run_id: str | None = None
    status: str = "READY"
    status_message: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    run_link: str | None = None
    aliases: list[str] = field(default_factory=list)
    __hash__ = _Record.__hash__


@dataclass(frozen=True, slots=True)
class RegisteredModel(_Record):
    """A model's name with its versions. Times are milliseconds since the epoch.

    Args:
        latest_versions: The newest version of each stage.
        aliases: Alias -> version.
    """

    name: str
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    description: str | None = None
    latest_versions: list[ModelVersion] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    __hash__ = _Record.__hash__


Entity = TypeVar("Entity")


class PagedList(list[Entity]):
    """One page of a search.

    Args:
        items: The entities on this page.
        token: `page_token` of the next page; None on the last one.
    """

    def __init__(self, items: Iterable[Entity], token: str | None) -> None:
        super().__init__(items)
        self.token = token

    @classmethod
    def cut(cls, found: list[Entity], limit: int, offset: int) -> PagedList[Entity]:
        """A page of `limit` entities, from a search that asked for one more."""
        more = len(found) > limit
        return cls(found[:limit], str(offset + limit) if more else None)


class RunOperations:
    """The already completed handle for `synchronous=False`: every call is synchronous.

    Args:
        error: Why nothing was written.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def wait(self) -> None:
        """Return at once.

        Raises:
            ParamConflictError: A parameter was logged before with another value.
        """
        if self._error is not None:
            raise self._error
