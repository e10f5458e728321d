"""MLflow's `mlflow.types`: what a model's signature is made of."""

from __future__ import annotations

from typing import Any

from tracker.types import schema
from tracker.types.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)

__all__ = [
    "AnyType",
    "Array",
    "ColSpec",
    "DataType",
    "Map",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "TensorSpec",
]


def __getattr__(name: str) -> Any:
    return getattr(schema, name)
