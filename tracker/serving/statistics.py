"""Counts and latencies of a server since its start."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Any

KEPT = 2048  # latencies


class Statistics:
    """What `/status` and the dashboard show of one worker."""

    def __init__(self) -> None:
        self.started_ms = time.time_ns() // 1_000_000
        self._statuses: Counter[int] = Counter()
        self._versions: Counter[str] = Counter()
        self._latencies: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, status: int, seconds: float, version: str | None) -> None:
        """Count one answer.

        Args:
            status: Its HTTP status.
            seconds: From the request's first byte to the answer.
            version: The model version that answered; None if none did.
        """
        self._statuses[status] += 1
        if version is not None:
            self._versions[version] += 1
            self._latencies.append((time.monotonic(), seconds))

    def as_dict(self) -> dict[str, Any]:
        """Plain values; latencies in milliseconds over the last answers, at most 2,048."""
        now = time.monotonic()
        ordered = sorted(seconds for _, seconds in self._latencies)
        failed = sum(count for status, count in self._statuses.items() if status >= 400)  # noqa: PLR2004
        return {
            "started_ms": self.started_ms,
            "requests": self._statuses.total(),
            "errors": failed,
            "requests_last_minute": sum(when > now - 60 for when, _ in self._latencies),
            "requests_by_version": dict(self._versions),
            "latency_ms": {
                "p50": _milliseconds(ordered, 0.5),
                "p99": _milliseconds(ordered, 0.99),
            },
        }


def _milliseconds(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)
