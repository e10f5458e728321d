"""What a run keeps of its network: checkpoints, an exported program, weights, a model card."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import tracker
from training import checkpoint
from training.export import exported_program
from training.model import parameter_count
from training.run_files import as_json, log_files
from training.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from training.checkpoint import Checkpoint
    from training.dataset_records import UsedSet

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
    return matching([checkpoint.load(path) for path in paths])


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
        log_files({BEST: checkpoint.dump(self.best), LAST: checkpoint.dump(self._last)})
        self._last, end = None, time.monotonic()
        self._next_write = end + max(self._pause_seconds, 100 * (end - start))


def record_model(
    model: nn.Module, best: Checkpoint, used: list[UsedSet], tested: dict[str, float]
) -> None:
    """Keep the best network in forms that load without this project, and its card.

    Args:
        model: The network.
        best: The state it is in.
        used: The images that it learnt from and was judged by.
        tested: What it was found to be worth on the test sets.
    """
    log_files(
        {
            "model/model.pt2": exported_program(model),
            "model/weights.npz": _arrays(model),
            "model/model_card.json": as_json(model_card(model, best, used, tested)),
        }
    )


def _arrays(model: nn.Module) -> bytes:
    arrays = {key: value.cpu().numpy() for key, value in model.state_dict().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def model_card(
    model: nn.Module, best: Checkpoint, used: list[UsedSet], tested: dict[str, float]
) -> dict[str, Any]:
    """What someone who finds the model needs to know, in plain values."""
    return {
        "model": best.model,
        "parameters": parameter_count(model),
        "layers": str(model).splitlines(),
        "configuration": best.settings,
        "seed": best.seed,
        "epoch": best.epoch,
        "metrics": best.history[-1].metrics(),
        "test_metrics": tested,
        "input": {
            "shape": ["N", 1, 28, 28],
            "dtype": "float32",
            "range": [0.0, 1.0],
            "meaning": "grey levels, white ink on black, as in MNIST",
        },
        "output": {"shape": ["N", 10], "dtype": "float32", "meaning": "logits of the digits 0-9"},
        "data": [part.describe() for part in used],
        "files": {
            "model.pt2": "torch.export.load('model.pt2').module()",
            "best.pt": "torch.load('best.pt', weights_only=True)['model_state']",
            "weights.npz": "numpy.load('weights.npz')",
        },
        "versions": versions(),
    }
