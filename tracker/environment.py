"""Environment variables: the tracker's own, and MLflow's, which count while ours is unset.

`docs/environment.md` lists them for users.
"""

from __future__ import annotations

import os
import re
from typing import Final

from tracker.exceptions import InvalidValueError

TRACKER_URI: Final = "TRACKER_URI"
TRACKER_EXPERIMENT_NAME: Final = "TRACKER_EXPERIMENT_NAME"
TRACKER_EXPERIMENT_ID: Final = "TRACKER_EXPERIMENT_ID"
TRACKER_RUN_ID: Final = "TRACKER_RUN_ID"
TRACKER_SYSTEM_METRICS: Final = "TRACKER_SYSTEM_METRICS"
TRACKER_SYSTEM_METRICS_SECONDS: Final = "TRACKER_SYSTEM_METRICS_SECONDS"
TRACKER_SYSTEM_METRICS_SAMPLES: Final = "TRACKER_SYSTEM_METRICS_SAMPLES"
TRACKER_SYSTEM_METRICS_NODE_ID: Final = "TRACKER_SYSTEM_METRICS_NODE_ID"
TRACKER_TRUNCATE_LONG_VALUES: Final = "TRACKER_TRUNCATE_LONG_VALUES"
# These have no counterpart in MLflow.
TRACKER_ALLOWED_ROOTS: Final = "TRACKER_ALLOWED_ROOTS"
TRACKER_CAPTURE: Final = "TRACKER_CAPTURE"

MLFLOW_TWINS: Final = {
    TRACKER_URI: "MLFLOW_TRACKING_URI",
    TRACKER_EXPERIMENT_NAME: "MLFLOW_EXPERIMENT_NAME",
    TRACKER_EXPERIMENT_ID: "MLFLOW_EXPERIMENT_ID",
    TRACKER_RUN_ID: "MLFLOW_RUN_ID",
    TRACKER_SYSTEM_METRICS: "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING",
    TRACKER_SYSTEM_METRICS_SECONDS: "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL",
    TRACKER_SYSTEM_METRICS_SAMPLES: "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
    TRACKER_SYSTEM_METRICS_NODE_ID: "MLFLOW_SYSTEM_METRICS_NODE_ID",
    TRACKER_TRUNCATE_LONG_VALUES: "MLFLOW_TRUNCATE_LONG_VALUES",
}


def source_of(name: str) -> str | None:
    """The variable that holds a value: ours, else MLflow's; None if neither does."""
    return next((n for n in (name, MLFLOW_TWINS.get(name, name)) if os.environ.get(n)), None)


def value_of(name: str) -> str | None:
    """The value of a variable or of MLflow's twin; None if both are unset or empty."""
    source = source_of(name)
    return None if source is None else os.environ[source]


def pop(name: str) -> str | None:
    """The value of a variable or of MLflow's twin, which is unset: it counts once."""
    source = source_of(name)
    return None if source is None else os.environ.pop(source)


def allowed_roots() -> list[str]:
    """The folders and URLs that TRACKER_ALLOWED_ROOTS lists."""
    named = value_of(TRACKER_ALLOWED_ROOTS) or ""
    # The colon of "s3://" does not separate.
    return list(filter(None, re.split(rf"{os.pathsep}(?!//)", named)))


def is_on(name: str, *, default: bool) -> bool:
    """Whether a variable says true or 1; `default` if it is unset.

    Raises:
        InvalidValueError: It says neither true, 1, false nor 0.
    """
    source = source_of(name)
    if source is None:
        return default
    value = os.environ[source].lower()
    if value not in {"true", "1", "false", "0"}:
        raise InvalidValueError(
            f"The environment variable {source} is true, 1, false or 0, not {os.environ[source]!r}."
        )
    return value in {"true", "1"}


def number_of(name: str) -> float | None:
    """A variable as a number; None if it is unset.

    Raises:
        InvalidValueError: It is not a number.
    """
    source = source_of(name)
    if source is None:
        return None
    try:
        return float(os.environ[source])
    except ValueError:
        raise InvalidValueError(
            f"The environment variable {source} is a number, not {os.environ[source]!r}."
        ) from None
