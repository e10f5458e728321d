"""One connection to SQLite: its life, its write transactions, and the policy for signals.

The policy: a signal handler may end the process next, so what it writes is committed at once. If
it interrupts a write transaction of its own thread, that transaction is rolled back, the rest of
it goes into one that is never committed, and the whole is retried (`retry_if_interrupted`). If it
interrupts a reader, it writes through a second connection and the reader keeps its picture.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tracker.exceptions import SupersededError
from tracker.sqlite_errors import REPORTED, translate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")


class Connection(sqlite3.Connection):
    """Closed when nothing refers to it any more: at the end of its thread, say.

    Whichever thread notices closes it, so any thread may use it, one at a time. One inherited
    through fork is put aside instead: closing it would touch the parent's write-ahead log.
    """

    pid: int | None = None
    # Whether a `WriteTransaction` is open, and how many a signal handler interrupted.
    writing: bool = False
    interrupted: int = 0
    # Through which handlers write that interrupted a reader of this one.
    second: Connection | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"check_same_thread": False})
        self.pid = process.pid

    def __del__(self) -> None:
        if self.pid == process.pid:
            self.close()
        elif self.pid is not None:
            _inherited.append(self)


class WriteTransaction:
    """A transaction that takes the write lock when it starts. Only a signal handler nests one.

    Args:
        connection: This thread's connection.
        path: The database, for messages.
        connect: Opens another connection.

    Raises:
        DatabaseError: What sqlite3 reported, translated; nothing was written.
        SupersededError: A signal handler wrote in the middle; nothing was written.
        InvalidValueError: A text or a number that SQLite cannot store; nothing was written.
    """

    __slots__ = ("_afterwards", "_connection", "_interrupted", "_path", "_was_writing")

    def __init__(
        self, connection: Connection, path: Path, connect: Callable[[], Connection]
    ) -> None:
        self._path = path
        self._afterwards: Callable[[], object] | None = None
        if connection.in_transaction and not connection.writing:
            if connection.second is None:
                connection.second = connect()
                self._afterwards = partial(_close_second, connection)
            connection = connection.second
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        connection = self._connection
        if connection.in_transaction:
            connection.interrupted += 1
            self._afterwards = partial(connection.execute, "BEGIN")
            roll_back(connection)
        self._interrupted = connection.interrupted
        self._was_writing = connection.writing
        connection.writing = True
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._leave()
            raise translate(error, self._path) from error
        except BaseException:  # Ctrl-C just after the statement.
            self._leave()
            raise
        return connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection = self._connection
        try:
            if error is None and connection.interrupted == self._interrupted:
                connection.execute("COMMIT")
        except sqlite3.Error as failure:
            error = failure
        finally:
            # Asked again: a handler may have come before the commit, which then wrote nothing.
            is_interrupted = connection.interrupted != self._interrupted
            self._leave()
        if error is not None and not isinstance(error, REPORTED):
            return
        if is_interrupted:
            raise SupersededError(
                f"A signal handler wrote to {str(self._path)!r} in the middle of this call: "
                f"nothing of it was written, call again."
            ) from error
        if error is not None:
            raise translate(error, self._path) from error

    def _leave(self) -> None:
        connection = self._connection
        if connection.in_transaction:
            roll_back(connection)
        if self._afterwards is not None:
            self._afterwards()
        connection.writing = self._was_writing


def retry_if_interrupted(method: Callable[P, T]) -> Callable[P, T]:
    """Runs a method with one write transaction again if a signal handler interrupted it."""

    @wraps(method)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            with suppress(SupersededError):
                return method(*args, **kwargs)

    return until_done


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, if one is open, without its changes."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # The first error is the one to report.
            connection.execute("ROLLBACK")


def _close_second(connection: Connection) -> None:
    second, connection.second = connection.second, None
    if second is not None:
        second.close()


_inherited: list[Connection] = []


class _Process:
    """The id of this process, which costs more from the operating system than a call may."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.pid = os.getpid()


process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.renew)
