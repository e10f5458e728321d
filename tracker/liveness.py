"""Tells whether the process behind a running run is still there.

A process says in its journal which runs it works on, and holds the file by a lock that the
operating system releases when it ends. Whoever then finds the file free folds its points, and
marks its runs FAILED as of their last sign of life, unless another process works on them too. No
heartbeat, no server. A RUNNING run that no journal names was started by another program (MLflow,
say) and is left alone, as is everything where there can be no journal.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Final

from tracker.exceptions import InvalidStateError
from tracker.journal.recovery import found, kept_out, recovered
from tracker.numbers import now_ms
from tracker.tags import TRACKER_FAILURE_REASON
from tracker.validation import check_run_id

if TYPE_CHECKING:
    from tracker.journal.records import Worker
    from tracker.store import Store

# Whoever looks came to read: recovery can wait until somebody looks again.
BUSY_TIMEOUT_SECONDS: Final = 0.2


class Held:
    """Say that this process works on a run, from before the block on; not if the block fails.

    Args:
        store: Where the run is, or will be.
        run_id: The run.
        is_new: Nobody else can know of the run.

    Raises:
        InvalidValueError: It cannot be a run id.
    """

    def __init__(self, store: Store, run_id: str, *, is_new: bool = False) -> None:
        self._store = store
        self._run_id = check_run_id(run_id)
        self._is_new = is_new

    def __enter__(self) -> None:
        journal = self._store.journal
        self._is_taken = False
        if journal is not None:
            others = nullcontext() if self._is_new else kept_out(self._store.database.path)
            with suppress(InvalidStateError), others:
                self._is_taken = journal.hold(self._store, self._run_id, now_ms())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Ctrl-C may come after the block has committed: then the process's end ends it.
        if kind is not None and issubclass(kind, Exception) and self._is_taken:
            release(self._store, self._run_id)


def is_held(store: Store, run_id: str) -> bool:
    """Whether this process works on a run, so that nobody can have marked it."""
    return store.journal is not None and run_id in store.journal.runs


def release(store: Store, run_id: str) -> None:
    """Say that this process no longer works on a run."""
    if store.journal is not None:
        store.journal.release(run_id)


def reap(store: Store) -> list[str]:
    """Fold what ended processes left, and mark every run FAILED whose processes are all gone.

    Returns:
        The ids of the runs that were marked; none where the database is read-only.

    Raises:
        DatabaseError: A run could not be marked.
    """
    if store.database.read_only:
        return []
    with (
        store.database.busy_timeout(BUSY_TIMEOUT_SECONDS),
        suppress(InvalidStateError, OSError),
        recovered(store) as abandoned,
    ):
        return [run_id for run_id, worker in abandoned.items() if _fail(store, run_id, worker)]
    return []


def owner(store: Store, run_id: str) -> str | None:
    """The process that works on a run, such as "process 12 on host"; None if there is none."""
    check_run_id(run_id)
    for journal in found(store.database.path):
        if not journal.is_free() and run_id in journal.read().runs:
            return journal.reader.runs[run_id].process
    return None


def _fail(store: Store, run_id: str, worker: Worker) -> bool:
    reason = f"{worker.process or 'its process'} ended without closing the run"
    return store.fail_abandoned(run_id, reason, TRACKER_FAILURE_REASON, worker.since_ms, now_ms())
