"""A set of labelled images, and the file that keeps it between two starts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training import torch_files
from training.atomic import atomic_write
from training.errors import DataError
from training.torch_files import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

CLASSES = 10
FORMAT = 1


@dataclass(frozen=True)
class ImageSet:
    """Labelled images and where they come from.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,) int64 in 0..9.
        source: 'mnist' or 'stroke-digits'.
        split: 'train' or 'test'.
        blur_sigma: Pixels; 0 for sharp images.
        recipe: How the images were made; a kept file of another recipe is not used.
        digest: 32 hexadecimal digits of a SHA-256 over images and labels.
        path: The file that holds the set.
    """

    images: Tensor
    labels: Tensor
    source: str
    split: str
    blur_sigma: float
    recipe: str
    digest: str
    path: Path

    @property
    def name(self) -> str:
        """What the set is called in the database, such as 'mnist-test-blurred'."""
        return f"{self.source}-{self.split}{'-blurred' if self.blur_sigma else ''}"

    def class_counts(self) -> list[int]:
        """How many images each of the ten digits has."""
        return torch.bincount(self.labels, minlength=CLASSES).tolist()

    def __len__(self) -> int:
        return len(self.labels)


def digest_of(images: Tensor, labels: Tensor) -> str:
    """32 hexadecimal digits that change with any pixel or label."""
    content = hashlib.sha256(images.contiguous().numpy().data)
    content.update(labels.contiguous().numpy().data)
    return content.hexdigest()[:32]


def load_or_make(
    path: Path,
    recipe: str,
    make: Callable[[], tuple[Tensor, Tensor]],
    *,
    source: str,
    split: str,
    blur_sigma: float = 0.0,
) -> ImageSet:
    """The set kept in `path` when it is whole and of this recipe, else a new one, then kept.

    Raises:
        DataError: The file cannot be written.
    """
    kept = _kept(path, recipe)
    images, labels, digest = kept or _keep(path, recipe, *make())
    return ImageSet(images, labels, source, split, blur_sigma, recipe, digest, path)


def _kept(path: Path, recipe: str) -> tuple[Tensor, Tensor, str] | None:
    """The content of `path`, None where it is missing, damaged, or of another recipe."""
    try:
        content = torch_files.load(path)
    except (OSError, UnreadableFileError):
        return None
    if (content.get("format"), content.get("recipe")) != (FORMAT, recipe):
        return None
    images, labels, digest = content["images"], content["labels"], content["digest"]
    return (images, labels, digest) if digest_of(images, labels) == digest else None


def _keep(path: Path, recipe: str, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, str]:
    digest = digest_of(images, labels)
    content = {
        "format": FORMAT,
        "recipe": recipe,
        "digest": digest,
        "images": images.clone(),  # a slice would bring its whole storage along
        "labels": labels.clone(),
    }
    try:
        with atomic_write(path) as file:
            file.write(torch_files.dump(content))
    except OSError as error:
        raise DataError(f"the images cannot be written to {path}: {error.strerror}") from error
    return images, labels, digest
