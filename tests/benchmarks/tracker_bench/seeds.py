"""Writes the files that the reading rows read, with plain sqlite3 on the tracker's schema."""

from __future__ import annotations

import math
import random
import sqlite3
from pathlib import Path

SCHEMA = Path(__file__).parents[3] / "schema.sql"
BEGUN = 1_760_000_000_000  # ms
KEY = "loss"
SHARING_RUNS = 100
HISTORY_FILE, SHARED_FILE, RUNS_FILE = "history.db", "shared.db", "runs.db"


def run_id_of(number: int) -> str:
    """Scattered, as real run ids are: with ids in order a join by id costs half as much."""
    return f"{random.Random(number).getrandbits(128):032x}"


HISTORY_RUN = run_id_of(0)
RUN_ROW = """
    INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
                      start_time, end_time, source_version, lifecycle_stage, artifact_uri,
                      experiment_id)
    VALUES (?, ?, 'UNKNOWN', '', '', 'ada', 'FINISHED', ?, ?, '', 'active', ?, 0)
"""


def connect(file: Path) -> sqlite3.Connection:
    """A connection with the tracker's pragmas; a new file gets the tracker's schema."""
    is_new = not file.exists()
    connection = sqlite3.connect(file, timeout=60, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if is_new:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        connection.execute(
            """
            INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                     creation_time, last_update_time)
            VALUES (0, 'Default', 'artifacts/0', 'active', ?, ?)
            """,
            (BEGUN, BEGUN),
        )
    return connection


def write_histories(folder: Path, points: int) -> None:
    """One run's history alone, and the same among 99 shorter ones of other runs."""
    for name, others in ((HISTORY_FILE, 0), (SHARED_FILE, SHARING_RUNS - 1)):
        connection = connect(folder / name)
        with connection:
            connection.execute("BEGIN")
            _history(connection, 0, points)
            for number in range(1, others + 1):
                _history(connection, number, points // 100)
        _finish(connection)


def write_runs(folder: Path, runs: int) -> None:
    """Runs with 10 parameters, 10 metrics and 5 tags each, the run's name among the tags."""
    connection = connect(folder / RUNS_FILE)
    with connection:
        connection.execute("BEGIN")
        for number in range(runs):
            _run_with_columns(connection, number)
    _finish(connection)


def _run_row(connection: sqlite3.Connection, number: int) -> str:
    run_id = run_id_of(number)
    began = BEGUN + number * 60_000
    uri = f"artifacts/0/{run_id}/artifacts"
    connection.execute(RUN_ROW, (run_id, f"run-{number}", began, began + 50_000, uri))
    return run_id


def _history(connection: sqlite3.Connection, number: int, points: int) -> None:
    run_id = _run_row(connection, number)
    connection.executemany(
        "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) "
        "VALUES (?, ?, ?, ?, 0, ?)",
        ((KEY, math.sin(step), BEGUN + step, step, run_id) for step in range(points)),
    )
    if points:
        connection.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "VALUES (?, ?, ?, ?, 0, ?)",
            (KEY, math.sin(points - 1), BEGUN + points - 1, points - 1, run_id),
        )


def _run_with_columns(connection: sqlite3.Connection, number: int) -> None:
    run_id = _run_row(connection, number)
    values = [math.sin(number * 10 + index) for index in range(10)]
    connection.executemany(
        "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) "
        "VALUES (?, ?, ?, 0, 0, ?)",
        [(f"metric_{index}", value, BEGUN, run_id) for index, value in enumerate(values)],
    )
    connection.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
        "VALUES (?, ?, ?, 0, 0, ?)",
        [(f"metric_{index}", value, BEGUN, run_id) for index, value in enumerate(values)],
    )
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(f"param_{index}", str((number + index) % 7), run_id) for index in range(10)],
    )
    tags = {"mlflow.runName": f"run-{number}", "mlflow.user": "ada"}
    tags |= {f"tag_{index}": f"{number % 5}" for index in range(3)}
    connection.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
        [(key, value, run_id) for key, value in tags.items()],
    )


def _finish(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
