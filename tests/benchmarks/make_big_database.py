"""Writes a database of the size at which dashboards give up: 10,000 runs, 10,000,000 points.

    python tests/benchmarks/make_big_database.py FILE [--runs 10000] [--points 10000000]

Half of the points belong to twenty long runs of 50,000 steps, the rest is spread evenly. About
3 minutes and 2.5 GB at full size.
"""

from __future__ import annotations

import argparse
import math
import random
import sqlite3
import time
from pathlib import Path

SCHEMA = Path(__file__).parents[2] / "schema.sql"
KEYS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr")
LONG_RUNS = 20
BEGUN = 1_760_000_000_000
MODELS = ("mlp", "cnn", "transformer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=10_000_000)
    options = parser.parse_args()
    began = time.perf_counter()
    count = write(options.file, options.runs, options.points)
    size = options.file.stat().st_size / 2**20
    took = time.perf_counter() - began
    print(f"{options.runs:,} runs, {count:,} points, {size:,.0f} MB in {took:.0f} s")


def write(file: Path, runs: int, points: int) -> int:
    """Returns the number of points."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(SCHEMA.read_text())
    connection.execute("BEGIN")
    _experiments(connection)
    long = points // 2 // LONG_RUNS // len(KEYS)
    short = max(1, (points - LONG_RUNS * len(KEYS) * long) // (runs - LONG_RUNS) // len(KEYS))
    dice = random.Random(0)
    every = max(1, runs // LONG_RUNS)
    count = 0
    for number in range(runs):
        is_long = number % every == every - 1
        count += _run(connection, number, long if is_long else short, dice)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return count


def _experiments(connection: sqlite3.Connection) -> None:
    connection.executemany(
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
        " creation_time, last_update_time) VALUES (?, ?, ?, 'active', ?, ?)",
        [(n, name, f"artifacts/{n}", BEGUN, BEGUN) for n, name in enumerate(["Default", "Sweep"])],
    )


def _run(connection: sqlite3.Connection, number: int, steps: int, dice: random.Random) -> int:
    run_id = f"{dice.getrandbits(128):032x}"
    begun = BEGUN + number * 60_000
    model = dice.choice(MODELS)
    rate = round(10 ** dice.uniform(-4, -1), 6)
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
        " status, start_time, end_time, source_version, lifecycle_stage, artifact_uri,"
        " experiment_id) VALUES (?, ?, 'UNKNOWN', '', '', 'ada', ?, ?, ?, '', 'active', ?, 1)",
        (
            run_id,
            f"{model}_{number:08x}",
            dice.choices(["FINISHED", "FAILED", "KILLED"], [8, 1, 1])[0],
            begun,
            begun + steps * 100,
            f"artifacts/1/{run_id}/artifacts",
        ),
    )
    params = {"model": model, "learning_rate": rate, "batch_size": dice.choice([32, 64, 128])}
    params |= {"seed": number, "hidden_size": 2 ** dice.randint(4, 10)}
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(key, str(value), run_id) for key, value in params.items()],
    )
    connection.execute(
        "INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)",
        (f"{model}_{number:08x}", run_id),
    )
    return sum(_history(connection, run_id, key, steps, begun, dice) for key in KEYS)


def _history(
    connection: sqlite3.Connection,
    run_id: str,
    key: str,
    steps: int,
    begun: int,
    dice: random.Random,
) -> int:
    top, speed = dice.uniform(0.7, 0.99), dice.uniform(2, 8) / steps
    noise, uniform = dice.uniform(0.005, 0.05), dice.random
    falling = "loss" in key or key == "lr"
    rows = []
    for step in range(steps):
        value = top * (1 - math.exp(-speed * step)) + noise * (uniform() - 0.5)
        rows.append((key, 1.05 - value if falling else value, begun + step * 100, run_id, step))
    connection.executemany(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES (?, ?, ?, ?, ?, 0)",
        rows,
    )
    connection.execute(
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)"
        " VALUES (?, ?, ?, ?, ?, 0)",
        rows[-1],
    )
    return len(rows)


if __name__ == "__main__":
    main()
