"""MLflow's `mlflow.utils`, as far as libraries read constants from it."""

from __future__ import annotations

from tracker.as_mlflow import limits as validation
from tracker.as_mlflow import mlflow_tags

__all__ = ["mlflow_tags", "validation"]
