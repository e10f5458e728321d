"""MLflow's `mlflow.models`: signatures, and what a model says of itself."""

from __future__ import annotations

from typing import Any

from tracker.exceptions import UnsupportedError
from tracker.model_names import MODEL_FOLDER
from tracker.models.from_code import set_model
from tracker.models.model import Model, ModelInfo, get_model_info, has_model
from tracker.models.signature import ModelSignature, infer_signature

__all__ = [
    "MODEL_FOLDER",
    "Model",
    "ModelInfo",
    "ModelSignature",
    "get_model_info",
    "has_model",
    "infer_signature",
    "set_model",
]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise UnsupportedError(
        f"tracker.models has no {name!r}: evaluating, validating and packing models needs MLflow "
        f"itself."
    )
