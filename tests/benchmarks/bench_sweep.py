"""What the search engine costs beside the trials.

    python tests/benchmarks/bench_sweep.py [--trials 1000]

Prints the CPU and wall time of an ask (reading what is new of the trials, proposing, creating the
next run) with so many trials known: the first one of a process, and the later ones, and of those
what Optuna takes for itself; of a whole trial that only reports, from its ask to its end; and of a
look of the supervisor at the progress.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import tracker
from tracker.sweep import SweepSettings, claim, parse_space, progress, read_sweep
from tracker.sweep.proposals import Proposer, build_sampler, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.sweep import SweepRun, Trial

SPACE = {
    "learning_rate": {"low": 5e-4, "high": 2e-2, "log": True},
    "hidden_size": {"low": 128, "high": 1024, "log": True},
    "batch_size": {"choices": [64, 128, 256, 512]},
    "weight_decay": {"low": 1e-6, "high": 1e-3, "log": True},
    "dropout": {"low": 0.0, "high": 0.5},
    "optimizer": {"choices": ["sgd", "adam"]},
}
REPORTS, ROUNDS = 10, 8


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


class Cost(NamedTuple):
    """CPU and wall milliseconds."""

    cpu: float
    wall: float

    def __str__(self) -> str:
        return f"{self.cpu:6.1f} ms CPU {self.wall:6.1f} ms wall"


def now() -> Cost:
    """The CPU time of this process, and the time."""
    return Cost(1e3 * time.process_time(), 1e3 * time.perf_counter())


def since(moment: Cost) -> Cost:
    """What has passed since a moment."""
    later = now()
    return Cost(later.cpu - moment.cpu, later.wall - moment.wall)


def one_trial(sweep: SweepRun) -> tuple[Cost, Cost]:
    """The cost of a trial's ask, and of the whole trial; it is better than all others."""
    start, asks = now(), []

    def objective(trial: Trial) -> float:
        asks.append(since(start))
        for step in range(REPORTS):
            trial.report(-trial.number, step)
        return -trial.number

    sweep.try_next(objective, 10**6)
    return asks[0], since(start)


def optuna_alone(sweep: SweepRun) -> Cost:
    """The cost of a proposal by Optuna, to which all trials are known already."""
    proposer, trials = Proposer(sweep.space, sweep.settings), sweep.trials()
    study = proposer.study(trials)
    study.sampler = build_sampler(sweep.settings, len(trials))
    start = now()
    chosen(sweep.space, study.ask())
    return since(start)


def look(sweep: SweepRun) -> Cost:
    """The cost of a look at what is new of the trials, as the supervisor takes it."""
    start = now()
    progress(sweep.trials(), sweep.settings)
    return since(start)


def least(costs: Iterable[Cost]) -> Cost:
    """The least CPU and the least wall time of some rounds."""
    cpu, wall = zip(*costs, strict=True)
    return Cost(min(cpu), min(wall))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    count = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        tracker.set_tracking_uri(Path(folder) / "tracking.db")
        sweep = claim("bench", parse_space(SPACE), SweepSettings(seed=1))
        for known in sorted({0, 100, count}):
            fill(sweep, known - len(sweep.trials()))
            first, _ = one_trial(read_sweep(sweep.client, sweep.run))
            one_trial(sweep)
            asks, trials = zip(*(one_trial(sweep) for _ in range(ROUNDS)), strict=True)
            print(f"{known:5} trials, first ask  {first}")
            print(f"             later ask  {least(asks)}")
            print(f"             of Optuna  {least(optuna_alone(sweep) for _ in range(ROUNDS))}")
            print(f"             whole      {least(trials)}")
            print(f"             a look     {least(look(sweep) for _ in range(ROUNDS))}")


if __name__ == "__main__":
    main()
