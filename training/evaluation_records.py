"""What a run keeps of its evaluation on the sharp and the blurred test set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

import tracker
from training.dataset_records import log_bytes
from training.evaluation import (
    Predictions,
    confusion_counts,
    extremes,
    predict,
    predictions_table,
    summary,
)
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
    """
    sets = {"test": data.test, "test_blurred": data.test_blurred}
    summaries = {}
    for name, images in sets.items():
        predictions = predict(model, images, batch_size, device)
        summaries[name] = summary(predictions)
        _record_predictions(name, predictions, images)
    tracker.log_dict(summaries, "evaluation/summary.json")
    return {
        f"{name}_{key}": scores[key]
        for name, scores in summaries.items()
        for key in ("loss", "accuracy")
    }


def _record_predictions(name: str, predictions: Predictions, images: ImageSet) -> None:
    confusion = {"labels": list(range(10)), "counts": confusion_counts(predictions)}
    tracker.log_dict(confusion, f"evaluation/confusion_{name}.json")
    log_bytes(predictions_table(predictions), f"evaluation/predictions_{name}.csv.gz")
    shown = extremes(predictions)
    rows = torch.tensor([row["index"] for row in shown], dtype=torch.int64)
    log_bytes(sprite(images.images[rows]), f"evaluation/images_{name}.png")
    tracker.log_dict(shown, f"evaluation/images_{name}.json")
