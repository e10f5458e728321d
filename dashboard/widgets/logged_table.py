"""The tables that `log_table` writes: JSON with the names of columns, and rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dashboard.widgets import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.widgets.columns import Column

MAX_COLUMNS = 500
MAX_EXACT = 2**53


def read(found: Any, max_rows: int) -> dict[str, Column] | None:
    """The table that a JSON value is; None where it is none.

    Args:
        found: The parsed value; a table has `columns` and `data`, as pandas' orient="split" has.
        max_rows: Rows that are read.
    """
    if not isinstance(found, dict) or not {"columns", "data"} <= found.keys():
        return None
    names, data = found["columns"], found["data"]
    if not isinstance(names, list) or not isinstance(data, list) or not _is_sized(names, data):
        return None
    cells = zip(*data[:max_rows], strict=True) if data else [()] * len(names)
    # Two columns may have one name: they go by their places.
    return {
        str(place): _column(str(name), values)
        for place, (name, values) in enumerate(zip(names, cells, strict=True))
    }


def _is_sized(names: Sequence[Any], data: Sequence[Any]) -> bool:
    is_even = all(isinstance(row, list) and len(row) == len(names) for row in data)
    return 0 < len(names) <= MAX_COLUMNS and is_even


def _column(title: str, values: Sequence[Any]) -> Column:
    present = [value for value in values if value is not None]
    if present and all(_is_plain_number(value) for value in present):
        return columns.number(title, values)
    texts = [value if isinstance(value, str | None) else json.dumps(value) for value in values]
    return columns.plain(title, texts)


def _is_plain_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= MAX_EXACT
