"""Lets libraries that import MLflow write to the tracker's file.

Lightning's MLFlowLogger, Optuna's MLflowCallback and others say `import mlflow` themselves. After
`install()` they get the tracker, in this process::

    import tracker.as_mlflow
    tracker.as_mlflow.install()

    from lightning.pytorch.loggers import MLFlowLogger
    logger = MLFlowLogger(tracking_uri="sqlite:///tracking.db")
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidStateError

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# MLflow's modules, and ours that answer for them. Each is one object under both names: an error
# raised by the tracker is the one that `except MlflowException` catches.
MODULES: Final = {
    "mlflow": "tracker",
    "mlflow.artifacts": "tracker.artifacts",
    "mlflow.client": "tracker.client",
    "mlflow.data": "tracker.data",
    "mlflow.entities": "tracker.entities",
    "mlflow.exceptions": "tracker.exceptions",
    "mlflow.lightgbm": "tracker.lightgbm",
    "mlflow.models": "tracker.models",
    "mlflow.models.model": "tracker.models.model",
    "mlflow.models.signature": "tracker.models.signature",
    "mlflow.onnx": "tracker.onnx",
    "mlflow.pyfunc": "tracker.pyfunc",
    "mlflow.pyfunc.model": "tracker.pyfunc",
    "mlflow.pytorch": "tracker.pytorch",
    "mlflow.sklearn": "tracker.sklearn",
    "mlflow.tracking": "tracker.tracking",
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


class _Refusal(MetaPathFinder):
    """Keeps `import mlflow.xyz` from finding a file of the tracker under a second name."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Nothing for the modules of others.

        Raises:
            ModuleNotFoundError: It is a module of MLflow that the tracker does not have.
        """
        del path, target
        if not fullname.startswith("mlflow."):
            return None
        raise ModuleNotFoundError(
            f"ml-tracker stands in for MLflow and has no {fullname!r}: traces, evaluation, "
            f"autologging and models of other frameworks need MLflow itself.",
            name=fullname,
        )


def modules() -> dict[str, ModuleType]:
    """The tracker's modules by the names of MLflow's that they stand for."""
    return {name: import_module(target) for name, target in MODULES.items()}


def install() -> None:
    """Make `mlflow`, and what libraries import below it, mean the tracker in this process.

    Raises:
        InvalidStateError: MLflow itself was imported before.
    """
    ours = modules()
    if sys.modules.get("mlflow", ours["mlflow"]) is not ours["mlflow"]:
        raise InvalidStateError(
            "MLflow is imported already: call tracker.as_mlflow.install() before anything that "
            "imports it."
        )
    sys.modules.update(ours)
    if not any(isinstance(finder, _Refusal) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refusal())
