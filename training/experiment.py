"""One configuration on one source of images: what is to be trained, and the training itself."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import yaml

from training.checkpoint import Checkpoint
from training.device import describe, versions
from training.loop import Task, train_epochs
from training.model import build_model, idle_keys, parameter_count
from training.outcome import EpochResult, best_epoch
from training.split import Split, examples, split_indices, training_sets
from training.step import build_optimizer, build_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.config import Config, ModelConfig
    from training.data import StudyData
    from training.distributed import World
    from training.report import Report


UNTRACKED_KEYS = {"description", "on_request"}


@dataclass(frozen=True)
class Surroundings:
    """Where a study runs."""

    device: torch.device
    world: World
    report: Report


@dataclass(frozen=True)
class Experiment:
    """What one run needs to know.

    Args:
        has_siblings: Whether the same configuration is trained from other seeds, too.
    """

    name: str
    config: Config
    data: StudyData
    around: Surroundings
    has_siblings: bool = False

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return self.around.device

    @property
    def world(self) -> World:
        """The processes that train it together."""
        return self.around.world

    @property
    def report(self) -> Report:
        """What a person is told meanwhile."""
        return self.around.report

    @property
    def settings(self) -> ModelConfig:
        """The configuration of this run."""
        return self.config.model_configs[self.name]

    @property
    def seed(self) -> int:
        """What governs subset, split, initialisation and shuffling."""
        return self.config.data_prep.seed

    def with_seed(self, seed: int) -> Experiment:
        """The same experiment on the same images from a seed, one of several."""
        return replace(self, config=self.config.with_seed(seed), has_siblings=True)

    def split(self) -> Split:
        """The rows of the training set that are trained on and validated on."""
        return split_indices(len(self.data.train), self.settings, self.seed)

    def params(self) -> dict[str, Any]:
        """Everything that was decided for the run, under flat names."""
        split = self.split()
        return {
            **self.settings.model_dump(exclude=UNTRACKED_KEYS | idle_keys(self.settings).keys()),
            "max_samples": self.settings.max_samples or len(self.data.train),
            "train_samples": len(split.train),
            "val_samples": len(split.validation),
            "parameters": self._parameter_count(),
            "blur_sigma": self.config.data_prep.blur_sigma,
            "seed": self.seed,
            "data_source": self.data.source,
        }

    def _parameter_count(self) -> int:
        with torch.device("meta"):  # a network without numbers, which needs no memory
            return parameter_count(build_model(self.settings, self.seed))

    def environment(self) -> dict[str, Any]:
        """Where the run takes place; may change when it is resumed."""
        names = {f"{name}_version": version for name, version in versions().items()}
        return {"device": describe(self.device), "processes": self.world.size, **names}

    def effective_config(self) -> str:
        """The configuration of this run alone, as YAML that `--config` takes.

        It names the images that were used, where the study left it to what was at hand.
        """
        only = {"model_configs": {self.name: self.settings}}
        idle = {"model_configs": {self.name: set(idle_keys(self.settings))}}
        settled = self.config.settled(self.data.source).model_copy(update=only)
        content = settled.model_dump(exclude=idle)
        return yaml.safe_dump(content, sort_keys=False)


class Training:
    """A network on its way, epoch by epoch.

    Args:
        experiment: What is trained on what.
        resumed: The state to go on from; the beginning by default.

    Raises:
        CheckpointError: The state is of another network or another optimiser.
    """

    def __init__(self, experiment: Experiment, resumed: Checkpoint | None = None) -> None:
        self.experiment, self.resumed = experiment, resumed
        settings = experiment.settings
        torch.set_num_threads(settings.threads)
        self.model = build_model(settings, experiment.seed).to(experiment.device)
        self.optimizer = build_optimizer(self.model, settings)
        self.history: list[EpochResult] = list(resumed.history) if resumed else []
        if resumed:
            resumed.restore(self.model, self.optimizer)

    def epochs(self) -> Iterator[EpochResult]:
        """Train what is left of the epochs.

        Raises:
            NonFiniteLossError: The loss became NaN or infinite.
        """
        for result in train_epochs(self._task(), after=len(self.history)):
            self.history.append(result)
            yield result

    def _task(self) -> Task:
        experiment, settings = self.experiment, self.experiment.settings
        split, sets = experiment.split(), training_sets(experiment.data, settings)
        return Task(
            model=self.model,
            step=build_step(self.model, self.optimizer, settings, experiment.world),
            train=examples(sets, split.train).to(experiment.device),
            validation=examples(sets, split.validation).to(experiment.device),
            config=settings,
            seed=experiment.seed,
            world=experiment.world,
            on_batch=experiment.report.batch_done,
        )

    def state(self) -> Checkpoint:
        """A copy of all that is needed to go on from here."""
        settings = self.experiment.settings
        weights = {
            key: value.detach().cpu().clone() for key, value in self.model.state_dict().items()
        }
        return Checkpoint(
            epoch=len(self.history),
            model=settings.model,
            model_state=weights,
            optimizer_state=copy.deepcopy(self.optimizer.state_dict()),
            history=list(self.history),
            best_epoch=best_epoch(self.history, settings),
            seed=self.experiment.seed,
            settings=settings.model_dump(exclude=set(idle_keys(settings))),
        )
