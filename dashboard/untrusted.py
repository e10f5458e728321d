"""The border that files of strangers cross: read within bounds, and wrong in one way only.

A database that came by mail brings files of any content under any name, and whoever reads JSON,
CSV, gzip, zip, arrays or pictures complains of them in a dozen ways. Here they become one error.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from tracker.exceptions import ArtifactError, TrackerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedIOBase

    from numpy.typing import NDArray

MAX_DEPTH = 64
MAX_COLUMNS = 500
MAX_TABLE_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
MAX_ARRAY_BYTES = 200_000_000
MAX_REASON = 200
# Others (EPS, for one) start programs.
PICTURES = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What a file can do to its reader: be cut, damaged, encrypted, nested too deeply (RecursionError is
# a RuntimeError), too large, or hold another shape or other types than expected.
DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error,
    pickle.PickleError, *BOMBS,
)  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")


class UnreadableFileError(ArtifactError):
    """A file is damaged, too large, or not what its name says; the message says which."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Makes one error of whatever a file does to its reader.

    Args:
        what: Is read, for the message.

    Raises:
        UnreadableFileError: If the file is at fault.
    """
    try:
        yield
    except TrackerError:
        raise
    except DAMAGE as error:
        raise UnreadableFileError(f"{what} cannot be read: {_reason(error)}.") from error


def or_none(read: Callable[P, R]) -> Callable[P, R | None]:
    """The same function, for which a file that cannot be read is no file."""

    @wraps(read)
    def forgiving(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            with reading(read.__name__):
                return read(*args, **kwargs)
        except TrackerError:
            return None

    return forgiving


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture of a known kind"
    if isinstance(error, BOMBS):
        return "it has too many pixels"
    return " ".join(str(error).split()).rstrip(".")[:MAX_REASON] or "it is damaged"


def parsed(content: bytes, what: str) -> Any:
    """The value of a JSON text.

    Raises:
        UnreadableFileError: If it is none, or is nested more than 64 levels deep.
    """
    with reading(what):
        found = json.loads(content)
        _check_depth(found)
        return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for node in level for inner in _inside(node)]
        if not level:
            return
    raise RecursionError


def _inside(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def table(
    stream: BufferedIOBase, what: str, rows: int, separator: str = ",", *, gzipped: bool = False
) -> pd.DataFrame:
    """The first rows of a table of text, with names in its first line.

    Raises:
        UnreadableFileError: If it is none, or too wide a one.
    """
    with reading(what):
        source = gzip.GzipFile(fileobj=stream) if gzipped else stream
        head = source.read(MAX_TABLE_BYTES)
        if len(head) == MAX_TABLE_BYTES:
            head = head[: head.rfind(b"\n") + 1]
        if _is_wide(head, rows + 1, separator.encode()):
            raise ValueError(f"it has more than {MAX_COLUMNS} columns")
        return pd.read_csv(
            io.BytesIO(head),
            sep=separator,
            nrows=rows,
            encoding_errors="replace",
            low_memory=False,
        )


def _is_wide(head: bytes, rows: int, separator: bytes) -> bool:
    """Whether one of the first rows has too many cells.

    Pandas takes what a row has more than the first for an index of as many levels, and works on
    64,000 of them for seconds.
    """
    # A quoted cell may hold separators and ends of lines.
    quoted = rb'(?<![^%b\r\n])"[^"]*(?:""[^"]*)*"' % re.escape(separator)
    bare = re.sub(quoted, b"", head) if b'"' in head else head
    lines = (line for line in io.BytesIO(bare) if line.strip())
    return any(line.count(separator) >= MAX_COLUMNS for line in islice(lines, rows))


def picture(content: bytes, what: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture, decoded.

    Raises:
        UnreadableFileError: If it is none, or too large a one.
    """
    with reading(what):
        image: Image.Image = Image.open(io.BytesIO(content), formats=PICTURES)
        if image.width * image.height > max_pixels:
            raise ValueError(f"it has more than {max_pixels // 1_000_000} million pixels")
        image.load()
        return image


def arrays(content: bytes, what: str) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; none that would run code.

    Raises:
        UnreadableFileError: If it is none, or would fill the memory.
    """
    with reading(what):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_ARRAY_BYTES:
                raise MemoryError
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
