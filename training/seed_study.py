"""One configuration from several seeds: how much of a result is chance."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import tracker
from training.config import LARGEST_SEED
from training.continuation import continuation, resume_experiment
from training.errors import CheckpointError, RunFailedError, TrainingError, UsageError
from training.outcome import Outcome
from training.tracked_run import recorded, run_experiment

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.experiment import Experiment
    from training.tracked_run import Record

    Work = Callable[[], Outcome]

SEEDS_TAG = "seeds"


def seeds_in_a_row(first: int, count: int) -> list[int]:
    """The seeds to train from.

    Raises:
        UsageError: The last of them would be none.
    """
    last = first + count - 1
    if last > LARGEST_SEED:
        raise UsageError(
            f"the last of {count} seeds would be {last}, the largest is {LARGEST_SEED}"
        )
    return list(range(first, last + 1))


def run_seeds(experiment: Experiment, chosen: list[int]) -> Outcome:
    """Train from each of the seeds, a child run each; mean and deviation in the parent.

    The images are the same for all: with the substitute too, only the training varies.

    Raises:
        RunFailedError: A training cannot go on; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    work = {seed: _new_child(experiment.with_seed(seed)) for seed in chosen}
    with recorded(experiment, tags={SEEDS_TAG: " ".join(map(str, chosen))}) as record:
        return _sum_up(experiment, work, record)


def resume_seeds(experiment: Experiment, parent: tracker.Run) -> Outcome:
    """Train what is left of a parent's seeds, the rest of an unfinished one included.

    Raises:
        UsageError: A child is running in another process.
        CheckpointError: A checkpoint does not fit; all runs stay as they were.
        RunFailedError: A training cannot go on; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    try:
        chosen = [int(seed) for seed in parent.data.tags[SEEDS_TAG].split()]
    except ValueError:
        chosen = []
    if len(chosen) < 2:  # noqa: PLR2004 -- of one there is no deviation
        raise CheckpointError(f"the tag {SEEDS_TAG!r} of the run does not name several seeds")
    work = {seed: _rest_of_child(experiment.with_seed(seed), parent) for seed in chosen}
    with recorded(experiment, run_id=parent.info.run_id) as record:
        return _sum_up(experiment, work, record)


def _new_child(experiment: Experiment) -> Work:
    return partial(run_experiment, experiment, nested=True)


def _rest_of_child(experiment: Experiment, parent: tracker.Run) -> Work:
    """What is left to do for one seed: nothing, the rest of its run, or all of it."""
    found = tracker.get_client().search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' AND params.seed = '{experiment.seed}'",
    )
    for run in found:
        if run.info.status == "FINISHED":
            return partial(_finished, experiment, run)
        if run.info.status == "RUNNING":
            raise UsageError(f"the run {run.info.run_name!r} is still running in another process")
    if not found:
        return _new_child(experiment)
    return partial(resume_experiment, continuation(experiment, found[0]), nested=True)


def _finished(experiment: Experiment, run: tracker.Run) -> Outcome:
    info = run.info
    tested = {key: value for key, value in run.data.metrics.items() if key.startswith("test_")}
    return Outcome(experiment.name, info.run_id, info.run_name, info.status, tested)


def _sum_up(experiment: Experiment, work: dict[int, Work], record: Record) -> Outcome:
    """Do the work for each seed; mean and deviation of what came of it, in the active run."""
    start = time.perf_counter()
    results = []
    for seed, train in work.items():
        try:
            results.append(train().metrics)
        except RunFailedError as failure:
            raise TrainingError(f"seed {seed}: {failure}") from failure
    means, spread = mean_and_spread(results)
    record.metrics({f"{key}_mean": value for key, value in means.items()})
    record.metrics({f"{key}_std": value for key, value in spread.items()})
    info, seconds = record.info, time.perf_counter() - start
    return Outcome(experiment.name, info.run_id, info.run_name, "FINISHED", means, spread, seconds)


def mean_and_spread(rows: list[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """The mean and the sample standard deviation (n - 1) of each metric.

    Examples:
        >>> mean_and_spread([{"a": 1.0}, {"a": 3.0}])
        ({'a': 2.0}, {'a': 1.4142135623730951})
    """
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    means = {key: statistics.fmean(values) for key, values in columns.items()}
    return means, {key: statistics.stdev(values) for key, values in columns.items()}
