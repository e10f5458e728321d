"""MLflow's `mlflow.tracking`: the client, and where it writes."""

from __future__ import annotations

import tracker as fluent
from tracker import client
from tracker.as_mlflow import run_context as context
from tracker.client import MlflowClient
from tracker.current import get_tracking_uri, is_tracking_uri_set, set_tracking_uri

__all__ = [
    "MlflowClient",
    "client",
    "context",
    "fluent",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_tracking_uri",
]
