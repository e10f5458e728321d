"""Files of the active run, many at a time."""

from __future__ import annotations

import hashlib
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

import tracker
from training import torch_files
from training.device import versions
from training.errors import TrainingError
from training.evaluation import (
    Predictions,
    confusion_counts,
    extremes,
    predict,
    predictions_table,
    summary,
)
from training.image_sets import CLASSES, SIZE
from training.model import exported_program, parameter_count
from training.split import Split, training_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from training.checkpoint import Checkpoint
    from training.config import ModelConfig
    from training.data import StudyData
    from training.image_sets import ImageSet


def active_run_id() -> str:
    """The id of the active run."""
    run = tracker.active_run()
    assert run is not None  # noqa: S101 -- called within a run only
    return run.info.run_id


def log_files(files: Mapping[str, bytes]) -> None:
    """Store files under their paths.

    Raises:
        ArtifactError: One cannot be written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_contents(files)


def log_copies(paths: Iterable[Path], folder: str) -> None:
    """Store files of the disk under their own names in one folder.

    Raises:
        ArtifactError: One cannot be read or written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_files(paths, folder)


def as_json(content: Any) -> bytes:
    """The text of a JSON file that people can read too.

    Raises:
        ValueError: A number is not finite, for which JSON has no word.
    """
    return json.dumps(content, indent=2, allow_nan=False).encode()


SAMPLES_PER_DIGIT = 4


@dataclass(frozen=True)
class UsedSet:
    """A set as a run uses it: all of it, or the rows `indices`, for the purpose `context`."""

    images: ImageSet
    context: str
    indices: Tensor | None = None

    @property
    def name(self) -> str:
        """The name in the database: validation images are not called training images."""
        if self.context == "validation":
            return self.images.name.replace("-train", "-validation", 1)
        return self.images.name

    @property
    def digest(self) -> str:
        """The set's digest, changed by the choice of rows."""
        if self.indices is None:
            return self.images.digest
        content = hashlib.sha256(self.images.digest.encode())
        content.update(self.indices.contiguous().numpy().data)
        return content.hexdigest()[:32]

    def describe(self) -> dict[str, Any]:
        """The set in plain values, for JSON."""
        labels = self.images.labels if self.indices is None else self.images.labels[self.indices]
        return {
            "name": self.name,
            "context": self.context,
            "source": self.images.source,
            "digest": self.digest,
            "shape": [len(labels), *self.images.images.shape[1:]],
            "num_rows": len(labels),
            "class_counts": torch.bincount(labels, minlength=CLASSES).tolist(),
            "blur_sigma": self.images.blur_sigma,
            "subset": self.indices is not None,
            "file": self.images.path.name,
            "file_digest": self.images.digest,
            "recipe": self.images.recipe,
        }


def used_sets(data: StudyData, split: Split, config: ModelConfig) -> list[UsedSet]:
    """All sets that a run of this configuration touches."""
    learning = training_sets(data, config)
    return [
        *(UsedSet(images, "train", split.train) for images in learning),
        *(UsedSet(images, "validation", split.validation) for images in learning),
        UsedSet(data.test, "test"),
        UsedSet(data.test_blurred, "test"),
    ]


def record_datasets(data: StudyData, split: Split, config: ModelConfig) -> None:
    """Attach the images to the active run: inputs, files, metadata, samples."""
    used = used_sets(data, split, config)
    for part in used:
        tracker.log_input(_as_input(part), context=part.context)
    log_copies(dict.fromkeys(part.images.path for part in used), "datasets")
    log_files(
        {
            "datasets/dataset_metadata.json": as_json(_metadata(used, split)),
            "datasets/split.pt": _split_file(split),
            **_sample_files(data),
        }
    )


def _as_input(part: UsedSet) -> tracker.Dataset:
    facts = part.describe()
    uri = f"datasets/{facts['file']}"
    schema = {"images": {"type": "uint8", "shape": [-1, SIZE, SIZE]}, "labels": {"type": "int64"}}
    return tracker.Dataset(
        name=part.name,
        digest=part.digest,
        source_type="code" if facts["source"] == "stroke-digits" else "local",
        source=json.dumps({"uri": uri, "recipe": facts["recipe"]}),
        schema=json.dumps(schema),
        profile=json.dumps(facts),
    )


def _metadata(used: list[UsedSet], split: Split) -> dict[str, Any]:
    """What holds for all sets together, and each set described."""
    source = used[0].images.source
    content = hashlib.sha256("".join(part.digest for part in used).encode())
    blur_sigmas: dict[str, list[float]] = {part.context: [] for part in used}
    for part in used:
        blur_sigmas[part.context].append(part.images.blur_sigma)
    return {
        "name": source,
        "source": source,
        "digest": content.hexdigest()[:32],
        "shape": [SIZE, SIZE],
        "blur_sigmas": blur_sigmas,
        "subset_size": len(split.train) + len(split.validation),
        "splits": {part.name: part.describe() for part in used},
    }


def _split_file(split: Split) -> bytes:
    rows = {"train": split.train, "validation": split.validation}
    return torch_files.dump({name: indices.int().clone() for name, indices in rows.items()})


def _sample_files(data: StudyData) -> dict[str, bytes]:
    """The same test images sharp and blurred, a column a digit."""
    rows = sample_rows(data.test.labels)
    labels = data.test.labels[rows].tolist()
    return {
        "datasets/samples/sharp.png": sprite(data.test.images[rows]),
        "datasets/samples/blurred.png": sprite(data.test_blurred.images[rows]),
        "datasets/samples.json": as_json({"indices": rows.tolist(), "labels": labels}),
    }


def sample_rows(labels: Tensor) -> Tensor:
    """Row numbers of 40 images: the first four of each digit, in columns 0 to 9."""
    columns = []
    for digit in range(CLASSES):
        found = (labels == digit).nonzero().flatten()
        fallback = torch.zeros(SAMPLES_PER_DIGIT, dtype=torch.int64)
        columns.append(torch.cat([found, fallback])[:SAMPLES_PER_DIGIT])
    return torch.stack(columns, dim=1).flatten()


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


COLUMNS = 10


def sprite(images: Tensor) -> bytes:
    """A PNG of (N, H, W) uint8 images in rows of ten without gaps, the last row filled up black."""
    count, height, width = images.shape
    rows = max(1, -(-count // COLUMNS))
    canvas = torch.zeros(rows * COLUMNS, height, width, dtype=torch.uint8)
    canvas[:count] = images
    grid = canvas.view(rows, COLUMNS, height, width).transpose(1, 2)
    pixels = grid.reshape(rows * height, COLUMNS * width).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
