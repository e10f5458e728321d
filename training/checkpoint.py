"""The state of a training: enough to go on as if it had never stopped.

Everything in it is a tensor or a plain value, so that it loads with `weights_only=True`, which
runs no code from the file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

import tracker
from training import torch_files
from training.errors import CheckpointError
from training.outcome import EpochResult
from training.records import log_files
from training.torch_files import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from torch import nn


FORMAT = 1
KINDS: dict[str, type] = {
    "epoch": int,
    "model": str,
    "model_state": dict,
    "optimizer_state": dict,
    "history": list,
    "best_epoch": int,
    "seed": int,
    "settings": dict,
}
"""What a file holds beside its format."""


@dataclass(frozen=True)
class Checkpoint:
    """A training after a whole epoch.

    Args:
        epoch: Epochs done.
        model: The name of the network.
        model_state: Its `state_dict`.
        optimizer_state: The optimiser's `state_dict`.
        history: The results of all epochs so far.
        best_epoch: The epoch that did best.
        seed: What governs the order of the images to come.
        settings: The configuration as plain values.
    """

    epoch: int
    model: str
    model_state: dict[str, Tensor]
    optimizer_state: dict[str, Any]
    history: list[EpochResult]
    best_epoch: int
    seed: int
    settings: dict[str, Any]

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Put the weights and the optimiser's memory back.

        Raises:
            CheckpointError: They are of another network or another optimiser.
        """
        check_shapes(self.model_state, model)
        model.load_state_dict(self.model_state)
        if optimizer is not None:
            restore_optimizer(self.optimizer_state, optimizer)


def restore_optimizer(saved: dict[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Give an optimiser its memory back.

    Raises:
        CheckpointError: It is the memory of another optimiser, or for other weights.
    """
    needed = optimizer.param_groups[0].keys()
    try:
        optimizer.load_state_dict(saved)
        lacking = [key for group in optimizer.param_groups for key in needed - group.keys()]
        strange = [
            key
            for weight, memory in optimizer.state.items()
            for key, value in memory.items()
            if isinstance(value, Tensor) and value.dim() and value.shape != weight.shape
        ]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"the checkpoint's memory of the optimiser cannot be read: {error}"
        raise CheckpointError(message) from error
    if lacking or strange:
        raise CheckpointError(
            f"the checkpoint is not of this {type(optimizer).__name__}: "
            f"{min(lacking + strange)} does not fit"
        )


def check_shapes(saved: dict[str, Tensor], model: nn.Module) -> None:
    """Refuse weights of another shape.

    Raises:
        CheckpointError: A weight is missing, superfluous or of another shape.
    """
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in saved.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise CheckpointError(
                f"the checkpoint is of another network: {key} has shape {found.get(key)}, the "
                f"configuration asks for {expected.get(key)}"
            )


def dump(checkpoint: Checkpoint) -> bytes:
    """The content of a checkpoint file; equal checkpoints give equal bytes."""
    content = {
        **vars(checkpoint),
        "format": FORMAT,
        "history": [vars(result) for result in checkpoint.history],
    }
    return torch_files.dump(content)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, without running anything that the file may contain.

    Raises:
        CheckpointError: The file is missing, damaged, or no checkpoint of the trainer.
    """
    try:
        content = torch_files.load(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, UnreadableFileError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {error}") from error
    if content.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of this release of the trainer")
    if flaw := _flaw(content):
        raise CheckpointError(f"the checkpoint {path} is damaged: {flaw}")
    history = [EpochResult(**row) for row in content.pop("history")]
    return Checkpoint(**content, history=history)


def _flaw(content: dict[str, Any]) -> str | None:
    """What is wrong with the parts of a checkpoint, in a few words."""
    for key, kind in KINDS.items():
        if not isinstance(content.get(key), kind):
            return f"it holds no {key}"
    if content.keys() != KINDS.keys():
        return f"it holds {min(map(str, content.keys() - KINDS.keys()))!r} too"
    if not all(isinstance(value, Tensor) for value in content["model_state"].values()):
        return "its model_state holds more than tensors"
    columns = EpochResult.__dataclass_fields__.keys()
    if not all(isinstance(row, dict) and row.keys() == columns for row in content["history"]):
        return "its history is none"
    epochs = [row["epoch"] for row in content["history"]]
    is_whole = epochs == list(range(1, len(epochs) + 1)) and len(epochs) == content["epoch"]
    if not is_whole or content["best_epoch"] not in epochs:
        return f"its history is not that of {content['epoch']} epochs"
    return None


LAST = "model/last.pt"


BEST = "model/best.pt"


@dataclass(frozen=True)
class Saved:
    """What a run holds of a training that did not end: a state to go on from, and its best one."""

    last: Checkpoint
    best: Checkpoint


def saved_in(run_id: str) -> Saved | None:
    """The checkpoints of a run that belong together; None where it did not get that far.

    Raises:
        CheckpointError: A checkpoint is damaged.
    """
    artifacts = tracker.get_client().artifacts(run_id)
    there = {entry.path for entry in artifacts.list("model")}
    paths = [artifacts.local_path(name) for name in (LAST, BEST) if name in there]
    return matching([load(path) for path in paths])


def matching(states: Sequence[Checkpoint]) -> Saved | None:
    """The latest state whose best one is at hand, both among `states`.

    A training ended between two files may have left a best state that is newer than the last one,
    or lost that of the last one. Any whole state leads to the same end, an earlier one later.
    """
    for last in sorted(states, key=lambda state: state.epoch, reverse=True):
        for best in states:
            if best.epoch == last.best_epoch:
                return Saved(last, best)
    return None


class CheckpointKeeper:
    """Keeps the last and the best state of a training in the active run.

    After a write nothing is written until a hundred times its duration has passed, and at least
    `pause_seconds`: an epoch of a small network takes less time than two files that survive a
    crash.

    Args:
        best: The best state so far, in a resumed training.
        pause_seconds: The shortest time between two writes.
    """

    def __init__(self, best: Checkpoint | None = None, pause_seconds: float = 1.0) -> None:
        self.best = best
        self._last: Checkpoint | None = None
        self._pause_seconds = pause_seconds
        self._next_write = time.monotonic() + pause_seconds

    def note(self, state: Checkpoint) -> None:
        """Take over the state after an epoch, and write it if it is time.

        Raises:
            ArtifactError: It cannot be written; what was written before is untouched.
        """
        self._last = state
        if state.best_epoch == state.epoch:
            self.best = state
        if time.monotonic() >= self._next_write:
            self.write()

    def write(self) -> None:
        """Write what has not been written yet.

        Raises:
            ArtifactError: It cannot be written; what was written before is untouched.
        """
        if self._last is None or self.best is None:
            return
        start = time.monotonic()
        # In this order: a last state without its best one would be of no use.
        log_files({BEST: dump(self.best), LAST: dump(self._last)})
        self._last, end = None, time.monotonic()
        self._next_write = end + max(self._pause_seconds, 100 * (end - start))
