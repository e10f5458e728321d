"""Going on with a run that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from training.config_file import load_config
from training.errors import CheckpointError, DataError, UsageError, did_you_mean
from training.experiment import Experiment
from training.model_records import saved_in
from training.seed_study import SEEDS_TAG
from training.study import Surroundings, assist, prepared
from training.tracked_run import EFFECTIVE_CONFIG, resume_experiment
from training.tracking import open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import Config
    from training.data import StudyData
    from training.outcome import Outcome


def resume_run(
    config: Config, reference: str, overrides: Sequence[str], around: Surroundings
) -> tuple[Outcome | None, str]:
    """Go on with the run called `reference` from its last checkpoint.

    Everything but the paths is as it was when the run began; `overrides` change it.

    Raises:
        UsageError: There is no such run, or it needs no resuming.
        TrainingError: Its checkpoint, its configuration or its images do not fit.
    """
    if not Path(config.tracking.database).exists():
        raise UsageError(f"there is no database {config.tracking.database} to find the run in")
    open_database(config)
    run = find_run(reference)
    settings, name = original_config(config, run, overrides)
    with prepared(settings, [name], around) as data:
        check_images(run, data)
        experiment = Experiment(name, settings, data, around.device, around.world, around.report)
        check_settings(run, experiment)
        saved = saved_in(run.info.run_id)
        around.world.wait()  # all have read the run's status before it changes
        try:
            if not around.world.is_main:
                assist(experiment, saved.last if saved else None)
                return None, data.source
            return resume_experiment(experiment, run.info.run_id, saved), data.source
        finally:
            around.report.run_ended()


def find_run(reference: str) -> tracker.Run:
    """The unfinished run with this id or name.

    Raises:
        UsageError: There is none, or it is finished or still running.
    """
    client = tracker.get_client()
    client.reap()  # a run whose process died no longer counts as running
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    found = [run for run in runs if reference in (run.info.run_id, run.info.run_name)]
    if not found:
        unfinished = [run.info.run_name for run in runs if run.info.status != "FINISHED"]
        hint = did_you_mean(reference, unfinished) if unfinished else "all runs are finished"
        raise UsageError(f"there is no run {reference!r}; {hint}")
    status = found[0].info.status
    if status in {"FINISHED", "RUNNING"}:
        state = "finished" if status == "FINISHED" else "still running in another process"
        raise UsageError(f"the run {reference!r} is {state}; nothing to resume")
    if SEEDS_TAG in found[0].data.tags:
        raise UsageError(f"the run {reference!r} only sums up others; resume one of its children")
    return found[0]


def original_config(
    config: Config, run: tracker.Run, overrides: Sequence[str]
) -> tuple[Config, str]:
    """The configuration that a run began with, at today's paths, and its name.

    Raises:
        CheckpointError: The run was not made by the trainer.
    """
    try:
        path = tracker.get_client().artifacts(run.info.run_id).local_path(EFFECTIVE_CONFIG)
        name = run.data.tags["configuration"]
    except (tracker.TrackerError, KeyError) as error:
        message = f"the run {run.info.run_name!r} cannot be resumed: it holds no configuration"
        raise CheckpointError(message) from error
    original = load_config(path, overrides)
    return original.model_copy(update={"paths": config.paths, "tracking": config.tracking}), name


def check_images(run: tracker.Run, data: StudyData) -> None:
    """Refuse to go on with other images than the run began with.

    Raises:
        DataError: The images differ.
    """
    tests = {
        used.dataset.digest
        for used in run.inputs.dataset_inputs
        if used.dataset.name in {data.test.name, data.test_blurred.name}
    }
    begun = run.data.tags.get("data_source", data.source)
    if begun != data.source or not tests <= {data.test.digest, data.test_blurred.digest}:
        raise DataError(
            f"the run {run.info.run_name!r} began with other images ({begun}) than are here "
            f"({data.source}); it can only go on with the same"
        )


def check_settings(run: tracker.Run, experiment: Experiment) -> None:
    """Refuse to go on with other settings than the run began with.

    Raises:
        CheckpointError: A setting differs.
    """
    for key, value in experiment.params().items():
        begun = run.data.params.get(key, str(value))
        if begun != str(value):
            raise CheckpointError(
                f"the run {run.info.run_name!r} began with {key} {begun}, which is now {value}; "
                "a run keeps its settings to the end: start a new one"
            )
