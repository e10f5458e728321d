"""Folding the journals of processes that have ended, and looking at those of others.

Whoever opens a database for writing recovers before it judges runs dead: a run's last points are
its last sign of life. Recoverers wait for each other, so that none takes a journal that another is
halfway through for one whose points are all there.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from tracker.file_locks import exclusive
from tracker.journal.file import JournalFile, journal_paths, live_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tracker.journal.records import Worker
    from tracker.store import Store

# With its dot and its name, no journal.
LOCK_NAME: Final = "recovery.lock"


@contextmanager
def recovered(store: Store) -> Iterator[dict[str, Worker]]:
    """Fold every journal that nobody holds; those files go when the block is left without error.

    Yields:
        The runs that ended processes worked on, and nobody else does.

    Raises:
        DatabaseError: The database cannot be written; the journals stay.
        InvalidStateError: A signal handler has interrupted its own thread's recovery.
    """
    path = store.database.path
    if not any(journal_paths(live_folder(path))):
        yield {}
        return
    with kept_out(path), ExitStack() as opened:
        ended: dict[str, JournalFile] = {}
        for name in journal_paths(live_folder(path)):
            with suppress(OSError):
                journal = JournalFile(name)
                opened.callback(journal.close)
                if journal.is_free(keep=True):
                    ended[name] = journal
        runs: dict[str, Worker] = {}
        for journal in ended.values():
            for points in journal.points():
                store.insert_points(points)
            runs |= journal.reader.runs
        for journal in found(path) if runs else ():
            if journal.path not in ended:
                runs = {run: runs[run] for run in runs.keys() - journal.read().runs.keys()}
        yield runs
        for journal in ended.values():
            journal.dispose()


def kept_out(database_path: Path) -> AbstractContextManager[None]:
    """Keeps recoverers from judging runs dead while this process takes one over."""
    return exclusive(live_folder(database_path) / LOCK_NAME)


def found(database_path: Path) -> Iterator[JournalFile]:
    """Every journal of a database, to be looked at until the next: nothing is folded or changed."""
    for path in journal_paths(live_folder(database_path)):
        with suppress(OSError), closing(JournalFile(path)) as journal:
            yield journal


def waiting(database_path: Path) -> int:
    """How many points of ended processes are not in the database."""
    return sum(journal.read().waiting for journal in found(database_path) if journal.is_free())
