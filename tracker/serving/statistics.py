"""Counts and latencies of a server since its start, and of each of the last sixty minutes."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tracker.numbers import now_ms

KEPT = 2048  # latencies
MINUTES = 60
KEPT_A_MINUTE = 256  # latencies
MINUTE_MS = 60_000
FIRST_ERROR = 400


@dataclass
class Minute:
    """What was answered in one minute.

    Args:
        start_ms: Its begin, in milliseconds since the epoch.
        requests: How many.
        errors: Those with a status of 400 or more.
        seconds: What the last answers took, at most 256.
    """

    start_ms: int
    requests: int = 0
    errors: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_A_MINUTE))

    def as_dict(self) -> dict[str, Any]:
        """Plain values; latencies in milliseconds."""
        counts = {"start_ms": self.start_ms, "requests": self.requests, "errors": self.errors}
        return {**counts, **_latencies(self.seconds)}


class Statistics:
    """What `/status` and the dashboard show of one worker."""

    def __init__(self) -> None:
        self.started_ms = now_ms()
        self._statuses: Counter[int] = Counter()
        self._versions: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=KEPT)
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)

    def add(self, status: int, seconds: float, version: str | None) -> None:
        """Count one answer.

        Args:
            status: Its HTTP status.
            seconds: From the request's first byte to the answer.
            version: The model version that answered; None if none did.
        """
        self._statuses[status] += 1
        minute = self._minute()
        minute.requests += 1
        minute.errors += status >= FIRST_ERROR
        if version is not None:
            self._versions[version] += 1
            self._latencies.append(seconds)
            minute.seconds.append(seconds)

    def as_dict(self) -> dict[str, Any]:
        """Plain values.

        Latencies are in milliseconds, over the last answers, at most 2,048. Minutes without a
        request are left out of `minutes`, which go back an hour.
        """
        oldest = now_ms() - MINUTES * MINUTE_MS
        minutes = [minute.as_dict() for minute in self._minutes if minute.start_ms > oldest]
        failed = sum(n for status, n in self._statuses.items() if status >= FIRST_ERROR)
        return {
            "started_ms": self.started_ms,
            "requests": self._statuses.total(),
            "errors": failed,
            "requests_by_version": dict(self._versions),
            "latency_ms": _latencies(self._latencies),
            "minutes": minutes,
        }

    def _minute(self) -> Minute:
        start_ms = now_ms() // MINUTE_MS * MINUTE_MS
        if not self._minutes or self._minutes[-1].start_ms != start_ms:
            self._minutes.append(Minute(start_ms))
        return self._minutes[-1]


def _latencies(seconds: deque[float]) -> dict[str, float | None]:
    ordered = sorted(seconds)
    return {"p50": _milliseconds(ordered, 0.5), "p99": _milliseconds(ordered, 0.99)}


def _milliseconds(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)
