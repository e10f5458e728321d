"""What the search engine costs beside the trials.

    python tests/benchmarks/bench_sweep.py [--trials 1000]

Prints the CPU and wall time of one ask (reading all trials, re-creating the sampler, creating the
next run) with so many trials known, and of an empty trial from its ask to its end.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from tracker.sweep import SweepSettings, claim, parse_space

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.sweep import SweepRun

SPACE = {
    "learning_rate": {"low": 5e-4, "high": 2e-2, "log": True},
    "hidden_size": {"low": 128, "high": 1024, "log": True},
    "batch_size": {"choices": [64, 128, 256, 512]},
    "weight_decay": {"low": 1e-6, "high": 1e-3, "log": True},
    "dropout": {"low": 0.0, "high": 0.5},
    "optimizer": {"choices": ["sgd", "adam"]},
}
REPORTS = 10


def fill(sweep: SweepRun, count: int) -> None:
    """Record trials that are complete, ten reports each."""
    chance, client = random.Random(1), sweep.client
    for number in range(count):
        params = {
            "learning_rate": chance.uniform(5e-4, 2e-2),
            "hidden_size": chance.randint(128, 1024),
            "batch_size": chance.choice([64, 128, 256, 512]),
            "weight_decay": chance.uniform(1e-6, 1e-3),
            "dropout": chance.uniform(0, 0.5),
            "optimizer": chance.choice(["sgd", "adam"]),
        }
        tags = {
            "mlflow.parentRunId": sweep.run_id,
            "tracker.sweep.trial": number,
            "tracker.sweep.params": json.dumps(params),
            "tracker.sweep.state": "COMPLETE",
            "tracker.sweep.value": repr(params["learning_rate"]),
        }
        run = client.create_run("0", tags=tags)
        values = [chance.random() for _ in range(REPORTS)]
        client.log_history(run.info.run_id, "objective", values, steps=list(range(REPORTS)))
        client.set_terminated(run.info.run_id)


def measured(work: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """The least CPU and wall seconds of some rounds."""
    found = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        found.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in found), min(wall for _, wall in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    count = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        tracker.set_tracking_uri(Path(folder) / "tracking.db")
        settings = SweepSettings(seed=1)
        sweep = claim("bench", parse_space(SPACE), settings)
        for known in (0, 100, count):
            fill(sweep, known - len(sweep.trials()))
            ask = measured(lambda: sweep.next_trial(10**6).run.__exit__(None, None, None))
            whole = measured(lambda: sweep.try_next(lambda trial: trial.number, 10**6))
            print(
                f"{known:5} trials: ask {1e3 * ask[0]:6.1f} ms CPU {1e3 * ask[1]:6.1f} ms wall, "
                f"empty trial {1e3 * whole[0]:6.1f} ms CPU {1e3 * whole[1]:6.1f} ms wall"
            )


if __name__ == "__main__":
    main()
