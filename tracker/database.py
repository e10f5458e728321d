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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tracker import locations, schema
from tracker.connection import Connection, WriteTransaction, process, roll_back
from tracker.exceptions import DatabaseError, ReadOnlyError
from tracker.journal.folding import Journal, journal_of
from tracker.sqlite_errors import REPORTED, is_busy, translate, translated
from tracker.validation import check_synchronous

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

Synchronous = Literal["NORMAL", "FULL"]

BUSY_TIMEOUT_SECONDS: Final = 60.0
MAPPED_BYTES: Final = 1 << 31
UNLINK_CHECK_SECONDS: Final = 1.0
_IS_FOLDER: Final = "{!r} is a folder: name a database file."


class Database:
    """One tracking database, with a connection of its own for every thread and process.

    Args:
        path: The SQLite file; created with its folder and schema where it does not exist.
        synchronous: `NORMAL` survives a killed process, `FULL` a power loss too.
        read_only: Never write, not even the schema; the file must exist.
        busy_timeout_seconds: How long to wait for another writer.

    Raises:
        DatabaseError: The file cannot be opened; the subclass and the message say why.
        InvalidValueError: `synchronous` is neither "NORMAL" nor "FULL".
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
        self.synchronous = check_synchronous(synchronous)
        self._busy_timeout_seconds = busy_timeout_seconds
        self._local = _PerThread()
        self.inode: int | None = None
        # Shared by everything in this process that has the database open.
        self.journal: Journal | None = None
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

    def fold(self) -> None:
        """Bring into the database what this process has in its journal.

        Raises:
            DatabaseError: The database cannot be written; the points stay in the journal.
        """
        # A transaction of this thread would keep the fold waiting.
        if self.journal is not None and not self.in_transaction:
            self.journal.fold()

    @contextmanager
    def read(self, *, folds: bool = True) -> Iterator[sqlite3.Connection]:
        """One consistent picture of the database.

        Args:
            folds: Whether it holds what this process has in its journal.

        Raises:
            DatabaseError: What sqlite3 reported, translated.
            InvalidValueError: A text or a number that SQLite cannot take.
        """
        connection = self.connection
        if connection.in_transaction:
            yield connection
            return
        if folds:
            self.fold()
        try:
            connection.execute("BEGIN")
            yield connection
        except REPORTED as error:
            raise translate(error, self.path) from error
        finally:
            roll_back(connection)

    @contextmanager
    def read_much(self) -> Iterator[sqlite3.Connection]:
        """`read` for large tables: the file is mapped into memory meanwhile, a third faster.

        Only meanwhile, and never on a network file system: a disk error in a mapped file ends the
        process instead of raising.

        Raises:
            DatabaseError: What sqlite3 reported, translated.
        """
        mapped = 0 if locations.is_network(self.folder) else MAPPED_BYTES
        self.connection.execute(f"PRAGMA mmap_size = {mapped}")
        try:
            with self.read() as connection:
                yield connection
        finally:
            self.connection.execute("PRAGMA mmap_size = 0")

    def write(self, *, folds: bool = True) -> WriteTransaction:
        """A transaction that takes the write lock when it starts; see `WriteTransaction`.

        Args:
            folds: Whether what this process has in its journal comes first.

        Raises:
            DatabaseError: The file was removed or opened read-only, or another connection cannot
                be opened.
        """
        self.check_writable()
        self.refuse_removed_file()
        if folds:
            self.fold()
        return WriteTransaction(self.connection, self.path, self.connect)

    def check_writable(self) -> None:
        """Refuse to write what was opened for reading.

        Raises:
            ReadOnlyError: It was.
        """
        if self.read_only:
            raise ReadOnlyError(
                f"{str(self.path)!r} was opened read-only: open it without `read_only` to write."
            )

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside a transaction, which its signal handler interrupted."""
        connection = self._local.connection
        return (
            connection is not None and connection.pid == process.pid and connection.in_transaction
        )

    def execute(self, statement: str, values: Sequence[object]) -> int:
        """Execute one writing statement, which is a transaction by itself, outside any other.

        Returns:
            How many rows changed.

        Raises:
            DatabaseError: What sqlite3 reported, translated; nothing was written.
            InvalidValueError: A text or a number that SQLite cannot take; nothing was written.
        """
        self.check_writable()
        connection = self.connection
        self.refuse_removed_file()
        self.fold()
        try:
            return connection.execute(statement, values).rowcount
        except REPORTED as error:
            raise translate(error, self.path) from error

    @contextmanager
    def busy_timeout(self, seconds: float) -> Iterator[None]:
        """Wait for another writer no longer than this in the block, in this thread."""
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
        with translated(self.path):
            connection = self.connection
            if not self.read_only and not schema.has_tables(connection):
                with self.write():
                    schema.create(connection)
            schema.check(connection, self.path, writes=not self.read_only)
            if not self.read_only and schema.lacks_indexes(connection):
                with self.write() as writing:
                    schema.create_indexes(writing)
        self.inode = self.path.stat().st_ino
        self.journal = journal_of(self.path, self.inode)

    def translated(self) -> AbstractContextManager[None]:
        """Translates what a connection of `connect` raises in the block.

        Raises:
            DatabaseError: What SQLite reported.
            InvalidValueError: A text or a number that SQLite cannot take.
        """
        return translated(self.path)

    def connect(self) -> Connection:
        """A new connection, for the caller to close; see `translated`.

        Raises:
            DatabaseError: The file cannot be opened, or is not the one that was opened first.
        """
        if self.inode is not None:
            self._next_unlink_check = 0.0
            self.refuse_removed_file()
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
        if self.read_only:
            return read_only_uri(self.path)
        # A thread that connects later must not make a removed file anew, and empty.
        return self.path.as_uri() if self.inode is None else f"{self.path.as_uri()}?mode=rw"

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        # What a statement needs to undo itself is kept in memory, not in a file.
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
            return
        # Another program's database is refused before its journal mode is changed.
        if self.inode is None and schema.has_tables(connection):
            schema.check(connection, self.path)
        _set_journal_mode(connection, self.path, self._busy_timeout_seconds)
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")

    def refuse_removed_file(self) -> None:
        """Look, once in a second, whether the file is still the one that was opened.

        Raises:
            DatabaseError: It is not.
        """
        if time.monotonic() < self._next_unlink_check:
            return
        if self.is_removed():
            raise DatabaseError(
                f"The tracking database {str(self.path)!r} was removed or replaced while in use; "
                f"what is logged now would be lost. Restore the file, then start again."
            )
        self._next_unlink_check = time.monotonic() + UNLINK_CHECK_SECONDS

    def is_removed(self) -> bool:
        """Whether the file is not the one that was opened any more."""
        try:
            return self.inode is not None and self.path.stat().st_ino != self.inode
        except OSError:
            return True


def read_only_uri(path: Path) -> str:
    """The URI by which `sqlite3.connect` opens an absolute path for reading only.

    Raises:
        DatabaseError: There is no such file, or it is a folder.
    """
    if not path.exists():
        raise DatabaseError(f"There is no tracking database at {str(path)!r}.")
    if path.is_dir():
        raise DatabaseError(_IS_FOLDER.format(str(path)))
    # SQLite cannot create the shared-memory file of a WAL database in a read-only folder.
    effective = os.access in os.supports_effective_ids
    is_writable = os.access(path.parent, os.W_OK, effective_ids=effective)
    is_frozen = not is_writable and not Path(f"{path}-wal").exists()
    return f"{path.as_uri()}?{'immutable=1' if is_frozen else 'mode=ro'}"


class _PerThread(threading.local):
    connection: Connection | None = None


def _make_folder(path: Path) -> None:
    try:
        is_folder = path.is_dir()
        is_special = path.exists() and not path.is_file() and not is_folder
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadOnlyError(
            f"The folder of {str(path)!r} cannot be created ({error.strerror}): name a folder "
            f"that you may write."
        ) from error
    if is_folder:
        raise DatabaseError(_IS_FOLDER.format(str(path)))
    if is_special:
        raise DatabaseError(f"{str(path)!r} is a device, pipe or socket: name a database file.")


def _set_journal_mode(connection: sqlite3.Connection, path: Path, timeout_seconds: float) -> None:
    """Switch to WAL where it works.

    SQLite does not call its busy handler for this switch: processes that open one new file
    together get SQLITE_BUSY at once, so the wait is here.
    """
    mode = "TRUNCATE" if locations.is_network(path.parent) else "WAL"
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
