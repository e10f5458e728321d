"""A lock on a file, by `flock`: one process or thread at a time.

The operating system keeps the lock, which ends with the process, however that ends. Where the
platform or the file system has none, only the threads of this process keep each other out.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final

from tracker.exceptions import InvalidStateError

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The folder may have come with a database from elsewhere: links in it are not followed.
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.held: set[Path] = set()


class _PerProcess:
    lock = threading.Lock()

    def renew(self) -> None:
        self.lock = threading.Lock()


_thread = _PerThread()
_process = _PerProcess()


@contextlib.contextmanager
def exclusive(path: Path, *, otherwise: str | None = None) -> Iterator[None]:
    """Waits until no other process or thread is in a block of this lock file.

    Args:
        path: The lock file. It is made where it does not exist, its folder too, and stays: who
            waits for a removed one would not see who made it anew.
        otherwise: Do not wait: what to say where another one is in such a block.

    Raises:
        InvalidStateError: A signal handler has interrupted such a block of its own thread, and
            would wait for ever; or somebody else is in one and `otherwise` is given.
    """
    if path in _thread.held:
        raise InvalidStateError(
            f"A signal handler asks for {str(path)!r}, which what it has interrupted holds: log "
            f"when the handler is left."
        )
    _thread.held.add(path)
    try:
        with contextlib.ExitStack() as locks:
            _lock(path, locks, otherwise)
            yield
    finally:
        _thread.held.discard(path)


def _lock(path: Path, locks: contextlib.ExitStack, otherwise: str | None) -> None:
    if fcntl is not None and not path.parent.is_symlink():
        with contextlib.suppress(OSError):  # A read-only folder, or a file system without locks.
            path.parent.mkdir(exist_ok=True)
            file = locks.enter_context(os.fdopen(os.open(path, _FLAGS, 0o644), "rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if otherwise else 0))
            except BlockingIOError:
                raise InvalidStateError(otherwise) from None
            # Closing is not enough: a child forked meanwhile has the file open too.
            locks.callback(fcntl.flock, file, fcntl.LOCK_UN)
            return
    if not _process.lock.acquire(blocking=otherwise is None):
        raise InvalidStateError(otherwise)
    locks.callback(_process.lock.release)


if hasattr(os, "register_at_fork"):
    # A forked child would wait for a thread that stayed with its parent.
    os.register_at_fork(after_in_child=_process.renew)
