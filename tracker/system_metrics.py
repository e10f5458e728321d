"""CPU, memory, disk, network and GPU use over time, as `system/…` metrics under MLflow's names.

A thread takes a sample every few seconds and writes it in one transaction, beside the training
loop. Off by default.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, TrackerError, UnsupportedError

if TYPE_CHECKING:
    from tracker.client import TrackingClient

__all__ = [
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "set_system_metrics_sampling_interval",
]

MEGABYTE: Final = 1e6
PREFIX: Final = "system/"
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
    """Take no samples in runs that start from now on, unless `start_run` asks for them."""
    _sampling.is_on = False


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Set the seconds between two samples, for runs that start from now on.

    Args:
        interval: Seconds, above 0; None for the default of 10.

    Raises:
        InvalidValueError: It is not a number of seconds above 0.
    """
    _sampling.seconds = DEFAULT_SECONDS if interval is None else _checked(interval)


def is_wanted() -> bool:
    """Whether a run is sampled if `start_run` does not say."""
    return _sampling.is_on


def sampler(client: TrackingClient) -> SystemMetrics:
    """A sampler with the interval in force.

    Raises:
        UnsupportedError: psutil is not installed.
    """
    return SystemMetrics(client, _sampling.seconds)


def _checked(interval: float) -> float:
    try:
        seconds = float(interval)
    except (TypeError, ValueError):
        seconds = 0.0
    if 0 < seconds <= threading.TIMEOUT_MAX:
        return seconds
    raise InvalidValueError(f"The sampling interval is above 0 seconds, not {interval!r}.")


class SystemMetrics:
    """Samples this machine into one run from `start` to `stop`. What cannot be read is left out.

    Args:
        client: Where to write.
        seconds: Between two samples.

    Raises:
        UnsupportedError: psutil is not installed.
    """

    def __init__(self, client: TrackingClient, seconds: float) -> None:
        try:
            import psutil  # noqa: PLC0415
        except ImportError as error:
            raise UnsupportedError(
                'System metrics need psutil: `pip install "ml-tracker[system]"`.'
            ) from error
        self._psutil = psutil
        # What psutil raises in a container, on a platform it does not know, of another's process.
        self._unreadable = (psutil.Error, OSError, RuntimeError)
        self._client, self._seconds = client, seconds
        self._gpus = _Gpus()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._network: Any = None
        with suppress(*self._unreadable):
            self._network = psutil.net_io_counters()
        with suppress(*self._unreadable):
            psutil.cpu_percent()  # The first call has nothing to compare with.

    def start(self, run_id: str) -> None:
        """Sample into this run from now on; in a resumed run its steps go on.

        Raises:
            TrackerError: The run cannot be read.
            RuntimeError: The system has no room for another thread.
        """
        thread = threading.Thread(
            target=self._loop,
            args=(run_id, self._next_step(run_id)),
            name="system-metrics",
            daemon=True,
        )
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """End the sampling; returns when the last sample is written."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def sample(self) -> dict[str, float]:
        """One sample: percentages in [0, 100], sizes in megabytes (1e6 bytes)."""
        found: dict[str, float] = {}
        for read in (self._cpu, self._memory, self._disk, self._traffic, self._gpus.sample):
            with suppress(*self._unreadable):
                found |= read()
        return {f"{PREFIX}{key}": value for key, value in found.items()}

    def _cpu(self) -> dict[str, float]:
        return {"cpu_utilization_percentage": self._psutil.cpu_percent()}

    def _memory(self) -> dict[str, float]:
        memory = self._psutil.virtual_memory()
        return {
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.percent,
        }

    def _disk(self) -> dict[str, float]:
        disk = self._psutil.disk_usage("/")
        return {
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / MEGABYTE,
            "disk_available_megabytes": disk.free / MEGABYTE,
        }

    def _traffic(self) -> dict[str, float]:
        before, network = self._network, self._psutil.net_io_counters()
        if network is None or before is None:
            return {}
        return {
            "network_receive_megabytes": (network.bytes_recv - before.bytes_recv) / MEGABYTE,
            "network_transmit_megabytes": (network.bytes_sent - before.bytes_sent) / MEGABYTE,
        }

    def _next_step(self, run_id: str) -> int:
        keys = [key for key in self._client.get_run(run_id).data.metrics if key.startswith(PREFIX)]
        last = [self._client.get_metric_history(run_id, key)[-1].step for key in keys]
        return max(last, default=-1) + 1

    def _loop(self, run_id: str, step: int) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._client.log_metrics(run_id, self.sample(), step=step)
            except TrackerError:  # The run was deleted or the disk is full: its owner is told.
                return
            step += 1


class _Gpus:
    """NVIDIA's management library, where it and a GPU are there. Not every GPU tells everything."""

    def __init__(self) -> None:
        self._library: Any = None
        self._handles: list[Any] = []
        try:
            import pynvml  # noqa: PLC0415
        except ImportError:
            return
        self._library = pynvml
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]

    def sample(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for index, handle in enumerate(self._handles):
            with suppress(self._library.NVMLError):
                use = self._library.nvmlDeviceGetUtilizationRates(handle)
                found[f"gpu_{index}_utilization_percentage"] = float(use.gpu)
            with suppress(self._library.NVMLError):
                memory = self._library.nvmlDeviceGetMemoryInfo(handle)
                found[f"gpu_{index}_memory_usage_megabytes"] = memory.used / MEGABYTE
                found[f"gpu_{index}_memory_usage_percentage"] = 100 * memory.used / memory.total
        return found
