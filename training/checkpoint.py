"""The state of a training: enough to go on as if it had never stopped.

Everything in it is a tensor or a plain value, so that it loads with `weights_only=True`, which
runs no code from the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training import torch_files
from training.errors import CheckpointError
from training.loop import EpochResult
from training.torch_files import UnreadableFileError

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor, nn

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A training after a whole epoch.

    Args:
        epoch: Epochs done.
        model: The name of the network.
        model_state: Its `state_dict`.
        optimizer_state: The optimiser's `state_dict`; empty where it remembers nothing.
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
            CheckpointError: The network has another shape than the one that was saved.
        """
        check_shapes(self.model_state, model)
        model.load_state_dict(self.model_state)
        if optimizer is not None and self.optimizer_state:
            optimizer.load_state_dict(self.optimizer_state)


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
    history = [EpochResult(**row) for row in content.pop("history")]
    return Checkpoint(**content, history=history)
