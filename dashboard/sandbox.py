"""Queries a person writes: read-only, and stopped at bounds of time, rows and memory."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.source import SourceError, connect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.source import Source

SECONDS = 10.0
ROWS = 10_000
COLUMNS = 100
# Of one value, of a result, and of what SQLite may gather on the way to it.
VALUE_BYTES = 1_000_000
RESULT_BYTES = 50_000_000
MEMORY_BYTES = 300_000_000
CHECK_EVERY = 1_000
LOOK_SECONDS = 0.05
READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


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


class Watch:
    """Says when a query has to stop, and why.

    Args:
        seconds: How long it may take from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.began = time.perf_counter()
        self.reason = ""
        self._seconds = seconds
        self._next_look = self.began + LOOK_SECONDS
        self._resident = _resident_bytes()

    def __call__(self) -> bool:
        """Whether to stop now."""
        now = time.perf_counter()
        if now > self.began + self._seconds:
            self.reason = f"Stopped after {self._seconds:g} seconds."
        elif now > self._next_look:
            self._next_look = now + LOOK_SECONDS
            if _resident_bytes() - self._resident > MEMORY_BYTES:
                self.reason = f"Stopped at {MEMORY_BYTES / 1e6:g} MB of memory."
        return bool(self.reason)


def _resident_bytes() -> int:
    """What this process holds in memory; 0 where only Linux's /proc could tell."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def ask(source: Source, statement: str, seconds: float = SECONDS) -> Answer:
    """Run one reading statement on a connection of its own.

    Raises:
        SourceError: If it is refused, wrong, or takes too much; the message says which.
    """
    connection = connect(Path(source.path))
    watch = Watch(seconds)
    try:
        _confine(connection, watch)
        cursor = connection.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        found, is_cut = _fetched(cursor, watch)
    except (sqlite3.Error, sqlite3.Warning, MemoryError) as error:
        raise SourceError(_explained(error, watch)) from error
    finally:
        connection.close()
    if not names:
        raise SourceError("Type one SELECT statement.")
    table = pd.DataFrame(found, columns=_unique(names))
    return Answer(table, time.perf_counter() - watch.began, is_cut)


def _confine(connection: sqlite3.Connection, watch: Watch) -> None:
    connection.execute("PRAGMA query_only = ON")
    # What is sorted or gathered goes to a file that nobody sees; in memory it has no bound.
    connection.execute("PRAGMA temp_store = FILE")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, COLUMNS)
    connection.set_progress_handler(watch, CHECK_EVERY)
    connection.set_authorizer(_authorize)


def _fetched(cursor: Iterable[sqlite3.Row], watch: Watch) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows within the bounds, and whether there were more.

    Raises:
        SourceError: If not even one row fits, or the time is up.
    """
    found: list[tuple[Any, ...]] = []
    room = RESULT_BYTES
    for row in cursor:
        values = tuple(row)
        room -= sum(map(sys.getsizeof, values))
        if len(found) == ROWS or (room < 0 and found):
            return found, True
        if room < 0:
            raise SourceError(f"One row is larger than {RESULT_BYTES / 1e6:g} MB.")
        if watch():
            raise SourceError(_narrow(watch))
        found.append(values)
    return found, False


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Reading is allowed, functions too, but none that loads code."""
    del first
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY


def _explained(error: Exception, watch: Watch) -> str:
    if watch.reason:
        return _narrow(watch)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this query: narrow it."
    text = str(error).rstrip(".")
    if text == "not authorized":
        return "Only reading is allowed here: one SELECT statement, no PRAGMA, no ATTACH."
    return f"SQLite says: {text}."


def _narrow(watch: Watch) -> str:
    return f"{watch.reason} Narrow the query, or use the sqlite3 shell."


def _unique(names: list[str]) -> list[str]:
    """Column names without repetition, as a table needs them.

    >>> _unique(["value", "value", "key"]), _unique(["a_2", "a", "a"])
    (['value', 'value_2', 'key'], ['a_2', 'a', 'a_3'])
    """
    taken = set(names)
    result: list[str] = []
    for name in names:
        number, own = 2, name
        while own in result or (own != name and own in taken):
            own = f"{name}_{number}"
            number += 1
        result.append(own)
    return result
