"""The winner of a sweep: tested, exported, and compared with the study's configurations.

The test sets are looked at once, here: choosing by them would make their numbers too good.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tracker
from tracker.models import MODEL_FOLDER
from tracker.tags import TRACKER_SWEEP_RESULT, TRACKER_SWEEP_RETRAIN, TRACKER_SWEEP_TRIAL
from tracker.text import parameters
from training.checkpoint import BEST, load
from training.config import BOTH_METRICS
from training.experiment import Training
from training.loop import train_epochs
from training.records import (
    CARD,
    record_datasets,
    record_evaluation,
    record_model,
    used_sets,
)
from training.run import RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.sweep import SweepRun, TrialRecord
    from training.checkpoint import Checkpoint
    from training.config import Config
    from training.experiment import Experiment
    from training.sweep.objective import TrialObjective


@dataclass(frozen=True)
class Rival:
    """The best finished run of the study's own configurations."""

    name: str
    score: float


def evaluate_winner(
    sweep: SweepRun, objective: TrialObjective, best: TrialRecord
) -> dict[str, float]:
    """Evaluate the winner on the test sets and export it, in its own run; its test metrics.

    The run has ended and stays so: a process that dies here leaves a complete trial. A winner that
    was tested before is not tested again.
    """
    if CARD in {
        entry.path for entry in tracker.get_client().list_artifacts(best.run_id, MODEL_FOLDER)
    }:
        return tested_before(best.run_id)
    experiment = objective.experiment(best.params)
    training = Training(experiment)
    state = _state_of(best, training)
    state.restore(training.model)
    training.generators.activate()
    with sweep.added_to(best) as run:
        settings, split = experiment.settings, experiment.split()
        record_datasets(experiment.data, split, settings)
        batch_size = experiment.config.testing.batch_size
        metrics = record_evaluation(training.model, experiment.data, batch_size, experiment.device)
        RunRecord(run).log_metrics({**metrics, "best_epoch": state.epoch}, state.epoch)
        record_model(training.model, state, used_sets(experiment.data, split, settings), metrics)
    return metrics


def tested_before(run_id: str) -> dict[str, float]:
    """The metrics of a run on the test sets."""
    metrics = tracker.get_run(run_id).data.metrics
    return {key: value for key, value in metrics.items() if key.startswith("test_")}


def _state_of(best: TrialRecord, training: Training) -> Checkpoint:
    """The winner's best state: as it was saved, or trained once more, which gives the same bits."""
    artifacts = tracker.get_client().artifacts(best.run_id)
    if BEST in {entry.path for entry in artifacts.list(MODEL_FOLDER)}:
        return load(artifacts.local_path(BEST))
    epochs = {value: step for step, value in reversed(best.intermediate_values.items())}
    for result in train_epochs(training.task(), training.history):
        if result.epoch == epochs.get(best.value or 0.0):
            break
    return training.state()


def record_result(
    sweep: SweepRun, best: TrialRecord, tested: Mapping[str, float], config: Config, command: str
) -> str:
    """Say in the sweep's run, which is active, who won by how much; the sentence.

    Args:
        sweep: The sweep.
        best: Its best trial.
        tested: The winner's metrics on the test sets.
        config: The study, whose configurations are the yardstick.
        command: What trains the winner again with five seeds.
    """
    metric = sweep.settings.metric
    own = score(metric, tested)
    rival = best_rival(sweep, config)
    measure = "mean accuracy on both test sets" if metric in BOTH_METRICS else "test accuracy"
    sentence = (
        f"Trial {best.number} won with {metric} {best.value:.4f} at "
        f"{parameters(best.params)}; {measure} {own:.4f}"
    )
    if rival is None:
        sentence += "; no configuration of the study has a finished run to compare it with."
    else:
        word = "above" if own >= rival.score else "below"
        gap = abs(own - rival.score)
        sentence += f", {gap:.4f} {word} {rival.name} ({rival.score:.4f})."
    tracker.set_tags({TRACKER_SWEEP_RESULT: sentence, TRACKER_SWEEP_RETRAIN: command})
    tracker.log_metrics(dict(tested))
    return sentence


def score(metric: str, tested: Mapping[str, float]) -> float:
    """The accuracy on the sharp test set, or the mean of both if the metric is over both."""
    keys = ["test_accuracy", *(["test_blurred_accuracy"] if metric in BOTH_METRICS else [])]
    return sum(tested[key] for key in keys) / len(keys)


def best_rival(sweep: SweepRun, config: Config) -> Rival | None:
    """The best finished run of the study's configurations in the sweep's experiment."""
    runs = tracker.get_client().search_runs(
        [sweep.run.info.experiment_id], "attributes.status = 'FINISHED'", max_results=1_000
    )
    rivals = [
        Rival(run.data.tags["configuration"], score(sweep.settings.metric, run.data.metrics))
        for run in runs
        if run.data.tags.get("configuration") in config.model_configs
        and TRACKER_SWEEP_TRIAL not in run.data.tags
        and {"test_accuracy", "test_blurred_accuracy"} <= run.data.metrics.keys()
    ]
    return max(rivals, key=lambda rival: rival.score, default=None)


def retrain_command(experiment: Experiment, base: Config, options: list[str]) -> str:
    """The shell command that trains a trial's configuration again with five seeds.

    Args:
        experiment: The trial's.
        base: The study, from which the trial's configuration differs.
        options: Where the study and its images are.
    """
    before = base.model_configs[experiment.name].model_dump()
    sets: list[str] = []
    for key, value in experiment.settings.model_dump().items():
        if before[key] != value:
            sets += ["--set", f"model_configs.{experiment.name}.{key}={_yaml(value)}"]
    program = [sys.orig_argv[0], "-m", "training", "--only", experiment.name, "--seeds", "5"]
    return shlex.join([*program, *options, *sets])


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
