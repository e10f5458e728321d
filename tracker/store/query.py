"""Somebody's own SELECT, run so that it cannot write, reach other files, or run for ever."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tracker.exceptions import DatabaseError, InvalidValueError
from tracker.sqlite_errors import translate

if TYPE_CHECKING:
    from tracker.database import Database

_INSTRUCTIONS_A_CHECK: Final = 10_000
_ALLOWED: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_FUNCTION,
    }
)
# Those that take no argument here, or only a table's name, and change nothing.
_READING_PRAGMAS: Final = frozenset(
    {
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "foreign_key_list",
        "integrity_check",
        "quick_check",
        "foreign_key_check",
        "database_list",
        "freelist_count",
        "page_count",
        "page_size",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave. `more` says that rows were left out."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool


def select(database: Database, statement: str, limit: int, timeout_seconds: float) -> Answer:
    """Run one reading statement.

    Args:
        database: Opened read-only.
        statement: One SELECT, WITH, VALUES, EXPLAIN, or a PRAGMA that only tells.
        limit: The most rows to fetch.
        timeout_seconds: When to give up.

    Raises:
        InvalidValueError: SQLite does not understand it, it would write, or it takes too long.
        DatabaseError: The database cannot be read.
    """
    connection = database.connection
    connection.set_authorizer(_authorize)
    deadline = time.monotonic() + timeout_seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS_A_CHECK)
    try:
        cursor = connection.execute(statement)
        rows = list(islice(cursor, limit + 1))
        columns = [column[0] for column in cursor.description or ()]
    except UnicodeEncodeError as error:
        raise translate(error, database.path) from error
    except sqlite3.Error as error:
        raise _explained(error, timeout_seconds) from error
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)
    return Answer(columns, rows[:limit], len(rows) > limit)


def _authorize(action: int, first: str | None, *_: str | None) -> int:
    reads = action in _ALLOWED or (
        action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _READING_PRAGMAS
    )
    return sqlite3.SQLITE_OK if reads else sqlite3.SQLITE_DENY


def _explained(error: sqlite3.Error, timeout_seconds: float) -> InvalidValueError | DatabaseError:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name == "SQLITE_INTERRUPT":
        return InvalidValueError(
            f"The query took more than {timeout_seconds:g} s and was stopped: narrow it down, or "
            f"allow more with --timeout."
        )
    if name in {"SQLITE_AUTH", "SQLITE_READONLY"}:
        return InvalidValueError(
            "Only reading is allowed here, on this database alone: a SELECT. To change runs, use "
            "the other verbs, or sqlite3 itself."
        )
    if name in {"SQLITE_ERROR", ""}:
        return InvalidValueError(f"SQLite cannot run the query: {error}.")
    return DatabaseError(f"The query failed: {error}.")
