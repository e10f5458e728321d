"""One configuration on one source of images: what to train, and the network being trained."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
import yaml

from training.checkpoint import Checkpoint
from training.device import describe, versions
from training.loop import Task
from training.model import build_model, planned_parameter_count, unused_keys
from training.outcome import EpochResult, best_epoch
from training.seeds import GlobalGenerators
from training.split import Split, examples, split_indices
from training.step import build_optimizer, build_step

if TYPE_CHECKING:
    from training.config import Config, ModelConfig
    from training.data import StudyData
    from training.distributed import World
    from training.report import Report

UNTRACKED_KEYS = {"description", "on_request"}
"""Keys of a configuration that are not parameters of its runs."""


@dataclass(frozen=True)
class RunEnvironment:
    """Where runs take place: the device, the processes, and what shows their progress."""

    device: torch.device
    world: World
    report: Report


@dataclass(frozen=True)
class Experiment:
    """Everything one run needs to know.

    Args:
        name: The configuration to train.
        config: The study that holds it.
        data: The images.
        environment: Where it is trained.
        has_siblings: Whether the same configuration is trained from other seeds as well.
    """

    name: str
    config: Config
    data: StudyData
    environment: RunEnvironment
    has_siblings: bool = False

    @property
    def device(self) -> torch.device:
        """The device it is trained on."""
        return self.environment.device

    @property
    def world(self) -> World:
        """The processes that train it together."""
        return self.environment.world

    @property
    def report(self) -> Report:
        """What shows its progress."""
        return self.environment.report

    @property
    def settings(self) -> ModelConfig:
        """The configuration itself."""
        return self.config.model_configs[self.name]

    @property
    def seed(self) -> int:
        """The seed of subset, split, initialization and shuffling."""
        return self.config.data_prep.seed

    def with_seed(self, seed: int) -> Experiment:
        """The same experiment on the same images, as one of several seeds."""
        return replace(self, config=self.config.with_seed(seed), has_siblings=True)

    def split(self) -> Split:
        """The rows of the training set to train on and to validate on."""
        return split_indices(len(self.data.train), self.settings, self.seed)

    def params(self) -> dict[str, Any]:
        """The run's parameters under flat names, without those that have no effect."""
        split = self.split()
        settings = self.settings.model_dump(
            exclude=UNTRACKED_KEYS | unused_keys(self.settings).keys()
        )
        options = settings.pop("model_options", {})
        return {
            **settings,
            **{f"model_options.{key}": value for key, value in options.items()},
            "max_samples": self.settings.max_samples or len(self.data.train),
            "train_samples": len(split.train),
            "val_samples": len(split.validation),
            "parameters": planned_parameter_count(self.settings),
            "blur_sigma": self.config.data_prep.blur_sigma,
            "seed": self.seed,
            "data_source": self.data.source,
        }

    def environment_params(self) -> dict[str, Any]:
        """Parameters of the place, which may differ after a run is resumed."""
        package_versions = {f"{name}_version": version for name, version in versions().items()}
        return {
            "device": describe(self.device),
            "processes": self.world.size,
            **package_versions,
        }

    def effective_config(self) -> str:
        """The configuration of this run alone, as YAML that `--config` accepts.

        It names the images that were used where the study left the choice open.
        """
        this_model = {"model_configs": {self.name: self.settings}}
        unused = {"model_configs": {self.name: set(unused_keys(self.settings))}}
        config = self.config.with_source(self.data.source).model_copy(update=this_model)
        content = config.model_dump(exclude={**unused, "sweep": True})
        return yaml.safe_dump(content, sort_keys=False)


class Training:
    """The network and the optimizer of an experiment, between two epochs.

    Args:
        experiment: What to train.
        resumed: The state to continue from; by default, training starts from the beginning.

    Raises:
        CheckpointError: The state is of another network or another optimizer.
    """

    def __init__(self, experiment: Experiment, resumed: Checkpoint | None = None) -> None:
        self.experiment, self.resumed = experiment, resumed
        settings = experiment.settings
        torch.set_num_threads(settings.threads)
        # Before the network is built: its builder may draw from the global generators.
        self.generators = GlobalGenerators(experiment.seed, experiment.world, experiment.device)
        self.model = build_model(settings, experiment.seed).to(experiment.device)
        self.optimizer = build_optimizer(self.model, settings)
        self.generators.keep()
        self.history: list[EpochResult] = list(resumed.history) if resumed else []
        if resumed:
            resumed.restore(self.model, self.optimizer)
            self.generators.restore(resumed.generators)

    def task(self) -> Task:
        """What the training loop takes."""
        experiment, settings = self.experiment, self.experiment.settings
        split, sets = experiment.split(), experiment.data.training_sets(settings.train_on)
        return Task(
            model=self.model,
            step=build_step(self.model, self.optimizer, settings, experiment.world),
            train=examples(sets, split.train).to(experiment.device),
            validation=examples(sets, split.validation).to(experiment.device),
            config=settings,
            seed=experiment.seed,
            world=experiment.world,
            generators=self.generators,
            on_batch=experiment.report.batch_done,
        )

    def state(self) -> Checkpoint:
        """A copy of everything that is needed to continue from here."""
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
            generators=self.generators.states,
            settings=settings.model_dump(exclude=set(unused_keys(settings))),
        )
