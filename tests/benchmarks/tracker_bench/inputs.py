"""What all contenders are given."""

from __future__ import annotations

import math
from typing import Any

BATCH = 10_000
SEARCH_LIMIT = 100
TEN_KEYS = tuple(f"key_{index}" for index in range(10))
TAGS = {"mlflow.user": "ada", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}
FILTER = "metrics.metric_0 > 0.5 AND params.param_0 = '3'"
ORDER = ["metrics.metric_0 DESC"]


def numbers(count: int) -> list[float]:
    """Metric values."""
    return [math.sin(step) for step in range(count)]


def bulk_batches(count: int) -> list[Any]:
    """The values of a long history as numpy arrays of at most 10,000."""
    import numpy as np

    values = np.sin(np.arange(count))
    return [values[start : start + BATCH] for start in range(0, count, BATCH)]
