"""All runs of a study, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from training.data import prepare, writable_folder
from training.errors import TrainingError, UsageError, did_you_mean
from training.experiment import Experiment, Outcome, run_experiment
from training.model import check_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.config import Config
    from training.data import StudyData
    from training.report import Report


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
    config: Config, names: Sequence[str], device: torch.device, report: Report
) -> tuple[list[Outcome], str]:
    """Train the configurations `names`; how each ended, and the source of the images.

    Raises:
        TrainingError: The images or the configuration are unfit; nothing was recorded.
        TrackerError: The database cannot be used.
    """
    for name in names:
        check_model(config.model_configs[name].model)
    if Path(config.tracking.database).exists():
        open_database(config)
    with writable_folder(config, report.say) as folder:
        data = prepare(config, folder, report.say)
        data.check(config)
        open_database(config)
        outcomes = [run_one(config, name, data, device, report) for name in names]
    return outcomes, data.source


def open_database(config: Config) -> None:
    """Make the study's database and experiment the current ones."""
    tracking = config.tracking
    location = tracking.artifact_location
    database = Path(tracking.database)
    database.parent.mkdir(parents=True, exist_ok=True)
    roots = [location] if Path(location).is_absolute() or "://" in location else []
    tracker.set_tracking_uri(database, artifact_root=location, allowed_roots=roots)
    tracker.set_experiment(tracking.experiment_name)


def run_one(
    config: Config, name: str, data: StudyData, device: torch.device, report: Report
) -> Outcome:
    """One run; a training that fails is reported and does not end the study."""
    try:
        return run_experiment(Experiment(name, config, data, device, report))
    except TrainingError as error:
        report.say(f"error: {name}: {error}")
        run = tracker.last_active_run()
        assert run is not None  # noqa: S101 -- the run has just failed
        return Outcome(name, run.info.run_id, run.info.run_name, "FAILED", {}, 0.0)
    finally:
        report.run_ended()
