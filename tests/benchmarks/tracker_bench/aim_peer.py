"""Aim, whose `track` writes into a key-value store; one call a metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import aim

from tracker_bench import seeds
from tracker_bench.inputs import TEN_KEYS, Calls, numbers

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, _: Path) -> None:
        self._repo = aim.Repo.from_path(str(folder), init=True)

    def one_metric(self, count: int) -> Work:
        return self._track(count, (seeds.KEY,))

    def ten_metrics(self, count: int) -> Work:
        return self._track(count, TEN_KEYS)

    def run(self, count: int) -> Work:
        return lambda: [self._start().close() for _ in range(count)]

    def _start(self) -> aim.Run:
        return aim.Run(repo=self._repo, system_tracking_interval=None, capture_terminal_logs=False)

    def _track(self, count: int, keys: tuple[str, ...]) -> Work:
        run, values = self._start(), numbers(count)

        def call(step: int) -> None:
            for key in keys:
                run.track(values[step], name=key, step=step)

        return Calls(call, count)
