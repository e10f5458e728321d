"""The bytes of a journal: packed, read and checked. Nothing here touches a file.

A journal is `MAGIC`, then frames that need nothing before them to be understood, little-endian:

    crc        u32  CRC-32 of the rest of the frame
    length     u32  of the whole frame in bytes
    kind       u32  what it says
    size       u32  of the names in bytes
    names           in UTF-8, one a line: a run's id; then a ROW's metrics, or a HOLD's process
    step       i64  of a ROW
    timestamp  i64  of a ROW, and of a HOLD when the process took the run; ms since the epoch
    values     f64  of a ROW, one a metric

The file may come from a stranger: a frame is checked before it counts, and names before they reach
SQLite.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from zlib import crc32

from tracker.exceptions import InvalidValueError
from tracker.numbers import stored_value
from tracker.validation import check_key, is_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracker.store.metrics import Point

MAGIC: Final = b"ml-tracker journal 2\n"

# Kinds.
ROW: Final = 1  # A value for each of some metrics of a run.
HOLD: Final = 2  # The process works on the run.
RELEASE: Final = 3  # It no longer does.
FOLDED: Final = 4  # The database holds the points up to here.

# A longer row is not packed; a longer frame is not read.
MAX_FRAME_BYTES: Final = 1 << 16

_CRC: Final = Struct("<I")
_HEAD: Final = Struct("<IIII")
_NUMBERS: Final = Struct("<qq")
_HEAD_BYTES: Final = _HEAD.size
_LEAST_BYTES: Final = _HEAD.size + _NUMBERS.size

# A run, and some of its metrics.
Row: TypeAlias = tuple[str, tuple[str, ...]]
PackRow: TypeAlias = "Callable[..., bytes]"


class Worker(NamedTuple):
    """Who works on a run, for people, and since when in ms since the epoch."""

    process: str
    since_ms: int


def row_packer(row: Row) -> PackRow | None:
    """What packs values of some metrics of a run, all but the CRC: (step, timestamp, *values).

    Returns:
        None where a frame would be too long, or the run's id cannot be one.
    """
    run_id, keys = row
    length, pack_row = _packer(ROW, (run_id, *keys), len(keys))
    return pack_row if length <= MAX_FRAME_BYTES and is_run_id(run_id) else None


def pack(kind: int, *names: str, timestamp: int = 0) -> bytes:
    """A frame that is no row."""
    _, pack_body = _packer(kind, names)
    return sealed(pack_body(0, timestamp))


def pack_start(process: str, runs: Mapping[str, int]) -> bytes:
    """The start of a file.

    Args:
        process: Who writes, for people.
        runs: What the process works on, and since when in ms since the epoch.
    """
    holds = (pack(HOLD, run_id, process, timestamp=since) for run_id, since in runs.items())
    return MAGIC + b"".join(holds)


def sealed(body: bytes) -> bytes:
    """A frame from all of it but its CRC."""
    return _CRC.pack(crc32(body)) + body


class Reader:
    """Reads a journal from its start, in pieces of any size.

    Attributes:
        position: Where the next piece starts, in bytes; for the caller to move.
        runs: What is worked on.
        waiting: Points behind the last mark of a fold.
    """

    def __init__(self) -> None:
        self.position = 0
        self.runs: dict[str, Worker] = {}
        self.waiting = 0

    def feed(self, piece: bytes) -> tuple[list[Point], int]:
        """The points of the whole and sound frames at the start of a piece, and their length."""
        points: list[Point] = []
        start = 0 if self.position else len(MAGIC)
        if not self.position and not piece.startswith(MAGIC):
            return points, 0
        while (frame := _frame_at(piece, start)) is not None:
            length, kind, names, numbers = frame
            if kind == ROW:
                points += _points(names, numbers)
            elif kind == FOLDED:
                self.waiting = -len(points)
            elif kind in {HOLD, RELEASE}:
                self._note(kind, names, _NUMBERS.unpack_from(numbers)[1])
            else:
                break
            start += length
        self.waiting += len(points)
        return points, start

    def _note(self, kind: int, names: bytes, since_ms: int) -> None:
        run_id, _, process = names.decode(errors="replace").partition("\n")
        if kind == RELEASE:
            self.runs.pop(run_id, None)
        elif is_run_id(run_id):
            self.runs[run_id] = Worker(process[:200], since_ms)


def is_torn(tail: bytes, position: int) -> bool:
    """Whether what cannot be read is the start of a write that its process did not survive.

    Args:
        tail: The file from there to its end.
        position: How many bytes before it could be read.
    """
    if position == 0:
        return MAGIC.startswith(tail)
    places = range(1, len(tail) - _LEAST_BYTES + 1)
    return len(tail) <= MAX_FRAME_BYTES and all(_frame_at(tail, place) is None for place in places)


def _packer(kind: int, names: Sequence[str], values: int = 0) -> tuple[int, PackRow]:
    """The length of a frame in bytes, and what packs it from its numbers."""
    text = "\n".join(names).encode(errors="replace")
    body = Struct(f"<III{len(text)}sqq{values}d")
    length = _CRC.size + body.size
    return length, partial(body.pack, length, kind, len(text), text)


def _frame_at(data: bytes, start: int) -> tuple[int, int, bytes, bytes] | None:
    """The length, the kind, the names and the numbers of a whole and sound frame."""
    if len(data) - start < _LEAST_BYTES:
        return None
    crc, length, kind, size = _HEAD.unpack_from(data, start)
    end = start + length
    if not _LEAST_BYTES + size <= length <= MAX_FRAME_BYTES or end > len(data):
        return None
    if crc32(data[start + _CRC.size : end]) != crc:
        return None
    names, numbers = start + _HEAD_BYTES, start + _HEAD_BYTES + size
    return length, kind, data[names:numbers], data[numbers:end]


@lru_cache(maxsize=256)
def _row(names: bytes) -> tuple[str, tuple[str, ...], Struct] | None:
    """The run, the metrics, and what unpacks the numbers of its rows; None where it is no row."""
    try:
        run_id, *keys = names.decode().split("\n")
        checked = tuple(check_key("metric", key) for key in keys)
    except (UnicodeDecodeError, InvalidValueError):
        return None
    return (run_id, checked, Struct(f"<qq{len(keys)}d")) if is_run_id(run_id) else None


def _points(names: bytes, numbers: bytes) -> list[Point]:
    row = _row(names)
    if row is None or row[2].size != len(numbers):
        return []
    run_id, keys, layout = row
    step, timestamp, *values = layout.unpack(numbers)
    if timestamp < 0:
        return []
    if math.isfinite(sum(values)):
        return [
            (key, value, timestamp, step, 0, run_id)
            for key, value in zip(keys, values, strict=True)
        ]
    stored = map(stored_value, values)
    return [
        (key, value, timestamp, step, is_nan, run_id)
        for key, (value, is_nan) in zip(keys, stored, strict=True)
    ]
