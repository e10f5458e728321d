"""One run: a configuration trained, evaluated and tracked."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import yaml

import tracker
from training import checkpoint
from training.checkpoint import Checkpoint
from training.dataset_records import record_datasets, used_sets
from training.device import describe
from training.errors import NonFiniteLossError
from training.evaluation_records import record_evaluation
from training.loop import EpochResult, Task, train_epochs
from training.model import build_model, parameter_count
from training.model_records import BEST, record_checkpoint, record_model, versions
from training.split import examples, split_indices, training_sets
from training.steps import autograd_step, build_optimizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from training.config import Config, ModelConfig
    from training.data import StudyData
    from training.report import Report
    from training.split import Split

    Optimizer = torch.optim.Optimizer

UNTRACKED_KEYS = {"description", "on_request"}


@dataclass(frozen=True)
class Experiment:
    """What one run needs to know."""

    name: str
    config: Config
    data: StudyData
    device: torch.device
    report: Report

    @property
    def model_config(self) -> ModelConfig:
        """The configuration of this run."""
        return self.config.model_configs[self.name]

    @property
    def seed(self) -> int:
        """What governs split, initialisation and shuffling."""
        return self.config.data_prep.seed


@dataclass(frozen=True)
class Outcome:
    """How a run ended. Accuracies are shares of 1; `metrics` is empty where it failed."""

    name: str
    run_id: str
    run_name: str
    status: str
    metrics: dict[str, float]
    seconds: float


def run_experiment(experiment: Experiment, *, nested: bool = False) -> Outcome:
    """Train one configuration in a run of its own.

    Raises:
        TrainingError: The training cannot go on; the run is FAILED and keeps what it had.
        KeyboardInterrupt: Ctrl-C; the run is KILLED and keeps what it had.
    """
    start = time.perf_counter()
    config = experiment.model_config
    run_name = f"{experiment.name}_{secrets.token_hex(4)}"
    split = split_indices(len(experiment.data.train), config, experiment.seed)
    tags = {"configuration": experiment.name, "data_source": experiment.data.source}
    with tracker.start_run(
        run_name=run_name, nested=nested, tags=tags, description=config.description or None
    ) as run:
        experiment.report.run_started(experiment.name, run.info.run_id, config.max_epochs)
        _record_start(experiment, split)
        metrics = _train_and_evaluate(experiment, split, None)
    seconds = time.perf_counter() - start
    return Outcome(experiment.name, run.info.run_id, run_name, "FINISHED", metrics, seconds)


def _record_start(experiment: Experiment, split: Split) -> None:
    tracker.log_params(run_params(experiment, split))
    tracker.log_text(effective_config(experiment), "config/effective_config.yaml")
    record_datasets(experiment.data, split, experiment.model_config)


def run_params(experiment: Experiment, split: Split) -> dict[str, Any]:
    """Everything a run depends on, under flat names."""
    config = experiment.model_config
    model = build_model(config, experiment.seed)
    return {
        **config.model_dump(exclude=UNTRACKED_KEYS),
        "max_samples": config.max_samples or len(experiment.data.train),
        "train_samples": len(split.train),
        "val_samples": len(split.validation),
        "parameters": parameter_count(model),
        "blur_sigma": experiment.config.data_prep.blur_sigma,
        "seed": experiment.seed,
        "data_source": experiment.data.source,
        "device": describe(experiment.device),
        **{f"{name}_version": version for name, version in versions().items()},
    }


def effective_config(experiment: Experiment) -> str:
    """The configuration of this run alone, as YAML that `--config` takes."""
    only = {"model_configs": {experiment.name: experiment.model_config}}
    content = experiment.config.model_copy(update=only).model_dump()
    return yaml.safe_dump(content, sort_keys=False)


def _train_and_evaluate(
    experiment: Experiment, split: Split, resumed: Checkpoint | None
) -> dict[str, float]:
    config = experiment.model_config
    torch.set_num_threads(config.threads)
    model = build_model(config, experiment.seed).to(experiment.device)
    optimizer = build_optimizer(model, config)
    if resumed:
        resumed.restore(model, optimizer)
    task = _task(experiment, split, model, optimizer)
    results = train_epochs(task, after=resumed.epoch if resumed else 0)
    best = _follow(experiment, results, task, optimizer, resumed)
    best.restore(model)
    return _finish(experiment, split, model, best)


def _task(experiment: Experiment, split: Split, model: nn.Module, optimizer: Optimizer) -> Task:
    config, device = experiment.model_config, experiment.device
    sets = training_sets(experiment.data, config)
    return Task(
        model,
        autograd_step(model, optimizer, mixed_precision=config.mixed_precision),
        examples(sets, split.train).to(device),
        examples(sets, split.validation).to(device),
        config,
        experiment.seed,
        experiment.report.batch_done,
    )


def _follow(
    experiment: Experiment,
    results: Iterable[EpochResult],
    task: Task,
    optimizer: Optimizer,
    resumed: Checkpoint | None,
) -> Checkpoint:
    """Record each epoch as it ends; the checkpoint of the best one."""
    history = list(resumed.history) if resumed else []
    try:
        for result in results:
            history.append(result)
            state = _checkpoint(experiment, history, task.model, optimizer)
            record_checkpoint(state)  # before the metrics: a resumed run can fill those in
            tracker.log_metrics(result.metrics(), step=result.epoch)
            experiment.report.epoch_done(result)
    except NonFiniteLossError as error:
        tracker.set_tag("failure", str(error))
        raise
    return best_checkpoint()


def best_checkpoint() -> Checkpoint:
    """The checkpoint of the best epoch of the active run."""
    run = tracker.active_run()
    assert run is not None  # noqa: S101 -- called within a run only
    path = tracker.get_client().artifacts(run.info.run_id).local_path(BEST)
    return checkpoint.load(path)


def _checkpoint(
    experiment: Experiment, history: list[EpochResult], model: nn.Module, optimizer: Optimizer
) -> Checkpoint:
    config = experiment.model_config
    return Checkpoint(
        epoch=history[-1].epoch,
        model=config.model,
        model_state={key: value.detach().cpu() for key, value in model.state_dict().items()},
        optimizer_state=optimizer.state_dict(),
        history=list(history),
        best_epoch=best_epoch(history, config),
        seed=experiment.seed,
        settings=config.model_dump(),
    )


def best_epoch(history: list[EpochResult], config: ModelConfig) -> int:
    """The first epoch that no other beats in the metric that the configuration names."""
    sign = 1 if config.best_mode == "min" else -1
    return min(history, key=lambda result: sign * result.metrics()[config.best_metric]).epoch


def _finish(
    experiment: Experiment, split: Split, model: nn.Module, best: Checkpoint
) -> dict[str, float]:
    """Evaluate and keep the best network."""
    config = experiment.model_config
    batch_size = experiment.config.testing.batch_size
    metrics = record_evaluation(model, experiment.data, batch_size, experiment.device)
    tracker.log_metrics({**metrics, "best_epoch": best.epoch}, step=config.max_epochs)
    record_model(model, best, used_sets(experiment.data, split, config))
    return metrics
