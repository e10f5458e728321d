"""A grid for the pages: rows and columns with marks, deltas and bars; sorted and folded by hand.

It is the component of the run list without its head, ticks and actions: a comparison with runs as
columns or as rows, the trials of a sweep, the versions of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from dashboard.palette import RUN_COLORS, theme
from dashboard.widgets import component, run_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        text: What is shown.
        value: What it is sorted by: the text by default in a column of texts; None comes last.
        small: Behind the text, in a column of its own, as "± 0.0009".
        title: Shown where the pointer rests; the text by default.
        emphasis: How the text is marked.
        delta: The difference from a baseline, with its sign: "▲ 0.0543".
        verdict: Whether the delta is better or worse.
        bar: Length of a bar before the text, in [0, 1].
        chips: In a column of tags: what is shown one by one.
    """

    text: str
    value: float | str | None = None
    small: str = ""
    title: str | None = None
    emphasis: Literal["", "best", "strong", "muted"] = ""
    delta: str = ""
    verdict: Literal["", "good", "bad"] = ""
    bar: float | None = None
    chips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column's head.

    Args:
        title: In the head.
        note: Below it; a column with one stands for a run or a group, its head at the left.
        kind: Numbers stand at the right; of a cell of 'tags' the chips are shown.
        color: Of a dot before the title, hexadecimal.
        is_square: Whether the dot stands for a group.
        is_tinted: Whether the column is set apart, as a baseline's.
        is_sortable: Whether a click on the head sorts the rows.
        width: In pixels at least.
    """

    title: str
    note: str = ""
    kind: Literal["number", "text", "tags"] = "number"
    color: str = ""
    is_square: bool = False
    is_tinted: bool = False
    is_sortable: bool = True
    width: int = 0


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        key: Unique in the grid; what an action is told.
        name: In the first column.
        cells: One a column; None for a missing value.
        note: Behind the name.
        run_id: Where a click on the name leads; empty for nowhere.
        color: Of a dot before the name, hexadecimal.
        is_square: Whether the dot stands for a group.
        status: Of a run, shown as a sign: 'RUNNING', 'FAILED', 'KILLED'.
        parent: Key of the row above it in the tree; empty at the top.
        is_section: Whether the row only heads those beneath it.
        is_folded: Whether those beneath it are hidden at first.
        is_pinned: Whether the row stays first however the rows are sorted.
        is_text: Whether the cells are texts, which stand at the left.
    """

    key: str
    name: str
    cells: Sequence[Cell | None] = ()
    note: str = ""
    run_id: str = ""
    color: str = ""
    is_square: bool = False
    status: str = ""
    parent: str = ""
    is_section: bool = False
    is_folded: bool = False
    is_pinned: bool = False
    is_text: bool = False


def show(
    columns: Sequence[Column],
    rows: Sequence[Row],
    key: str,
    *,
    lead: str = "Run",
    height: str = "70dvh",
    actions: Sequence[tuple[str, str, str]] = (),
    on_action: Callable[[str, str], None] | None = None,
) -> None:
    """Draw the grid.

    Args:
        columns: All but the first, which holds the names.
        rows: A row after the one it lies beneath.
        key: Of the component.
        lead: Title of the first column.
        height: At most, a CSS length; further rows are scrolled to.
        actions: Under the pointer at each row: a name, a Material symbol, a title.
        on_action: Called with the action's name and the row's key.
    """
    places = {row.key: place for place, row in enumerate(rows)}
    open_rows = {row.parent for row in rows if row.parent}
    folded = {row.key for row in rows if row.is_folded}
    pinned = next((row.key for row in rows if row.is_pinned), "")
    data: dict[str, Any] = {
        "mode": "grid",
        "lead": lead,
        "height": height,
        "ack": 0,
        # Rows of runs are lifted together with their lines in the charts.
        "hoverless": not any(row.run_id and row.run_id == row.key for row in rows),
        "columns": [_column(place, column) for place, column in enumerate(columns)],
        "rows": [_row(row, places, columns) for row in rows],
        "actions": [list(action) for action in actions],
        "total": len(rows),
        "unfiltered": len(rows),
        "listed": len(rows),
        "problem": None,
        "groupings": [],
        "sorts": [],
        "palette": RUN_COLORS[theme()],
        "positions": {},
        "state": _state(pinned, sorted(open_rows - folded)),
    }
    component.mount(key, data, on_event_change=partial(_take, key, on_action))


def _state(pinned: str, unfolded: list[str]) -> dict[str, Any]:
    empty = {"filter": "", "group": "", "sort": "", "run": "", "statuses": [], "columns": []}
    return empty | {
        "descending": True,
        "shown": [],
        "automatic": True,
        "baseline": pinned,
        "unfolded": unfolded,
        "deleted": False,
    }


def _column(place: int, column: Column) -> dict[str, Any]:
    return {
        "key": str(place),
        "title": column.title,
        "note": column.note,
        "kind": column.kind,
        "color": column.color,
        "square": column.is_square,
        "tinted": column.is_tinted,
        "sortable": column.is_sortable,
        "width": column.width,
        "best": None,
        "descends": column.kind == "number",
    }


def _row(row: Row, places: dict[str, int], columns: Sequence[Column]) -> dict[str, Any]:
    cells = list(row.cells) + [None] * (len(columns) - len(row.cells))
    return {
        "key": row.key,
        "name": row.name,
        "title": row.name,
        "note": row.note,
        "own": row.run_id,
        "color": row.color,
        "group": row.is_square,
        "status": row.status,
        "parent": places[row.parent] if row.parent else -1,
        "section": row.is_section,
        "texts": row.is_text,
        "cells": [
            None if cell is None else _cell(cell, column)
            for cell, column in zip(cells, columns, strict=True)
        ],
    }


def _cell(cell: Cell, column: Column) -> dict[str, Any] | list[tuple[str, str]]:
    if cell.chips:
        return [(chip, "") for chip in cell.chips]
    parts = {
        "text": cell.text,
        "value": cell.text if cell.value is None and column.kind == "text" else cell.value,
        "small": cell.small,
        "title": cell.title,
        "emphasis": cell.emphasis,
        "delta": cell.delta,
        "verdict": cell.verdict,
        "bar": cell.bar,
    }
    return {name: part for name, part in parts.items() if part not in {"", None}}


def _take(key: str, on_action: Callable[[str, str], None] | None) -> None:
    event = component.event(key)
    chosen = next(iter(event.get("ids", ())), "")
    if event.get("do") == "open":
        run_list.open_run(str(chosen))
    elif event and on_action is not None:
        on_action(str(event["do"]), str(chosen))
