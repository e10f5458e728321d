"""MLflow's `mlflow.utils`, as far as libraries read constants from it."""

from __future__ import annotations

from tracker import tags as mlflow_tags
from tracker.as_mlflow import limits as validation

__all__ = ["mlflow_tags", "validation"]
