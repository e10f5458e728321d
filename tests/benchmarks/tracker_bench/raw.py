"""Plain sqlite3, as a careful person writes it by hand for one purpose.

The tracker's schema and pragmas, one transaction a call, `latest_metrics` kept by an upsert,
executemany where there is more than one row, fetchall and pandas for reading. No validation, no
clean-up of numbers, no error translation.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracker_bench import seeds
from tracker_bench.inputs import BATCH, SEARCH_LIMIT, TAGS, TEN_KEYS, Calls, bulk_batches, numbers

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

Work = Callable[[], object]

POINT = """
    INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
LATEST = """
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key, run_uuid) DO UPDATE
    SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step,
        is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp, excluded.value)
        > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
"""
RUN = """
    INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
                      start_time, end_time, source_version, lifecycle_stage, artifact_uri,
                      experiment_id)
    VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, NULL, '', 'active', ?, ?)
"""
TAG = """
    INSERT INTO tags (key, value, run_uuid)
    VALUES (?, ?, ?)
    ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value
"""
SEARCH = """
    SELECT runs.run_uuid, runs.name, runs.experiment_id, runs.user_id, runs.status,
           runs.start_time, runs.end_time, runs.lifecycle_stage, runs.artifact_uri
    FROM runs
    JOIN latest_metrics AS metric ON metric.run_uuid = runs.run_uuid AND metric.key = 'metric_0'
    JOIN params AS param ON param.run_uuid = runs.run_uuid AND param.key = 'param_0'
    WHERE runs.experiment_id = 0 AND runs.lifecycle_stage = 'active'
      AND metric.value > 0.5 AND metric.is_nan = 0 AND param.value = '3'
    ORDER BY metric.value DESC, runs.start_time DESC
    LIMIT ?
"""
HISTORY = """
    SELECT step, timestamp, value
    FROM metrics
    WHERE run_uuid = ? AND key = ?
    ORDER BY step
"""


class Contender:
    """Each method prepares some work and returns the part to be timed."""

    def __init__(self, folder: Path, seeds_folder: Path) -> None:
        self.folder = folder
        self.seeds = seeds_folder

    @cached_property
    def connection(self) -> Connection:
        """Opened at its first use: processes that write another file together need none."""
        return seeds.connect(self.folder / "raw.db")

    def one_metric(self, count: int) -> Work:
        return self._one_metric(self.connection, count)

    def step_3ms(self, count: int) -> Work:
        return self._one_metric(self.connection, count, 0.003)

    def step_10ms(self, count: int) -> Work:
        return self._one_metric(self.connection, count, 0.010)

    def ten_metrics(self, count: int) -> Work:
        connection, run_id = self.connection, self._new_run(self.connection)
        values = numbers(count)

        def call(step: int) -> None:
            now = time.time_ns() // 1_000_000
            rows = [(key, values[step], now, step, 0, run_id) for key in TEN_KEYS]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(POINT, rows)
            connection.executemany(LATEST, rows)
            connection.execute("COMMIT")

        return Calls(call, count)

    def bulk(self, count: int) -> Work:
        connection, run_id = self.connection, self._new_run(self.connection)
        batches = bulk_batches(count)

        def work() -> None:
            for number, batch in enumerate(batches):
                now = time.time_ns() // 1_000_000
                rows = [
                    (seeds.KEY, value, now, step, 0, run_id)
                    for step, value in enumerate(batch.tolist(), number * BATCH)
                ]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(POINT, rows)
                connection.execute(LATEST, rows[-1])
                connection.execute("COMMIT")

        return work

    def history(self, count: int) -> Work:
        return self._read(self.seeds / seeds.HISTORY_FILE, count)

    def shared_history(self, count: int) -> Work:
        return self._read(self.seeds / seeds.SHARED_FILE, count)

    def search(self, count: int) -> Work:
        connection = seeds.connect(self.seeds / seeds.RUNS_FILE)

        def work() -> None:
            for _ in range(count):
                rows = connection.execute(SEARCH, (SEARCH_LIMIT,)).fetchall()
                found = {row[0]: (row, {}, {}, {}) for row in rows}
                marks = ", ".join("?" * len(found))
                for index, table in enumerate(("latest_metrics", "params", "tags"), 1):
                    for run_id, key, value in connection.execute(
                        f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN ({marks})",
                        list(found),
                    ):
                        found[run_id][index][key] = value

        return work

    def frame(self, count: int) -> Work:
        connection = seeds.connect(self.seeds / seeds.RUNS_FILE)
        return lambda: [_frame(connection) for _ in range(count)]

    def run(self, count: int) -> Work:
        return lambda: [self._finish_run(self._new_run(self.connection)) for _ in range(count)]

    def processes(self, count: int) -> Work:
        return self._one_metric(seeds.connect(self.folder / "together.db"), count)

    def stored(self) -> int:
        """How many points the processes have written."""
        connection = seeds.connect(self.folder / "together.db")
        return int(connection.execute("SELECT count(*) FROM metrics").fetchone()[0])

    def _one_metric(self, connection: Any, count: int, busy_seconds: float = 0.0) -> Work:
        run_id = self._new_run(connection)
        values = numbers(count)

        def call(step: int) -> None:
            row = (seeds.KEY, values[step], time.time_ns() // 1_000_000, step, 0, run_id)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(POINT, row)
            connection.execute(LATEST, row)
            connection.execute("COMMIT")

        return Calls(call, count, busy_seconds=busy_seconds)

    def _read(self, file: Path, count: int) -> Work:
        import pandas as pd

        connection = seeds.connect(file)

        def work() -> None:
            rows = connection.execute(HISTORY, (seeds.HISTORY_RUN, seeds.KEY)).fetchall()
            frame = pd.DataFrame(rows, columns=["step", "timestamp", "value"])
            assert len(frame) == count

        return work

    def _new_run(self, connection: Any) -> str:
        run_id = uuid.uuid4().hex
        now = time.time_ns() // 1_000_000
        tags = {"mlflow.runName": "a-run", **TAGS}
        connection.execute("BEGIN IMMEDIATE")
        location = connection.execute(
            "SELECT artifact_location FROM experiments "
            "WHERE experiment_id = 0 AND lifecycle_stage = 'active'"
        ).fetchone()[0]
        uri = f"{location}/{run_id}/artifacts"
        connection.execute(RUN, (run_id, "a-run", "ada", now, uri, 0))
        connection.executemany(TAG, [(key, value, run_id) for key, value in tags.items()])
        connection.execute("COMMIT")
        return run_id

    def _finish_run(self, run_id: str) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute(
            "UPDATE runs SET status = 'FINISHED', end_time = ? "
            "WHERE run_uuid = ? AND lifecycle_stage = 'active'",
            (time.time_ns() // 1_000_000, run_id),
        )
        self.connection.execute("COMMIT")


def _frame(connection: Any) -> Any:
    import pandas as pd

    columns = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    rows = connection.execute(
        "SELECT run_uuid, experiment_id, status, artifact_uri, start_time, end_time FROM runs "
        "WHERE experiment_id = 0 AND lifecycle_stage = 'active' ORDER BY start_time DESC"
    ).fetchall()
    runs = pd.DataFrame(rows, columns=columns).set_index("run_id")
    for moment in ("start_time", "end_time"):
        runs[moment] = pd.to_datetime(runs[moment], unit="ms", utc=True)
    return runs.join(list(_wide_tables(connection)))


def _wide_tables(connection: Any) -> Iterator[Any]:
    import pandas as pd

    for table, prefix in (("latest_metrics", "metrics"), ("params", "params"), ("tags", "tags")):
        rows = connection.execute(
            f"SELECT item.run_uuid, item.key, item.value FROM {table} AS item "
            "JOIN runs ON runs.run_uuid = item.run_uuid "
            "WHERE runs.experiment_id = 0 AND runs.lifecycle_stage = 'active'"
        ).fetchall()
        long = pd.DataFrame(rows, columns=["run_id", "key", "value"])
        # pivot_table aggregates, which takes longer.
        wide = long.pivot(index="run_id", columns="key", values="value")  # noqa: PD010
        yield wide.add_prefix(f"{prefix}.")
