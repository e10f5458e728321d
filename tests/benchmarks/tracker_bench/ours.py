"""The tracker: the fluent verbs where a script would use them, the client elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import tracker
from tracker.client import TrackingClient
from tracker_bench import seeds
from tracker_bench.inputs import (
    BATCH,
    FILTER,
    ORDER,
    SEARCH_LIMIT,
    TAGS,
    TEN_KEYS,
    Calls,
    bulk_batches,
    numbers,
)

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, seeds_folder: Path) -> None:
        self.folder = folder
        self.seeds = seeds_folder

    def one_metric(self, count: int) -> Work:
        return self._one_metric(count)

    def step_3ms(self, count: int) -> Work:
        return self._one_metric(count, 0.003)

    def step_10ms(self, count: int) -> Work:
        return self._one_metric(count, 0.010)

    def ten_metrics(self, count: int) -> Work:
        self._start("ours.db")
        values = numbers(count)
        return Calls(
            lambda step: tracker.log_metrics(dict.fromkeys(TEN_KEYS, values[step]), step=step),
            count,
            tracker.flush_async_logging,
        )

    def bulk(self, count: int) -> Work:
        self._start("ours.db")
        batches = bulk_batches(count)

        def work() -> None:
            for number, batch in enumerate(batches):
                start = number * BATCH
                tracker.log_history(seeds.KEY, batch, range(start, start + len(batch)))

        return work

    def history(self, count: int) -> Work:
        return self._read(self.seeds / seeds.HISTORY_FILE, count)

    def shared_history(self, count: int) -> Work:
        return self._read(self.seeds / seeds.SHARED_FILE, count)

    def search(self, count: int) -> Work:
        client = TrackingClient(self.seeds / seeds.RUNS_FILE)

        def work() -> None:
            for _ in range(count):
                client.search_runs(["0"], FILTER, max_results=SEARCH_LIMIT, order_by=ORDER)

        return work

    def frame(self, count: int) -> Work:
        self._open(self.seeds / seeds.RUNS_FILE)
        return lambda: [tracker.search_runs(["0"]) for _ in range(count)]

    def run(self, count: int) -> Work:
        client = TrackingClient(self.folder / "ours.db")

        def work() -> None:
            for _ in range(count):
                run = client.create_run("0", tags=TAGS, run_name="a-run")
                client.set_terminated(run.info.run_id)

        return work

    def processes(self, count: int) -> Work:
        self._start("together.db")
        values = numbers(count)

        def work() -> None:
            for step, value in enumerate(values):
                tracker.log_metric(seeds.KEY, value, step=step)
            tracker.flush_async_logging()

        return work

    def stored(self) -> int:
        """How many points the processes have written."""
        with closing(sqlite3.connect(self.folder / "together.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM metrics").fetchone()[0])

    def _one_metric(self, count: int, busy_seconds: float = 0.0) -> Work:
        self._start("ours.db")
        values = numbers(count)
        return Calls(
            lambda step: tracker.log_metric(seeds.KEY, values[step], step=step),
            count,
            tracker.flush_async_logging,
            busy_seconds,
        )

    def _read(self, file: Path, count: int) -> Work:
        self._open(file)

        def work() -> None:
            frame = tracker.get_metric_history(seeds.HISTORY_RUN, seeds.KEY, "pandas")
            assert len(frame) == count

        return work

    def _open(self, file: Path) -> None:
        while tracker.active_run():
            tracker.end_run()
        tracker.set_tracking_uri(file)

    def _start(self, name: str) -> None:
        self._open(self.folder / name)
        tracker.start_run()
