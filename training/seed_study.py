"""One configuration from several seeds: how much of a result is chance."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import tracker
from training.outcome import Outcome
from training.tracked_run import new_run_name, record_setup, run_experiment

if TYPE_CHECKING:
    from training.experiment import Experiment

SEEDS_TAG = "seeds"


def run_seeds(experiment: Experiment, seeds: int) -> Outcome:
    """Train from `seeds` seeds in a row, a child run each; mean and deviation in the parent.

    The images are the same for all: with the substitute too, only the training varies.

    Raises:
        TrainingError: A training cannot go on; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    start = time.perf_counter()
    chosen = [experiment.seed + offset for offset in range(seeds)]
    with tracker.start_run(
        run_name=new_run_name(experiment.name),
        tags={
            "configuration": experiment.name,
            "data_source": experiment.data.source,
            SEEDS_TAG: " ".join(map(str, chosen)),
        },
        description=experiment.settings.description or None,
    ) as run:
        record_setup(experiment)
        children = []
        for seed in chosen:
            children.append(run_experiment(experiment.with_seed(seed), nested=True))
            experiment.report.run_ended()
        means, spread = mean_and_spread([child.metrics for child in children])
        tracker.log_metrics({f"{key}_mean": value for key, value in means.items()})
        tracker.log_metrics({f"{key}_std": value for key, value in spread.items()})
    seconds = time.perf_counter() - start
    info = run.info
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
