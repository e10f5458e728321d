"""Whether runs that start from now on sample the system they run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.entities import RunStatus
from tracker.exceptions import TrackerError

if TYPE_CHECKING:
    from tracker.client import TrackingClient
    from tracker.system_metrics import SystemMetrics


@dataclass(slots=True)
class _Sampling:
    is_on: bool = False
    seconds: float = 10.0


_sampling = _Sampling()


def enable_system_metrics_logging() -> None:
    """Sample CPU, memory, disk, network and GPU use into every run that starts from now on."""
    _sampling.is_on = True


def disable_system_metrics_logging() -> None:
    """Take no samples in runs that start from now on, unless they ask for it."""
    _sampling.is_on = False


def set_system_metrics_sampling_interval(interval: float) -> None:
    """Take a sample every `interval` seconds (10 by default) in runs that start from now on."""
    _sampling.seconds = interval


def is_wanted() -> bool:
    """Whether a run that says nothing about it is sampled."""
    return _sampling.is_on


def start(client: TrackingClient, run_id: str) -> SystemMetrics:
    """Sample into a run that has just started, which fails where that is impossible."""
    from tracker.system_metrics import SystemMetrics  # noqa: PLC0415

    try:
        return SystemMetrics(client, run_id, _sampling.seconds)
    except TrackerError:
        client.set_terminated(run_id, RunStatus.FAILED)
        raise
