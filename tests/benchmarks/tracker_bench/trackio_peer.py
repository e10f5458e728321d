"""trackio, whose `log` puts a point into a queue; `finish` waits until it is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracker_bench import seeds
from tracker_bench.inputs import TEN_KEYS, Calls, numbers

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, _: Path) -> None:
        os.environ |= {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
        import trackio

        self._trackio = trackio

    def one_metric(self, count: int) -> Work:
        return self._log(count, (seeds.KEY,))

    def ten_metrics(self, count: int) -> Work:
        return self._log(count, TEN_KEYS)

    def run(self, count: int) -> Work:
        return lambda: [self._start().finish() for _ in range(count)]

    def _start(self) -> object:
        return self._trackio.init(
            project="bench", embed=False, auto_log_gpu=False, auto_log_cpu=False
        )

    def _log(self, count: int, keys: tuple[str, ...]) -> Work:
        run, values = self._start(), numbers(count)

        return Calls(
            lambda step: run.log(dict.fromkeys(keys, values[step]), step=step), count, run.finish
        )
