"""Values as short, harmless text: what a database says may not command a terminal."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

# C0, DEL, C1 (0x9b starts a sequence as ESC [ does), line separators, bidirectional overrides,
# and halves of surrogate pairs, which no terminal can be sent.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_LONG_AGO_DAYS: Final = 30
_LARGE: Final = 1e6
_HUGE: Final = 1e15
_SMALL: Final = 1e-4
_DIGITS: Final = 4


def clean(text: object) -> str:
    r"""The text on one line, with every character that could steer a terminal spelt out.

    >>> print(clean("red\x1b[31m"))
    red\x1b[31m
    """
    return _UNSAFE.sub(_escaped, str(text))


def clean_lines(text: str) -> list[str]:
    """The lines of a text, each clean."""
    return [clean(line.replace("\t", "    ")) for line in text.split("\n")]


def display_width(text: str) -> int:
    """Terminal cells that a clean text takes.

    >>> display_width("数字"), display_width("e\u0301")
    (4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def cut(text: str, width: int) -> str:
    """The text, or its start with an ellipsis, in at most `width` cells."""
    if display_width(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _cells(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def number(value: float | None) -> str:
    """A number in four significant digits; whole ones below a million in full.

    >>> number(0.92531), number(0.0417), number(60000.0), number(12_345_678), number(0.0000123)
    ('0.9253', '0.04170', '60000', '12.35M', '1.230e-05')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:+}".replace("+", "")
    size = abs(value)
    if float(value).is_integer() and size < _LARGE:
        return str(int(value))
    if size < _SMALL or size >= _HUGE:
        return f"{value:.{_DIGITS - 1}e}"
    if size >= _LARGE:
        return _with_suffix(value)
    return _fixed(value)


def count(value: int | None) -> str:
    """A count with its thousands apart.

    >>> count(12345)
    '12,345'
    """
    return "" if value is None else f"{value:,}"


def size(size_bytes: int | None) -> str:
    """A size in bytes, in decimal units.

    >>> size(999), size(47_040_016)
    ('999 B', '47.0 MB')
    """
    if size_bytes is None:
        return ""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.95:  # noqa: PLR2004  From here on it would round to 1000.0.
            return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(milliseconds: int | None) -> str:
    """A span of time in its two largest units.

    >>> duration(8_300), duration(125_000), duration(7_380_000)
    ('8.3 s', '2 min 05 s', '2 h 03 min')
    """
    if milliseconds is None:
        return ""
    seconds = max(milliseconds, 0) / 1000
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(milliseconds: int | None, now: int) -> str:
    """How long ago a moment is; its date when it is long ago. Both in ms since the epoch.

    >>> ago(0, 90_000), ago(0, 7_200_000), ago(0, 90 * 86_400_000)
    ('1 min ago', '2 h ago', '1970-01-01')
    """
    if milliseconds is None:
        return ""
    seconds = (now - milliseconds) // 1000
    days = seconds // _DAY
    if seconds < 0 or days > _LONG_AGO_DAYS:
        return moment(milliseconds)[:10]
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h ago"
    return "yesterday" if days == 1 else f"{days} days ago"


def moment(milliseconds: int | None) -> str:
    """A moment as ISO 8601 in UTC.

    >>> moment(1_760_000_000_123)
    '2025-10-09T08:53:20.123Z'
    """
    if milliseconds is None:
        return ""
    try:
        when = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (OverflowError, ValueError, OSError):  # Beyond year 9999: a clock gone wrong.
        return f"{milliseconds} ms"
    return f"{when:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def plural(amount: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "run"), plural(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def _escaped(match: re.Match[str]) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    character = match[0]
    code = ord(character)
    return named.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")  # noqa: PLR2004


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _with_suffix(value: float) -> str:
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= factor:
            return f"{_fixed(value / factor)}{suffix}"
    return _fixed(value)


def _fixed(value: float) -> str:
    digits_before_point = math.floor(math.log10(abs(value))) + 1
    return f"{value:.{max(_DIGITS - digits_before_point, 0)}f}"
