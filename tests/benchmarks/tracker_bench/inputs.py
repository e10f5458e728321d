"""What all contenders are given."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Calls:
    """Calls that are timed one by one, then whatever brings their points into the file.

    Args:
        call: Logs at a step.
        count: How many steps.
        finish: Waits until everything is written.
        busy_seconds: How long a step computes before it logs, on data that fills the caches.
    """

    def __init__(
        self,
        call: Callable[[int], object],
        count: int,
        finish: Callable[[], object] = lambda: None,
        busy_seconds: float = 0.0,
    ) -> None:
        self._call = call
        self._finish = finish
        self._busy_seconds = busy_seconds
        self.seconds = [0.0] * count
        self.busy_cpu = 0.0

    def __call__(self) -> None:
        call, clock = self._call, time.perf_counter
        compute = _computation(self._busy_seconds) if self._busy_seconds else None
        for step in range(len(self.seconds)):
            if compute is not None:
                began = time.thread_time()
                compute()
                self.busy_cpu += time.thread_time() - began
            start = clock()
            call(step)
            self.seconds[step] = clock() - start
        self._finish()

    def quantiles(self) -> dict[str, float]:
        """What the caller waited: the median and the tail, in seconds."""
        ordered = sorted(self.seconds)
        places = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        return {name: ordered[int(place * len(ordered))] for name, place in places.items()}


def _computation(seconds: float) -> Callable[[], None]:
    import numpy as np

    images, weights = np.ones((64, 784), np.float32), np.ones((784, 256), np.float32)

    def compute() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            np.maximum(images @ weights, 0)

    return compute
