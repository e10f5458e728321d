"""Opens the tracking database: pragmas, schema, transaction scopes, error translation.

The transaction policy, stated once: connections run in autocommit mode, `Database.read` opens a
deferred transaction for a consistent picture, `Database.write` takes the write lock at once
(`BEGIN IMMEDIATE`), and both roll back on any exception, Ctrl-C included.

In WAL mode with `synchronous=NORMAL` a committed transaction is in the operating system's hands:
it survives `kill -9` of the process; power loss may take the last moments.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, ParamSpec, TypeVar

from tracker import mounts, schema, sink
from tracker.connection import Connection, process
from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    DiskFullError,
    InvalidValueError,
    NotADatabaseError,
    ReadOnlyError,
    SupersededError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

Synchronous = Literal["NORMAL", "FULL"]
P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_SECONDS: Final = 60.0
MAPPED_BYTES: Final = 1 << 31
UNLINK_CHECK_SECONDS: Final = 1.0
BUSY_CODES: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")


class Database:
    """One tracking database, with a connection of its own for every thread and process.

    Args:
        path: The SQLite file; created with its folder and schema where it does not exist.
        synchronous: `NORMAL` survives a killed process, `FULL` a power loss too.
        read_only: Never write, not even the schema; the file must exist.
        busy_timeout_seconds: How long to wait for another writer.

    Raises:
        DatabaseError: The file cannot be opened; the subclass and the message say why.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "NORMAL",
        read_only: bool = False,
        busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    ) -> None:
        self.path = Path(path).absolute()
        self.read_only = read_only
        self._synchronous = synchronous
        self._busy_timeout_seconds = busy_timeout_seconds
        self._local = _PerThread()
        self._inode: int | None = None
        self._next_unlink_check = 0.0
        self._prepare()

    @property
    def folder(self) -> Path:
        """The folder against which relative artifact locations are resolved."""
        return self.path.parent

    @property
    def connection(self) -> Connection:
        """This thread's connection, opened at its first use."""
        connection = self._local.connection
        if connection is None or connection.pid != process.pid:
            connection = self._local.connection = self.connect()
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent picture of the database.

        Raises:
            DatabaseError: What sqlite3 reported, translated.
            InvalidValueError: A text or a number that SQLite cannot take.
        """
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        try:
            connection.execute("BEGIN")
            yield connection
        except _REPORTED as error:
            raise translate(error, self.path) from error
        finally:
            _roll_back(connection)

    @contextmanager
    def read_much(self) -> Iterator[sqlite3.Connection]:
        """`read` for large tables: the file is mapped into memory meanwhile, a third faster.

        Only meanwhile, and never on a network file system: a disk error in a mapped file ends the
        process instead of raising.

        Raises:
            DatabaseError: What sqlite3 reported, translated.
        """
        mapped = 0 if mounts.is_network(self.folder) else MAPPED_BYTES
        self.connection.execute(f"PRAGMA mmap_size = {mapped}")
        try:
            with self.read() as connection:
                yield connection
        finally:
            self.connection.execute("PRAGMA mmap_size = 0")

    def write(self) -> _Write:
        """A transaction that holds the write lock from its first moment.

        Raises:
            DatabaseError: What sqlite3 reported, translated; nothing was written.
            SupersededError: A signal handler opened another in the middle; nothing was written.
            InvalidValueError: A text or a number that SQLite cannot take; nothing was written.
        """
        return _Write(self)

    @property
    def is_inside(self) -> bool:
        """Whether this thread is inside a transaction: its signal handler is asking."""
        return self.connection.in_transaction

    def execute(self, statement: str, values: Sequence[object]) -> int:
        """Execute one statement that writes; not `is_inside` a transaction, it is one by itself.

        Returns:
            How many rows changed.

        Raises:
            DatabaseError: What sqlite3 reported, translated; nothing was written.
            InvalidValueError: A text or a number that SQLite cannot take; nothing was written.
        """
        connection = self.connection
        self.refuse_removed_file()
        try:
            return connection.execute(statement, values).rowcount
        except _REPORTED as error:
            raise translate(error, self.path) from error

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Within the block, wait for another writer no longer than this in this thread."""
        connection = self.connection
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
        try:
            yield
        finally:
            usual = round(1000 * self._busy_timeout_seconds)
            connection.execute(f"PRAGMA busy_timeout = {usual}")

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""
        connection, self._local.connection = self._local.connection, None
        if connection is not None and connection.pid == process.pid:
            connection.close()

    def _prepare(self) -> None:
        if not self.read_only:
            _make_folder(self.path)
        try:
            connection = self.connection
            if not self.read_only and not schema.has_tables(connection):
                with self.write():
                    _create_schema(connection)
            schema.check(connection, self.path)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        self._inode = self.path.stat().st_ino

    def connect(self) -> Connection:
        """A new connection, for the caller to close.

        Raises:
            DatabaseError: The file cannot be opened.
        """
        try:
            connection = sqlite3.connect(
                self._uri(),
                uri=True,
                timeout=self._busy_timeout_seconds,
                isolation_level=None,
                cached_statements=256,
                factory=Connection,
            )
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        try:
            self._set_up(connection)
        except sqlite3.Error as error:
            connection.close()
            raise translate(error, self.path) from error
        except DatabaseError:
            connection.close()
            raise
        return connection

    def _uri(self) -> str:
        uri = self.path.as_uri()
        if not self.read_only:
            return uri
        if not self.path.exists():
            raise DatabaseError(f"There is no tracking database at {str(self.path)!r}.")
        wal = Path(f"{self.path}-wal")
        # SQLite cannot create the shared-memory file of a WAL database in a read-only folder.
        effective = os.access in os.supports_effective_ids
        writable = os.access(self.folder, os.W_OK, effective_ids=effective)
        frozen = not writable and not wal.exists()
        return f"{uri}?immutable=1" if frozen else f"{uri}?mode=ro"

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        # What a statement needs to undo itself is kept in memory, not in a file.
        connection.execute("PRAGMA temp_store = MEMORY")
        for statement in sink.SET_UP:
            connection.execute(statement)
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
            return
        # Another program's database is refused before its journal mode is changed.
        if self._inode is None and schema.has_tables(connection):
            schema.check(connection, self.path)
        _set_journal_mode(connection, self.path, self._busy_timeout_seconds)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def refuse_removed_file(self) -> None:
        """Look, once in a second, whether the file is still the one that was opened.

        Raises:
            DatabaseError: It is not.
        """
        if time.monotonic() < self._next_unlink_check:
            return
        self._next_unlink_check = time.monotonic() + UNLINK_CHECK_SECONDS
        try:
            gone = self._inode is not None and self.path.stat().st_ino != self._inode
        except OSError:
            gone = True
        if gone:
            raise DatabaseError(
                f"The tracking database {str(self.path)!r} was removed or replaced while in use; "
                f"what is logged now would be lost. Restore the file, then start again."
            )


class _Write:
    """The scope of `Database.write`. By hand, not by `contextmanager`: it is in every call.

    Only a signal handler can open one inside another in the same thread, and it may end the
    process next: what it writes is committed by itself. The transaction that it interrupted is
    rolled back, goes on into one that comes to nothing, and is repeated (`repeated`). A handler
    that interrupts a reader leaves it its picture and writes through a connection of its own.
    """

    __slots__ = ("_afterwards", "_connection", "_database", "_superseded", "_was_writing")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        connection = self._database.connection
        self._database.refuse_removed_file()
        self._afterwards: Callable[[], object] | None = None
        if connection.in_transaction:
            connection = self._interrupting(connection)
        self._connection = connection
        self._superseded = connection.superseded
        self._was_writing = connection.writing
        connection.writing = True
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._leave()
            raise translate(error, self._database.path) from error
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
            if error is None and connection.superseded == self._superseded:
                connection.execute("COMMIT")
        except sqlite3.Error as failure:
            error = failure
        finally:
            # Asked again: a handler may have come before the commit, which then wrote nothing.
            is_superseded = connection.superseded != self._superseded
            self._leave()
        if error is not None and not isinstance(error, _REPORTED):
            return
        if is_superseded:
            raise SupersededError(
                f"A signal handler wrote to {str(self._database.path)!r} in the middle of this "
                f"call: nothing of it was written, call again."
            ) from error
        if error is not None:
            raise translate(error, self._database.path) from error

    def _interrupting(self, connection: Connection) -> Connection:
        """The connection to use in the middle of a reader's or another writer's transaction."""
        if not connection.writing:
            own = self._database.connect()
            self._afterwards = own.close
            return own
        connection.superseded += 1
        self._afterwards = partial(connection.execute, "BEGIN")
        _roll_back(connection)
        return connection

    def _leave(self) -> None:
        connection = self._connection
        if connection.in_transaction:
            _roll_back(connection)
        if self._afterwards is not None:
            self._afterwards()
        connection.writing = self._was_writing


def repeated(method: Callable[P, T]) -> Callable[P, T]:
    """Does the one transaction of a method again if a signal handler's took its place."""

    @wraps(method)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except SupersededError:
            return until_done(*args, **kwargs)

    return until_done


class _PerThread(threading.local):
    connection: Connection | None = None


# Binding a value, sqlite3 raises Python's own errors.
_REPORTED: Final = (sqlite3.Error, UnicodeEncodeError, OverflowError)


def translate(
    error: sqlite3.Error | UnicodeEncodeError | OverflowError, path: Path
) -> DatabaseError | InvalidValueError:
    """Turn sqlite3's error into the tracker's, with a sentence that says what to do."""
    if not isinstance(error, sqlite3.Error):
        return _about_a_value(error)
    name = str(getattr(error, "sqlite_errorname", ""))
    where = repr(str(path))
    if name.startswith(BUSY_CODES):
        return DatabaseLockedError(
            f"{where} stayed locked by another process: close the program that holds a "
            f"transaction open, then try again."
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return NotADatabaseError(
            f"{where} is not an SQLite database or is damaged ({error}): name another file, or "
            f"save what can be read with `sqlite3 FILE .dump`."
        )
    if name.startswith("SQLITE_FULL"):
        return DiskFullError(f"There is no room left on the disk of {where}: free some space.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        return ReadOnlyError(
            f"{where} cannot be opened or written ({error}): check that the file and its folder "
            f"exist and that you may write them."
        )
    return DatabaseError(f"{where}: {error}")


def _about_a_value(error: UnicodeEncodeError | OverflowError) -> InvalidValueError:
    if isinstance(error, OverflowError):
        return InvalidValueError("A number does not fit in the 64 bits that SQLite has for it.")
    return InvalidValueError(
        f"The text {error.object[:100]!r} is not valid Unicode at character {error.start + 1}: "
        f"pass `text.encode(errors='replace').decode()` instead."
    )


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # The first error is the one to tell.
            connection.execute("ROLLBACK")


def _make_folder(path: Path) -> None:
    try:
        is_folder = path.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadOnlyError(
            f"The folder of {str(path)!r} cannot be created ({error.strerror}): name a folder "
            f"that you may write."
        ) from error
    if is_folder:
        raise DatabaseError(f"{str(path)!r} is a folder: name a database file.")


def _set_journal_mode(connection: sqlite3.Connection, path: Path, timeout_seconds: float) -> None:
    """Switch to WAL where it works.

    SQLite does not call its busy handler for this switch: processes that open one new file
    together get SQLITE_BUSY at once, so the wait is here.
    """
    mode = "TRUNCATE" if mounts.is_network(path.parent) else "WAL"
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            busy = str(error.sqlite_errorname).startswith(BUSY_CODES)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _create_schema(connection: sqlite3.Connection) -> None:
    if schema.has_tables(connection):  # Another process was faster.
        return
    for statement in _statements(_schema_text()):
        connection.execute(statement)
    now = time.time_ns() // 1_000_000
    connection.execute(
        """
        INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                 creation_time, last_update_time)
        VALUES (0, 'Default', 'artifacts/0', 'active', ?, ?)
        """,
        (now, now),
    )


def _schema_text() -> str:
    """The schema from the installed package, or from the repository in an editable install."""
    packaged = Path(__file__).with_name("schema.sql")
    path = packaged if packaged.is_file() else Path(__file__).parents[1] / "schema.sql"
    return path.read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit before it starts."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
