"""The tracking database, opened for reading and held open."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any

import streamlit as st

from tracker.database import Database
from tracker.exceptions import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUSY_SECONDS = 10.0
CACHE_KIB = 16_384


@dataclass(frozen=True)
class Source:
    """One state of one database: the key under which everything read is cached.

    Args:
        path: The database file.
        identity: Changes when another file takes its place.
        version: Changes with every commit of any process.
    """

    path: str
    identity: tuple[int, int]
    version: int


class ReadPool:
    """Read-only connections to one file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, read_only=True, busy_timeout_seconds=BUSY_SECONDS)
        self._database.close()  # What this thread opened to look at the tables.
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._watch = self._connect()
        self._watch_lock = threading.Lock()

    def version(self) -> int:
        """SQLite's change counter as the held connection sees it."""
        with self._watch_lock, self._database.translated():
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection, returned to the pool afterwards.

        Raises:
            DatabaseError: If the database cannot be read.
        """
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            with self._database.translated():
                yield connection
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Close what is not lent."""
        self._watch.close()
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _connect(self) -> sqlite3.Connection:
        connection = self._database.connect()
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        return connection


@st.cache_resource(show_spinner=False, max_entries=8, on_release=ReadPool.close)
def _pool(path: str, identity: tuple[int, int]) -> ReadPool:
    del identity
    return ReadPool(Path(path))


def open_source(path: Path) -> Source:
    """The present state of the database at `path`.

    Raises:
        DatabaseError: If there is none, or it cannot be read.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise DatabaseError(f"There is no tracking database at {str(path)!r}.") from error
    identity = (found.st_dev, found.st_ino)
    return Source(str(path), identity, _pool(str(path), identity).version())


def placeholders(count: int) -> str:
    """Marks for `count` bound values.

    >>> placeholders(3)
    '?, ?, ?'
    """
    return ", ".join("?" * count)


def stream(source: Source, statement: str, parameters: tuple[Any, ...]) -> Iterator[sqlite3.Row]:
    """The rows of a read-only statement one by one.

    Raises:
        DatabaseError: If the database cannot be read.
    """
    with _pool(source.path, source.identity).lend() as connection:
        yield from connection.execute(statement, parameters)


def rows(
    source: Source, statement: str, parameters: Mapping[str, Any] | tuple[Any, ...] = ()
) -> list[sqlite3.Row]:
    """All rows of a read-only statement.

    Raises:
        DatabaseError: If the database cannot be read.
    """
    with _pool(source.path, source.identity).lend() as connection:
        return connection.execute(statement, parameters).fetchall()


@contextmanager
def snapshot(source: Source) -> Iterator[sqlite3.Connection]:
    """A connection that sees one state of the database while it is lent.

    Raises:
        DatabaseError: If the database cannot be read.
    """
    with _pool(source.path, source.identity).lend() as connection:
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()
