"""Queries a person writes: read-only, and stopped after a time and a number of rows."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.source import SourceError, connect

if TYPE_CHECKING:
    from dashboard.source import Source

SECONDS = 10.0
ROWS = 10_000
CHECK_EVERY = 10_000
READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
# The highest memory a single value may claim: randomblob(1e9) would take a gigabyte.
VALUE_BYTES = 20_000_000


@dataclass(frozen=True)
class Answer:
    """What a query gave.

    Args:
        table: The rows, ROWS at most.
        seconds: How long it took.
        is_cut: Whether there were more rows.
    """

    table: pd.DataFrame
    seconds: float
    is_cut: bool


def ask(source: Source, statement: str, seconds: float = SECONDS) -> Answer:
    """Run one reading statement on a connection of its own.

    Raises:
        SourceError: If it is refused, wrong, or takes too long; the message says which.
    """
    connection = connect(Path(source.path))
    began = time.perf_counter()
    try:
        _confine(connection, began + seconds)
        cursor = connection.execute(statement)
        found = cursor.fetchmany(ROWS + 1)
        names = [column[0] for column in cursor.description or ()]
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise SourceError(_explained(error, seconds)) from error
    finally:
        connection.close()
    if not names:
        raise SourceError("Type one SELECT statement.")
    table = pd.DataFrame([tuple(row) for row in found[:ROWS]], columns=_unique(names))
    return Answer(table, time.perf_counter() - began, len(found) > ROWS)


def _confine(connection: sqlite3.Connection, deadline: float) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
    connection.set_progress_handler(lambda: time.perf_counter() > deadline, CHECK_EVERY)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Reading is allowed, functions too, but none that loads code."""
    del first
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY


def _explained(error: Exception, seconds: float) -> str:
    text = str(error)
    if text == "interrupted":
        return f"Stopped after {seconds:g} seconds. Narrow the query, or use the sqlite3 shell."
    if text == "not authorized":
        return "Only reading is allowed here: one SELECT statement, no PRAGMA, no ATTACH."
    return f"SQLite says: {text}."


def _unique(names: list[str]) -> list[str]:
    """Column names without repetition, as a table needs them.

    >>> _unique(["value", "value", "key"])
    ['value', 'value_2', 'key']
    """
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result
