"""An experiment tracker on plain SQLite whose file is a real MLflow database.

>>> import tracker
>>> tracker.best_step.__name__
'best_step'

`import tracker as mlflow` runs a script written for MLflow's tracking API. Names of MLflow that
have no counterpart here raise `UnsupportedError` and say so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.active_runs import (
        ActiveRun,
        active_run,
        end_run,
        last_active_run,
        start_run,
    )
    from tracker.client import (
        MlflowClient,
        PagedList,
        TrackingClient,
    )
    from tracker.current import (
        get_client,
        get_tracking_uri,
        is_tracking_uri_set,
        set_experiment,
        set_tracking_uri,
    )
    from tracker.entities import (
        Dataset,
        DatasetInput,
        Experiment,
        ExperimentTag,
        FileInfo,
        InputTag,
        LifecycleStage,
        Metric,
        Param,
        Run,
        RunData,
        RunInfo,
        RunInputs,
        RunStatus,
        RunTag,
        SourceType,
        ViewType,
    )
    from tracker.exceptions import (
        MlflowException,
        TrackerError,
        UnsupportedError,
    )
    from tracker.fluent import (
        best_step,
        create_experiment,
        delete_experiment,
        delete_experiment_tag,
        delete_run,
        delete_tag,
        download_artifacts,
        flush_artifact_async_logging,
        flush_async_logging,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_metric_history,
        get_parent_run,
        get_run,
        list_artifacts,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_history,
        log_image,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_stream,
        log_table,
        log_text,
        rename_experiment,
        restore_experiment,
        restore_run,
        search_experiments,
        search_runs,
        set_experiment_tag,
        set_experiment_tags,
        set_tag,
        set_tags,
    )
    from tracker.system_metrics import (
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        set_system_metrics_sampling_interval,
    )

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "Dataset",
    "DatasetInput",
    "Experiment",
    "ExperimentTag",
    "FileInfo",
    "InputTag",
    "LifecycleStage",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "PagedList",
    "Param",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunStatus",
    "RunTag",
    "SourceType",
    "TrackerError",
    "TrackingClient",
    "UnsupportedError",
    "ViewType",
    "active_run",
    "best_step",
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "download_artifacts",
    "enable_system_metrics_logging",
    "end_run",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_client",
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
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
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


# Where the public names live. They are imported at their first use: `import tracker` costs next to
# nothing, and a command that never logs never opens sqlite3.
_NAMES = {
    "tracker.active_runs": (
        "ActiveRun",
        "active_run",
        "end_run",
        "last_active_run",
        "start_run",
    ),
    "tracker.client": (
        "MlflowClient",
        "PagedList",
        "TrackingClient",
    ),
    "tracker.current": (
        "get_client",
        "get_tracking_uri",
        "is_tracking_uri_set",
        "set_experiment",
        "set_tracking_uri",
    ),
    "tracker.entities": (
        "Dataset",
        "DatasetInput",
        "Experiment",
        "ExperimentTag",
        "FileInfo",
        "InputTag",
        "LifecycleStage",
        "Metric",
        "Param",
        "Run",
        "RunData",
        "RunInfo",
        "RunInputs",
        "RunStatus",
        "RunTag",
        "SourceType",
        "ViewType",
    ),
    "tracker.exceptions": (
        "MlflowException",
        "TrackerError",
        "UnsupportedError",
    ),
    "tracker.fluent": (
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
    ),
    "tracker.system_metrics": (
        "disable_system_metrics_logging",
        "enable_system_metrics_logging",
        "set_system_metrics_sampling_interval",
    ),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

# Modules that scripts written for MLflow reach as attributes.
_MODULES = {
    "artifacts": "tracker.artifacts",
    "data": "tracker.data",
    "entities": "tracker.entities",
    "exceptions": "tracker.exceptions",
    "tracking": "tracker.tracking",
    "utils": "tracker.as_mlflow.constants",
}


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    from importlib import import_module  # noqa: PLC0415

    if name in _HOMES:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    if name in _MODULES:
        return import_module(_MODULES[name])
    from tracker.exceptions import UnsupportedError  # noqa: PLC0415

    raise UnsupportedError(
        f"ml-tracker has no {name!r}: it keeps experiments, runs, metrics, parameters, tags, data "
        f"sets and artifacts; models, traces, evaluation and autologging need MLflow itself."
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
