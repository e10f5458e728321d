"""MLflow's own SQLite store, through the same verbs. Run by an interpreter that has MLflow."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

from typing import TYPE_CHECKING

import mlflow
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

from tracker_bench import seeds
from tracker_bench.inputs import FILTER, ORDER, SEARCH_LIMIT, TAGS, TEN_KEYS, Calls, numbers

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]
BATCH = 1_000  # The most that MLflow takes.


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, seeds_folder: Path) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.folder = folder
        self.seeds = seeds_folder

    def one_metric(self, count: int) -> Work:
        self._start("mlflow.db")
        values = numbers(count)
        return Calls(lambda step: mlflow.log_metric(seeds.KEY, values[step], step=step), count)

    def ten_metrics(self, count: int) -> Work:
        self._start("mlflow.db")
        values = numbers(count)
        return Calls(
            lambda step: mlflow.log_metrics(dict.fromkeys(TEN_KEYS, values[step]), step=step),
            count,
        )

    def bulk(self, count: int) -> Work:
        run_id = self._start("mlflow.db")
        client = MlflowClient()
        values = numbers(count)

        def work() -> None:
            for start in range(0, count, BATCH):
                now = time.time_ns() // 1_000_000
                chunk = values[start : start + BATCH]
                points = [Metric(seeds.KEY, v, now, step) for step, v in enumerate(chunk, start)]
                client.log_batch(run_id, metrics=points)

        return work

    def history(self, count: int) -> Work:
        return self._read(seeds.HISTORY_FILE, count)

    def shared_history(self, count: int) -> Work:
        return self._read(seeds.SHARED_FILE, count)

    def search(self, count: int) -> Work:
        client = MlflowClient(self._seeded(seeds.RUNS_FILE))

        def work() -> None:
            for _ in range(count):
                client.search_runs(["0"], FILTER, max_results=SEARCH_LIMIT, order_by=ORDER)

        return work

    def frame(self, count: int) -> Work:
        self._open(self._seeded(seeds.RUNS_FILE))
        return lambda: [mlflow.search_runs(["0"]) for _ in range(count)]

    def run(self, count: int) -> Work:
        self._start("mlflow.db")
        client = MlflowClient()

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
                mlflow.log_metric(seeds.KEY, value, step=step)

        return work

    def stored(self) -> int:
        """How many points the processes have written."""
        with closing(sqlite3.connect(self.folder / "together.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM metrics").fetchone()[0])

    def _read(self, name: str, count: int) -> Work:
        import pandas as pd

        client = MlflowClient(self._seeded(name))

        def work() -> None:
            points = client.get_metric_history(seeds.HISTORY_RUN, seeds.KEY)
            frame = pd.DataFrame(
                [(point.step, point.timestamp, point.value) for point in points],
                columns=["step", "timestamp", "value"],
            )
            assert len(frame) == count

        return work

    def _seeded(self, name: str) -> str:
        """A copy of the tracker's file, which MLflow upgrades at its first look."""
        if not (self.folder / name).exists():
            shutil.copy(self.seeds / name, self.folder / name)
            MlflowClient(f"sqlite:///{self.folder / name}").get_experiment("0")
        return f"sqlite:///{self.folder / name}"

    def _open(self, uri: str) -> None:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(uri)

    def _start(self, name: str) -> str:
        self._open(f"sqlite:///{self.folder / name}")
        return mlflow.start_run(experiment_id="0").info.run_id
