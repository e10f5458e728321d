"""The runs of a study: which configurations, from which seeds, on which images, in which order."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import tracker
from tracker.text import did_you_mean
from training.config import LARGEST_SEED
from training.data import local_root, prepare, writable_folder
from training.errors import PeerFailedError, RunFailedError, TrainingError, UsageError
from training.experiment import Experiment
from training.model import check_model_config
from training.outcome import Outcome, mean_and_spread
from training.preflight import check_tracking, open_database
from training.run import follow_jobs, no_job, recorded, run_experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from training.config import Config
    from training.data import StudyData
    from training.distributed import World
    from training.experiment import RunEnvironment
    from training.run import RunRecord

    Train = Callable[[Experiment], Outcome]
    Work = Callable[[], Outcome]

SEEDS_TAG = "seeds"
"""The tag of a parent run that lists the seeds of its child runs."""


def chosen_configurations(config: Config, only: Sequence[str]) -> list[str]:
    """The configurations to train: those named, else all that are not on request.

    Raises:
        UsageError: There is no configuration of a name.
    """
    for name in only:
        if name not in config.model_configs:
            hint = did_you_mean(name, config.model_configs, list_all=True)
            raise UsageError(f"there is no configuration {name!r}{hint}")
    default = [name for name, model in config.model_configs.items() if not model.on_request]
    return list(dict.fromkeys(only)) or default


def run_study(
    config: Config, names: Sequence[str], environment: RunEnvironment, seeds: int = 1
) -> tuple[list[Outcome], str]:
    """Train configurations, each in a run of its own.

    Args:
        config: The study.
        names: The configurations to train, in this order.
        environment: Where.
        seeds: Train each from this many seeds in a row, as child runs of one run.

    Returns:
        How each run ended, and the source of the images.

    Raises:
        TrainingError: The images, the configuration or the seeds are invalid; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    chosen = consecutive_seeds(config.data_prep.seed, seeds)
    train: Train = run_experiment if seeds == 1 else partial(run_seeds, seeds=chosen)
    return run_all(config, names, environment, train)


def run_all(
    config: Config, names: Sequence[str], environment: RunEnvironment, train: Train
) -> tuple[list[Outcome], str]:
    """Train configurations one after the other by `train`, with all processes.

    A run that fails is reported and does not end the study.

    Raises:
        TrainingError: The images or the configuration are invalid; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    outcomes: list[Outcome] = []
    with load_data(config, names, environment) as data:
        if not environment.world.is_main:
            follow_jobs(config, data, environment)
            return outcomes, data.source
        open_database(config)
        with _names_of_the_rest(names, outcomes, environment):
            for name in names:
                try:
                    outcomes.append(train(Experiment(name, config, data, environment)))
                except RunFailedError as failure:
                    environment.report.say(f"error: {name}: {failure}")
                    outcomes.append(failure.outcome)
        environment.world.broadcast(no_job)
        return outcomes, data.source


@contextmanager
def _names_of_the_rest(
    names: Sequence[str], outcomes: list[Outcome], environment: RunEnvironment
) -> Iterator[None]:
    """On Ctrl-C, name the configurations that were not started."""
    try:
        yield
    except KeyboardInterrupt:
        if rest := names[len(outcomes) + 1 :]:
            environment.report.say(f"Not started: {', '.join(rest)}. Train them with --only.")
        raise


@contextmanager
def load_data(
    config: Config, names: Sequence[str], environment: RunEnvironment
) -> Iterator[StudyData]:
    """The images of a study, after everything that can be checked before a run was checked.

    The checks that need no images come first: preparing those takes a while.

    Raises:
        TrainingError: The images, the configuration or a folder are invalid.
        TrackerError: The existing database cannot be used.
    """
    world, report = environment.world, environment.report
    for name in names:
        check_model_config(name, config.model_configs[name])
    if not world.is_main and not world.all_true(True):  # noqa: FBT003 -- waits for rank 0
        raise PeerFailedError("rank 0 reports why there are no images")
    with _others_waiting(world), ExitStack() as stack:
        if world.is_main:
            check_tracking(config, report.say)
        with local_root(config) as local:
            folder = stack.enter_context(writable_folder(local))
            data = prepare(local, folder, report.say)
        kept = stack.pop_all()
    with kept:
        data.check({name: config.model_configs[name] for name in names})
        yield data


@contextmanager
def _others_waiting(world: World) -> Iterator[None]:
    """Rank 0 goes first; the others wait to learn whether they may follow."""
    try:
        yield
    except (TrainingError, tracker.TrackerError):
        if world.is_main:
            world.all_true(False)  # noqa: FBT003
        raise
    if world.is_main:
        world.all_true(True)  # noqa: FBT003


def consecutive_seeds(first: int, count: int) -> list[int]:
    """`count` seeds from `first` on.

    Raises:
        UsageError: The last of them would be too large.
    """
    last = first + count - 1
    if last > LARGEST_SEED:
        raise UsageError(
            f"the last of {count} seeds would be {last}; the largest is {LARGEST_SEED}"
        )
    return list(range(first, last + 1))


def run_seeds(experiment: Experiment, seeds: list[int]) -> Outcome:
    """Train from each seed in a child run; the parent gets mean and standard deviation.

    The images are the same for all seeds: only the training varies, with the substitute too.

    Raises:
        RunFailedError: A training cannot continue; its run and the parent are FAILED.
        KeyboardInterrupt: Ctrl-C; the running child and the parent are KILLED.
    """
    work = {seed: new_child(experiment.with_seed(seed)) for seed in seeds}
    with recorded(experiment, tags={SEEDS_TAG: " ".join(map(str, seeds))}) as record:
        return summarize_seeds(experiment, work, record)


def new_child(experiment: Experiment) -> Work:
    """The training of one seed in a new child run."""
    return partial(run_experiment, experiment, nested=True)


def summarize_seeds(
    experiment: Experiment, work: dict[int, Work], record: RunRecord, step: int = 0
) -> Outcome:
    """Do the work of each seed; log the mean and deviation of the results in the active run.

    Args:
        experiment: The configuration.
        work: What is left to do, by seed.
        record: Of the active run.
        step: Of the logged metrics; above 0 if the run was finished before.
    """
    start = time.perf_counter()
    results = []
    for seed, train in work.items():
        try:
            results.append(train().metrics)
        except RunFailedError as failure:
            raise TrainingError(f"seed {seed}: {failure}") from failure
    means, spread = mean_and_spread(results)
    record.log_metrics({f"{key}_mean": value for key, value in means.items()}, step)
    record.log_metrics({f"{key}_std": value for key, value in spread.items()}, step)
    info, seconds = record.info, time.perf_counter() - start
    return Outcome(experiment.name, info.run_id, info.run_name, "FINISHED", means, spread, seconds)
