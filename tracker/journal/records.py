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
from itertools import repeat
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from zlib import crc32

from tracker.exceptions import InvalidValueError
from tracker.numbers import stored_value
from tracker.validation import check_key, check_run_id, is_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
_CRC_BYTES: Final = _CRC.size
_HEAD_BYTES: Final = _HEAD.size

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
        for kind, names, numbers, end in _frames(piece, start):
            if kind == ROW:
                points += _row(names)(piece, numbers, end)
            elif kind == FOLDED:
                self.waiting = -len(points)
            elif kind in {HOLD, RELEASE}:
                self._note(kind, names, _NUMBERS.unpack_from(piece, numbers)[1])
            else:
                break
            start = end
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
    frames = (frame for place in range(1, len(tail)) for frame in _frames(tail, place))
    return len(tail) <= MAX_FRAME_BYTES and next(frames, None) is None


def _packer(kind: int, names: Sequence[str], values: int = 0) -> tuple[int, PackRow]:
    """The length of a frame in bytes, and what packs it from its numbers."""
    text = "\n".join(names).encode(errors="replace")
    body = Struct(f"<III{len(text)}sqq{values}d")
    length = _CRC.size + body.size
    return length, partial(body.pack, length, kind, len(text), text)


def _frames(data: bytes, start: int) -> Iterator[tuple[int, bytes, int, int]]:
    """Of whole and sound frames: their kind, their names, where these end, and where they do."""
    last = len(data) - _HEAD_BYTES - _NUMBERS.size
    while start <= last:
        crc, length, kind, size = _HEAD.unpack_from(data, start)
        names = start + _HEAD_BYTES
        numbers, end = names + size, start + length
        if not numbers + _NUMBERS.size <= end <= len(data) or length > MAX_FRAME_BYTES:
            return
        if crc32(data[start + _CRC_BYTES : end]) != crc:
            return
        yield kind, data[names:numbers], numbers, end
        start = end


@lru_cache(maxsize=256)
def _row(names: bytes) -> Callable[[bytes, int, int], Iterable[Point]]:
    """What reads the numbers of rows: (data, start, end)."""
    try:
        run_id, *keys = names.decode().split("\n")
        check_run_id(run_id)
        for key in keys:
            check_key("metric", key)
    except (UnicodeDecodeError, InvalidValueError):
        return lambda *_: ()
    layout = Struct(f"<qq{len(keys)}d")
    run_ids, zeros = repeat(run_id), repeat(0)

    def points(data: bytes, start: int, end: int) -> Iterable[Point]:
        if start + layout.size != end:
            return ()
        step, timestamp, *values = layout.unpack_from(data, start)
        if timestamp < 0:
            return ()
        if len(values) == 1 and math.isfinite(values[0]):  # The usual row, in a third of the time.
            return ((keys[0], values[0], timestamp, step, 0, run_id),)
        if math.isfinite(sum(values)):
            return zip(keys, values, repeat(timestamp), repeat(step), zeros, run_ids)
        stored, nans = zip(*map(stored_value, values), strict=True)
        return zip(keys, stored, repeat(timestamp), repeat(step), nans, run_ids)

    return points
