"""What a run keeps of its data sets, its evaluation and its model: inputs and artifacts."""

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
from tracker.models import MODEL_FOLDER, ModelSignature
from tracker.types import Schema, TensorSpec
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from training.checkpoint import Checkpoint
    from training.config import ModelConfig
    from training.data import StudyData
    from training.image_sets import ImageSet
    from training.split import Split

CARD = f"{MODEL_FOLDER}/model_card.json"
"""Written last, so that a run that has it has everything."""
# Without a name for the tensor: MLflow's generic model refuses named ones for torch.
SIGNATURE = ModelSignature(
    Schema([TensorSpec(np.dtype(np.float32), (-1, 1, SIZE, SIZE))]),
    Schema([TensorSpec(np.dtype(np.float32), (-1, CLASSES))]),
)
SAMPLES_PER_DIGIT = 4
SPRITE_COLUMNS = 10


def active_run_id() -> str:
    """The id of the active run."""
    run = tracker.active_run()
    assert run is not None  # noqa: S101 -- called within a run only
    return run.info.run_id


def log_files(files: Mapping[str, bytes]) -> None:
    """Store the content of files as artifacts, by artifact path.

    Raises:
        ArtifactError: A file cannot be written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_contents(files)


def log_copies(paths: Iterable[Path], folder: str) -> None:
    """Store copies of files under their own names in one artifact folder.

    Raises:
        ArtifactError: A file cannot be read or written; others may have been.
    """
    tracker.get_client().artifacts(active_run_id()).log_files(paths, folder)


def as_json(content: Any) -> bytes:
    """The content of an indented JSON file.

    Raises:
        ValueError: A number is NaN or infinite, which JSON cannot express.
    """
    return json.dumps(content, indent=2, allow_nan=False).encode()


@dataclass(frozen=True)
class UsedSet:
    """An image set as a run uses it.

    Args:
        images: The set.
        context: 'train', 'validation' or 'test'.
        indices: The rows that are used; all by default.
    """

    images: ImageSet
    context: str
    indices: Tensor | None = None

    @property
    def name(self) -> str:
        """The name in the database; validation images are not called training images."""
        if self.context == "validation":
            return self.images.name.replace("-train", "-validation", 1)
        return self.images.name

    @property
    def digest(self) -> str:
        """The set's digest, which depends on the rows that are used."""
        if self.indices is None:
            return self.images.digest
        content = hashlib.sha256(self.images.digest.encode())
        content.update(self.indices.contiguous().numpy().data)
        return content.hexdigest()[:32]

    def describe(self) -> dict[str, Any]:
        """Its properties as plain values, for JSON."""
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
    """All sets that a run of this configuration uses."""
    trained_on = data.training_sets(config.train_on)
    return [
        *(UsedSet(images, "train", split.train) for images in trained_on),
        *(UsedSet(images, "validation", split.validation) for images in trained_on),
        UsedSet(data.test, "test"),
        UsedSet(data.test_blurred, "test"),
    ]


def record_datasets(data: StudyData, split: Split, config: ModelConfig) -> None:
    """Log the images to the active run: data set inputs, files, metadata and samples."""
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
    properties = part.describe()
    uri = f"datasets/{properties['file']}"
    schema = {"images": {"type": "uint8", "shape": [-1, SIZE, SIZE]}, "labels": {"type": "int64"}}
    return tracker.Dataset(
        name=part.name,
        digest=part.digest,
        source_type="code" if properties["source"] == "stroke-digits" else "local",
        source=json.dumps({"uri": uri, "recipe": properties["recipe"]}),
        schema=json.dumps(schema),
        profile=json.dumps(properties),
    )


def _metadata(used: list[UsedSet], split: Split) -> dict[str, Any]:
    """The properties of all sets together, and of each."""
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
    """The same test images, sharp and blurred, one column per digit."""
    rows = sample_rows(data.test.labels)
    labels = data.test.labels[rows].tolist()
    return {
        "datasets/samples/sharp.png": sprite(data.test.images[rows]),
        "datasets/samples/blurred.png": sprite(data.test_blurred.images[rows]),
        "datasets/samples.json": as_json({"indices": rows.tolist(), "labels": labels}),
    }


def sample_rows(labels: Tensor) -> Tensor:
    """The rows of 40 images: the first four of each digit, one column per digit."""
    columns = []
    for digit in range(CLASSES):
        found = (labels == digit).nonzero().flatten()
        fallback = torch.zeros(SAMPLES_PER_DIGIT, dtype=torch.int64)
        columns.append(torch.cat([found, fallback])[:SAMPLES_PER_DIGIT])
    return torch.stack(columns, dim=1).flatten()


def record_evaluation(
    model: nn.Module, data: StudyData, batch_size: int, device: torch.device
) -> dict[str, float]:
    """Evaluate a network on both test sets and log the results to the active run.

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
    """Log the best network in formats that load without this project, and its model card.

    Args:
        model: The network.
        best: The checkpoint it was restored from.
        used: The images it was trained, validated and tested on.
        tested: Its metrics on the test sets.
    """
    tracker.pytorch.log_model(
        exported_program(model),
        name=MODEL_FOLDER,
        serialization_format="pt2",
        signature=SIGNATURE,
        input_example=used[-1].images.images[:1, None].numpy().astype(np.float32) / 255,
    )
    log_files(
        {
            f"{MODEL_FOLDER}/weights.npz": _arrays(model),
            CARD: as_json(model_card(model, best, used, tested)),
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
    """The model card as plain values: everything needed to use the model elsewhere."""
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
            "meaning": "gray levels, white ink on black, as in MNIST",
        },
        "output": {"shape": ["N", 10], "dtype": "float32", "meaning": "logits of the digits 0-9"},
        "data": [part.describe() for part in used],
        "files": {
            "data/model.pt2": "torch.export.load('data/model.pt2').module()",
            "best.pt": "torch.load('best.pt', weights_only=True)['model_state']",
            "weights.npz": "numpy.load('weights.npz')",
        },
        "versions": versions(),
    }


def sprite(images: Tensor) -> bytes:
    """A PNG of (N, H, W) uint8 images in rows of ten without gaps, padded with black."""
    count, height, width = images.shape
    rows = max(1, -(-count // SPRITE_COLUMNS))
    canvas = torch.zeros(rows * SPRITE_COLUMNS, height, width, dtype=torch.uint8)
    canvas[:count] = images
    grid = canvas.view(rows, SPRITE_COLUMNS, height, width).transpose(1, 2)
    pixels = grid.reshape(rows * height, SPRITE_COLUMNS * width).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
