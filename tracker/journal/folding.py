"""The journal of a database in this process: appending to it, and folding it into SQLite.

Two locks. `_lock` guards the file: whoever appends holds it for one write. `_fold_lock` guards the
folding: whoever has it reads the file and writes the database, and takes `_lock` only in between.
Both are reentrant, since a signal handler may log, read and write in the middle of anything: a
call inside `append` never waits for `_fold_lock`, whose holder may be waiting for `_lock`, and
neither rotates nor removes a file; a call inside a fold, or inside a transaction, folds nothing.
"""

from __future__ import annotations

import _thread
import atexit
import errno
import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tracker import locations
from tracker.connection import retry_if_interrupted
from tracker.database import fold_hooks
from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    DiskFullError,
    TrackerError,
    warn,
)
from tracker.journal.file import SUPPORTED, JournalFile, live_folder
from tracker.journal.records import PACK_CRC, pack_folded, pack_hold, pack_release

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from tracker.database import Database
    from tracker.store.metrics import Point

    Insert = Callable[[sqlite3.Connection, Sequence[Point]], Collection[str]]

# After the first point that is not in the database. Shorter costs slow loops CPU: a fold takes
# half a millisecond, however few its points.
FOLD_SECONDS: Final = 0.15
ROTATE_BYTES: Final = 1 << 20
# Of databases used before.
MOST_UNUSED: Final = 8
# Then the thread ends, and with it its connection, until the next point.
IDLE_SECONDS: Final = 30.0
# What a process logs while another holds the database's write lock; then it waits too.
MOST_UNFOLDED_BYTES: Final = 64 << 20


class Journal:
    """One journal; see `journal_of`.

    Args:
        database: Where its points go.
        insert: Adds points to runs that exist, and tells which of the runs are not active.

    Raises:
        OSError: There can be no journal.
    """

    def __init__(self, database: Database, insert: Insert) -> None:
        self.database = database
        self._insert = insert
        self._folder = live_folder(database.path)
        self.runs: dict[str, int] = {}
        self._file = JournalFile(self._folder, self.runs)
        self._retired: list[JournalFile] = []
        self._lock = threading.RLock()
        self._fold_lock = threading.RLock()
        self._wake = threading.Lock()
        self._wake.acquire()
        self._has_thread = False
        self._is_appending = False
        self._is_folding = False
        self._is_closed = False
        self._is_dirty = False  # Points may be in the file that are not in the database.
        self._must_fold = False  # Before the next row: a fold failed, or there are too many.
        self._unfolded_bytes = 0

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be appended any more: the process ends, or is another."""
        return self._is_closed

    @property
    def is_unused(self) -> bool:
        """Whether it names no run, and every point is in the database."""
        return not self.runs and not self._is_dirty

    def append(
        self,
        run_id: str,
        keys: tuple[str, ...],
        step: int,
        timestamp: int,
        values: Iterable[float],
    ) -> bool:
        """Append one value for each of some metrics of a run, all or none.

        Returns:
            False where `define` must come first, or the journal is closed.

        Raises:
            DatabaseError: The disk is full; or the database cannot be written for good.
        """
        if self._must_fold:
            self.fold()
        with self._lock:
            outer = self._is_appending
            try:
                self._is_appending = True
                file = self._file
                pack_row = file.layouts.get((run_id, keys))
                if pack_row is None:
                    return False
                body = pack_row(step, timestamp, *values)
                if not self._is_dirty:
                    self._is_dirty = True
                    self._wake_thread()
                file.append(PACK_CRC(crc32(body)) + body)
                self._unfolded_bytes += len(body)
                if self._unfolded_bytes > MOST_UNFOLDED_BYTES:
                    self._must_fold = True
            except OSError as error:
                raise _disk_error(error, self._file.path) from error
            finally:
                self._is_appending = outer
        return True

    def define(self, run_id: str, keys: tuple[str, ...]) -> bool:
        """Let rows of an active run be appended; False where the journal cannot take them.

        Raises:
            DatabaseError: The disk is full.
        """
        with self._appending() as file:
            try:
                return not self._is_closed and file.define(run_id, keys)
            except OSError as error:
                raise _disk_error(error, file.path) from error

    def forget(self) -> None:
        """Ask the database about every run again: some may be deleted now."""
        self._file.layouts.clear()

    def hold(self, run_id: str, since_ms: int) -> bool:
        """Note that this process works on a run; False where it did already, or cannot."""
        with self._appending() as file:
            if run_id in self.runs or self._is_closed:
                return False
            with suppress(OSError):
                file.append(pack_hold(run_id, since_ms))
                self.runs[run_id] = since_ms
            return run_id in self.runs

    def release(self, run_id: str) -> None:
        """Note that this process works on a run no longer."""
        with self._appending() as file:
            if self.runs.pop(run_id, None) is None:
                return
            with suppress(OSError):
                file.append(pack_release(run_id))
            if _is_long(file):
                self._is_dirty = True
                self._wake_thread()

    def fold(self) -> None:
        """Bring every point appended so far into the database, unless a signal handler asks.

        Raises:
            DatabaseError: The database cannot be written; the points stay in the journal.
        """
        if not self._is_dirty or self.database.in_transaction:
            return
        is_nested = self._is_appending_here()
        if not is_nested:
            with self._fold_lock:
                self._fold_once(may_remove=True)
        elif self._fold_lock.acquire(blocking=False):
            try:
                self._fold_once(may_remove=False)
            finally:
                self._fold_lock.release()

    def close(self) -> None:
        """Fold, and leave a file only if it names runs or holds points. Later calls do nothing."""
        with suppress(TrackerError, OSError):
            self.fold()
        with self.at_rest():
            if self.is_unused and not self._is_closed:
                self._file.remove()
            self._is_closed = True
            self.forget()
        self._wake_thread()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nobody appends or folds in the block."""
        with self._fold_lock, self._lock:
            yield

    def abandon(self) -> None:
        """Close the files of a database that is not there any more, or of the parent process."""
        self._is_closed = True
        self.forget()
        for file in (*self._retired, self._file):
            with suppress(OSError):
                file.close()

    @contextmanager
    def _appending(self) -> Iterator[JournalFile]:
        """The file to append to, which stays the one until the end of the block."""
        with self._lock:
            outer = self._is_appending
            try:
                self._is_appending = True
                yield self._file
            finally:
                self._is_appending = outer

    def _is_appending_here(self) -> bool:
        """Whether this thread is inside `append`, which its signal handler interrupted."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._is_appending
        finally:
            self._lock.release()

    def _fold_once(self, *, may_remove: bool) -> None:
        if self._is_folding or self._is_closed:
            return
        try:
            self._is_folding = True
            with self._lock:
                if may_remove:
                    self._rotate_if_due()
                files = [(file, file.status().st_size) for file in (*self._retired, self._file)]
            for file, end in files:
                self._fold_file(file, end)
            self._must_fold = False
            with self._lock:
                self._note_folded(may_remove=may_remove)
        finally:
            self._is_folding = False

    def _rotate_if_due(self) -> None:
        """Let new rows go to a new file, where this one is long or its folder was removed."""
        if self._file.status().st_nlink and not _is_long(self._file):
            return
        held = dict(self.runs)
        with suppress(OSError):  # The old one goes on.
            new = JournalFile(self._folder, held)
            self._retired.append(self._file)
            self._file = new
            for run_id in self.runs.keys() - held.keys():  # A signal handler's, just now.
                new.append(pack_hold(run_id, self.runs[run_id]))

    def _fold_file(self, file: JournalFile, end: int) -> None:
        reader = file.reader
        while (start := reader.position) < end:
            try:
                points = file.read_to(end)
                if points:
                    self._insert_points(points)
            except BaseException:
                reader.position = start  # Read again next time.
                raise
            if reader.position == start:
                raise DatabaseError(
                    f"The journal {file.path!r} was changed by another program: what was logged "
                    f"since its byte {start:,} cannot be read. End this process."
                )

    @retry_if_interrupted
    def _insert_points(self, points: Sequence[Point]) -> None:
        with self.database.write(folds=False) as connection:
            inactive = self._insert(connection, points)
        if inactive:
            self.forget()

    def _note_folded(self, *, may_remove: bool) -> None:
        if may_remove:
            while self._retired:
                self._retired.pop().remove()
        if self._is_appending or self._is_closed:  # The interrupted call is about to write.
            return
        position = self._file.reader.position
        mark = pack_folded(position)
        self._is_dirty = False
        with suppress(OSError):
            self._file.append(mark)
            position += len(mark)
        if self._file.status().st_size != position:
            self._is_dirty = True
        else:
            self._unfolded_bytes = 0

    def _wake_thread(self) -> None:
        if not self._has_thread:
            self._has_thread = True
            # Not `threading.Thread`, whose start takes locks that a signal handler would wait for.
            try:
                _thread.start_new_thread(self._keep_folding, ())
            except RuntimeError:  # The interpreter ends, or there are too many: see `close`.
                self._has_thread = False
        with suppress(RuntimeError):  # It is awake.
            self._wake.release()

    def _is_idle(self) -> bool:
        """Wait for something to do; if there is nothing for long, this thread is to end."""
        if self._wake.acquire(timeout=IDLE_SECONDS):
            return False
        with self._lock:
            self._has_thread = self._is_dirty
            return not self._is_dirty

    def _keep_folding(self) -> None:
        while not self._is_closed and not self._is_idle():
            while self._is_dirty and not self._is_closed:
                time.sleep(FOLD_SECONDS)
                try:
                    self.fold()
                except (DatabaseLockedError, DiskFullError):
                    pass  # Another time: until then the journal keeps the points.
                except (TrackerError, OSError):
                    self._must_fold = True  # The next call raises it.


def _is_long(file: JournalFile) -> bool:
    return file.status().st_size > file.start_bytes + ROTATE_BYTES


def _disk_error(error: OSError, path: str) -> DatabaseError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFullError(f"There is no room left on the disk of {path!r}: free some space.")
    return DatabaseError(f"The journal {path!r} cannot be written: {error.strerror}.")


class _Journals:
    """The journals of this process by the path of their database."""

    def __init__(self) -> None:
        self.opened: dict[str, Journal] = {}
        self.impossible: set[str] = set()
        self.lock = threading.RLock()
        self.is_opening = False
        self.is_exiting = False

    def open(self, database: Database, insert: Insert) -> Journal | None:
        key = database.key
        with self.lock:
            if self.is_opening or self.is_exiting or key in self.impossible:
                return None
            try:
                self.is_opening = True
                earlier = self.opened.get(key)
                if earlier is not None and earlier.database.inode == database.inode:
                    return earlier
                if database.is_removed():
                    return None
                if earlier is not None:
                    with earlier.at_rest():
                        earlier.abandon()
                self._close_unused()
                self.opened[key] = Journal(database, insert)
                fold_hooks[key] = self.opened[key].fold
                self._close_with_worker()
            except OSError as error:
                self.impossible.add(key)
                warn(
                    f"{str(live_folder(database.path))!r} cannot be written ({error.strerror}): "
                    f"every metric is committed by itself, which is slower, and nobody will see "
                    f"that a run's process was killed."
                )
            finally:
                self.is_opening = False
        return self.opened.get(key)

    def _close_unused(self) -> None:
        """Each keeps a file open, and a connection in its thread."""
        for key, journal in list(self.opened.items())[:-MOST_UNUSED]:
            if journal.is_unused:
                journal.close()
                del self.opened[key], fold_hooks[key]

    def _close_with_worker(self) -> None:
        """A worker of multiprocessing ends without `atexit`."""
        workers = sys.modules.get("multiprocessing.util")
        if workers is not None and sys.modules["multiprocessing.process"].parent_process():
            workers.Finalize(None, self.close, exitpriority=0)

    def close(self) -> None:
        self.is_exiting = True
        for journal in list(self.opened.values()):
            journal.close()

    def forget_inherited(self) -> None:
        """A forked child has no part in its parent's journals; closing leaves them locked."""
        for key, journal in self.opened.items():
            journal.abandon()
            fold_hooks.pop(key, None)
        self.__init__()  # type: ignore[misc]


_journals = _Journals()


def journal_of(database: Database, insert: Insert) -> Journal | None:
    """This process's journal of a database, made at the first call.

    Returns:
        None where points are committed directly: without `flock`, on a network file system, at
        the end of the interpreter, in a signal handler that interrupted the opening, and where
        the folder cannot be written, of which a warning tells.
    """
    if database.read_only:
        return None
    journal = _journals.opened.get(database.key)
    if journal is not None and journal.database.inode == database.inode:
        return journal
    if not SUPPORTED or locations.is_network(database.folder):
        return None
    return _journals.open(database, insert)


atexit.register(_journals.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_journals.forget_inherited)
