"""What a file of data holds, read from its head: shapes, and the first pictures as samples."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
import streamlit as st

from dashboard import untrusted
from dashboard.artifacts import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dashboard.artifacts.files import FileKey
    from tracker.files import ArtifactStore

TIMES = " \N{MULTIPLICATION SIGN} "
MOST_SHAPES = 4
SAMPLES = 8
SIDES = range(8, 129)
IMAGE_AXES = 3
MAX_PICKLE_BYTES = 100_000


class Shape(NamedTuple):
    """One array of a file.

    Args:
        sizes: Along its axes.
        member: Of a zip, the name of its bytes.
        kind: Of its numbers, as torch names the storage: 'ByteStorage'.
    """

    sizes: tuple[int, ...]
    member: str = ""
    kind: str = ""


class _Shapes(pickle.Unpickler):
    """Reads the shapes of tensors from torch's pickle; makes nothing else, and calls nothing.

    Args:
        stream: The pickle.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.found: list[Shape] = []

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for torch's functions and types; anything else is refused."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._note
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, pid: Any) -> Any:
        """The storage's type and the number of the file that holds its bytes."""
        return str(pid[1]), str(pid[2])

    def _note(self, storage: tuple[str, str], offset: int, sizes: Any, *_: Any) -> None:
        kind, number = storage
        self.found.append(Shape(tuple(map(int, sizes)), "" if offset else number, kind))


def shape(store: ArtifactStore, path: str) -> str:
    """The shapes of what a file holds: sizes along the axes; empty where none is known."""
    key = files.file_key(store, path)
    return (_shape(key) or "") if key else ""


@st.cache_data(show_spinner=False, max_entries=256)
@untrusted.or_none
def _shape(key: FileKey) -> str:
    readers: dict[str, Callable[[Path], list[Shape]]] = {
        "pt": _tensors,
        "npy": _array,
        "npz": _arrays,
        "csv": _table,
    }
    path = Path(key.path)
    reader = readers.get(files.kind(path.name))
    found = reader(path) if reader else []
    said = [TIMES.join(f"{size:,}" for size in one.sizes) for one in found]
    more = [f"and {len(said) - MOST_SHAPES:,} more"] if len(said) > MOST_SHAPES else []
    return "; ".join([*said[:MOST_SHAPES], *more])


def _tensors(path: Path) -> list[Shape]:
    with zipfile.ZipFile(path) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("/data.pkl"))
        with archive.open(name) as stream:
            reader = _Shapes(io.BytesIO(stream.read(MAX_PICKLE_BYTES)))
        reader.load()
        folder = name.removesuffix("data.pkl")
    return [one._replace(member=f"{folder}data/{one.member}") for one in reader.found]


def _array(path: Path) -> list[Shape]:
    with path.open("rb") as stream:
        return [_npy_head(stream)]


def _arrays(path: Path) -> list[Shape]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        return [_npy_head(archive.open(name)) for name in names]


def _npy_head(stream: IO[bytes]) -> Shape:
    version = np.lib.format.read_magic(stream)
    one = np.lib.format.read_array_header_1_0
    read = one if version == (1, 0) else np.lib.format.read_array_header_2_0
    return Shape(read(stream)[0])


def _table(path: Path) -> list[Shape]:
    with path.open("rb") as stream:
        table = untrusted.table(stream, path.name, untrusted.MAX_TABLE_BYTES)
    return [Shape(table.shape)]


def samples(store: ArtifactStore, path: str) -> NDArray[np.uint8] | None:
    """The first eight images of a file of tensors side by side, (H, 8 W); None without images."""
    key = files.file_key(store, path)
    return _samples(key) if key else None


@st.cache_data(show_spinner=False, max_entries=64)
@untrusted.or_none
def _samples(key: FileKey) -> NDArray[np.uint8] | None:
    if files.kind(key.path) != "pt":
        return None
    for one in _tensors(Path(key.path)):
        if one.kind == "ByteStorage" and len(one.sizes) == IMAGE_AXES:
            return _strip(Path(key.path), one)
    return None


def _strip(path: Path, images: Shape) -> NDArray[np.uint8] | None:
    count, height, width = images.sizes
    if height not in SIDES or width not in SIDES or not count:
        return None
    with zipfile.ZipFile(path) as archive, archive.open(images.member) as stream:
        content = stream.read(min(SAMPLES, count) * height * width)
    pixels = np.frombuffer(content, dtype=np.uint8).reshape(-1, height, width)
    return np.concatenate(list(pixels), axis=1)
