"""Numbers, sizes, times and names as text for people: one way for terminal, trainer and dashboard.

A missing value is a dash. Files, JSON and CSV get the values themselves, never this text.
"""

from __future__ import annotations

import math
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MISSING: Final = "\u2013"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MONTH: Final = 30 * _DAY
# Integers beyond this are no longer exact as a float.
_LARGEST_EXACT: Final = 10**15
_LARGEST_PLAIN: Final = 10_000_000
_SMALLEST_PLAIN: Final = 0.01
_SMALLEST_IN_COLUMN: Final = 0.001
_LARGEST_WITH_FOUR_DECIMALS: Final = 10
_LARGEST_WITH_TWO_DECIMALS: Final = 10_000
_LARGEST_NARROW: Final = 1e6
_SMALLEST_NARROW: Final = 1e-3
_SIGNIFICANT: Final = 3
# C0, DEL, C1 (0x9b starts a sequence as ESC [ does), line separators, bidirectional overrides,
# and halves of surrogate pairs, which no terminal can be sent.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def number(value: float | None) -> str:
    """A metric's value: four decimals, integers in full, an exponent for the very small.

    >>> number(0.92517), number(0.0018), number(float("inf")), number(128.0), number(12345678.0)
    ('0.9252', '1.8e-03', '∞', '128', '12,345,678')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return _not_finite(value)
    magnitude = abs(value)
    if magnitude < _LARGEST_EXACT and value == int(value):
        return f"{int(value):,}" if magnitude >= _LARGEST_WITH_TWO_DECIMALS else str(int(value))
    if not _SMALLEST_PLAIN <= magnitude < _LARGEST_PLAIN:
        return _exponential(value)
    if magnitude >= _LARGEST_WITH_TWO_DECIMALS:
        return f"{value:,.0f}"
    return f"{value:.4f}" if magnitude < _LARGEST_WITH_FOUR_DECIMALS else f"{value:.2f}"


def numbers(values: Iterable[float]) -> Callable[[float | None], str]:
    """One format for all numbers of a column: equally many decimals, none where all are integers.

    >>> [numbers([0.0323, 2.5])(value) for value in (0.0323, 2.5)]
    ['0.0323', '2.5000']
    >>> [numbers([3e-7, 2.5])(value) for value in (3e-7, 2.5)]
    ['3e-07', '2.5000']
    >>> numbers([128, 60_000])(60_000), numbers([5.4, 61_234.5])(61_234.5)
    ('60,000', '61,234')
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    smallest, largest = min(filter(None, finite), default=0), max(finite, default=0)
    if largest < _LARGEST_EXACT and all(size == int(size) for size in finite):
        return _with_decimals(0)
    if largest < _LARGEST_WITH_TWO_DECIMALS and smallest >= _SMALLEST_IN_COLUMN:
        needs_four = smallest < 1 or largest < _LARGEST_WITH_FOUR_DECIMALS
        return _with_decimals(4 if needs_four else 2)
    if largest < _LARGEST_PLAIN and smallest >= 1:
        return _with_decimals(0)
    return number


def short_number(value: float | None) -> str:
    """A number in three significant digits, for a narrow column; integers below a million in full.

    >>> short_number(0.92531), short_number(12.345), short_number(60_000), short_number(12_345_678)
    ('0.925', '12.3', '60,000', '12.3M')
    >>> short_number(0.0000123), short_number(0.9999), short_number(999.96)
    ('1.23e-05', '1.00', '1,000')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return _not_finite(value)
    magnitude = abs(value)
    if value == int(value) and magnitude < _LARGEST_NARROW:
        return f"{int(value):,}"
    if magnitude < _SMALLEST_NARROW or magnitude >= _LARGEST_EXACT:
        return _exponential(value)
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if magnitude >= factor:
            return f"{_significant(value / factor)}{suffix}"
    return _significant(value)


def exact_number(value: float | None) -> str:
    """All that is known of a number, to be read alone or copied.

    >>> exact_number(0.9253166666666667), exact_number(60000.0), exact_number(1e-05)
    ('0.9253166666666667', '60000', '1e-05')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return _not_finite(value)
    is_integer = value == int(value) and abs(value) < _LARGEST_EXACT
    return str(int(value)) if is_integer else repr(float(value))


def parameters(values: Mapping[str, object]) -> str:
    """Parameters on one line, as the log of a search and its page name them.

    >>> parameters({"lr": 0.0024713, "hidden": 128, "optimizer": "adam"})
    'lr 2.47e-03 · hidden 128 · optimizer adam'
    """
    return " · ".join(f"{name} {shown(value)}" for name, value in values.items())


def shown(value: object) -> str:
    """A value of any type: a float as `number` writes it, all else in full.

    >>> shown(0.0024713), shown(60_000), shown(True), shown([16, 32])
    ('2.47e-03', '60000', 'True', '[16, 32]')
    """
    return number(value) if isinstance(value, float) else str(value)


def count(value: int | None) -> str:
    """A count with thousands separators.

    >>> count(12345)
    '12,345'
    """
    return MISSING if value is None else f"{value:,}"


def plural(amount: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "run"), plural(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def size(size_bytes: float | None) -> str:
    """A size in bytes, in powers of 1000.

    >>> size(999), size(40_500), size(47_040_016)
    ('999 B', '40.5 kB', '47.0 MB')
    """
    if size_bytes is None:
        return MISSING
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:  # noqa: PLR2004  From here on it would round to 1000.0.
            return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units.

    >>> duration(0.042), duration(4.2), duration(75), duration(7384), duration(200_000)
    ('42 ms', '4.2 s', '1 min 15 s', '2 h 3 min', '2 d 7 h')
    """
    if seconds is None or math.isnan(seconds):
        return MISSING
    seconds = max(seconds, 0)
    if seconds < 0.9995:  # noqa: PLR2004  From here on it would round to 1000 ms.
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:  # noqa: PLR2004  From here on it would round to 60.0 s.
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(timestamp_ms: int | None, now_ms: int) -> str:
    """How long before `now_ms` something happened; its date if that is a month or more.

    >>> ago(0, 90_000), ago(0, 7_200_000), ago(0, 3 * 86_400_000), ago(0, 90 * 86_400_000)
    ('1 min ago', '2 h ago', '3 d ago', '1970-01-01')
    """
    if timestamp_ms is None:
        return MISSING
    seconds = (now_ms - timestamp_ms) // 1000
    if seconds < -_MINUTE or seconds >= _MONTH:
        return local_time(timestamp_ms)[:10]
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    return f"{seconds // _HOUR} h ago" if seconds < _DAY else f"{seconds // _DAY} d ago"


def local_time(timestamp_ms: int | None) -> str:
    """A timestamp in milliseconds since the epoch as local date and time, to the second."""
    when = _date_time(timestamp_ms)
    if when is None:
        return MISSING if timestamp_ms is None else f"{timestamp_ms} ms"
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def utc_time(timestamp_ms: int | None) -> str:
    """A timestamp in milliseconds since the epoch as ISO 8601 in UTC, exact.

    >>> utc_time(1_760_000_000_123)
    '2025-10-09T08:53:20.123Z'
    """
    when = _date_time(timestamp_ms)
    if timestamp_ms is None or when is None:
        return MISSING if timestamp_ms is None else f"{timestamp_ms} ms"
    return f"{when:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a mistyped one, whatever its case; None if none is near.

    >>> closest("ACC", ["loss", "accuracy"]), closest("los", ["loss"]), closest("x", ["loss"])
    ('accuracy', 'loss', None)
    """
    from difflib import get_close_matches  # noqa: PLC0415  Only a mistake pays for it.

    by_lower_case = {name.lower(): name for name in reversed(list(known))}
    lower = word.lower()
    begun = [name for name in by_lower_case if len(word) > 1 and name.startswith(lower)]
    matches = sorted(begun, key=len) or get_close_matches(lower, by_lower_case, n=1)
    return by_lower_case[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str], *, list_all: bool = False) -> str:
    """The end of a message about an unknown word: the nearest known one, or nothing.

    Args:
        word: What was given.
        known: What could have been given.
        list_all: Where no known word is near, list all of them.

    >>> did_you_mean("defualt", ["default", "small_hidden"])
    "; did you mean 'default'?"
    >>> did_you_mean("zebra", ["default", "small_hidden"], list_all=True)
    '; known are: default, small_hidden'
    """
    known = list(known)
    near = closest(word, known)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; known are: {', '.join(known)}" if list_all and known else ""


def clean(value: object) -> str:
    r"""The value on one line, with every character that could steer a terminal escaped.

    >>> print(clean("red\x1b[31m"))
    red\x1b[31m
    """
    return _UNSAFE.sub(_escaped, str(value))


def clean_lines(value: str) -> list[str]:
    """The lines of a text, each clean."""
    return [clean(line.replace("\t", "    ")) for line in value.split("\n")]


def display_width(value: str) -> int:
    """Terminal cells that a clean text takes.

    >>> display_width("数字"), display_width("e\u0301")
    (4, 1)
    """
    return len(value) if value.isascii() else sum(_cells(character) for character in value)


def cut(value: str, width: int) -> str:
    """The text, or its start with an ellipsis, in at most `width` terminal cells."""
    if display_width(value) <= width:
        return value
    kept, used = [], 1
    for character in value:
        used += _cells(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "∞" if value > 0 else "-∞"


def _exponential(value: float) -> str:
    mantissa, exponent = f"{value:.{_SIGNIFICANT - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def _significant(value: float) -> str:
    decimals = max(_SIGNIFICANT - 1 - math.floor(math.log10(abs(value))), 0)
    rounded = round(value, decimals)
    decimals = max(_SIGNIFICANT - 1 - math.floor(math.log10(abs(rounded))), 0)
    return f"{rounded:,.{decimals}f}"


def _with_decimals(decimals: int) -> Callable[[float | None], str]:
    def written(value: float | None) -> str:
        is_finite = value is not None and math.isfinite(value)
        return f"{value:,.{decimals}f}" if is_finite else number(value)

    return written


def _date_time(timestamp_ms: int | None) -> datetime | None:
    try:
        return None if timestamp_ms is None else datetime.fromtimestamp(timestamp_ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):  # Outside the years 1 to 9999: a wrong clock.
        return None


def _escaped(match: re.Match[str]) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    character = match[0]
    code = ord(character)
    return named.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")  # noqa: PLR2004


def _cells(character: str) -> int:
    import unicodedata  # noqa: PLC0415  ASCII needs no table of characters.

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def prepare_streams() -> None:
    """Let every text be written, and stand in for closed streams.

    Names in a database may hold halves of surrogate pairs, and a pipe may be ASCII. A stream that
    is closed at the start is None here, and its number would go to the next file that is opened,
    the database perhaps.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  Until the end.
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
