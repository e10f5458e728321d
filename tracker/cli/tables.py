"""Writes one table for reading, as JSON or as CSV, and files as a tree."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from tracker import text
from tracker.text import MISSING, clean, cut, display_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tracker.cli.console import Console
    from tracker.entities import FileInfo


Format = Literal["table", "json", "csv"]
FORMATS: Final = ("table", "json", "csv")

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf", re.IGNORECASE)
_GAP: Final = "  "
_NARROWEST: Final = 8
# JSON escapes only C0 by itself; inside a string any character may be written as \uXXXX.
_RAW_CONTROLS: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        name: Key in JSON and heading in CSV.
        title: Heading in a table (default: the name).
        show: Formats a value for a table.
        exact: Converts a value for JSON and CSV.
        right: Align to the right in a table.
        style: One of the console's styles, or `status`.
    """

    name: str
    title: str = ""
    show: Callable[[Any], str] = str
    exact: Callable[[Any], Any] = lambda value: value
    right: bool = False
    style: str = ""


def write(
    console: Console,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    format: Format,
) -> None:
    """Write rows of values; a table shortens them, JSON and CSV do not."""
    if format == "csv":
        _write_csv(console, columns, rows)
    elif format == "json":
        names = [column.name for column in columns]
        write_json(console, [dict(zip(names, _exact(columns, row), strict=True)) for row in rows])
    else:
        _write_table(console, columns, rows)


def write_json(console: Console, value: Any) -> None:
    """Write JSON; NaN and ±infinity become strings, as in protobuf's JSON."""
    # Only Unicode encodings can write every character as it is.
    is_ascii = not console.encoding.startswith("utf")
    text = json.dumps(_finite(value), indent=2, ensure_ascii=is_ascii, allow_nan=False)
    console.line(_RAW_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def cell(value: Any) -> str:
    """A value as clean text, "" for None."""
    return "" if value is None else clean(value)


def _write_csv(console: Console, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    if not console.is_terminal:
        console.use_utf8()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        # A file gets the exact values; control characters could steer a terminal.
        values = [_inert(value) for value in _exact(columns, row)]
        writer.writerow(map(cell, values) if console.is_terminal else values)
        console.out.write(buffer.getvalue())
        buffer.seek(0)
        buffer.truncate()
    console.out.write(buffer.getvalue())


def _write_table(
    console: Console, columns: Sequence[Column], rows: Iterable[Sequence[Any]]
) -> None:
    shown = [
        [_shown(column, value) for column, value in zip(columns, row, strict=True)] for row in rows
    ]
    titles = [clean(column.title or column.name) for column in columns]
    widths = _widths(titles, shown, console.width)
    console.line(_joined(console, columns, titles, widths, "bold"))
    for cells in shown:
        console.line(_joined(console, columns, cells, widths, None))


def _inert(value: Any) -> Any:
    """The value, with an apostrophe before a text that a spreadsheet would take for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _shown(column: Column, value: Any) -> str:
    return MISSING if value is None else clean(column.show(value))


def _exact(columns: Sequence[Column], row: Sequence[Any]) -> list[Any]:
    return [
        None if value is None else column.exact(value)
        for column, value in zip(columns, row, strict=True)
    ]


def _joined(
    console: Console,
    columns: Sequence[Column],
    cells: Sequence[str],
    widths: Sequence[int],
    style: str | None,
) -> str:
    parts = []
    for column, shown, width in zip(columns, cells, widths, strict=True):
        short = cut(shown, width)
        blank = " " * (width - display_width(short))
        if style is None and column.style == "status":
            colored = console.status(short)
        else:
            colored = console.styled(short, column.style if style is None else style)
        parts.append(blank + colored if column.right else colored + blank)
    return _GAP.join(parts).rstrip()


def _widths(titles: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None) -> list[int]:
    """The width of each column's widest cell; the widest columns shrink to fit the terminal."""
    widths = [
        max(map(display_width, (title, *(row[index] for row in rows))))
        for index, title in enumerate(titles)
    ]
    if limit is None:
        return widths
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - limit
    while excess > 0 and max(widths) > _NARROWEST:
        widest = widths.index(max(widths))
        second = max((w for i, w in enumerate(widths) if i != widest), default=0)
        step = min(excess, max(widths[widest] - max(second, _NARROWEST), 1))
        widths[widest] -= step
        excess -= step
    return widths


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def artifact_lines(console: Console, files: Sequence[FileInfo]) -> Iterator[str]:
    """An indented tree: one line per folder, one per file with its size.

    Args:
        console: For its colors.
        files: In the order of `ArtifactStore.walk`.
    """
    labels = list(_labels(files))
    width = max((text.display_width(label) for label, _ in labels), default=0)
    for label, size_bytes in labels:
        if size_bytes is None:
            yield console.styled(label, "blue")
        else:
            padding = " " * (width - text.display_width(label))
            yield f"{label}{padding}  {console.styled(f'{text.size(size_bytes):>9}', 'dim')}"


def _labels(files: Sequence[FileInfo]) -> Iterator[tuple[str, int | None]]:
    open_folders: list[str] = []
    for file in files:
        *folders, name = file.path.split("/")
        shared = _shared_length(folders, open_folders)
        for depth in range(shared, len(folders)):
            yield f"{'  ' * depth}{text.clean(folders[depth])}/", None
        open_folders = folders
        yield f"{'  ' * len(folders)}{text.clean(name)}", file.file_size or 0


def _shared_length(left: Sequence[str], right: Sequence[str]) -> int:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return length
