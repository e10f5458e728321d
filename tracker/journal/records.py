"""The bytes of a journal: packed, read and checked. Nothing here touches a file.

A journal is a sequence of frames, little-endian: a head of 32 bytes, then a payload.

    crc        u32  CRC-32 of the rest of the frame
    length     u32  of the whole frame in bytes
    kind       u32  see `Kind`
    number     u32  of a layout, for LAYOUT and ROW
    step       i64  of a ROW; for FOLDED, how many bytes of the file are in the database
    timestamp  i64  of a ROW, and of a HOLD when the process took the run; ms since the epoch

A layout stands for one run and some of its metrics, so that a row is numbers only. The file may
come from a stranger: a frame is checked before it counts, and names before they reach SQLite.
"""

from __future__ import annotations

import math
from enum import IntEnum
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias
from zlib import crc32

from tracker.exceptions import InvalidValueError
from tracker.numbers import stored_value
from tracker.validation import check_key, is_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracker.store.metrics import Point

MAGIC: Final = "ml-tracker journal 1\n"
# A longer row is not packed; a longer frame is not read.
MAX_FRAME_BYTES: Final = 1 << 16
_MAX_PROCESS: Final = 200

_CRC: Final = Struct("<I")
_HEAD: Final = Struct("<IIIIqq")
_HEAD_BYTES: Final = _HEAD.size
_BODY: Final = "<IIIqq"

PackRow: TypeAlias = "Callable[..., bytes]"
# The run, the keys, what unpacks a row's values, and the length of its frame.
Layout: TypeAlias = tuple[str, tuple[str, ...], Struct, int]


class Kind(IntEnum):
    """What a frame says; the payload is text in UTF-8 but for ROW."""

    OPEN = 1  # The first frame: `MAGIC` and who writes.
    HOLD = 2  # The process works on the run that is named.
    RELEASE = 3  # It no longer does.
    LAYOUT = 4  # `number` stands for a run and its metrics, one name a line.
    ROW = 5  # A float for each metric of a layout.
    FOLDED = 6  # The database holds the points up to here.


def pack(
    kind: Kind, text: str = "", *, number: int = 0, step: int = 0, timestamp: int = 0
) -> bytes:
    """A frame that is no row; see `Kind`."""
    payload = text.encode(errors="replace")
    head = _HEAD.pack(0, _HEAD.size + len(payload), kind, number, step, timestamp)
    return sealed(head[_CRC.size :] + payload)


def pack_start(process: str, runs: Mapping[str, int]) -> bytes:
    """The frames at the start of a file.

    Args:
        process: Who writes, for people.
        runs: What the process works on, and since when in ms since the epoch.
    """
    holds = (pack(Kind.HOLD, run_id, timestamp=since_ms) for run_id, since_ms in runs.items())
    return pack(Kind.OPEN, MAGIC + process) + b"".join(holds)


def pack_layout(number: int, run_id: str, keys: Sequence[str]) -> tuple[bytes, PackRow] | None:
    """The frame that defines a layout, and what packs a row of it: (step, timestamp, *values).

    Returns:
        None where a frame would be too long, or the run's id cannot be one.
    """
    if not is_run_id(run_id):
        return None
    frame = pack(Kind.LAYOUT, "\n".join((run_id, *keys)), number=number)
    body = Struct(f"{_BODY}{len(keys)}d")
    length = _CRC.size + body.size
    if max(len(frame), length) > MAX_FRAME_BYTES:
        return None
    return frame, partial(body.pack, length, int(Kind.ROW), number)


def sealed(body: bytes) -> bytes:
    """A frame from all of it but its CRC."""
    return _CRC.pack(crc32(body)) + body


class Reader:
    """Reads a journal from its start, in pieces of any size.

    Attributes:
        position: Bytes that were read: where the next piece starts.
        process: Who writes.
        runs: What the process works on, and since when in ms since the epoch.
        waiting: Points behind the last mark of a fold.
    """

    def __init__(self) -> None:
        self.position = 0
        self.process = ""
        self.runs: dict[str, int] = {}
        self.waiting = 0
        self._layouts: dict[int, Layout | None] = {}

    def feed(self, piece: bytes) -> list[Point]:
        """The points of the whole and sound frames at the start of a piece."""
        points: list[Point] = []
        start, first, folded = 0, self.position, 0
        while (frame := _frame_at(piece, start)) is not None:
            length, kind, number, step, timestamp = frame
            if kind == _ROW and self.position:
                layout = self._layouts.get(number)
                if layout is not None and length == layout[3] and timestamp >= 0:
                    values = layout[2].unpack_from(piece, start + _HEAD_BYTES)
                    points += _points(layout, step, timestamp, values)
            elif kind == Kind.FOLDED and step == self.position:
                self.waiting, folded = 0, len(points)
            elif not self._note(
                kind, number, timestamp, piece[start + _HEAD_BYTES : start + length]
            ):
                break
            start += length
            self.position = first + start
        self.waiting += len(points) - folded
        return points

    def _note(self, kind: int, number: int, timestamp: int, payload: bytes) -> bool:
        """Take in a frame without points; False where nothing behind it can be trusted."""
        if (kind == Kind.OPEN) != (self.position == 0) or kind not in _KINDS:
            return False
        text = payload.decode(errors="replace")
        if kind == Kind.OPEN:
            self.process = text[len(MAGIC) :][:_MAX_PROCESS]
            return text.startswith(MAGIC)
        if kind == Kind.HOLD and is_run_id(text):
            self.runs[text] = timestamp
        elif kind == Kind.RELEASE:
            self.runs.pop(text, None)
        elif kind == Kind.LAYOUT:
            self._layouts[number] = _layout(text)
        return True


def is_torn(tail: bytes, position: int) -> bool:
    """Whether what cannot be read is the start of a write that its process did not survive.

    Args:
        tail: The file from there to its end.
        position: How many bytes before it could be read.
    """
    if position == 0:
        return len(tail) < _HEAD_BYTES + len(MAGIC)
    places = range(1, len(tail) - _HEAD_BYTES + 1)
    return len(tail) <= MAX_FRAME_BYTES and all(_frame_at(tail, place) is None for place in places)


def _points(layout: Layout, step: int, timestamp: int, values: tuple[float, ...]) -> list[Point]:
    run_id, keys, _, _ = layout
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


_KINDS: Final = frozenset(Kind)
# Comparing with a member of an enumeration takes longer.
_ROW: Final = int(Kind.ROW)


def _frame_at(data: bytes, start: int) -> tuple[int, int, int, int, int] | None:
    """The head of a whole and sound frame, without its CRC."""
    if len(data) - start < _HEAD_BYTES:
        return None
    crc, length, kind, number, step, timestamp = _HEAD.unpack_from(data, start)
    end = start + length
    if not _HEAD_BYTES <= length <= MAX_FRAME_BYTES or end > len(data):
        return None
    if crc32(data[start + 4 : end]) != crc:
        return None
    return length, kind, number, step, timestamp


def _layout(text: str) -> Layout | None:
    run_id, *keys = text.split("\n")
    if not is_run_id(run_id):
        return None
    try:
        names = tuple(check_key("metric", key) for key in keys)
    except InvalidValueError:
        return None
    values = Struct(f"<{len(names)}d")
    return run_id, names, values, _HEAD_BYTES + values.size
