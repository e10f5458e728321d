"""Whether runs that start from now on sample the system they run on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tracker.exceptions import InvalidValueError

if TYPE_CHECKING:
    from tracker.client import TrackingClient
    from tracker.system_metrics import SystemMetrics

DEFAULT_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Sampling:
    is_on: bool = False
    seconds: float = DEFAULT_SECONDS


_sampling = _Sampling()


def enable_system_metrics_logging() -> None:
    """Sample CPU, memory, disk, network and GPU use into every run that starts from now on."""
    _sampling.is_on = True


def disable_system_metrics_logging() -> None:
    """Take no samples in runs that start from now on, unless they ask for it."""
    _sampling.is_on = False


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Take a sample every `interval` seconds, 10 if None, in runs that start from now on.

    Raises:
        InvalidValueError: It is no number of seconds above 0.
    """
    _sampling.seconds = DEFAULT_SECONDS if interval is None else _checked(interval)


def is_wanted() -> bool:
    """Whether a run that says nothing about it is sampled."""
    return _sampling.is_on


def sampler(client: TrackingClient) -> SystemMetrics:
    """What samples the system into a run, before there is one.

    Raises:
        UnsupportedError: psutil is not installed.
    """
    from tracker.system_metrics import SystemMetrics  # noqa: PLC0415

    return SystemMetrics(client, _sampling.seconds)


def _checked(interval: float) -> float:
    try:
        seconds = float(interval)
    except (TypeError, ValueError):
        seconds = 0.0
    if 0 < seconds <= threading.TIMEOUT_MAX:
        return seconds
    raise InvalidValueError(f"The sampling interval is above 0 seconds, not {interval!r}.")
