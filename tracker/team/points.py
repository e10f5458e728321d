"""A run's points in the order in which they came, and digests of whole histories."""

from __future__ import annotations

import hashlib
import math
import struct
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from tracker.numbers import read_value, stored_value
from tracker.store import transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracker.client import TrackingClient

# Value, timestamp in ms, step.
PlainPoint: TypeAlias = tuple[float, int, int]
Series: TypeAlias = dict[str, list[PlainPoint]]

# A short transaction each: a long one would keep the database's log from being folded back.
POINTS_A_CHUNK: Final = 20_000
_LAYOUT: Final = struct.Struct("<dqq")
_DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << (8 * _DIGEST_BYTES)


def packed(point: PlainPoint) -> bytes:
    """A point as bytes; equal ones for equal points, for any NaN too."""
    value, timestamp, step = point
    return _LAYOUT.pack(math.nan if value != value else value + 0.0, timestamp, step)  # noqa: PLR0124


@dataclass(slots=True)
class HistoryDigest:
    """A digest of a set of points, whatever their order: their count and the sum of their hashes.

    >>> digest = HistoryDigest.of([(0.25, 2, 1)])
    >>> digest.add([(0.5, 1, 0)])
    >>> digest == HistoryDigest.of([(0.5, 1, 0), (0.25, 2, 1)])
    True
    """

    count: int = 0
    total: int = 0

    @classmethod
    def of(cls, points: Iterable[PlainPoint]) -> HistoryDigest:
        """The digest of some points."""
        digest = cls()
        digest.add(points)
        return digest

    def add(self, points: Iterable[PlainPoint]) -> None:
        """Take points in."""
        hashed = 0
        for point in points:
            digest = hashlib.blake2b(packed(point), digest_size=_DIGEST_BYTES).digest()
            hashed += int.from_bytes(digest)
            self.count += 1
        self.total = (self.total + hashed) % _MODULUS


class PointReader:
    """Reads a run's points once, in chunks, and later those that came since.

    Args:
        client: The database.
        run_id: Whose points.
    """

    def __init__(self, client: TrackingClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._rowid = 0
        self._seen: tuple[int, object] | None = None
        self.digests: defaultdict[str, HistoryDigest] = defaultdict(HistoryDigest)

    def chunks(self) -> Iterator[Series]:
        """The points that were not read before, by metric.

        Where rows were numbered anew or removed since, all of them, and the digests start afresh.
        """
        while True:
            with self._client.store.database.read() as connection:
                if self._seen != transfer.point_at(connection, self._run_id, self._rowid):
                    self._rowid = 0
                    self.digests.clear()
                found = transfer.points_behind(
                    connection, self._run_id, self._rowid, POINTS_A_CHUNK
                )
                if found:
                    self._rowid = found[-1][0]
                self._seen = transfer.point_at(connection, self._run_id, self._rowid)
            series: defaultdict[str, list[PlainPoint]] = defaultdict(list)
            for _, (key, value, timestamp, step, is_nan, _) in found:
                series[key].append((read_value(value, is_nan), timestamp, step))
            for key, points in series.items():
                self.digests[key].add(points)
            if series:
                yield dict(series)
            if len(found) < POINTS_A_CHUNK:
                return

    def holds(self, key: str, points: Iterable[PlainPoint]) -> bool:
        """Whether every one of some points of a metric is the run's."""
        with self._client.store.database.read() as connection:
            for number, timestamp, step in points:
                value, is_nan = stored_value(number)
                point = key, value, timestamp, step, is_nan, self._run_id
                if not transfer.holds_point(connection, point):
                    return False
        return True
