"""What a run keeps of its evaluation on the sharp and the blurred test set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from training.errors import TrainingError
from training.evaluation import (
    Predictions,
    confusion_counts,
    extremes,
    predict,
    predictions_table,
    summary,
)
from training.image_sets import CLASSES
from training.run_files import as_json, log_files
from training.sprites import sprite

if TYPE_CHECKING:
    from torch import nn

    from training.data import StudyData
    from training.image_sets import ImageSet


def record_evaluation(
    model: nn.Module, data: StudyData, batch_size: int, device: torch.device
) -> dict[str, float]:
    """Evaluate a network on both test sets into the active run.

    Returns:
        test_loss, test_accuracy, test_blurred_loss, test_blurred_accuracy.

    Raises:
        TrainingError: A loss is not finite; nothing was recorded.
    """
    sets = {"test": data.test, "test_blurred": data.test_blurred}
    summaries: dict[str, dict[str, Any]] = {}
    files: dict[str, bytes] = {}
    for name, images in sets.items():
        predictions = predict(model, images, batch_size, device)
        summaries[name] = summary(predictions)
        if not math.isfinite(summaries[name]["loss"]):
            raise TrainingError(f"the network's loss on the images of {images.name} is not finite")
        files |= _prediction_files(name, predictions, images)
    log_files({"evaluation/summary.json": as_json(summaries), **files})
    return {
        f"{name}_{key}": scores[key]
        for name, scores in summaries.items()
        for key in ("loss", "accuracy")
    }


def _prediction_files(name: str, predictions: Predictions, images: ImageSet) -> dict[str, bytes]:
    confusion = {"labels": list(range(CLASSES)), "counts": confusion_counts(predictions)}
    shown = extremes(predictions)
    rows = torch.tensor([row["index"] for row in shown], dtype=torch.int64)
    return {
        f"evaluation/confusion_{name}.json": as_json(confusion),
        f"evaluation/predictions_{name}.csv.gz": predictions_table(predictions),
        f"evaluation/images_{name}.png": sprite(images.images[rows]),
        f"evaluation/images_{name}.json": as_json(shown),
    }
