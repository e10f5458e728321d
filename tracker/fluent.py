"""The fluent verbs: read and write the current database, and log to the active run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Literal

from tracker import frames
from tracker.active_runs import active_run_id
from tracker.client import dataset_input
from tracker.current import current_experiment_id, get_client
from tracker.entities import Experiment, Run, ViewType
from tracker.exceptions import InvalidValueError
from tracker.validation import check_experiment_ids, check_max_results, check_view, refuse

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tracker.client import TrackingClient
    from tracker.entities import Dataset, FileInfo, Metric, RunOperations

__all__ = [
    "best_step",
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "download_artifacts",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
    "list_artifacts",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_history",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_tag",
    "set_tags",
]

SEARCH_LIMIT = 100_000


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
    """Delete an experiment and its runs; `restore_experiment` brings them back.

    Raises:
        NotFoundError: There is no such experiment, or it is deleted already.
    """
    get_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Bring a deleted experiment and its runs back.

    Raises:
        NotFoundError: There is no such experiment, or it is not deleted.
    """
    get_client().restore_experiment(experiment_id)


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Give an experiment another name.

    Raises:
        AlreadyExistsError: The name is taken.
        DeletedExperimentError: The experiment is deleted.
    """
    get_client().rename_experiment(experiment_id, new_name)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the current experiment."""
    get_client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the current experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment."""
    get_client().delete_experiment_tag(current_experiment_id(), key)


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
    experiment_ids: Sequence[str] | int | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,  # noqa: FBT001, FBT002
    experiment_names: Sequence[str] | str | None = None,
) -> pd.DataFrame | list[Run]:
    """The runs that match, as a DataFrame with MLflow's column names or as a list.

    Args:
        experiment_ids: Where to look, one id or several; the current experiment by default.
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


def _where_to_search(
    client: TrackingClient,
    experiment_ids: Sequence[str] | int | None,
    experiment_names: Sequence[str] | str | None,
    *,
    everywhere: bool,
) -> Sequence[str]:
    ids = [] if experiment_ids is None else check_experiment_ids(experiment_ids)
    names = experiment_names or []
    if isinstance(names, str):
        names = [names]
    if ids and names:
        raise InvalidValueError("search_runs takes experiment_ids or experiment_names, not both.")
    if names:
        found = map(client.get_experiment_by_name, names)
        return [experiment.experiment_id for experiment in found if experiment is not None]
    if ids:
        return ids
    if everywhere:
        return [experiment.experiment_id for experiment in search_experiments()]
    return [current_experiment_id()]


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


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep a file, or a folder with all it holds, below `artifact_path`."""
    get_client().log_artifact(run_id or active_run_id(), local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Keep all that a folder holds below `artifact_path`."""
    get_client().log_artifacts(run_id or active_run_id(), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as a file."""
    get_client().log_text(run_id or active_run_id(), text, artifact_file)


def log_stream(stream: IO[bytes], artifact_file: str, run_id: str | None = None) -> None:
    """Keep what a binary stream still holds as a file."""
    get_client().log_stream(run_id or active_run_id(), stream, artifact_file)


def log_dict(
    dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None
) -> None:
    """Keep a dictionary as JSON, or as YAML where the name ends in `.yaml` or `.yml`."""
    get_client().log_dict(run_id or active_run_id(), dictionary, artifact_file)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Keep an image under a name of its own, or as one of a series; see `TrackingClient`."""
    get_client().log_image(active_run_id(), image, artifact_file, key, step, timestamp)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Keep a matplotlib or plotly figure as a picture."""
    get_client().log_figure(active_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a table as JSON; rows logged again under the same name are appended."""
    get_client().log_table(run_id or active_run_id(), data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows that several runs logged under one name; see `TrackingClient.load_table`.

    Raises:
        NotFoundError: There is no such table.
    """
    return get_client().load_table(current_experiment_id(), artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run's artifacts lie, relative to the database's folder."""
    uri = get_client().store.get_run_info(active_run_id()).artifact_uri
    return f"{uri}/{artifact_path}" if artifact_path else uri


def list_artifacts(path: str | None = None, run_id: str | None = None) -> list[FileInfo]:
    """The files and folders directly below `path`, by name."""
    return get_client().list_artifacts(run_id or active_run_id(), path)


def download_artifacts(
    artifact_path: str, run_id: str | None = None, dst_path: str | None = None
) -> str:
    """The path of an artifact: where it lies, or of a copy below `dst_path`.

    Raises:
        NotFoundError: There is no such artifact.
    """
    return get_client().download_artifacts(run_id or active_run_id(), artifact_path, dst_path)
