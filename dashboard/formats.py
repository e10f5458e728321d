"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MISSING = "\u2013"
MILLISECONDS_PER_SECOND = 1000
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86400
DAYS_PER_MONTH = 30
SMALLEST_PLAIN = 0.01
SMALLEST_OF_MANY = 0.001
LARGEST_EXACT = 10**15
LARGEST_PLAIN = 10_000_000
SHORT = 10
LONG = 10_000
BYTES_PER_STEP = 1024


def number(value: float | None) -> str:
    """A metric's value: four decimals, or an exponent where they would say nothing.

    >>> number(0.92517), number(0.0018), number(float("inf")), number(128.0), number(12345678.0)
    ('0.9252', '1.8e-03', '∞', '128', '12,345,678')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    magnitude = abs(value)
    if LARGEST_PLAIN <= magnitude < LARGEST_EXACT and value == int(value):
        return f"{value:,.0f}"
    if value != 0 and not SMALLEST_PLAIN <= magnitude < LARGEST_PLAIN:
        return f"{value:.1e}"
    if value == int(value) or magnitude >= LONG:
        return f"{value:,.0f}" if magnitude >= LONG else f"{value:.0f}"
    return f"{value:.4f}" if magnitude < SHORT else f"{value:.2f}"


def numbers(values: Iterable[float]) -> Callable[[float | None], str]:
    """One way to write all numbers of a column: as many decimals for each, none for counts.

    >>> [numbers([0.0323, 2.5])(value) for value in (0.0323, 2.5)]
    ['0.0323', '2.5000']
    >>> [numbers([3e-7, 2.5])(value) for value in (3e-7, 2.5)]
    ['3.0e-07', '2.5000']
    >>> numbers([128, 60_000])(60_000), numbers([5.4, 61_234.5])(61_234.5)
    ('60,000', '61,234')
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    smallest, largest = min(filter(None, finite), default=0), max(finite, default=0)
    if largest < LARGEST_EXACT and all(size == int(size) for size in finite):
        return _with_decimals(0)
    if largest < LONG and smallest >= SMALLEST_OF_MANY:
        return _with_decimals(4 if smallest < 1 or largest < SHORT else 2)
    if largest < LARGEST_PLAIN and smallest >= 1:
        return _with_decimals(0)
    return number


def _with_decimals(count: int) -> Callable[[float | None], str]:
    def written(value: float | None) -> str:
        is_finite = value is not None and math.isfinite(value)
        return f"{value:,.{count}f}" if is_finite else number(value)

    return written


def duration(seconds: float | None) -> str:
    """A length of time with two units at most.

    >>> duration(0.042), duration(4.2), duration(75), duration(7384), duration(200_000)
    ('42 ms', '4.2 s', '1 min 15 s', '2 h 3 min', '2 d 7 h')
    """
    if seconds is None or math.isnan(seconds):
        return MISSING
    if seconds < 1:
        return f"{seconds * MILLISECONDS_PER_SECOND:.0f} ms"
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < SECONDS_PER_HOUR:
        return f"{whole // SECONDS_PER_MINUTE} min {whole % SECONDS_PER_MINUTE} s"
    if whole < SECONDS_PER_DAY:
        minutes = whole % SECONDS_PER_HOUR // SECONDS_PER_MINUTE
        return f"{whole // SECONDS_PER_HOUR} h {minutes} min"
    return f"{whole // SECONDS_PER_DAY} d {whole % SECONDS_PER_DAY // SECONDS_PER_HOUR} h"


def ago(milliseconds: int | None, now: datetime) -> str:
    """How long before `now` something happened.

    Args:
        milliseconds: Since the epoch, UTC.
        now: An aware time.
    """
    if milliseconds is None:
        return MISSING
    seconds = now.timestamp() - milliseconds / MILLISECONDS_PER_SECOND
    if seconds < SECONDS_PER_MINUTE:
        return "just now"
    if seconds < SECONDS_PER_HOUR:
        return f"{int(seconds // SECONDS_PER_MINUTE)} min ago"
    if seconds < SECONDS_PER_DAY:
        return f"{int(seconds // SECONDS_PER_HOUR)} h ago"
    if seconds < DAYS_PER_MONTH * SECONDS_PER_DAY:
        return f"{int(seconds // SECONDS_PER_DAY)} d ago"
    return moment(milliseconds)[:10]


def moment(milliseconds: int | None) -> str:
    """A point in time, local, to the second."""
    if milliseconds is None:
        return MISSING
    seconds = milliseconds / MILLISECONDS_PER_SECOND
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(count: float | None) -> str:
    """A number of bytes in binary units.

    >>> size(800), size(40_500), size(200 * 1024 * 1024)
    ('800 B', '39.6 kB', '200.0 MB')
    """
    if count is None:
        return MISSING
    if count < BYTES_PER_STEP:
        return f"{int(count)} B"
    for unit in ("kB", "MB", "GB"):
        count /= BYTES_PER_STEP
        if count < BYTES_PER_STEP:
            return f"{count:.1f} {unit}"
    return f"{count / BYTES_PER_STEP:.1f} TB"
