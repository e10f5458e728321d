"""What the active run records: metrics, parameters, tags, data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tracker import frames
from tracker.client.records import dataset_input
from tracker.exceptions import InvalidValueError
from tracker.fluent.active import active_run_id
from tracker.fluent.database import get_client
from tracker.validation import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tracker.client.operations import RunOperations
    from tracker.entities import Dataset, Metric


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: FBT001
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Dataset | None = None,
) -> RunOperations | None:
    """Add one point to a metric's history; it survives a killed process when this returns.

    Raises:
        InvalidValueError: The key or a number breaks a rule.
        UnsupportedError: A model or a data set is named; points belong to runs only.
    """
    if model_id is not None or dataset is not None:
        refuse(model_id=model_id, dataset=dataset)
    client, run = get_client(), run_id or active_run_id()
    return client.log_metric(run, key, value, timestamp, step, synchronous)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: FBT001
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Dataset | None = None,
) -> RunOperations | None:
    """Add one point to each of several metrics, in one transaction.

    Raises:
        InvalidValueError: A key or a number breaks a rule; nothing is written.
        UnsupportedError: A model or a data set is named; points belong to runs only.
    """
    if model_id is not None or dataset is not None:
        refuse(model_id=model_id, dataset=dataset)
    client, run = get_client(), run_id or active_run_id()
    return client.log_metrics(run, metrics, step, timestamp, synchronous)


def log_history(
    key: str,
    values: Sequence[Any],
    steps: Sequence[int] | None = None,
    timestamps: Sequence[int] | None = None,
    run_id: str | None = None,
) -> None:
    """Add many points of one metric in one transaction; see `TrackingClient.log_history`.

    Raises:
        InvalidValueError: The lengths differ, or an element is not a number.
    """
    get_client().log_history(run_id or active_run_id(), key, values, steps, timestamps)


def log_param(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: FBT001
) -> Any:
    """Write a parameter once and return its value.

    Raises:
        ParamConflictError: It was logged before with another value.
    """
    return get_client().log_param(active_run_id(), key, value, synchronous)


def log_params(
    params: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: FBT001
    run_id: str | None = None,
) -> RunOperations | None:
    """Write several parameters once, all or none.

    Raises:
        ParamConflictError: One was logged before with another value.
    """
    return get_client().log_params(run_id or active_run_id(), params, synchronous)


def set_tag(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: FBT001
) -> RunOperations | None:
    """Set or overwrite a tag."""
    return get_client().set_tag(active_run_id(), key, value, synchronous)


def set_tags(
    tags: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: FBT001
) -> RunOperations | None:
    """Set or overwrite several tags, all or none."""
    return get_client().set_tags(active_run_id(), tags, synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag.

    Raises:
        NotFoundError: There is no such tag.
    """
    get_client().delete_tag(active_run_id(), key)


def log_input(
    dataset: Dataset,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Say that the active run uses a data set, and what for ("train", "validation", "test").

    Raises:
        InvalidValueError: It is no data set, or lacks a name, a digest or a source.
        UnsupportedError: A model is named.
    """
    refuse(model=model)
    get_client().log_input(active_run_id(), dataset, context, tags)


def log_inputs(
    datasets: Sequence[Dataset],
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Any = None,
) -> None:
    """Say which data sets the active run uses, each with its context and tags, all or none.

    Raises:
        InvalidValueError: The lists differ in length, or one entry is no data set.
        UnsupportedError: Models are named.
    """
    refuse(models=models)
    what_for = contexts or [None] * len(datasets)
    marks = tags_list or [None] * len(datasets)
    if not len(datasets) == len(what_for) == len(marks):
        raise InvalidValueError("log_inputs takes as many contexts and tags as data sets.")
    used = map(dataset_input, datasets, what_for, marks)
    get_client().log_inputs(active_run_id(), list(used))


def flush_async_logging() -> None:
    """Return at once: what was logged is in the file already."""


def flush_artifact_async_logging() -> None:
    """Return at once: what was logged is in its place already."""


def get_metric_history(
    run_id: str, key: str, output_format: Literal["list", "pandas"] = "list"
) -> list[Metric] | pd.DataFrame:
    """Every point of one metric by (step, timestamp).

    Returns:
        A list of `Metric`, or a DataFrame with `step`, `timestamp` (ms) and `value`.

    Raises:
        NotFoundError: There is no such run.
    """
    client = get_client()
    if output_format == "pandas":
        return frames.history(client.store, run_id, key)
    return client.get_metric_history(run_id, key)


def best_step(run_id: str, key: str, mode: Literal["min", "max"] = "min") -> int | None:
    """The first step at which a metric was lowest or highest."""
    return get_client().best_step(run_id, key, mode)
