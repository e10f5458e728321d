"""What a run keeps of its network: checkpoints, an exported program, weights, a model card."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

import tracker
from training import checkpoint
from training.dataset_records import log_bytes
from training.export import exported_program
from training.model import parameter_count
from training.versions import versions

if TYPE_CHECKING:
    from torch import nn

    from training.checkpoint import Checkpoint
    from training.dataset_records import UsedSet

LAST = "model/last.pt"
BEST = "model/best.pt"


def record_checkpoint(state: Checkpoint) -> None:
    """Keep the state after an epoch, and keep it as the best where it is."""
    content = checkpoint.dump(state)
    if state.best_epoch == state.epoch:
        log_bytes(content, BEST)
    log_bytes(content, LAST)


def record_model(model: nn.Module, best: Checkpoint, used: list[UsedSet]) -> None:
    """Keep the best network in forms that load without this project, and its card."""
    log_bytes(exported_program(model), "model/model.pt2")
    log_bytes(_arrays(model), "model/weights.npz")
    tracker.log_dict(model_card(model, best, used), "model/model_card.json")


def _arrays(model: nn.Module) -> bytes:
    arrays = {key: value.cpu().numpy() for key, value in model.state_dict().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def model_card(model: nn.Module, best: Checkpoint, used: list[UsedSet]) -> dict[str, Any]:
    """What someone who finds the model needs to know, in plain values."""
    return {
        "model": best.model,
        "parameters": parameter_count(model),
        "layers": str(model).splitlines(),
        "configuration": best.settings,
        "seed": best.seed,
        "epoch": best.epoch,
        "metrics": best.history[-1].metrics(),
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
