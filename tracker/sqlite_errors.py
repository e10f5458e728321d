"""The border where sqlite3's errors become the tracker's.

sqlite3 raises its own errors for what SQLite reports, and Python's own for a value that cannot be
bound or decoded. Each becomes one sentence that says what to do.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    DiskFullError,
    InvalidValueError,
    NotADatabaseError,
    ReadOnlyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Reported: TypeAlias = sqlite3.Error | UnicodeEncodeError | UnicodeDecodeError | OverflowError
REPORTED: Final = (sqlite3.Error, UnicodeEncodeError, UnicodeDecodeError, OverflowError)

_BUSY_CODES: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_DAMAGE_CODES: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_ACCESS_CODES: Final = ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate what sqlite3 raises in the block.

    Args:
        path: The database that the message names.

    Raises:
        DatabaseError: What SQLite reported; the subclass says which kind.
        InvalidValueError: A text or a number that SQLite cannot store.
    """
    try:
        yield
    except REPORTED as error:
        raise translate(error, path) from error


def translate(error: Reported, path: Path) -> DatabaseError | InvalidValueError:
    """The tracker's error for one that sqlite3 raised."""
    if not isinstance(error, sqlite3.Error):
        return _about_a_value(error, path)
    name, where = error_name(error), repr(str(path))
    if name.startswith(_BUSY_CODES):
        return DatabaseLockedError(
            f"{where} stayed locked by another process: close the program that holds a "
            f"transaction open, then try again."
        )
    if name.startswith(_DAMAGE_CODES):
        return NotADatabaseError(
            f"{where} is not an SQLite database or is damaged ({error}): name another file, or "
            f"save what can be read with `sqlite3 FILE .dump`."
        )
    if name.startswith("SQLITE_FULL"):
        return DiskFullError(f"There is no room left on the disk of {where}: free some space.")
    if name.startswith(_ACCESS_CODES):
        return ReadOnlyError(
            f"{where} cannot be opened or written ({error}): check that the file and its folder "
            f"exist and that you may write them, and the -wal and -shm beside the file."
        )
    return DatabaseError(f"{where}: {error}")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection held a lock for longer than the busy timeout."""
    return error_name(error).startswith(_BUSY_CODES)


def error_name(error: sqlite3.Error) -> str:
    """SQLite's name of an error, such as "SQLITE_BUSY"; "" for one that sqlite3 raised itself."""
    return str(getattr(error, "sqlite_errorname", ""))


def _about_a_value(
    error: UnicodeEncodeError | UnicodeDecodeError | OverflowError, path: Path
) -> DatabaseError | InvalidValueError:
    if isinstance(error, UnicodeDecodeError):
        return NotADatabaseError(
            f"{str(path)!r} holds a name that is not valid UTF-8: it is damaged, or neither MLflow "
            f"nor the tracker made it."
        )
    if isinstance(error, OverflowError):
        return InvalidValueError("A number does not fit in the 64 bits that SQLite has for it.")
    return InvalidValueError(
        f"The text {error.object[:100]!r} is not valid Unicode at character {error.start + 1}: "
        f"pass `text.encode(errors='replace').decode()` instead."
    )
