"""tensorboardX, which hands points to a thread that writes an event file; not a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tensorboardX import SummaryWriter

from tracker_bench import seeds
from tracker_bench.inputs import TEN_KEYS, Calls, numbers

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, _: Path) -> None:
        self._folder = folder

    def one_metric(self, count: int) -> Work:
        return self._log(count, (seeds.KEY,))

    def ten_metrics(self, count: int) -> Work:
        return self._log(count, TEN_KEYS)

    def _log(self, count: int, keys: tuple[str, ...]) -> Work:
        writer, values = SummaryWriter(str(self._folder)), numbers(count)

        def call(step: int) -> None:
            for key in keys:
                writer.add_scalar(key, values[step], step)

        return Calls(call, count, writer.close)
