"""CPU, memory, disk, network and GPU use over time, as `system/…` metrics under MLflow's names.

A thread takes a sample every few seconds and writes it in one transaction; the training loop is
not touched. Off by default.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import InvalidValueError, TrackerError, UnsupportedError

if TYPE_CHECKING:
    from tracker.client import TrackingClient

MEGABYTE: Final = 1e6


class SystemMetrics:
    """Samples this machine into one run until it is stopped.

    Args:
        client: Where to write.
        run_id: Which run.
        seconds: Between two samples.

    Raises:
        UnsupportedError: psutil is not installed.
        InvalidValueError: `seconds` is not positive.
    """

    def __init__(self, client: TrackingClient, run_id: str, seconds: float) -> None:
        if seconds <= 0:
            raise InvalidValueError(f"The sampling interval is above 0 seconds, not {seconds!r}.")
        try:
            import psutil  # noqa: PLC0415
        except ImportError as error:
            raise UnsupportedError(
                'System metrics need psutil: `pip install "ml-tracker[system]"`.'
            ) from error
        self._psutil = psutil
        self._client, self._run_id, self._seconds = client, run_id, seconds
        self._network = psutil.net_io_counters()
        self._gpus = _Gpus()
        self._stop = threading.Event()
        psutil.cpu_percent()  # The first call has nothing to compare with.
        self._thread = threading.Thread(target=self._loop, name="system-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the sampling; returns when the last sample is written."""
        self._stop.set()
        self._thread.join()

    def sample(self) -> dict[str, float]:
        """One sample: percentages in [0, 100], sizes in megabytes (1e6 bytes)."""
        memory, disk = self._psutil.virtual_memory(), self._psutil.disk_usage("/")
        network = self._psutil.net_io_counters()
        found = {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / MEGABYTE,
            "disk_available_megabytes": disk.free / MEGABYTE,
        }
        if network is not None and self._network is not None:
            received = network.bytes_recv - self._network.bytes_recv
            sent = network.bytes_sent - self._network.bytes_sent
            found["network_receive_megabytes"] = received / MEGABYTE
            found["network_transmit_megabytes"] = sent / MEGABYTE
        return {f"system/{key}": value for key, value in (found | self._gpus.sample()).items()}

    def _loop(self) -> None:
        step = 0
        while not self._stop.wait(self._seconds):
            try:
                self._client.log_metrics(self._run_id, self.sample(), step=step)
            except TrackerError:  # The run was deleted or the disk is full: its owner is told.
                return
            step += 1


class _Gpus:
    """NVIDIA's management library, where it and a GPU are there."""

    def __init__(self) -> None:
        self._library: Any = None
        self._handles: list[Any] = []
        try:
            import pynvml  # noqa: PLC0415
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        except pynvml.NVMLError:
            return
        self._library = pynvml

    def sample(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for index, handle in enumerate(self._handles):
            memory = self._library.nvmlDeviceGetMemoryInfo(handle)
            use = self._library.nvmlDeviceGetUtilizationRates(handle)
            found[f"gpu_{index}_utilization_percentage"] = float(use.gpu)
            found[f"gpu_{index}_memory_usage_megabytes"] = memory.used / MEGABYTE
            found[f"gpu_{index}_memory_usage_percentage"] = 100 * memory.used / memory.total
        return found
