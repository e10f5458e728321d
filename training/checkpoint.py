"""The state of a training between two epochs: enough to continue as if it had never stopped.

Everything in it is a tensor or a plain value, so that it loads with `weights_only=True`, which
runs no code from the file.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

import tracker
from tracker.models import MODEL_FOLDER
from training import torch_files
from training.errors import CheckpointError
from training.outcome import EpochResult
from training.torch_files import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from training.seeds import GeneratorState


FORMAT = 2
FORMAT_WITHOUT_GENERATORS = 1
LAST = f"{MODEL_FOLDER}/last.pt"
BEST = f"{MODEL_FOLDER}/best.pt"
KINDS: dict[str, type] = {
    "epoch": int,
    "model": str,
    "model_state": dict,
    "optimizer_state": dict,
    "history": list,
    "best_epoch": int,
    "seed": int,
    "generators": list,
    "settings": dict,
}
"""What a file holds besides its format."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after an epoch.

    Args:
        epoch: Epochs done.
        model: The name of the network.
        model_state: Its `state_dict`.
        optimizer_state: The optimizer's `state_dict`.
        history: The results of all epochs so far.
        best_epoch: The best epoch by the configuration's metric.
        seed: The run's seed.
        generators: The states of the global random generators, one per process.
        settings: The configuration as plain values.
    """

    epoch: int
    model: str
    model_state: dict[str, Tensor]
    optimizer_state: dict[str, Any]
    history: list[EpochResult]
    best_epoch: int
    seed: int
    generators: list[GeneratorState]
    settings: dict[str, Any]

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Load the weights, and the optimizer's state.

        Raises:
            CheckpointError: The state is of another network or another optimizer.
        """
        check_shapes(self.model_state, model)
        model.load_state_dict(self.model_state)
        if optimizer is not None:
            restore_optimizer(self.optimizer_state, optimizer)


def restore_optimizer(saved: dict[str, Any], optimizer: torch.optim.Optimizer) -> None:
    """Load an optimizer's state.

    Raises:
        CheckpointError: The state is of another optimizer, or for other weights.
    """
    needed = optimizer.param_groups[0].keys()
    try:
        optimizer.load_state_dict(saved)
        missing = [key for group in optimizer.param_groups for key in needed - group.keys()]
        misfits = [
            key
            for weight, values in optimizer.state.items()
            for key, value in values.items()
            if isinstance(value, Tensor) and value.dim() and value.shape != weight.shape
        ]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"the checkpoint's optimizer state cannot be read: {error}"
        raise CheckpointError(message) from error
    if missing or misfits:
        raise CheckpointError(
            f"the checkpoint is not of this {type(optimizer).__name__}: "
            f"{min(missing + misfits)} does not fit"
        )


def check_shapes(saved: dict[str, Tensor], model: nn.Module) -> None:
    """Check that weights fit a network.

    Raises:
        CheckpointError: A weight is missing, unknown or of another shape.
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
    """Read a checkpoint without running code from the file.

    Raises:
        CheckpointError: The file is missing, damaged, or not a checkpoint of the trainer.
    """
    try:
        content = torch_files.load(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, UnreadableFileError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {error}") from error
    saved_format = content.pop("format", None)
    if saved_format == FORMAT_WITHOUT_GENERATORS:
        content["generators"] = []  # such a training resumes from its seed
    elif saved_format != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of this release of the trainer")
    if defect := _defect(content):
        raise CheckpointError(f"the checkpoint {path} is damaged: {defect}")
    history = [EpochResult(**row) for row in content.pop("history")]
    return Checkpoint(**content, history=history)


def _defect(content: dict[str, Any]) -> str | None:
    """What is wrong with the content of a checkpoint; None if nothing is."""
    for key, kind in KINDS.items():
        if not isinstance(content.get(key), kind):
            return f"it holds no {key}"
    if content.keys() != KINDS.keys():
        return f"it holds {min(map(str, content.keys() - KINDS.keys()))!r} too"
    if not all(isinstance(value, Tensor) for value in content["model_state"].values()):
        return "its model_state holds more than tensors"
    columns = EpochResult.__dataclass_fields__.keys()
    if not all(isinstance(row, dict) and row.keys() == columns for row in content["history"]):
        return "its history is not a list of epochs"
    epochs = [row["epoch"] for row in content["history"]]
    is_whole = epochs == list(range(1, len(epochs) + 1)) and len(epochs) == content["epoch"]
    if not is_whole or content["best_epoch"] not in epochs:
        return f"its history does not have {content['epoch']} epochs"
    return None


@dataclass(frozen=True)
class SavedStates:
    """The checkpoint to continue from, and the one of the best epoch."""

    last: Checkpoint
    best: Checkpoint


def saved_states(run_id: str) -> SavedStates | None:
    """The checkpoints of a run that belong together; None if it did not get that far.

    Raises:
        CheckpointError: A checkpoint is damaged.
    """
    artifacts = tracker.get_client().artifacts(run_id)
    present = {entry.path for entry in artifacts.list(MODEL_FOLDER)}
    paths = [artifacts.local_path(name) for name in (LAST, BEST) if name in present]
    return matching_states([load(path) for path in paths])


def matching_states(states: Sequence[Checkpoint]) -> SavedStates | None:
    """The latest state whose best epoch is also among `states`.

    A process killed between two files may have left a best state newer than the last one, or lost
    the best state that the last one refers to. Every whole state leads to the same end; an earlier
    one only takes longer.
    """
    for last in sorted(states, key=lambda state: state.epoch, reverse=True):
        for best in states:
            if best.epoch == last.best_epoch:
                return SavedStates(last, best)
    return None


class CheckpointKeeper:
    """Saves the last and the best state of a training as artifacts of its run.

    After a write, nothing is written until a hundred times its duration has passed, and at least
    `pause_seconds`: an epoch of a small network takes less time than two files that survive a
    crash.

    Args:
        run_id: The run.
        best: The best state so far, in a resumed training.
        pause_seconds: The shortest time between two writes.
    """

    def __init__(
        self, run_id: str, best: Checkpoint | None = None, pause_seconds: float = 1.0
    ) -> None:
        self._run_id, self._best = run_id, best
        self._last: Checkpoint | None = None
        self._pause_seconds = pause_seconds
        self._next_write = time.monotonic() + pause_seconds

    def note(self, state: Checkpoint) -> None:
        """Take the state after an epoch, and write it if it is time.

        Raises:
            ArtifactError: It cannot be written; what was written before is untouched.
        """
        self._last = state
        if state.best_epoch == state.epoch:
            self._best = state
        if time.monotonic() >= self._next_write:
            self.write()

    def write(self) -> None:
        """Write what has not been written yet.

        Raises:
            ArtifactError: It cannot be written; what was written before is untouched.
        """
        if self._last is None or self._best is None:
            return
        start = time.monotonic()
        # In this order: a last state without its best one would be of no use.
        files = {BEST: dump(self._best), LAST: dump(self._last)}
        tracker.get_client().artifacts(self._run_id).log_contents(files)
        self._last, end = None, time.monotonic()
        self._next_write = end + max(self._pause_seconds, 100 * (end - start))

    @contextmanager
    def written_at_the_end(self) -> Iterator[None]:
        """A block after which everything is written, even if it ends by an error.

        Raises:
            ArtifactError: The last state cannot be written.
        """
        try:
            yield
        except BaseException:
            with suppress(tracker.TrackerError):  # the first error is the one to report
                self.write()
            raise
        self.write()

    def best_state(self) -> Checkpoint:
        """The state after the best epoch."""
        assert self._best is not None  # noqa: S101 -- there is at least one epoch
        return self._best
