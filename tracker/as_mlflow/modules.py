"""MLflow's modules, and what of the tracker stands for each.

A module of ours that does the same is one object under both names: an error raised by the tracker
is the one that `except mlflow.exceptions.MlflowException` catches. Where MLflow spreads over many
modules what is one here, small modules hold the names.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from tracker.as_mlflow.distribution import VERSION
from tracker.exceptions import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

SAME: Final = {
    "mlflow.artifacts": "tracker.artifacts",
    "mlflow.client": "tracker.client",
    "mlflow.data": "tracker.data",
    "mlflow.entities": "tracker.entities",
    "mlflow.environment_variables": "tracker.as_mlflow.environment_variables",
    "mlflow.exceptions": "tracker.exceptions",
    "mlflow.lightgbm": "tracker.lightgbm",
    "mlflow.models": "tracker.models",
    "mlflow.models.model": "tracker.models.model",
    "mlflow.models.signature": "tracker.models.signature",
    "mlflow.onnx": "tracker.onnx",
    "mlflow.protos.databricks_pb2": "tracker.as_mlflow.error_codes",
    "mlflow.pyfunc": "tracker.pyfunc",
    "mlflow.pyfunc.model": "tracker.pyfunc",
    "mlflow.pytorch": "tracker.pytorch",
    "mlflow.sklearn": "tracker.sklearn",
    "mlflow.tracking": "tracker.tracking",
    "mlflow.tracking.artifact_utils": "tracker.as_mlflow.artifact_utils",
    "mlflow.tracking.client": "tracker.client",
    "mlflow.tracking.context": "tracker.as_mlflow.run_context",
    "mlflow.tracking.context.registry": "tracker.as_mlflow.run_context",
    "mlflow.tracking.fluent": "tracker",
    "mlflow.types": "tracker.types",
    "mlflow.types.schema": "tracker.types.schema",
    "mlflow.utils": "tracker.as_mlflow.constants",
    "mlflow.utils.mlflow_tags": "tracker.tags",
    "mlflow.utils.validation": "tracker.as_mlflow.limits",
    "mlflow.xgboost": "tracker.xgboost",
}

_SYSTEM_METRICS: Final = (
    "disable_system_metrics_logging enable_system_metrics_logging set_system_metrics_node_id "
    "set_system_metrics_samples_before_logging set_system_metrics_sampling_interval"
)
_CONFIGURATION: Final = (
    f"{_SYSTEM_METRICS} get_registry_uri get_tracking_uri is_tracking_uri_set set_registry_uri "
    f"set_tracking_uri"
)
# Module of MLflow: (module of ours, the names it takes from there).
NAMES: Final = {
    "mlflow.config": ("tracker", _CONFIGURATION),
    "mlflow.data.code_dataset_source": ("tracker.data", "CodeDatasetSource"),
    "mlflow.data.dataset": ("tracker.data", "Dataset"),
    "mlflow.data.dataset_source": ("tracker.data", "DatasetSource"),
    "mlflow.data.filesystem_dataset_source": ("tracker.data", "FileSystemDatasetSource"),
    "mlflow.data.http_dataset_source": ("tracker.data", "HTTPDatasetSource"),
    "mlflow.data.numpy_dataset": ("tracker.data", "NumpyDataset from_numpy"),
    "mlflow.data.pandas_dataset": ("tracker.data", "PandasDataset from_pandas"),
    "mlflow.entities.dataset": ("tracker.entities", "Dataset"),
    "mlflow.entities.dataset_input": ("tracker.entities", "DatasetInput"),
    "mlflow.entities.experiment": ("tracker.entities", "Experiment"),
    "mlflow.entities.experiment_tag": ("tracker.entities", "ExperimentTag"),
    "mlflow.entities.file_info": ("tracker.entities", "FileInfo"),
    "mlflow.entities.input_tag": ("tracker.entities", "InputTag"),
    "mlflow.entities.lifecycle_stage": ("tracker.entities", "LifecycleStage"),
    "mlflow.entities.metric": ("tracker.entities", "Metric"),
    "mlflow.entities.model_registry": ("tracker.entities", "ModelVersion RegisteredModel"),
    "mlflow.entities.model_registry.model_version": ("tracker.entities", "ModelVersion"),
    "mlflow.entities.model_registry.model_version_status": (
        "tracker.entities",
        "ModelVersionStatus",
    ),
    "mlflow.entities.model_registry.registered_model": ("tracker.entities", "RegisteredModel"),
    "mlflow.entities.param": ("tracker.entities", "Param"),
    "mlflow.entities.run": ("tracker.entities", "Run"),
    "mlflow.entities.run_data": ("tracker.entities", "RunData"),
    "mlflow.entities.run_info": ("tracker.entities", "RunInfo"),
    "mlflow.entities.run_inputs": ("tracker.entities", "RunInputs"),
    "mlflow.entities.run_status": ("tracker.entities", "RunStatus"),
    "mlflow.entities.run_tag": ("tracker.entities", "RunTag"),
    "mlflow.entities.source_type": ("tracker.entities", "SourceType"),
    "mlflow.entities.view_type": ("tracker.entities", "ViewType"),
    "mlflow.protos": ("tracker", ""),
    "mlflow.store": ("tracker", ""),
    "mlflow.store.entities": ("tracker.entities", "PagedList"),
    "mlflow.store.entities.paged_list": ("tracker.entities", "PagedList"),
    "mlflow.system_metrics": ("tracker", _SYSTEM_METRICS),
    "mlflow.utils.async_logging": ("tracker.entities", "RunOperations"),
    "mlflow.utils.async_logging.run_operations": ("tracker.entities", "RunOperations"),
    "mlflow.utils.time": ("tracker.as_mlflow.run_context", "get_current_time_millis"),
    "mlflow.version": ("tracker.as_mlflow.distribution", "VERSION"),
}

# Frameworks and parts of MLflow whose modules can be imported and raise when they are used.
WITHOUT_COUNTERPART: Final = (
    *("ag2", "agno", "anthropic", "autogen", "bedrock", "catboost", "crewai", "deployments"),
    *("diffusers", "dspy", "evaluation", "fastai", "gemini", "genai", "groq", "h2o", "haystack"),
    *("johnsnowlabs", "keras", "langchain", "litellm", "llama_index", "metrics", "mistral"),
    *("openai", "paddle", "pmdarima", "projects", "prophet", "pydantic_ai", "pyspark"),
    *("semantic_kernel", "sentence_transformers", "shap", "smolagents", "spacy", "spark"),
    *("statsmodels", "strands", "tensorflow", "tracing", "transformers"),
)


class _StandIn(ModuleType):
    """A module that is pickled by its name: Ray, for one, sends it to other processes."""

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return _named, (self.__name__,)


class _Mlflow(_StandIn):
    """The module `mlflow`: the tracker's names, with MLflow's version."""

    __version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        if name in WITHOUT_COUNTERPART:
            return modules()[f"mlflow.{name}"]
        import tracker  # noqa: PLC0415

        return getattr(tracker, name)

    def __dir__(self) -> list[str]:
        import tracker  # noqa: PLC0415

        return dir(tracker)


class _Unsupported(_StandIn):
    """A module of MLflow that can be imported; its first use is an error."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnsupportedError(
            f"ml-tracker stands in for MLflow and has no '{self.__name__}.{name}': it logs runs "
            f"and models of scikit-learn, PyTorch, XGBoost, LightGBM and ONNX; this needs MLflow "
            f"itself."
        )


@lru_cache(maxsize=1)
def modules() -> dict[str, ModuleType]:
    """The tracker's modules by the names of MLflow's that they stand for."""
    found: dict[str, ModuleType] = {"mlflow": _module("mlflow", _Mlflow)}
    found |= {name: import_module(target) for name, target in SAME.items()}
    for name, (home, names) in NAMES.items():
        found[name] = _module(name, ModuleType)
        for each in names.split():
            setattr(found[name], each, getattr(import_module(home), each))
    for name in WITHOUT_COUNTERPART:
        found[f"mlflow.{name}"] = _module(f"mlflow.{name}", _Unsupported)
    _attach(found)
    return found


def _named(name: str) -> ModuleType:
    """One of `modules`, for whoever unpickles it."""
    return modules()[name]


def _module(name: str, kind: type[ModuleType]) -> ModuleType:
    """An empty package, which `importlib.util.find_spec` finds."""
    module = kind(name, f"MLflow's `{name}`, as far as the tracker has it.")
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    return module


def _attach(found: dict[str, ModuleType]) -> None:
    """Make each module an attribute of its parent, as an import would."""
    for name, module in found.items():
        parent, _, own = name.rpartition(".")
        if parent and own not in vars(found[parent]):
            setattr(found[parent], own, module)
