"""Folding the journals of processes that have ended, and looking at those of others.

Whoever opens a database for writing recovers before it judges runs dead: a run's last points are
its last sign of life. Recoverers wait for each other, so that none takes a journal that another is
halfway through for one whose points are all there.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from tracker.file_locks import exclusive
from tracker.journal.file import DAMAGED_SUFFIX, FoundJournal, journal_paths, live_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracker.database import Database
    from tracker.journal.folding import Insert
    from tracker.store.metrics import Point

# With its dot and its name, no journal.
LOCK_NAME: Final = "recovery.lock"


class Abandoned(NamedTuple):
    """A run that an ended process worked on, and nobody else does."""

    run_id: str
    process: str
    since_ms: int


class Waiting(NamedTuple):
    """What lies in a folder of journals.

    Args:
        runs: Runs with points, in any journal, that the database may lack.
        owners: Which process works on a run.
        abandoned: Runs that ended processes worked on, and nobody else does.
        damaged: Files that could not be read to their end.
    """

    runs: set[str]
    owners: dict[str, str]
    abandoned: set[str]
    damaged: list[str]


@contextmanager
def recovered(database: Database, insert: Insert) -> Iterator[list[Abandoned]]:
    """Fold every journal that nobody holds; those files go when the block is left without error.

    Raises:
        DatabaseError: The database cannot be written; the journals stay.
        InvalidStateError: A signal handler has interrupted its own thread's recovery.
    """
    folder = live_folder(database.path)
    if not journal_paths(folder):
        yield []
        return
    with exclusive(folder / LOCK_NAME), ExitStack() as opened:
        found = []
        for path in journal_paths(folder):
            with suppress(OSError):
                found.append(FoundJournal(path, exclusive=True))
                opened.callback(found[-1].close)
        for journal in found:
            _fold(journal, database, insert)
        yield _abandoned(folder, found)
        for journal in found:
            journal.dispose()


@contextmanager
def kept_out(database_path: Path) -> Iterator[None]:
    """Keep recoverers from judging runs dead while this process takes one over."""
    with exclusive(live_folder(database_path) / LOCK_NAME):
        yield


def waiting(database_path: Path) -> Waiting:
    """What lies in the journals of a database, which are neither folded nor changed."""
    folder = live_folder(database_path)
    runs: set[str] = set()
    owners: dict[str, str] = {}
    abandoned: set[str] = set()
    for journal in _opened(folder):
        for piece in journal.points():
            runs |= {point[5] for point in piece}
        reader = journal.reader
        if journal.is_held:
            owners |= dict.fromkeys(reader.runs, reader.process)
        else:
            abandoned |= reader.runs.keys()
    damaged = [] if folder.is_symlink() else sorted(map(str, folder.glob(f"*{DAMAGED_SUFFIX}")))
    return Waiting(runs, owners, abandoned - owners.keys(), damaged)


def unfolded(database_path: Path) -> int:
    """How many points of ended processes are not in the database."""
    journals = _opened(live_folder(database_path))
    return sum(journal.read().waiting for journal in journals if not journal.is_held)


def waiting_points(database_path: Path, run_id: str | None = None) -> Iterator[list[Point]]:
    """The points in all journals of a database, or those of one run, a piece at a time."""
    for journal in _opened(live_folder(database_path)):
        for piece in journal.points():
            yield [point for point in piece if run_id in {None, point[5]}]


def _fold(journal: FoundJournal, database: Database, insert: Insert) -> None:
    for points in journal.points():
        if points:
            with database.write(folds=False) as connection:
                insert(connection, points)


def _abandoned(folder: Path, found: list[FoundJournal]) -> list[Abandoned]:
    runs = {
        run_id: Abandoned(run_id, journal.reader.process, since_ms)
        for journal in found
        for run_id, since_ms in journal.reader.runs.items()
    }
    if runs:
        ended = {journal.path for journal in found}
        for run_id in _held(folder, ended):
            runs.pop(run_id, None)
    return list(runs.values())


def _held(folder: Path, ended: set[str]) -> set[str]:
    """The runs that living processes work on."""
    while True:
        # A file that is gone: its process went on to another, which is to be looked for.
        with suppress(FileNotFoundError):
            paths = (path for path in journal_paths(folder) if path not in ended)
            return {run_id for path in paths for run_id in _runs_of(path)}


def _runs_of(path: str) -> dict[str, int]:
    try:
        journal = FoundJournal(path)
    except FileNotFoundError:
        raise
    except OSError:  # No regular file, or another user's.
        return {}
    try:
        return journal.read().runs
    finally:
        journal.close()


def _opened(folder: Path) -> Iterator[FoundJournal]:
    for path in journal_paths(folder):
        with suppress(OSError):
            journal = FoundJournal(path)
            try:
                yield journal
            finally:
                journal.close()
