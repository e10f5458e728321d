"""All runs of a study: which, on what, and in which order."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import tracker
from training.config import LARGEST_SEED
from training.data import prepare, writable_folder
from training.errors import (
    ElsewhereError,
    RunFailedError,
    TrainingError,
    UsageError,
    did_you_mean,
)
from training.experiment import Experiment
from training.model import check_choice
from training.outcome import Outcome
from training.preflight import check_tracking, open_database
from training.run import dismiss, follow, recorded, run_experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from training.config import Config
    from training.data import StudyData
    from training.distributed import World
    from training.experiment import Surroundings
    from training.run import Record

    Work = Callable[[], Outcome]


def chosen_configurations(config: Config, only: Sequence[str]) -> list[str]:
    """The configurations to run: those named, else all that are not on request.

    Raises:
        UsageError: There is no configuration of a name.
    """
    for name in only:
        if name not in config.model_configs:
            hint = did_you_mean(name, config.model_configs)
            raise UsageError(f"there is no configuration {name!r}; {hint}")
    default = [name for name, model in config.model_configs.items() if not model.on_request]
    return list(dict.fromkeys(only)) or default


def run_study(
    config: Config, names: Sequence[str], around: Surroundings, seeds: int = 1
) -> tuple[list[Outcome], str]:
    """Train the configurations `names`; how each ended, and the source of the images.

    Raises:
        TrainingError: The images, the configuration or the seeds are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    chosen = seeds_in_a_row(config.data_prep.seed, seeds)

    def train(experiment: Experiment) -> Outcome:
        return run_seeds(experiment, chosen) if seeds > 1 else run_experiment(experiment)

    return directed(config, names, around, train)


def directed(
    config: Config,
    names: Sequence[str],
    around: Surroundings,
    train: Callable[[Experiment], Outcome],
) -> tuple[list[Outcome], str]:
    """Train configurations in the process of rank 0, the others following it.

    A training that fails is reported and does not end the study.

    Raises:
        TrainingError: The images or the configuration are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    with prepared(config, names, around) as data:
        if not around.world.is_main:
            follow(config, data, around)
            return [], data.source
        open_database(config)
        outcomes = _outcomes_of(train, [Experiment(name, config, data, around) for name in names])
        dismiss(around.world)
        return outcomes, data.source


def _outcomes_of(
    train: Callable[[Experiment], Outcome], experiments: list[Experiment]
) -> list[Outcome]:
    """How each ended; where Ctrl-C ends one, a person is told which are left."""
    outcomes, left = [], list(experiments)
    try:
        while left:
            outcomes.append(_outcome_of(train, left.pop(0)))
    except KeyboardInterrupt:
        if left:
            names = ", ".join(experiment.name for experiment in left)
            left[0].report.say(f"Did not begin: {names}. Train them with --only.")
        raise
    return outcomes


def _outcome_of(train: Callable[[Experiment], Outcome], experiment: Experiment) -> Outcome:
    try:
        return train(experiment)
    except RunFailedError as failure:
        experiment.report.say(f"error: {experiment.name}: {failure}")
        return failure.outcome


@contextmanager
def prepared(config: Config, names: Sequence[str], around: Surroundings) -> Iterator[StudyData]:
    """The images of a study, after everything that can be checked before a run has been.

    The checks that need no images come first: making those takes a while.

    Raises:
        TrainingError: The images, the configuration or a folder are unfit.
        TrackerError: The database that is there cannot be used.
    """
    for name in names:
        check_choice(name, config.model_configs[name])
    if not around.world.is_main and not around.world.all(holds=True):
        raise ElsewhereError("another process tells why there are no images")
    with _told_to_the_others(around.world), ExitStack() as stack:
        if around.world.is_main:
            check_tracking(config, around.report.say)
        folder = stack.enter_context(writable_folder(config))
        data = prepare(config, folder, around.report.say)
        kept = stack.pop_all()
    with kept:
        data.check({name: config.model_configs[name] for name in names})
        yield data


@contextmanager
def _told_to_the_others(world: World) -> Iterator[None]:
    """The main process goes first; the others, which wait, learn whether they may follow."""
    try:
        yield
    except (TrainingError, tracker.TrackerError):
        if world.is_main:
            world.all(holds=False)
        raise
    if world.is_main:
        world.all(holds=True)


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
    work = {seed: new_child(experiment.with_seed(seed)) for seed in chosen}
    with recorded(experiment, tags={SEEDS_TAG: " ".join(map(str, chosen))}) as record:
        return sum_up(experiment, work, record)


def new_child(experiment: Experiment) -> Work:
    """The work of training a child run for one seed."""
    return partial(run_experiment, experiment, nested=True)


def sum_up(experiment: Experiment, work: dict[int, Work], record: Record) -> Outcome:
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
