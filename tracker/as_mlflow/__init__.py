"""Lets libraries that import MLflow write to the tracker's file.

Lightning's MLFlowLogger, Optuna's MLflowCallback and others say `import mlflow` themselves. After
`install()` they get the tracker, in this process::

    import tracker.as_mlflow
    tracker.as_mlflow.install()

    from lightning.pytorch.loggers import MLFlowLogger
    logger = MLFlowLogger(tracking_uri="sqlite:///tracking.db")

They also find a distribution `mlflow` with a recent version, and MLflow's environment variables
count (see `tracker.environment`).
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

from tracker.as_mlflow.distribution import MlflowFinder
from tracker.as_mlflow.modules import modules
from tracker.exceptions import InvalidStateError

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["install", "modules"]


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
    for finder in (_Refusal, MlflowFinder):
        if not any(isinstance(known, finder) for known in sys.meta_path):
            sys.meta_path.insert(0, finder())
