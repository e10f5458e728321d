"""The state of a training: enough to go on as if it had never stopped.

Everything in it is a tensor or a plain value, so that it loads with `weights_only=True`, which
runs no code from the file.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from training.errors import CheckpointError
from training.loop import EpochResult

if TYPE_CHECKING:
    from pathlib import Path

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
    buffer = io.BytesIO()  # torch.save would make the name of a file part of its bytes
    torch.save(content, buffer)
    return buffer.getvalue()


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, without running anything that the file may contain.

    Raises:
        CheckpointError: The file is missing, damaged, or no checkpoint of the trainer.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != FORMAT:
            raise CheckpointError(f"{path} was written by another release of the trainer")
        content["history"] = [EpochResult(**row) for row in content["history"]]
        return Checkpoint(**content)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {_first_line(error)}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no checkpoint of the trainer") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
