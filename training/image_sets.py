"""Sets of labeled images, and the files that keep them for the next start."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import torch
from torch import Tensor

from tracker.files import write_file
from training import torch_files
from training.errors import DataError
from training.torch_files import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLASSES = 10
SIZE = 28
FORMAT = 1


@dataclass(frozen=True)
class ImageSet:
    """Labeled images and where they come from.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,) int64 in 0..9.
        source: 'mnist' or 'stroke-digits'.
        split: 'train' or 'test'.
        blur_sigma: Pixels; 0 for sharp images.
        recipe: How the images were made; a file with another recipe is not used.
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

    def __len__(self) -> int:
        return len(self.labels)


def digest_of(images: Tensor, labels: Tensor) -> str:
    """32 hexadecimal digits that change with any pixel or label."""
    content = hashlib.sha256(images.contiguous().numpy().data)
    content.update(labels.contiguous().numpy().data)
    return content.hexdigest()[:32]


class SetInfo(NamedTuple):
    """The properties of a set that are known before its images; see `ImageSet`."""

    source: str
    split: str
    blur_sigma: float
    recipe: str


class ImageFiles:
    """The files that keep image sets for the next start.

    Args:
        folders: Searched in this order; new files are written to the last one.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self.damage: dict[str, str] = {}
        """Why a file cannot be used, by its name."""

    def find(self, name: str, info: SetInfo) -> ImageSet | None:
        """Load a set; None if its file is missing, damaged, or of another recipe."""
        for folder in self._folders:
            path = folder / name
            try:
                content = torch_files.load(path)
                if found := _images_in(content, info.recipe):
                    images, labels = found
                    return ImageSet(images, labels, *info, content["digest"], path)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.damage[name] = f"{path} cannot be read ({error.strerror})"
            except UnreadableFileError as error:
                self.damage[name] = f"{path} is damaged ({error})"
        return None

    def save(self, name: str, info: SetInfo, images: Tensor, labels: Tensor) -> ImageSet:
        """Write a new set.

        Raises:
            DataError: The file cannot be written.
        """
        path, digest = self._folders[-1] / name, digest_of(images, labels)
        content = {
            "format": FORMAT,
            "recipe": info.recipe,
            "digest": digest,
            "images": images.clone(),  # a slice would bring its whole storage along
            "labels": labels.clone(),
        }
        try:
            write_file(io.BytesIO(torch_files.dump(content)), path, mode=0o644)
        except OSError as error:
            raise DataError(f"the images cannot be written to {path}: {error.strerror}") from error
        return ImageSet(images, labels, *info, digest, path)


def _images_in(content: dict[str, Any], recipe: str) -> tuple[Tensor, Tensor] | None:
    """The images and labels in the content of a file; None if it is of another recipe.

    Raises:
        UnreadableFileError: They are not as they were written.
    """
    if not isinstance(found := content.get("recipe"), str) or "digest" not in content:
        raise UnreadableFileError("it is not a file of images")
    if (content.get("format"), found) != (FORMAT, recipe):
        return None
    images, labels = content.get("images"), content.get("labels")
    if not (_is_plain(images, torch.uint8) and _is_plain(labels, torch.int64)):
        raise UnreadableFileError("its images or labels are not plain tensors")
    if images.shape != (*labels.shape[:1], SIZE, SIZE) or labels.dim() != 1:
        raise UnreadableFileError("its images or labels have another shape")
    if digest_of(images, labels) != content["digest"]:
        raise UnreadableFileError("its checksum is wrong")
    return images, labels


def _is_plain(value: object, dtype: torch.dtype) -> TypeGuard[Tensor]:
    """Whether it is a dense tensor of the type, on the CPU."""
    if not isinstance(value, Tensor) or value.dtype != dtype:
        return False
    return value.layout == torch.strided and value.device.type == "cpu"
