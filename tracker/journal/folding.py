"""The journal of a database in this process: appending to it, and folding it into SQLite.

One thread folds, and nothing else reads the file: whoever needs a fold asks for one and waits for
the answer. A signal handler runs in the main thread, so it interrupts neither a fold nor the change
to another file. Who may not wait, because the fold would wait for them in turn, reads what the
database has: a handler that interrupted `append`, and whoever is inside a transaction.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from tracker import locations
from tracker.connection import retry_if_interrupted
from tracker.database import journals
from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    DiskFullError,
    TrackerError,
    warn,
)
from tracker.journal.file import SUPPORTED, JournalFile, live_folder
from tracker.journal.records import Kind, pack, sealed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import TypeAlias

    from tracker.database import Database
    from tracker.store.metrics import Point

    Insert: TypeAlias = Callable[[sqlite3.Connection, Sequence[Point]], Collection[str]]
    # Gets what a fold failed of, or None.
    Answer: TypeAlias = SimpleQueue[BaseException | None]

# After the first point that is not in the database. Shorter costs slow loops CPU: a fold takes
# half a millisecond, however few its points.
FOLD_SECONDS: Final = 0.15
ROTATE_BYTES: Final = 1 << 20
# How often an idle process looks whether somebody has removed its file.
WATCH_SECONDS: Final = 5.0
# Of databases used before.
MOST_UNUSED: Final = 8
# What a process logs while another holds the database's write lock; then it waits too.
MOST_UNFOLDED_BYTES: Final = 64 << 20


class Journal:
    """One journal; see `journal_of`.

    Args:
        database: Where its points go.
        insert: Adds points to runs that exist, and tells which of the runs are not active.

    Raises:
        OSError: There can be no journal.
        RuntimeError: No thread can be started.
    """

    def __init__(self, database: Database, insert: Insert) -> None:
        self.database = database
        self.runs: dict[str, int] = {}
        self._insert = insert
        self._folder = live_folder(database.path)
        # New frames go to the last; the others are folded to their end, then removed.
        self._files = [JournalFile(self._folder, self.runs)]
        # Guards the list and the ends of its files. Reentrant: a handler may log inside `append`.
        self.lock = threading.RLock()
        self._requests: SimpleQueue[Answer | None] = SimpleQueue()  # None: a first point waits.
        self._is_closed = False
        self._is_dirty = False  # Points may be in the files that are not in the database.
        self._must_fold = False  # Before the next row, which raises why it could not be.
        self._unfolded_bytes = 0
        try:
            # Not `threading.Thread`, whose start waits for the thread to begin.
            self._thread = _thread.start_new_thread(self._keep_folding, ())
        except RuntimeError:
            self._files[0].remove()
            raise

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
        if self._must_fold or self._unfolded_bytes > MOST_UNFOLDED_BYTES:
            self.fold()
        with self.lock:
            file = self._files[-1]
            pack_row = file.layouts.get((run_id, keys))
            if pack_row is None:
                return False
            body = pack_row(step, timestamp, *values)
            self._mark_dirty()
            file.append(sealed(body))
            self._unfolded_bytes += len(body)
        return True

    def define(self, run_id: str, keys: tuple[str, ...]) -> bool:
        """Let rows of an active run be appended; False where the journal cannot take them.

        Raises:
            DatabaseError: The disk is full.
        """
        with self.lock:
            return not self._is_closed and self._files[-1].define(run_id, keys)

    def forget(self) -> None:
        """Ask the database about every run again: some may be deleted now."""
        self._files[-1].layouts.clear()

    def hold(self, run_id: str, since_ms: int) -> bool:
        """Note that this process works on a run; False where it did already, or cannot."""
        with self.lock:
            if run_id in self.runs or self._is_closed:
                return False
            with suppress(DatabaseError):
                self._files[-1].append(pack(Kind.HOLD, run_id, timestamp=since_ms))
                self.runs[run_id] = since_ms
            return run_id in self.runs

    def release(self, run_id: str) -> None:
        """Note that this process works on a run no longer."""
        with self.lock:
            if self.runs.pop(run_id, None) is None or self._is_closed:
                return
            with suppress(DatabaseError):
                self._files[-1].append(pack(Kind.RELEASE, run_id))
            if _is_long(self._files[-1]):
                self._mark_dirty()

    def fold(self) -> None:
        """Have every point appended so far brought into the database, and wait until it is there.

        Raises:
            DatabaseError: The database cannot be written; the points stay in the journal.
        """
        if not self._is_dirty or self._may_not_wait():
            return
        answer: Answer = SimpleQueue()
        with self.lock:
            if self._is_closed:
                return
            self._requests.put(answer)
        error = answer.get()
        if error is not None:
            raise error

    def close(self) -> None:
        """Fold, and leave a file only if it names runs or holds points. Later calls do nothing."""
        with suppress(TrackerError, OSError):
            self.fold()
        with self.lock:
            if self.is_unused and not self._is_closed:
                self._files[-1].remove()
            self._is_closed = True
            self.forget()
            self._requests.put(None)

    def abandon(self) -> None:
        """Close the files of a database that is not there any more, or of the parent process."""
        self._is_closed = True
        self.forget()
        for file in self._files:
            file.close()
        self._requests.put(None)

    def _may_not_wait(self) -> bool:
        """Whether the fold would wait for this thread, which is in the middle of something."""
        return (
            self.database.in_transaction
            or self.lock._is_owned()  # type: ignore[attr-defined]  # noqa: SLF001  `Condition` does.
            or threading.get_ident() == self._thread  # An object's `__del__`.
        )

    def _mark_dirty(self) -> None:
        if not self._is_dirty:
            self._is_dirty = True
            self._requests.put(None)

    def _keep_folding(self) -> None:
        while not (self._is_closed and self._requests.empty()):
            answer = self._next_request()
            error: BaseException | None = None
            try:
                self._fold_files()
            except BaseException as failure:  # noqa: BLE001  Who waits raises it, or the next call.
                error = failure
            # The journal keeps the points while the database is locked or has no room.
            passes = (type(None), DatabaseLockedError, DiskFullError)
            self._must_fold = not isinstance(error, passes)
            if answer is not None:
                answer.put(error)
            if self._is_dirty and not self._is_closed:
                self._requests.put(None)

    def _next_request(self) -> Answer | None:
        """Who waits for a fold; None when the first point has waited long enough, or none came."""
        try:
            request = self._requests.get(timeout=WATCH_SECONDS)
        except Empty:
            with self.lock:
                # Without its file nobody would see that this process was killed: rotate it.
                self._is_dirty |= not self._is_closed and self._files[-1].is_removed()
            return None
        if request is None:
            with suppress(Empty):
                request = self._requests.get(timeout=FOLD_SECONDS)
        return request

    def _fold_files(self) -> None:
        with self.lock:
            if self._is_closed or not self._is_dirty:
                return
            self._rotate_if_due()
            ends = [(file, file.size()) for file in self._files]
        for file, end in ends:
            while file.reader.position < end and not self._is_closed:
                self._fold_piece(file, end)
        with self.lock:
            self._note_folded()

    def _rotate_if_due(self) -> None:
        """Let new rows go to a new file, where this one is long or its folder was removed."""
        if _is_long(self._files[-1]) or self._files[-1].is_removed():
            with suppress(OSError, DatabaseError):  # The old one goes on.
                self._files.append(JournalFile(self._folder, dict(self.runs)))

    def _fold_piece(self, file: JournalFile, end: int) -> None:
        with self.lock:
            piece = b"" if self._is_closed else file.read(end)
        start = file.reader.position
        try:
            points = file.reader.feed(piece)
            if points:
                self._insert_points(points)
        except BaseException:
            file.reader.position = start  # Read again next time.
            raise
        if file.reader.position == start and not self._is_closed:
            raise DatabaseError(
                f"The journal {file.path!r} was changed by another program: what was logged since "
                f"its byte {start:,} cannot be read. End this process."
            )

    @retry_if_interrupted  # By an object's `__del__` that writes.
    def _insert_points(self, points: Sequence[Point]) -> None:
        with self.database.write(folds=False) as connection:
            inactive = self._insert(connection, points)
        if inactive:
            self.forget()

    def _note_folded(self) -> None:
        if self._is_closed:
            return
        while len(self._files) > 1:
            self._files.pop(0).remove()
        (file,) = self._files
        self._is_dirty = False
        self._unfolded_bytes = file.size() - file.reader.position
        if self._unfolded_bytes:
            self._is_dirty = True
        else:
            with suppress(DatabaseError):
                file.append(pack(Kind.FOLDED, step=file.reader.position))


def _is_long(file: JournalFile) -> bool:
    return file.size() > file.start_bytes + ROTATE_BYTES


class _Opening:
    """Makes the journals of this process, and ends them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_opening = False
        self.is_exiting = False

    def open(self, database: Database, insert: Insert) -> None:
        with self.lock:
            if database.is_removed() or database.key in journals:  # Another thread was first.
                return
            if self.is_opening or self.is_exiting:
                return
            self.is_opening = True
            try:
                _end_superfluous()
                journals[database.key] = Journal(database, insert)
                # A worker of multiprocessing ends without `atexit`.
                workers = sys.modules.get("multiprocessing.util")
                if workers is not None and sys.modules["multiprocessing.process"].parent_process():
                    workers.Finalize(None, self.close, exitpriority=0)
            except (OSError, RuntimeError) as error:
                journals[database.key] = None
                warn(
                    f"There can be no journal in {str(live_folder(database.path))!r} ({error}): "
                    f"every metric is committed by itself, which is slower, and nobody will see "
                    f"that a run's process was killed."
                )
            finally:
                self.is_opening = False

    def close(self) -> None:
        """Fold everything, for the end of the process."""
        self.is_exiting = True
        for journal in filter(None, list(journals.values())):
            journal.close()

    def forget_inherited(self) -> None:
        """A forked child has no part in its parent's journals; closing leaves them locked."""
        for journal in filter(None, journals.values()):
            journal.lock = threading.RLock()  # A thread that stayed behind may hold the other.
            journal.abandon()
        journals.clear()
        self.__init__()  # type: ignore[misc]


def _end_superfluous() -> None:
    """Each keeps a file open, and a connection in its thread."""
    newest = list(journals)[-MOST_UNUSED:]
    for key, journal in list(journals.items()):
        if journal is None:
            continue
        if journal.database.is_removed():
            with journal.lock:
                journal.abandon()
        elif key not in newest and journal.is_unused:
            journal.close()
        else:
            continue
        del journals[key]


_opening = _Opening()


def journal_of(database: Database, insert: Insert) -> Journal | None:
    """This process's journal of a database, made at the first call.

    Returns:
        None where points are committed directly: without `flock`, on a network file system, at
        the end of the interpreter, in a signal handler that interrupted the opening, and where
        the folder cannot be written, of which a warning tells.
    """
    if database.read_only:
        return None
    if database.key not in journals and SUPPORTED and not locations.is_network(database.folder):
        _opening.open(database, insert)
    return journals.get(database.key)


atexit.register(_opening.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_opening.forget_inherited)
