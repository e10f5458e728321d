"""The fluent verbs: read and write the current database, and log to the active run.

A verb that logs starts a run if this thread has none. The client's verbs of the same names
(`tracker.TrackingClient`) do the same for an explicit run id.
"""

from __future__ import annotations

import posixpath
from typing import IO, TYPE_CHECKING, Any, Literal, overload

from tracker import frames
from tracker.active_runs import active_run_id
from tracker.client import dataset_input
from tracker.current import current_experiment_id, get_client
from tracker.entities import Experiment, Run, ViewType
from tracker.exceptions import InvalidValueError, warn
from tracker.text import did_you_mean
from tracker.validation import (
    MAX_RESULTS,
    check_experiment_ids,
    check_max_results,
    check_view,
    refuse,
)

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


# Experiments


def create_experiment(
    name: str,
    artifact_location: str | os.PathLike[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: Any = None,
) -> str:
    """Create an experiment and return its id.

    Args:
        name: Unique among all experiments, deleted ones included.
        artifact_location: Where its runs' artifacts go: a path or URL. Default:
            `artifacts/<experiment_id>` beside the database.
        tags: Its first tags.
        trace_location: Not supported; passing one raises.

    Raises:
        AlreadyExistsError: The name is taken.
        InvalidValueError: The name, the location or a tag breaks a rule.
        UnsupportedError: `trace_location` is given.
    """
    refuse(trace_location=trace_location)
    return get_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with this id.

    Raises:
        NotFoundError: There is no such experiment.
    """
    return get_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment with this name, also a deleted one; None if there is none."""
    return get_client().get_experiment_by_name(name)


def search_experiments(
    view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """All experiments that match.

    Args:
        view_type: ACTIVE_ONLY, DELETED_ONLY or ALL.
        max_results: 100,000 by default.
        filter_string: A filter in the search language, such as `"name LIKE 'mnist%'"`.
        order_by: Such as `["name DESC"]`. Default: the newest first.

    Raises:
        FilterError: The filter or the order cannot be read.
        InvalidValueError: An argument is not a valid view or limit.
    """
    client = get_client()
    view = check_view(view_type)
    limit = check_max_results(SEARCH_LIMIT if max_results is None else max_results)
    found = client.store.search_experiments(view, filter_string, order_by, limit, 0)
    return list(map(client.located_experiment, found))


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
        InvalidValueError: The name is empty or too long.
    """
    get_client().rename_experiment(experiment_id, new_name)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set or overwrite a tag of the current experiment.

    Raises:
        InvalidValueError: The key breaks a rule.
    """
    get_client().set_experiment_tag(current_experiment_id(), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set or overwrite several tags of the current experiment.

    Raises:
        InvalidValueError: A key breaks a rule.
    """
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the current experiment.

    Raises:
        NotFoundError: There is no such tag.
    """
    get_client().delete_experiment_tag(current_experiment_id(), key)


# Runs


def get_run(run_id: str) -> Run:
    """The run with its latest metrics, parameters, tags and data sets.

    Raises:
        NotFoundError: There is no such run.

    Example::

        run = tracker.get_run(run_id)
        run.info.status, run.data.metrics["loss"], run.data.params["lr"]
    """
    return get_client().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run under which this one was nested; None for a run that is not nested.

    Raises:
        NotFoundError: There is no such run.
    """
    return get_client().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Delete a run; `restore_run` brings it back.

    Raises:
        NotFoundError: There is no such run.
    """
    get_client().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back.

    Raises:
        NotFoundError: There is no such run.
    """
    get_client().restore_run(run_id)


@overload
def search_runs(
    experiment_ids: Sequence[str] | int | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas"] = "pandas",
    search_all_experiments: bool = False,  # noqa: FBT001, FBT002
    experiment_names: Sequence[str] | str | None = None,
) -> pd.DataFrame: ...
@overload
def search_runs(
    experiment_ids: Sequence[str] | int | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    *,
    output_format: Literal["list"],
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | str | None = None,
) -> list[Run]: ...
def search_runs(
    experiment_ids: Sequence[str] | int | None = None,
    filter_string: str = "",
    run_view_type: ViewType = ViewType.ACTIVE_ONLY,
    max_results: int | None = SEARCH_LIMIT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,  # noqa: FBT001, FBT002
    experiment_names: Sequence[str] | str | None = None,
) -> pd.DataFrame | list[Run]:
    """The runs that match, as a DataFrame with MLflow's column names or as a list.

    Args:
        experiment_ids: The experiments to search, one id or several; the current experiment by
            default.
        filter_string: A filter in the search language; every run by default.
        run_view_type: ACTIVE_ONLY, DELETED_ONLY or ALL.
        max_results: 100,000 by default; None for all.
        order_by: Such as `["metrics.test_accuracy DESC"]`; runs without the value come last.
            Default: the newest first.
        output_format: "pandas" or "list".
        search_all_experiments: Search everywhere if neither ids nor names are given.
        experiment_names: The experiments to search, by name; instead of `experiment_ids`. A name
            that is not there is left out with a warning.

    Raises:
        FilterError: The filter or the order cannot be read.
        InvalidValueError: An argument is not a valid id, view, limit or format.
        UnsupportedError: A DataFrame is asked for and pandas is not installed.

    Example::

        best = tracker.search_runs(
            filter_string="params.optimizer = 'adam' AND metrics.loss < 0.1",
            order_by=["metrics.test_accuracy DESC"],
            max_results=10,
        )
        best[["run_id", "params.lr", "metrics.test_accuracy"]]
    """
    client = get_client()
    ids = _experiments_to_search(
        client, experiment_ids, experiment_names, everywhere=search_all_experiments
    )
    _check_output_format(output_format)
    view = check_view(run_view_type)
    limit = MAX_RESULTS if max_results is None else check_max_results(max_results)
    client.reap()
    if output_format == "list":
        found = client.store.search_runs(ids, filter_string, view, limit, 0, order_by)
        return list(map(client.located, found))
    return frames.search_runs(client.store, ids, filter_string, view, limit, order_by)


def _check_output_format(output_format: str) -> None:
    if output_format not in {"pandas", "list"}:
        raise InvalidValueError(f"output_format is 'pandas' or 'list', not {output_format!r}.")


def _experiments_to_search(
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
        found = [_experiment_named(client, name) for name in names]
        return [experiment.experiment_id for experiment in found if experiment is not None]
    if ids:
        return ids
    if everywhere:
        return [experiment.experiment_id for experiment in search_experiments()]
    return [current_experiment_id()]


def _experiment_named(client: TrackingClient, name: str) -> Experiment | None:
    """The experiment with this name; warns if there is none, since a search is then empty."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = [each.name for each in search_experiments()]
        warn(f"There is no experiment {name!r}{did_you_mean(name, known)}")
    return experiment


# Metrics, parameters, tags


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

    Args:
        key: The metric's name, such as "val/loss".
        value: A Python, numpy or one-element torch number; NaN and ±infinity are kept.
        step: Any integer; 0 by default. The caller counts: epochs, batches, samples.
        synchronous: Every call is synchronous; False returns an already completed handle.
        timestamp: Milliseconds since the epoch; now by default.
        run_id: The run to log to; the active run by default.
        model_id: Not supported; passing one raises.
        dataset: The data set that the value was computed on; recorded as an input of the run.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: The key breaks a rule, or a value is not a number.
        InvalidStateError: The run is deleted.
        UnsupportedError: A model is named; points belong to runs only.

    Example::

        for epoch in range(10):
            tracker.log_metric("loss", train_one_epoch(), step=epoch)
    """
    if model_id is not None:
        refuse(model_id=model_id)
    client, run = get_client(), run_id or active_run_id()
    if dataset is not None:
        client.log_input(run, dataset)
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
    """Add one point to each of several metrics, all or none.

    Args:
        metrics: Metric name to number.
        step: Any integer; 0 by default.
        synchronous: Every call is synchronous; False returns an already completed handle.
        run_id: The run to log to; the active run by default.
        timestamp: Milliseconds since the epoch; now by default.
        model_id: Not supported; passing one raises.
        dataset: The data set that the values were computed on; recorded as an input of the run.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: A key breaks a rule, or a value is not a number; nothing is written.
        InvalidStateError: The run is deleted.
        UnsupportedError: A model is named; points belong to runs only.

    Example::

        tracker.log_metrics({"train_loss": 0.31, "val_loss": 0.35}, step=3)
    """
    if model_id is not None:
        refuse(model_id=model_id)
    client, run = get_client(), run_id or active_run_id()
    if dataset is not None:
        client.log_input(run, dataset)
    return client.log_metrics(run, metrics, step, timestamp, synchronous)


def log_history(
    key: str,
    values: Sequence[Any],
    steps: Sequence[int] | None = None,
    timestamps: Sequence[int] | None = None,
    run_id: str | None = None,
) -> None:
    """Add many points of one metric at once.

    Args:
        key: The metric's name.
        values: (N,) numbers; a list or a numpy array.
        steps: (N,) integers; 0 … N-1 by default.
        timestamps: (N,) milliseconds since the epoch; now by default.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: The lengths differ, or an element is not a number.
        InvalidStateError: The run is deleted.

    Example::

        tracker.log_history("loss", losses, steps=range(0, 10_000, 10))
    """
    get_client().log_history(run_id or active_run_id(), key, values, steps, timestamps)


def log_param(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: FBT001
) -> Any:
    """Write a parameter once and return its value; the same value again is accepted.

    Args:
        key: The parameter's name.
        value: Stored as `str(value)`; cut above 6,000 characters, with the whole kept as an
            artifact.
        synchronous: Every call is synchronous; False returns an already completed handle, whose
            `wait` raises a ParamConflictError instead of this call.

    Raises:
        ParamConflictError: It was logged before with another value.
        InvalidValueError: The key breaks a rule.

    Example::

        tracker.log_param("learning_rate", 0.01)
    """
    return get_client().log_param(active_run_id(), key, value, synchronous)


def log_params(
    params: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: FBT001
    run_id: str | None = None,
) -> RunOperations | None:
    """Write several parameters once, all or none; see `log_param`.

    Args:
        params: Parameter name to value.
        synchronous: Every call is synchronous; False returns an already completed handle, whose
            `wait` raises a ParamConflictError instead of this call.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        ParamConflictError: One was logged before with another value.
        InvalidValueError: A key breaks a rule.

    Example::

        tracker.log_params({"learning_rate": 0.01, "batch_size": 64})
    """
    return get_client().log_params(run_id or active_run_id(), params, synchronous)


def set_tag(
    key: str,
    value: Any,
    synchronous: bool | None = None,  # noqa: FBT001
) -> RunOperations | None:
    """Set or overwrite a tag of the active run.

    Args:
        key: The tag's name.
        value: Stored as `str(value)`; cut above 8,000 characters, with the whole kept as an
            artifact.
        synchronous: Every call is synchronous; False returns an already completed handle.

    Raises:
        InvalidValueError: The key breaks a rule.

    Example::

        tracker.set_tag("purpose", "baseline")
    """
    return get_client().set_tag(active_run_id(), key, value, synchronous)


def set_tags(
    tags: Mapping[str, Any],
    synchronous: bool | None = None,  # noqa: FBT001
) -> RunOperations | None:
    """Set or overwrite several tags of the active run, all or none; see `set_tag`.

    Args:
        tags: Each value is stored as its text.
        synchronous: Every call is synchronous; False returns an already completed handle.

    Raises:
        InvalidValueError: A key breaks a rule.
        InvalidStateError: The run is deleted.

    Example::

        tracker.set_tags({"team": "vision", "stage": "draft"})
    """
    return get_client().set_tags(active_run_id(), tags, synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag of the active run.

    Raises:
        NotFoundError: There is no such tag.
    """
    get_client().delete_tag(active_run_id(), key)


def get_metric_history(
    run_id: str, key: str, output_format: Literal["list", "pandas"] = "list"
) -> list[Metric] | pd.DataFrame:
    """Every point of one metric by (step, timestamp); empty for a metric never logged.

    Args:
        run_id: The run to look at.
        key: The metric's name.
        output_format: "list" for a list of `Metric`; "pandas" for a DataFrame with `step`,
            `timestamp` (milliseconds since the epoch) and `value`.

    Raises:
        InvalidValueError: `output_format` is neither "list" nor "pandas".
        NotFoundError: There is no such run.
    """
    _check_output_format(output_format)
    client = get_client()
    if output_format == "pandas":
        return frames.history(client.store, run_id, key)
    return client.get_metric_history(run_id, key)


def best_step(run_id: str, key: str, mode: Literal["min", "max"] = "min") -> int | None:
    """The first step at which a metric was lowest or highest; None without a number.

    Args:
        run_id: The run to look at.
        key: The metric's name.
        mode: "min" for the lowest value, "max" for the highest; NaN never wins.

    Raises:
        InvalidValueError: `mode` is neither "min" nor "max".
        NotFoundError: There is no such run.
    """
    return get_client().best_step(run_id, key, mode)


# Data sets


def log_input(
    dataset: Dataset,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: Any = None,
) -> None:
    """Record that the active run uses a data set.

    Args:
        dataset: See `tracker.data.from_numpy` and `from_pandas`.
        context: What for: "train", "validation", "test".
        tags: More about the use.
        model: Not supported; passing one raises.

    Raises:
        InvalidValueError: It is not a data set, or lacks a name, a digest or a source.
        UnsupportedError: A model is named.

    Example::

        train = tracker.data.from_pandas(df, source="train.csv", targets="label")
        tracker.log_input(train, context="train")
    """
    refuse(model=model)
    get_client().log_input(active_run_id(), dataset, context, tags)


def log_inputs(
    datasets: Sequence[Dataset],
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Any = None,
) -> None:
    """Record which data sets the active run uses, each with its context and tags, all or none.

    Args:
        datasets: (N,) data sets; see `log_input`.
        contexts: (N,) what each is used for; none by default.
        tags_list: (N,) more about each use; none by default.
        models: Not supported; passing one raises.

    Raises:
        InvalidValueError: The lists differ in length, or one entry is not a data set.
        UnsupportedError: Models are named.
    """
    refuse(models=models)
    given_contexts = contexts or [None] * len(datasets)
    given_tags = tags_list or [None] * len(datasets)
    if not len(datasets) == len(given_contexts) == len(given_tags):
        raise InvalidValueError("log_inputs takes as many contexts and tags as data sets.")
    used = map(dataset_input, datasets, given_contexts, given_tags)
    get_client().log_inputs(active_run_id(), list(used))


# Artifacts


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store a file, or a folder with everything in it.

    Args:
        local_path: The file or folder.
        artifact_path: Folder below the run's artifact root; the root itself by default.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        ArtifactError: It cannot be read or written.
        UnsafePathError: `artifact_path` leads out of the run's artifacts.

    Example::

        tracker.log_artifact("model.pt", artifact_path="checkpoints")
    """
    get_client().log_artifact(run_id or active_run_id(), local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store everything in a folder.

    Args:
        local_dir: The folder.
        artifact_path: Folder below the run's artifact root; the root itself by default.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        ArtifactError: It cannot be read or written.
        UnsafePathError: `artifact_path` leads out of the run's artifacts.
    """
    get_client().log_artifacts(run_id or active_run_id(), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Store a text as a UTF-8 file.

    Args:
        text: What the file will hold.
        artifact_file: A path below the run's artifacts, such as "notes/why.md".
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: It is not a text, or not valid Unicode.
        UnsafePathError: The path leads out of the run's artifacts.
        ArtifactError: The file cannot be written.

    Example::

        tracker.log_text("what I tried and why", "notes.md")
    """
    get_client().log_text(run_id or active_run_id(), text, artifact_file)


def log_stream(stream: IO[bytes], artifact_file: str, run_id: str | None = None) -> None:
    """Store the rest of a binary stream as a file.

    Args:
        stream: Open for reading.
        artifact_file: A path below the run's artifacts.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        UnsafePathError: The path leads out of the run's artifacts.
        ArtifactError: The file cannot be written.
    """
    get_client().log_stream(run_id or active_run_id(), stream, artifact_file)


def log_dict(
    dictionary: Mapping[str, Any] | list[Any], artifact_file: str, run_id: str | None = None
) -> None:
    """Store a dictionary or list as JSON, or as YAML if the name ends in `.yaml` or `.yml`.

    Args:
        dictionary: Nested as you like; its keys become texts.
        artifact_file: A path below the run's artifacts, such as "config.json".
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: It holds something that JSON cannot express.
        UnsafePathError: The path leads out of the run's artifacts.
        ArtifactError: The file cannot be written.

    Example::

        tracker.log_dict({"layers": [784, 128, 10]}, "config.json")
    """
    get_client().log_dict(run_id or active_run_id(), dictionary, artifact_file)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,  # noqa: ARG001, FBT001
) -> None:
    """Store an image as a file, or as one image of a series over steps.

    Args:
        image: A PIL image or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): integers in
            [0, 255] or floats in [0, 1].
        artifact_file: Its file name; give this or `key`.
        key: The name of the series.
        step: Position in the series; 0 by default.
        timestamp: Milliseconds since the epoch; now by default. For a series only.
        synchronous: Accepted for MLflow's sake; every call is synchronous.

    Raises:
        InvalidTypeError: Not exactly one of `artifact_file` and `key` is given, `step` or
            `timestamp` without `key`, or it is not an image.
        InvalidValueError: The image has another shape, or an integer out of range. Floats out of
            range are scaled to it with a warning.
        UnsupportedError: Pillow is not installed.

    Example::

        tracker.log_image(generated, key="samples", step=epoch)
        tracker.log_image(confusion, "confusion.png")
    """
    get_client().log_image(active_run_id(), image, artifact_file, key, step, timestamp)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Store a matplotlib or plotly figure in the format that the file name says.

    Args:
        figure: A matplotlib or plotly figure.
        artifact_file: Such as `roc.png`, `roc.svg` or, for plotly, `roc.html`.
        save_kwargs: Passed to `figure.savefig`, `to_html` or `to_image`.

    Raises:
        InvalidTypeError: It is not such a figure.
        InvalidValueError: The figure cannot be drawn in this format.

    Example::

        figure, axes = plt.subplots()
        axes.plot(losses)
        tracker.log_figure(figure, "loss.png")
    """
    get_client().log_figure(active_run_id(), figure, artifact_file, save_kwargs=save_kwargs)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Store a table; rows logged again under the same name are appended.

    Args:
        data: A dict of columns or a DataFrame. An image in a cell (PIL, `tracker.Image`, or an
            array of uint8) is stored as a file, and `load_table` gives it back.
        artifact_file: A name that ends in `.json` or `.parquet`.
        run_id: The run to log to; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        InvalidTypeError: The data is not a table.
        InvalidValueError: The name ends otherwise, the file is not a table, or a cell holds
            something that cannot be read back.
        UnsupportedError: Parquet without pyarrow, or an image without Pillow.

    Example::

        tracker.log_table({"text": texts, "predicted": labels}, "predictions.json")
    """
    get_client().log_table(run_id or active_run_id(), data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The rows that runs logged by `log_table` under one name, one below the other.

    Args:
        artifact_file: The table's name.
        run_ids: The runs to read; each must have the table. Default: the active runs of the
            current experiment.
        extra_columns: Columns to add about the run: "run_id", "status", "params.lr", …

    Raises:
        NotFoundError: There is no such table.
        InvalidValueError: A file is not a table.
        UnknownColumnError: No run has such a column.
    """
    return get_client().load_table(current_experiment_id(), artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run's artifacts are: an absolute path or a URL.

    Args:
        artifact_path: Path below the run's artifact root; the root itself by default.
    """
    client = get_client()
    stored = client.store.get_run_info(active_run_id()).artifact_uri
    uri = client.absolute_location(stored)
    return f"{uri}/{posixpath.normpath(artifact_path)}" if artifact_path else uri


def list_artifacts(path: str | None = None, run_id: str | None = None) -> list[FileInfo]:
    """The files and folders directly below `path`, sorted by name.

    Args:
        path: Folder below the run's artifact root; the root itself by default.
        run_id: The run to look at; the active run by default.

    Raises:
        NotFoundError: There is no such run.
        UnsafePathError: `path` leads out of the run's artifacts.
    """
    return get_client().list_artifacts(run_id or active_run_id(), path)


def download_artifacts(
    artifact_path: str, run_id: str | None = None, dst_path: str | None = None
) -> str:
    """The local path of an artifact.

    Args:
        artifact_path: The file or folder; "" for all of the run's artifacts.
        run_id: The run it belongs to; the active run by default.
        dst_path: Folder to copy it to. Default: no copy, the path where it is stored.

    Raises:
        NotFoundError: There is no such artifact.
    """
    return get_client().download_artifacts(run_id or active_run_id(), artifact_path, dst_path)


# Nothing is logged in the background.


def flush_async_logging() -> None:
    """Bring what was logged metric by metric into the database, where SQL sees it.

    Raises:
        DatabaseError: The database cannot be written; what was logged is safe in the journal.
    """
    get_client().store.fold()


def flush_artifact_async_logging() -> None:
    """Return at once: what was logged is in its place already."""
