"""What a run says about its images: data set inputs, metadata, samples, the files themselves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

import tracker
from training import torch_files
from training.image_sets import CLASSES, SIZE
from training.run_files import as_json, log_copies, log_files
from training.split import Split, training_sets
from training.sprites import sprite

if TYPE_CHECKING:
    from torch import Tensor

    from training.config import ModelConfig
    from training.data import StudyData
    from training.image_sets import ImageSet

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
