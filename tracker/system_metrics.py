"""CPU, memory, disk, network and GPU use over time, as `system/…` metrics under MLflow's names.

A thread takes a sample every few seconds and writes it in one transaction, beside the training
loop. Off by default.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tracker import environment
from tracker.exceptions import InvalidValueError, TrackerError, UnsupportedError
from tracker.numbers import plain_int
from tracker.validation import check_key

if TYPE_CHECKING:
    from tracker.client import TrackingClient

__all__ = [
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
]

MEGABYTE: Final = 1e6
PREFIX: Final = "system/"
DEFAULT_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Sampling:
    """What this process has set; None leaves it to the environment."""

    is_on: bool | None = None
    seconds: float | None = None
    samples: int | None = None
    node_id: str | None = None


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
    _sampling.seconds = None if interval is None else _positive(interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Log the mean of several samples instead of each one, in runs that start from now on.

    Args:
        samples: At least 1; None for the default of 1.

    Raises:
        InvalidValueError: It is not an integer above 0.
    """
    _sampling.samples = None if samples is None else _at_least_one(samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Log as `system/<node_id>/…` in runs that start from now on, for runs on several machines.

    Args:
        node_id: Such as "node_0"; None for no prefix.

    Raises:
        InvalidValueError: It cannot be part of a metric's name.
    """
    _sampling.node_id = None if node_id is None else check_key("node", node_id)


def is_wanted() -> bool:
    """Whether a run is sampled if `start_run` does not say."""
    if _sampling.is_on is not None:
        return _sampling.is_on
    return environment.is_on(environment.TRACKER_SYSTEM_METRICS, default=False)


def sampler(client: TrackingClient) -> SystemMetrics:
    """A sampler with the settings in force.

    Raises:
        InvalidValueError: An environment variable is not valid.
        UnsupportedError: psutil is not installed.
    """
    seconds, samples = _sampling.seconds, _sampling.samples
    if seconds is None:
        given = environment.number_of(environment.TRACKER_SYSTEM_METRICS_SECONDS)
        seconds = DEFAULT_SECONDS if given is None else _positive(given)
    if samples is None:
        given = environment.number_of(environment.TRACKER_SYSTEM_METRICS_SAMPLES)
        samples = 1 if given is None else _at_least_one(given)
    node_id = _sampling.node_id or environment.value_of(environment.TRACKER_SYSTEM_METRICS_NODE_ID)
    prefix = f"{PREFIX}{check_key('node', node_id)}/" if node_id else PREFIX
    return SystemMetrics(client, seconds, samples, prefix)


def _positive(interval: float) -> float:
    try:
        seconds = float(interval)
    except (TypeError, ValueError):
        seconds = 0.0
    if 0 < seconds <= threading.TIMEOUT_MAX:
        return seconds
    raise InvalidValueError(f"The sampling interval is above 0 seconds, not {interval!r}.")


def _at_least_one(samples: float) -> int:
    number = plain_int("number of samples", samples)
    if number < 1:
        raise InvalidValueError(f"The number of samples is at least 1, not {samples!r}.")
    return number


class SystemMetrics:
    """Samples this machine into one run from `start` to `stop`. What cannot be read is left out.

    Args:
        client: Where to write.
        seconds: Between two samples.
        samples: Their mean is logged each time there are this many.
        prefix: Of the metrics' names.

    Raises:
        UnsupportedError: psutil is not installed.
    """

    def __init__(
        self, client: TrackingClient, seconds: float, samples: int = 1, prefix: str = PREFIX
    ) -> None:
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
        self._samples, self._prefix = samples, prefix
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
        return {f"{self._prefix}{key}": value for key, value in found.items()}

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
        keys = [
            key for key in self._client.get_run(run_id).data.metrics if key.startswith(self._prefix)
        ]
        last = [self._client.get_metric_history(run_id, key)[-1].step for key in keys]
        return max(last, default=-1) + 1

    def _loop(self, run_id: str, step: int) -> None:
        taken: list[dict[str, float]] = []
        while not self._stop.wait(self._seconds):
            taken.append(self.sample())
            if len(taken) < self._samples:
                continue
            try:
                self._client.log_metrics(run_id, _means(taken), step=step)
            except TrackerError:  # The run was deleted or the disk is full: its owner is told.
                return
            taken.clear()
            step += 1


def _means(samples: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each value over the samples that have it."""
    found: dict[str, list[float]] = {}
    for sample in samples:
        for key, value in sample.items():
            found.setdefault(key, []).append(value)
    return {key: sum(values) / len(values) for key, values in found.items()}


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
