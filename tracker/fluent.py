"""The active run: MLflow's fluent verbs, without a run id.

The active run belongs to a thread. Runs left open when the interpreter ends are closed: FINISHED,
or FAILED after an uncaught exception, KILLED after Ctrl-C. A process that is killed closes
nothing; whoever looks at the database next marks its runs FAILED.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, Self

from tracker import client as client_module
from tracker import context, frames, locations
from tracker.client import TrackingClient
from tracker.entities import Experiment, Run, RunStatus, ViewType
from tracker.exceptions import InvalidStateError, InvalidValueError, TrackerError
from tracker.validation import (
    check_experiment_ids,
    check_max_results,
    check_status,
    check_view,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import pandas as pd

    from tracker.database import Synchronous
    from tracker.entities import Dataset, FileInfo, Metric
    from tracker.system_metrics import SystemMetrics

DEFAULT_EXPERIMENT_ID = "0"
EXPERIMENT_VARIABLE = "TRACKER_EXPERIMENT_NAME"
RUN_VARIABLE = "TRACKER_RUN_ID"
SEARCH_LIMIT = 100_000
# Each keeps three files open in every thread that uses it.
MOST_CLIENTS = 8


class ActiveRun(Run):
    """A run that ends with the `with` block it heads.

    FINISHED at the end of the block, KILLED by Ctrl-C, FAILED by any other exception; the
    exception goes on to the caller.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _end_through(self.info.run_id, _status_after(error))


class _Settings:
    """What `set_tracking_uri` and `set_experiment` said, for the whole process."""

    def __init__(self) -> None:
        self.uri: str | None = None
        self.path: Path | None = None
        self.options: dict[str, Any] = {}
        self.experiment_id: str | None = None
        self.clients: dict[Path, TrackingClient] = {}
        self.lock = threading.RLock()
        self.system_metrics = False
        self.system_metrics_seconds = 10.0


@dataclass(slots=True, eq=False)
class _OpenRun:
    """A run that this process is to end, in its own database whatever URI is set by then."""

    run_id: str
    run: ActiveRun
    client: TrackingClient
    pid: int
    sampler: SystemMetrics | None = None


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.stack: list[_OpenRun] = []
        self.last_run_id: str | None = None


# Of all threads, in the order of their start.
_open_runs: list[_OpenRun] = []
_settings = _Settings()
_local = _PerThread()


def _renew_lock() -> None:
    """Another thread of the parent may have held it, and is not there to release it."""
    _settings.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


# Where the database is


def set_tracking_uri(
    uri: str | os.PathLike[str],
    *,
    synchronous: Synchronous = "NORMAL",
    artifact_root: str = client_module.ARTIFACT_ROOT,
    allowed_roots: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Name the database of all that follows; see `TrackingClient` for the arguments.

    Raises:
        InvalidValueError: The URI names no local file.
    """
    text = os.fspath(uri)
    path = locations.database_path(text or locations.default_uri())
    options = {
        "synchronous": synchronous,
        "artifact_root": artifact_root,
        "allowed_roots": allowed_roots,
    }
    with _settings.lock:
        # Libraries name the same database again and again, in the middle of a run too.
        wanted = (text or None, path if text else None, options)
        if wanted == (_settings.uri, _settings.path, _settings.options) and path.exists():
            return
        _settings.uri, _settings.path, _settings.options = wanted
        _settings.experiment_id = None
        _settings.clients.pop(path, None)


def is_tracking_uri_set() -> bool:
    """Whether the database was named, by `set_tracking_uri` or the environment variable."""
    return bool(_settings.uri or os.environ.get(locations.ENVIRONMENT_VARIABLE))


def get_tracking_uri() -> str:
    """The tracking URI in force: the one set, else `TRACKER_URI`, else `tracking.db` here."""
    return _settings.uri or locations.default_uri()


def get_client() -> TrackingClient:
    """The client behind the fluent verbs."""
    path = _settings.path or locations.database_path(locations.default_uri())
    return _settings.clients.get(path) or _open_client()


def _open_client() -> TrackingClient:
    with _settings.lock:
        # Another thread may have named another database since.
        path = _settings.path or locations.database_path(locations.default_uri())
        found = _settings.clients.get(path)
        if found is None:
            found = TrackingClient(path, **_settings.options)
            found.tracking_uri = get_tracking_uri()
            if len(_settings.clients) >= MOST_CLIENTS:
                del _settings.clients[next(iter(_settings.clients))]
            _settings.clients[path] = found
    return found


# Experiments


def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    trace_location: Any = None,
) -> Experiment:
    """Choose the experiment of the runs that follow; a new name creates it.

    Raises:
        UnsupportedError: `trace_location` is given.
        InvalidValueError: Not exactly one of name and id is given.
        InvalidStateError: The experiment is deleted.
        NotFoundError: There is no experiment with this id.
    """
    refuse(trace_location=trace_location)
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValueError("set_experiment takes either a name or an experiment_id.")
    client = get_client()
    if experiment_id is not None:
        experiment = client.get_experiment(experiment_id)
    else:
        experiment = _get_or_create(client, str(experiment_name))
    if experiment.lifecycle_stage != "active":
        raise InvalidStateError(
            f"The experiment {experiment.name!r} is deleted: restore it with "
            f"`restore_experiment({experiment.experiment_id!r})` or choose another name."
        )
    _settings.experiment_id = experiment.experiment_id
    return experiment


def create_experiment(
    name: str,
    artifact_location: str | os.PathLike[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: Any = None,
) -> str:
    """Create an experiment and return its id.

    Raises:
        AlreadyExistsError: The name is taken.
        UnsupportedError: `trace_location` is given.
    """
    refuse(trace_location=trace_location)
    return get_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with this id.

    Raises:
        NotFoundError: There is none.
    """
    return get_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment with this name, or None."""
    return get_client().get_experiment_by_name(name)


def search_experiments(
    view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """All experiments that match.

    Raises:
        FilterError: The filter or the order cannot be read.
    """
    limit = SEARCH_LIMIT if max_results is None else max_results
    return list(get_client().search_experiments(view_type, limit, filter_string, order_by))


def delete_experiment(experiment_id: str) -> None:
    """Delete an experiment and its runs; `restore_experiment` brings them back."""
    get_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Bring a deleted experiment and its runs back."""
    get_client().restore_experiment(experiment_id)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Give an experiment another name.

    Raises:
        AlreadyExistsError: The name is taken.
    """
    get_client().rename_experiment(experiment_id, new_name)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the current experiment."""
    get_client().set_experiment_tag(_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the current experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment."""
    get_client().delete_experiment_tag(_experiment_id(), key)


# Runs


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,  # noqa: FBT001, FBT002
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,  # noqa: FBT001
) -> ActiveRun:
    """Start a run, or resume one by its id, and make it the active one.

    Args:
        run_id: The run to go on with.
        experiment_id: Where a new run belongs; the current experiment by default.
        run_name: Its name; random by default.
        nested: Start it below the active run.
        parent_run_id: Start it below this run.
        tags: Its first tags.
        description: A note, Markdown.
        log_system_metrics: Sample CPU, memory and GPU use into the run; see
            `enable_system_metrics_logging`.

    Raises:
        InvalidStateError: A run is active and `nested` is not set, or the run is deleted.
        InvalidValueError: The note is given twice, or the key of a tag breaks a rule.
        NotFoundError: There is no such run or experiment.
        UnsupportedError: It is to sample the system, and psutil is not installed.
    """
    stack = _local.stack
    if stack and not nested:
        raise InvalidStateError(
            f"The run {stack[-1].run_id!r} is active already: end it with `end_run()` first, "
            f"or start this one with nested=True."
        )
    client = get_client()
    wanted = run_id or os.environ.pop(RUN_VARIABLE, None)
    marks = _first_tags(tags, description)
    if wanted:
        run = _resume(client, wanted, run_name, marks)
    else:
        parent = parent_run_id or (stack[-1].run_id if stack else None)
        run = _create(client, experiment_id or _experiment_id(), parent, marks, run_name)
    active = ActiveRun(run.info, run.data, run.inputs)
    samples = _settings.system_metrics if log_system_metrics is None else log_system_metrics
    sampler = _start_sampling(client, active.info.run_id) if samples else None
    stack.append(_OpenRun(active.info.run_id, active, client, os.getpid(), sampler))
    _open_runs.append(stack[-1])
    _local.last_run_id = active.info.run_id
    return active


def enable_system_metrics_logging() -> None:
    """Sample CPU, memory, disk, network and GPU use into every run that starts from now on."""
    _settings.system_metrics = True


def disable_system_metrics_logging() -> None:
    """Take no samples in runs that start from now on, unless they ask for it."""
    _settings.system_metrics = False


def set_system_metrics_sampling_interval(interval: float) -> None:
    """Take a sample every `interval` seconds (10 by default) in runs that start from now on."""
    _settings.system_metrics_seconds = interval


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End the active run, if there is one.

    Raises:
        InvalidValueError: There is no such status; the run goes on.
    """
    if _local.stack:
        _end_last(status)


def active_run() -> ActiveRun | None:
    """The active run of this thread, as it was when it started."""
    return _local.stack[-1].run if _local.stack else None


def last_active_run() -> Run | None:
    """The active run of this thread, or the one that was active last, as it stands now."""
    run_id = _local.last_run_id
    return None if run_id is None else get_client().get_run(run_id)


def get_run(run_id: str) -> Run:
    """The whole run.

    Raises:
        NotFoundError: There is no such run.
    """
    return get_client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run under which this one was nested."""
    return get_client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Delete a run; `TrackingClient.restore_run` brings it back."""
    get_client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back."""
    get_client().restore_run(run_id)


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,  # noqa: FBT001, FBT002
    experiment_names: Sequence[str] | None = None,
) -> pd.DataFrame | list[Run]:
    """The runs that match, as a DataFrame with MLflow's column names or as a list.

    Args:
        experiment_ids: Where to look; the current experiment by default.
        filter_string: See the README for the search language.
        run_view_type: Active runs, deleted ones, or all.
        max_results: At most so many.
        order_by: Such as `["metrics.test_accuracy DESC"]`; missing values come last.
        output_format: "pandas" or "list".
        search_all_experiments: Look everywhere where neither ids nor names are given.
        experiment_names: Where to look, by name.

    Raises:
        FilterError: The filter or the order cannot be read.
        InvalidValueError: The ids, the view, the limit or the format are none.
    """
    client = get_client()
    ids = _where_to_search(
        client, experiment_ids, experiment_names, everywhere=search_all_experiments
    )
    if output_format == "list":
        return list(client.search_runs(ids, filter_string, run_view_type, max_results, order_by))
    if output_format != "pandas":
        raise InvalidValueError(f"output_format is 'pandas' or 'list', not {output_format!r}.")
    view, limit = check_view(run_view_type), check_max_results(max_results)
    client.reap()
    return frames.search_runs(client.store, ids, filter_string, view, limit, order_by)


# What a run logs


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Dataset | None = None,
) -> None:
    """Add one point to a metric's history; it survives a killed process when this returns.

    Raises:
        InvalidValueError: The key or a number breaks a rule.
        UnsupportedError: A model or a data set is named; points belong to runs only.
    """
    if model_id is not None or dataset is not None:
        refuse(model_id=model_id, dataset=dataset)
    get_client().log_metric(run_id or _run_id(), key, value, timestamp, step)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Dataset | None = None,
) -> None:
    """Add one point to each of several metrics, in one transaction.

    Raises:
        InvalidValueError: A key or a number breaks a rule; nothing is written.
        UnsupportedError: A model or a data set is named; points belong to runs only.
    """
    if model_id is not None or dataset is not None:
        refuse(model_id=model_id, dataset=dataset)
    get_client().log_metrics(run_id or _run_id(), metrics, step, timestamp)


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
    get_client().log_history(run_id or _run_id(), key, values, steps, timestamps)


def log_param(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> Any:
    """Write a parameter once and return its value.

    Raises:
        ParamConflictError: It was logged before with another value.
    """
    return get_client().log_param(_run_id(), key, value)


def log_params(
    params: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
    run_id: str | None = None,
) -> None:
    """Write several parameters once, all or none.

    Raises:
        ParamConflictError: One was logged before with another value.
    """
    get_client().log_params(run_id or _run_id(), params)


def set_tag(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Set or overwrite a tag."""
    get_client().set_tag(_run_id(), key, value)


def set_tags(
    tags: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Set or overwrite several tags, all or none."""
    get_client().set_tags(_run_id(), tags)


def delete_tag(key: str) -> None:
    """Remove a tag.

    Raises:
        NotFoundError: There is no such tag.
    """
    get_client().delete_tag(_run_id(), key)


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
    get_client().log_input(_run_id(), dataset, context, tags)


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
    used = map(client_module.dataset_input, datasets, what_for, marks)
    get_client().log_inputs(_run_id(), list(used))


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


# Artifacts


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep a file, or a folder with all it holds, below `artifact_path`."""
    get_client().log_artifact(run_id or _run_id(), local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep all that a folder holds below `artifact_path`."""
    get_client().log_artifacts(run_id or _run_id(), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as a file."""
    get_client().log_text(run_id or _run_id(), text, artifact_file)


def log_stream(stream: IO[bytes], artifact_file: str, run_id: str | None = None) -> None:
    """Keep what a binary stream still holds as a file."""
    get_client().log_stream(run_id or _run_id(), stream, artifact_file)


def log_dict(
    dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None
) -> None:
    """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
    get_client().log_dict(run_id or _run_id(), dictionary, artifact_file)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Keep an image under a name of its own, or as one of a series; see `TrackingClient`."""
    get_client().log_image(_run_id(), image, artifact_file, key, step, timestamp)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Keep a matplotlib or plotly figure as a picture."""
    get_client().log_figure(_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a table as JSON; rows logged again under the same name are appended."""
    get_client().log_table(run_id or _run_id(), data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows that several runs logged under one name; see `TrackingClient.load_table`.

    Raises:
        NotFoundError: There is no such table.
    """
    return get_client().load_table(_experiment_id(), artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run's artifacts lie, relative to the database's folder."""
    uri = get_client().store.get_run_info(_run_id()).artifact_uri
    return f"{uri}/{artifact_path}" if artifact_path else uri


def list_artifacts(path: str | None = None, run_id: str | None = None) -> list[FileInfo]:
    """The files and folders directly below `path`, by name."""
    return get_client().list_artifacts(run_id or _run_id(), path)


def download_artifacts(
    artifact_path: str, run_id: str | None = None, dst_path: str | None = None
) -> str:
    """The path of an artifact: where it lies, or of a copy below `dst_path`.

    Raises:
        NotFoundError: There is no such artifact.
    """
    return get_client().download_artifacts(run_id or _run_id(), artifact_path, dst_path)


# Behind the verbs


def _run_id() -> str:
    stack = _local.stack
    return stack[-1].run_id if stack else start_run().info.run_id


def _experiment_id() -> str:
    if _settings.experiment_id is None:
        name = os.environ.get(EXPERIMENT_VARIABLE)
        if not name:
            return DEFAULT_EXPERIMENT_ID
        set_experiment(name)
    return str(_settings.experiment_id)


def _get_or_create(client: TrackingClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found
    try:
        return client.get_experiment(client.create_experiment(name))
    except TrackerError:  # Another process was faster.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found


def _first_tags(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, Any]:
    marks = dict(tags or {})
    if description is None:
        return marks
    if client_module.NOTE_TAG in marks:
        raise InvalidValueError(
            f"The note is given twice: leave out description, or the tag "
            f"{client_module.NOTE_TAG!r}."
        )
    return marks | {client_module.NOTE_TAG: description}


def _create(
    client: TrackingClient,
    experiment_id: str,
    parent: str | None,
    tags: dict[str, Any],
    run_name: str | None,
) -> Run:
    if parent is not None:
        client.store.get_run_info(parent)
        tags = {client_module.PARENT_TAG: parent} | tags
    run = client.create_run(experiment_id, None, context.run_tags() | tags, run_name)
    if parent is None and context.enabled():
        _capture_files(client, run.info.run_id)
    return run


def _capture_files(client: TrackingClient, run_id: str) -> None:
    try:
        client.artifacts(run_id).log_contents(context.run_files())
    except TrackerError as error:  # A run is worth more than the list of its packages.
        warnings.warn(f"The run's environment is not kept: {error}", stacklevel=4)


def _start_sampling(client: TrackingClient, run_id: str) -> SystemMetrics:
    from tracker.system_metrics import SystemMetrics  # noqa: PLC0415

    try:
        return SystemMetrics(client, run_id, _settings.system_metrics_seconds)
    except TrackerError:
        client.set_terminated(run_id, RunStatus.FAILED)
        raise


def _resume(client: TrackingClient, run_id: str, run_name: str | None, tags: dict[str, Any]) -> Run:
    client.resume_run(run_id)
    if run_name:
        client.update_run(run_id, name=run_name)
    if tags:
        client.set_tags(run_id, tags)
    return client.get_run(run_id)


def _where_to_search(
    client: TrackingClient,
    experiment_ids: Sequence[str] | None,
    experiment_names: Sequence[str] | None,
    *,
    everywhere: bool,
) -> Sequence[str]:
    if experiment_ids and experiment_names:
        raise InvalidValueError("search_runs takes experiment_ids or experiment_names, not both.")
    if experiment_names:
        found = map(client.get_experiment_by_name, experiment_names)
        return [experiment.experiment_id for experiment in found if experiment is not None]
    if experiment_ids:
        return check_experiment_ids(experiment_ids)
    if everywhere:
        return [experiment.experiment_id for experiment in search_experiments()]
    return [_experiment_id()]


def _status_after(error: BaseException | None) -> RunStatus:
    if error is None:
        return RunStatus.FINISHED
    return RunStatus.KILLED if isinstance(error, KeyboardInterrupt) else RunStatus.FAILED


def _end_last(status: str) -> None:
    final = check_status(status)
    ended = _local.stack.pop()
    _local.last_run_id = ended.run_id
    _end(ended, final)


def _end(ended: _OpenRun, status: str) -> None:
    if ended.sampler is not None:
        ended.sampler.stop()
    ended.client.set_terminated(ended.run_id, status)
    _open_runs.remove(ended)


def _end_through(run_id: str, status: RunStatus) -> None:
    """End a run together with the runs left open inside it."""
    while any(entry.run_id == run_id for entry in _local.stack):
        is_innermost = _local.stack[-1].run_id == run_id
        _end_last(status)
        if is_innermost:
            return


@atexit.register
def _end_open_runs() -> None:
    """Close what is open when the interpreter ends; a forked child leaves its parent's runs."""
    status = _status_after(getattr(sys, "last_value", None))
    for entry in reversed(_open_runs.copy()):
        if entry.pid == os.getpid():
            with contextlib.suppress(TrackerError):
                _end(entry, status)
