"""A trial of a sweep: one configuration trained and validated, in a worker process."""

from __future__ import annotations

import multiprocessing
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import tracker
from training.checkpoint import BEST, dump
from training.config import BOTH_METRICS
from training.device import choose_device, out_of_memory_as_error
from training.distributed import World
from training.experiment import Experiment, RunEnvironment, Training
from training.loop import train_epochs, validate
from training.report import PlainReport, SilentReport
from training.run import RunRecord
from training.split import examples
from training.study import load_data

if TYPE_CHECKING:
    from tracker.sweep import Trial
    from training.checkpoint import Checkpoint
    from training.data import StudyData
    from training.split import Examples
    from training.sweep.definition import SweepDefinition


@dataclass
class TrialObjective:
    """Trains a trial's configuration; the images are loaded once per process.

    The test sets are not looked at.

    Args:
        definition: What is searched.
        device: As `--device` takes it.
    """

    definition: SweepDefinition
    device: str = "auto"
    _loaded: StudyData | None = field(default=None, init=False)
    _stack: ExitStack | None = field(default=None, init=False, repr=False)

    def __call__(self, trial: Trial) -> float:
        """Train and validate a trial; the metric of its best epoch.

        Raises:
            TrialPruned: Others were better at the same epoch.
            TrainingError: The training cannot continue.
        """
        experiment = self.experiment(trial.params)
        record = RunRecord(trial.run)
        tracker.set_tags({"configuration": experiment.name, "data_source": experiment.data.source})
        record.log_setup(experiment)
        with out_of_memory_as_error():
            best = train_trial(Training(experiment), trial, record)
        value = trial.reported[best.epoch]
        if trial.is_best(value):
            # Only the weights: 30 optimizers of wide networks would take half a gigabyte.
            content = dump(replace(best, optimizer_state={}))
            tracker.get_client().artifacts(record.info.run_id).log_contents({BEST: content})
        return value

    def experiment(self, params: dict[str, Any]) -> Experiment:
        """What a trial trains."""
        config = self.definition.trial_config(params)
        device = choose_device(self.device)
        environment = RunEnvironment(device, World(), SilentReport())
        return Experiment(self.definition.configuration, config, self.prepare(), environment)

    def prepare(self) -> StudyData:
        """Load the images, unless this process has; also checks the database."""
        if self._loaded is None:
            # Open to the end of the process, as a folder for a read-only data root may be.
            self._stack = ExitStack()
            report = SilentReport() if multiprocessing.parent_process() else PlainReport()
            environment = RunEnvironment(choose_device("cpu"), World(), report)
            names = [self.definition.configuration]
            loading = load_data(self.definition.config, names, environment)
            self._loaded = self._stack.enter_context(loading)
        return self._loaded


def train_trial(training: Training, trial: Trial, record: RunRecord) -> Checkpoint:
    """Train all epochs, reporting each; the state after the best one.

    Raises:
        TrialPruned: Others were better at the same epoch.
        NonFiniteLossError: The loss became NaN or infinite.
    """
    metric = trial.metric
    sign = -1 if metric.endswith("accuracy") else 1
    best: Checkpoint | None = None
    both = both_examples(training) if metric in BOTH_METRICS else None
    for result in train_epochs(training.task(), training.history):
        values = result.metrics()
        if both is not None:
            values |= zip(BOTH_METRICS, validate(training.model, both), strict=True)
        record.log_metrics({k: v for k, v in values.items() if k != metric}, result.epoch)
        is_better = all(sign * values[metric] < sign * each for each in trial.reported.values())
        trial.report(values[metric], result.epoch)
        if is_better or best is None:
            best = replace(training.state(), best_epoch=result.epoch)
    assert best is not None  # noqa: S101 -- there is at least one epoch
    return best


def both_examples(training: Training) -> Examples:
    """The validation images, sharp and blurred, whatever is trained on."""
    experiment = training.experiment
    sets = experiment.data.training_sets("both")
    return examples(sets, experiment.split().validation).to(experiment.device)
