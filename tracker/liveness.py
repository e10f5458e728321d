"""Tells whether the process behind a running run is still there.

A process that works on a run holds a shared `flock` on `<database>-live/<run_id>`. The operating
system releases it when the process ends, however it ends; whoever then gets the exclusive lock
knows that nobody is left and marks the run FAILED, as of its last sign of life. No heartbeat, no
server. A RUNNING run without a lock file was started by another program (MLflow, say) and is left
alone, as is everything where the platform or the file system has no `flock`.

The folder of the lock files may have come with a database from elsewhere: links in it are not
followed, and nothing but lock files is removed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import lock_files
from tracker.exceptions import NotFoundError
from tracker.numbers import now_ms
from tracker.tags import TRACKER_FAILURE_REASON, TRACKER_HOST, TRACKER_PID
from tracker.validation import check_run_id, is_run_id

if TYPE_CHECKING:
    from tracker.store import Store

# Whoever looks came to read: the mark can wait until somebody looks again.
BUSY_TIMEOUT_SECONDS: Final = 0.2

_OWN_NAME: Final = re.compile(r"[0-9a-f]{32}")

_MAX_SIGNATURE: Final = 200

# (lock file, descriptor) of the runs this process works on.
_held: dict[str, int] = {}


def lock_folder(database_path: Path) -> Path:
    """Where the lock files of a database's running runs are."""
    return Path(f"{database_path}-live")


def hold(database_path: Path, run_id: str, *, is_new: bool = False) -> bool:
    """Say that this process works on a run, until `release` or the end of the process.

    Args:
        database_path: Where the run is, or will be.
        run_id: Which.
        is_new: Nobody else can know of the run.

    Returns:
        Whether it said so just now: not where it did before or cannot, the liveness being unknown.

    Raises:
        InvalidValueError: It cannot be a run id.
    """
    path = _lock_file(database_path, check_run_id(run_id))
    if not lock_files.SUPPORTED or path in _held or len(_held) >= _most_locks():
        return False
    try:
        descriptor = lock_files.take(path, is_new=is_new)
    except OSError:  # A read-only folder, or a file system without locks.
        return False
    if _held.setdefault(path, descriptor) != descriptor:  # Another thread was faster.
        os.close(descriptor)
        return False
    return True


def is_held(database_path: Path, run_id: str) -> bool:
    """Whether this process works on a run, so that nobody can have marked it."""
    return _lock_file(database_path, run_id) in _held


class Taken:
    """Hold a run from before the block on; where the block fails, let go of what it took.

    Raises:
        InvalidValueError: It cannot be a run id.
    """

    def __init__(self, database_path: Path, run_id: str, *, is_new: bool = False) -> None:
        self._lock = database_path, run_id
        self._is_new = is_new

    def __enter__(self) -> None:
        self._is_taken = hold(*self._lock, is_new=self._is_new)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Ctrl-C may come after the block has committed: then the lock ends with the process.
        if kind is not None and issubclass(kind, Exception) and self._is_taken:
            release(*self._lock)


def sign(database_path: Path, run_id: str) -> None:
    """Write into a held lock which process it is that has taken the run over."""
    descriptor = _held.get(_lock_file(database_path, run_id))
    if descriptor is not None:
        name = f"process {os.getpid()} on {platform.node()}".encode()
        with contextlib.suppress(OSError):  # On a full disk the run goes on unsigned.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, name, 0)


def release(database_path: Path, run_id: str) -> None:
    """Say that this process no longer works on a run; after the last one there is no lock file."""
    path = _lock_file(database_path, run_id)
    descriptor = _held.pop(path, None)
    if descriptor is not None:
        lock_files.give_back(path, descriptor)


def reap(store: Store) -> list[str]:
    """Mark every run FAILED whose processes are all gone.

    Returns:
        The ids of the runs that were marked. A database opened read-only marks none.

    Raises:
        DatabaseError: A run could not be marked.
    """
    folder = lock_folder(store.database.path)
    if not lock_files.SUPPORTED or store.database.read_only or folder.is_symlink():
        return []
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    for name in names:
        if name.startswith(lock_files.SPARE_PREFIX):
            lock_files.remove_stale_spare(f"{folder}/{name}")
    return [name for name in names if is_run_id(name) and _reap_one(store, name)]


def is_abandoned(database_path: Path, run_id: str) -> bool:
    """Whether nobody holds a run's lock file; False where there is none. Changes nothing."""
    path = _lock_file(database_path, check_run_id(run_id))
    if not lock_files.SUPPORTED or path in _held:
        return False
    descriptor = lock_files.open_exclusive(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def owner(store: Store, run_id: str) -> str | None:
    """The process that works on a run, such as "process 12 on host"; None if there is none."""
    path = _lock_file(store.database.path, check_run_id(run_id))
    if path not in _held and not (lock_files.SUPPORTED and lock_files.is_held(path)):
        return None
    signed = ""
    with contextlib.suppress(OSError):
        signed = Path(path).read_text(encoding="utf-8", errors="replace")[:_MAX_SIGNATURE]
    return signed or _creator(store, run_id)


def _reap_one(store: Store, run_id: str) -> bool:
    path = _lock_file(store.database.path, run_id)
    descriptor = None if path in _held else lock_files.open_exclusive(path)
    if descriptor is None:
        return False
    try:
        if path in _held:
            return False
        signed = os.read(descriptor, _MAX_SIGNATURE).decode(errors="replace")
        reason = f"{signed or _creator(store, run_id)} ended without closing the run"
        # Made, renamed or signed when a process took the run: on resuming it, long after its start.
        last_seen = os.fstat(descriptor).st_mtime_ns // 1_000_000
        now = now_ms()
        with store.database.busy_timeout(BUSY_TIMEOUT_SECONDS):
            marked = store.fail_abandoned(run_id, reason, TRACKER_FAILURE_REASON, last_seen, now)
        if marked or _OWN_NAME.fullmatch(run_id):
            lock_files.remove(path)
        return marked
    finally:
        os.close(descriptor)


def _creator(store: Store, run_id: str) -> str:
    with contextlib.suppress(NotFoundError):
        tags = store.get_run(run_id).data.tags
        if TRACKER_PID in tags:
            return f"process {tags[TRACKER_PID]} on {tags.get(TRACKER_HOST, 'this machine')}"
    return "its process"


def _lock_file(database_path: Path, run_id: str) -> str:
    return f"{database_path}-live/{run_id}"


@lru_cache(maxsize=1)
def _most_locks() -> int:
    """Half of the files this process may open: the database and the training need some too."""
    import resource  # noqa: PLC0415  Windows has none.

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if limit == resource.RLIM_INFINITY else limit // 2


def _forget_inherited() -> None:
    """A forked child must not keep its parent's runs alive; closing keeps the parent's lock."""
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_inherited)
