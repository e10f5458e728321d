"""Logits, losses and accuracies of a network, and its evaluation on a test set."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from training.image_sets import CLASSES
from training.model import network_errors
from training.step import to_input

if TYPE_CHECKING:
    from torch import Tensor, nn

    from training.image_sets import ImageSet


BINS = 10


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for a test set; each field is (N,) on the CPU.

    Args:
        labels: The true digits, int64.
        predicted: The digits it predicts, int64.
        confidence: The probability it assigns to its prediction, float32.
        losses: Cross-entropy in nats, float32.
    """

    labels: Tensor
    predicted: Tensor
    confidence: Tensor
    losses: Tensor

    @property
    def correct(self) -> Tensor:
        """Whether each prediction is correct: (N,) bool."""
        return self.predicted == self.labels

    def means(self) -> tuple[float, float]:
        """The mean loss and the accuracy (fraction of 1)."""
        return Scores(self.losses, self.correct).means()


def predict(
    model: nn.Module, images: ImageSet, batch_size: int, device: torch.device
) -> Predictions:
    """Predict every image of a test set, `batch_size` images per forward pass."""
    logits = predict_logits(model, images.images.to(device), batch_size).cpu()
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    losses = score(logits, images.labels).losses
    return Predictions(images.labels, predicted, confidence, losses)


def summary(predictions: Predictions) -> dict[str, Any]:
    """Loss, accuracy, per-class scores and calibration, ready for JSON."""
    loss, accuracy = predictions.means()
    return {
        "loss": loss,
        "accuracy": accuracy,
        "per_class": per_class_scores(confusion_counts(predictions)),
        "calibration": calibration(predictions),
    }


def confusion_counts(predictions: Predictions) -> list[list[int]]:
    """The confusion matrix: row r, column c counts images of digit r predicted as c."""
    cells = predictions.labels * CLASSES + predictions.predicted
    counts = torch.bincount(cells, minlength=CLASSES * CLASSES)
    table: list[list[int]] = counts.view(CLASSES, CLASSES).tolist()
    return table


def per_class_scores(confusion: list[list[int]]) -> list[dict[str, float]]:
    """Precision, recall and F1 of each digit; 0 if a digit was never predicted or never occurs."""
    scores = []
    for label in range(CLASSES):
        hits = confusion[label][label]
        support = sum(confusion[label])
        claimed = sum(row[label] for row in confusion)
        scores.append(
            {
                "label": label,
                "precision": hits / claimed if claimed else 0.0,
                "recall": hits / support if support else 0.0,
                "f1": 2 * hits / (claimed + support) if claimed + support else 0.0,
                "support": support,
            }
        )
    return scores


def calibration(predictions: Predictions) -> dict[str, Any]:
    """Whether predictions made with a confidence of 0.8 are correct in 80 % of cases.

    Returns:
        `bins`, equally wide, and `ece`, the expected calibration error: the mean gap between
        confidence and accuracy, weighted by count (Guo et al., On Calibration, 2017).
    """
    bins = (predictions.confidence * BINS).long().clamp(max=BINS - 1)
    rows = [_calibration_bin(predictions, bins == index, index) for index in range(BINS)]
    gaps = [row["count"] * abs(row["accuracy"] - row["confidence"]) for row in rows if row["count"]]
    return {"bins": rows, "ece": sum(gaps) / max(1, len(predictions.labels))}


def _calibration_bin(predictions: Predictions, inside: Tensor, index: int) -> dict[str, Any]:
    count = int(inside.sum())
    confidence = predictions.confidence[inside].double().mean().item() if count else None
    accuracy = predictions.correct[inside].double().mean().item() if count else None
    return {
        "low": index / BINS,
        "high": (index + 1) / BINS,
        "confidence": confidence,
        "accuracy": accuracy,
        "count": count,
    }


def predictions_table(predictions: Predictions) -> bytes:
    """A gzipped CSV: index, label, prediction, confidence, loss; equal input gives equal bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "label", "prediction", "confidence", "loss"])
    columns = (
        predictions.labels,
        predictions.predicted,
        predictions.confidence,
        predictions.losses,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for index, (label, predicted, confidence, loss) in enumerate(rows):
        writer.writerow([index, label, predicted, f"{confidence:.6f}", f"{loss:.6g}"])
    return gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0)


def extremes(predictions: Predictions, count: int = 20) -> list[dict[str, Any]]:
    """The most confident correct predictions, then the most confident errors.

    Returns:
        Rows of kind ('best' or 'worst'), index, label, prediction, confidence and position, the
        index of the image in a sprite of 10 columns.
    """
    rows: list[dict[str, Any]] = []
    for kind, wanted in (("best", predictions.correct), ("worst", ~predictions.correct)):
        candidates = wanted.nonzero().flatten()
        order = predictions.confidence[candidates].argsort(descending=True, stable=True)
        rows += [_row(kind, predictions, int(index)) for index in candidates[order[:count]]]
    return [{**row, "position": position} for position, row in enumerate(rows)]


def _row(kind: str, predictions: Predictions, index: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "index": index,
        "label": int(predictions.labels[index]),
        "prediction": int(predictions.predicted[index]),
        "confidence": round(float(predictions.confidence[index]), 6),
    }


@dataclass(frozen=True)
class Scores:
    """The loss and correctness of each image; each field is (N,) on one device.

    Args:
        losses: Cross-entropy in nats, float32.
        correct: Whether the prediction is correct, bool.
    """

    losses: Tensor
    correct: Tensor

    def sums(self) -> Tensor:
        """(2,) float64 on the CPU: the summed loss and the number correct; processes add theirs."""
        losses, correct = self.losses.cpu(), self.correct.cpu()  # Apple's GPU has no float64
        return torch.stack([losses.double().sum(), correct.double().sum()])

    def means(self) -> tuple[float, float]:
        """The mean loss and the accuracy (fraction of 1)."""
        loss, accuracy = (self.sums() / len(self.correct)).tolist()
        return loss, accuracy


def score(logits: Tensor, labels: Tensor) -> Scores:
    """Score (N, 10) float32 logits against (N,) labels."""
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return Scores(losses, logits.argmax(dim=1) == labels)


@torch.no_grad()
def predict_logits(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    """The (N, 10) float32 logits of (N, 28, 28) uint8 images, in evaluation mode."""
    model.eval()
    parts: list[Tensor] = []
    for batch in torch.split(images, batch_size):
        with network_errors(model, batch):
            parts.append(model(to_input(batch)).float())
    return torch.cat(parts)
