"""The journal of a database in this process: appending to it, and folding it into SQLite.

One thread folds, and nothing else reads the file: whoever needs a fold asks for one and waits for
the answer. A signal handler runs in the main thread, so it interrupts neither a fold nor the change
to another file. Who may not wait, because the fold would wait for them in turn, reads what the
database has: a handler that interrupted `append`, and whoever is inside a transaction. The thread
and the file end when nobody needs them, and come back with the next point or run.
"""

from __future__ import annotations

import _thread
import atexit
import os
import platform
import sys
import threading
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from tracker import locations
from tracker.connection import process
from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    DiskFullError,
    TrackerError,
    warn,
)
from tracker.journal.file import SUPPORTED, JournalFile, live_folder
from tracker.journal.records import (
    FOLDED,
    HOLD,
    RELEASE,
    pack,
    pack_start,
    row_packer,
    sealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TypeAlias

    from tracker.journal.records import PackRow, Row
    from tracker.store import Store

    # Gets what a fold failed of, or None.
    Answer: TypeAlias = SimpleQueue[BaseException | None]

# After the first point that is not in the database. Shorter costs slow loops CPU: a fold takes
# half a millisecond, however few its points.
FOLD_SECONDS: Final = 0.2
ROTATE_BYTES: Final = 2 << 20
# What a run takes at the start of a file, at most.
HOLD_BYTES: Final = 320
# How often an idle process looks whether it needs its file still, and has it.
WATCH_SECONDS: Final = 1.0
# What a process logs while another holds the database's write lock; then it waits too.
MOST_UNFOLDED_BYTES: Final = 64 << 20


class Journal:
    """One journal; see `journal_of`.

    Attributes:
        runs: What this process works on, and since when in ms since the epoch.
        must_fold: The next row has to wait for a fold, which raises why there can be none.
        is_closed: Nothing can be appended any more: there can be no file, or the process ends.
    """

    is_closed = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Reentrant: a handler may log inside `append`.
        self.lock = threading.RLock()
        self._requests: SimpleQueue[Answer | None] = SimpleQueue()  # None: a first point waits.
        self._is_opening = False
        self._clear()

    def _clear(self) -> None:
        self.runs: dict[str, int] = {}
        # New frames go to the last; the others are folded to their end, then removed.
        self._files: list[JournalFile] = []
        # Of runs that are known to be active.
        self._rows: dict[Row, PackRow] = {}
        # Not 0 from before a point is in a file until it is in the database.
        self._unfolded_bytes = 0
        self._thread = 0
        self.must_fold = False

    def append(self, row: Row, step: int, timestamp: int, values: Iterable[float]) -> bool:
        """Append one value for each of some metrics of a run, all or none.

        Returns:
            False where `allow` must come first.

        Raises:
            DatabaseError: The disk is full, say.
        """
        with self.lock:
            pack_row = self._rows.get(row)
            if pack_row is None:
                return False
            frame = sealed(pack_row(step, timestamp, *values))
            is_first = not self._unfolded_bytes
            self._unfolded_bytes += len(frame)
            if is_first:
                self._requests.put(None)
            self._files[-1].append(frame)
            if self._unfolded_bytes > MOST_UNFOLDED_BYTES:
                self.must_fold = True
                self.forget()
        return True

    def allow(self, store: Store, row: Row) -> bool:
        """Let rows of an active run be appended; False where the journal cannot take them."""
        pack_row = row_packer(row)
        with self.lock:
            if pack_row is not None and self._is_open(store):
                self._rows[row] = pack_row
            return row in self._rows

    def forget(self) -> None:
        """Ask the database about every run again: some may be deleted now."""
        self._rows.clear()

    def hold(self, store: Store, run_id: str, since_ms: int) -> bool:
        """Note that this process works on a run; False where it did already, or cannot."""
        with self.lock:
            if run_id in self.runs or not self._is_open(store):
                return False
            with suppress(DatabaseError):
                self._files[-1].append(pack(HOLD, run_id, _name(), timestamp=since_ms))
                self.runs[run_id] = since_ms
            return run_id in self.runs

    def release(self, run_id: str) -> None:
        """Note that this process works on a run no longer."""
        with self.lock:
            if self.runs.pop(run_id, None) is not None:
                with suppress(DatabaseError):
                    self._files[-1].append(pack(RELEASE, run_id))

    def fold(self) -> None:
        """Have every point appended so far brought into the database, and wait until it is there.

        Raises:
            DatabaseError: The database cannot be written; the points stay in the journal.
        """
        is_in_append = self.lock._is_owned()  # type: ignore[attr-defined]  # noqa: SLF001  `Condition` does.
        if self._unfolded_bytes and not is_in_append and threading.get_ident() != self._thread:
            self._ask()

    def close(self) -> None:
        """Fold, and leave a file only if it names runs or holds points."""
        self.forget()
        with suppress(TrackerError, OSError):
            self._ask()

    def forget_inherited(self) -> None:
        """A forked child has no part in its parent's journal; closing leaves it locked."""
        for file in self._files:
            file.close()
        self.__init__(self._folder)  # type: ignore[misc]

    def _is_open(self, store: Store) -> bool:
        """Whether frames can be appended; makes the file and its thread where there are none."""
        if self._is_opening:  # A signal handler has interrupted it.
            return False
        if not (self._files or self.is_closed or store.database.is_removed()):
            self._is_opening = True
            try:
                self._open(store)
            except (OSError, RuntimeError, DatabaseError) as error:
                self.is_closed = True
                warn(
                    f"There can be no journal in {str(self._folder)!r} ({error}): every metric is "
                    f"committed by itself, which is slower, and nobody will see that a run's "
                    f"process was killed."
                )
            finally:
                self._is_opening = False
        return bool(self._files) and not self.is_closed

    def _open(self, store: Store) -> None:
        if not SUPPORTED or locations.is_network(self._folder.parent):
            self.is_closed = True
            return
        _end_with_worker(process.pid)
        self._files.append(JournalFile.create(self._folder, pack_start(_name(), {})))
        try:
            # Not `threading.Thread`, whose start waits for the thread to begin.
            _thread.start_new_thread(self._keep_folding, (store,))
        except BaseException:
            self._files.pop().remove()
            raise

    def _ask(self) -> None:
        answer: Answer = SimpleQueue()
        with self.lock:
            if not self._files:
                return
            self._requests.put(answer)
        error = answer.get()
        if error is not None:
            raise error

    # In the thread that folds

    def _keep_folding(self, store: Store) -> None:
        self._thread = threading.get_ident()
        is_over = False
        while not is_over:
            answer, is_idle = None, False
            try:
                seconds = FOLD_SECONDS if self._unfolded_bytes else WATCH_SECONDS
                answer = self._requests.get(timeout=seconds)
                if answer is None:
                    continue
            except Empty:
                is_idle = not self._unfolded_bytes
            error = self._failure_of_fold(store)
            if is_idle or self.is_closed or self.must_fold:
                is_over = self._is_over(store)
            if answer is not None:
                answer.put(error)

    def _failure_of_fold(self, store: Store) -> BaseException | None:
        error = None
        try:
            self._fold_files(store)
        except BaseException as failure:  # noqa: BLE001  Who waits raises it, or the next call.
            error = failure
        # The journal keeps the points while the database is locked or has no room.
        self.must_fold = not isinstance(error, (type(None), DatabaseLockedError, DiskFullError))
        if self.must_fold:
            self.forget()
        return error

    def _fold_files(self, store: Store) -> None:
        with self.lock:
            self._rotate_if_due()
            ends = [(file, file.size()) for file in self._files]
        for file, end in ends:
            for points in file.points(end):
                if store.insert_points(points):
                    self.forget()
            if file.reader.position != end:
                raise DatabaseError(
                    f"The journal {file.path!r} was changed by another program: what was logged "
                    f"since its byte {file.reader.position:,} cannot be read. End this process."
                )
        with self.lock:
            self._note_folded()

    def _rotate_if_due(self) -> None:
        """Let new frames go to a new file, where this one is long or was removed."""
        file = self._files[-1]
        if file.size() > ROTATE_BYTES + HOLD_BYTES * len(self.runs) or file.is_removed():
            with suppress(OSError, DatabaseError):  # The old one goes on.
                self._files.append(JournalFile.create(self._folder, pack_start(_name(), self.runs)))
                self.forget()  # So that memory stays flat.

    def _note_folded(self) -> None:
        while len(self._files) > 1:
            self._files.pop(0).remove()
        (file,) = self._files
        had_points, self._unfolded_bytes = self._unfolded_bytes, file.size() - file.reader.position
        if had_points and not self._unfolded_bytes:
            with suppress(DatabaseError):
                file.append(pack(FOLDED))

    def _is_over(self, store: Store) -> bool:
        """Let go of the file if nobody needs it, or its database was removed."""
        with self.lock:
            is_removed = store.database.is_removed()
            is_needed = (self.runs or self._unfolded_bytes) and not is_removed
            if is_needed or not self._requests.empty():
                return False
            for file in self._files:
                file.close() if is_removed else file.remove()
            self._clear()
            return True


_journals: dict[tuple[str, int], Journal] = {}


def journal_of(database_path: Path, inode: int) -> Journal:
    """This process's journal of a database. Its file comes with the first run or point.

    It takes nothing, so that points are committed directly, without `flock`, on a network file
    system, at the end of the interpreter, to a signal handler that interrupts the opening, and
    where the folder cannot be written, of which a warning tells.
    """
    folder = live_folder(database_path)
    return _journals.setdefault((str(folder), inode), Journal(folder))


def _name() -> str:
    return f"process {process.pid} on {platform.node()}"


@cache
def _end_with_worker(pid: int) -> None:  # noqa: ARG001  Once a process.
    """A worker of multiprocessing ends without `atexit`."""
    workers = sys.modules.get("multiprocessing.util")
    if workers is not None and sys.modules["multiprocessing.process"].parent_process():
        workers.Finalize(None, _close_all, exitpriority=0)


def _close_all() -> None:
    Journal.is_closed = True  # Those to come, too.
    for journal in list(_journals.values()):
        journal.close()


def _forget_inherited() -> None:
    for journal in _journals.values():
        journal.forget_inherited()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)
