"""MNIST's four files: found or downloaded from torchvision's mirrors, checked and decoded."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import struct
import tempfile
import urllib.request
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from training.errors import DataError, DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

SplitName = Literal["train", "test"]

FILES: dict[SplitName, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {  # of the decompressed files, so that a file unpacked by hand is checked too
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TIMEOUT_SECONDS = 5.0
"""How long to wait for a server that does not answer."""


class MissingFilesError(DataError):
    """MNIST is not there, which is not an error: it can be downloaded or replaced."""


class DamagedFilesError(DataError):
    """A file of MNIST differs from the published one."""


def raw_folder(root: Path) -> Path:
    """The folder of the raw files: torchvision's, or the data root itself."""
    name = FILES["train"][0]
    if any(os.access(root / file, os.F_OK) for file in (name, f"{name}.gz")):
        return root
    return root / "MNIST" / "raw"


def load_split(root: Path, split: SplitName) -> tuple[Tensor, Tensor]:
    """The images (N, 28, 28) uint8 and labels (N,) int64 of one split.

    Raises:
        MissingFilesError: A file is not there.
        DamagedFilesError: A file's checksum is wrong.
        DataError: A file cannot be read.
    """
    images, labels = (_content(raw_folder(root), name) for name in FILES[split])
    return decode_idx(images), decode_idx(labels).long()


def download(root: Path, mirrors: Sequence[str] | None = None) -> None:
    """Download the four files (11 MB) into torchvision's folder layout.

    Args:
        root: The data root.
        mirrors: URLs that end in a slash; by default, torchvision's.

    Raises:
        MissingFilesError: No mirror has the published files.
        DeviceError: torchvision cannot be imported.
    """
    source = _source()
    reason = "no mirror is known"
    for mirror in source.mirrors if mirrors is None else mirrors:
        try:
            _download_from(mirror, source.resources, raw_folder(root))
        except (OSError, RuntimeError) as error:
            reason = str(error)
        else:
            return
    raise MissingFilesError(f"MNIST could not be downloaded ({reason})")


def _download_from(mirror: str, resources: list[tuple[str, str]], folder: Path) -> None:
    """Download and check all files before any is put in its place."""
    from torchvision.datasets.utils import download_url  # noqa: PLC0415 -- seconds to import

    folder.mkdir(parents=True, exist_ok=True)
    with _socket_timeout(), tempfile.TemporaryDirectory(dir=folder) as temporary:
        urllib.request.urlopen(mirror + resources[-1][0]).close()  # noqa: S310 -- fail early
        for name, md5 in resources:
            download_url(mirror + name, root=temporary, filename=name, md5=md5)
        for name, _ in resources:
            (Path(temporary) / name).replace(folder / name)


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """Limit the wait: torchvision sets no timeout, and some firewalls never answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _source() -> Any:
    """Torchvision's MNIST class, which knows the mirrors and the files' MD5."""
    try:
        from torchvision.datasets import MNIST  # noqa: PLC0415 -- seconds to import
    except (ImportError, RuntimeError, OSError) as error:
        raise DeviceError(
            f"torchvision cannot be imported beside torch {torch.__version__} ({error}); the two "
            "come in matching pairs: pip install --force-reinstall torch torchvision"
        ) from error
    return MNIST


def _content(folder: Path, name: str) -> bytes:
    """The decompressed content of one file, checked."""
    path = folder / name
    packed = folder / f"{name}.gz"
    try:
        content = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    except FileNotFoundError as error:
        raise MissingFilesError(f"{packed} is missing") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFilesError(f"{packed} is damaged ({error}); delete or replace it") from error
    except OSError as error:
        raise DataError(f"{error.filename or packed} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        where = path if path.exists() else packed
        raise DamagedFilesError(f"{where} is damaged (wrong checksum); delete or replace it")
    return content


def decode_idx(content: bytes) -> Tensor:
    """The array in an IDX file of unsigned bytes: magic 0x0000 08 d, d sizes, then the values.

    Examples:
        >>> decode_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
        tensor([7, 9], dtype=torch.uint8)
    """
    dimensions = content[3]
    sizes = struct.unpack_from(f">{dimensions}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return torch.from_numpy(values.reshape(sizes).copy())
