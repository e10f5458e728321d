"""A worker of a sweep: a process that tries parameters one after the other.

It is started anew (spawn), never forked, and ends with its supervisor.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from tracker import current
from tracker.exceptions import InvalidValueError, TrackerError
from tracker.sweep.shared import open_sweep
from tracker.sweep.sweep_run import SweepPausedError, SweepStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from types import FrameType

    from tracker.sweep.sweep_run import Objective, SweepRun

POLL_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 30.0
"""How long an interrupted worker may take to close its trial's run."""
NOTHING_LEFT: Final = 3
"""Exit code of a worker that found nothing more to try."""
BEGUN: Final = "begun"
BROKEN: Final = 4
"""Exit code of a worker that has told why it cannot go on."""


@dataclass(frozen=True)
class Job:
    """What a worker does.

    Args:
        run_id: The sweep's run.
        objective: Called with each trial.
        trials: How many complete or pruned trials are asked for.
        deadline: The Unix time after which no trial starts.
        catch: Errors of the objective that fail its trial only.
        setup: Called at the start of a worker, before the database is opened.
        storage: The URL of an Optuna storage that several machines share.
    """

    run_id: str
    objective: Objective
    trials: int
    deadline: float = math.inf
    catch: tuple[type[Exception], ...] = ()
    setup: Callable[[], None] | None = None
    storage: str | None = None

    def needs_main(self) -> bool:
        """Whether a worker must import the main program: the objective, say, is defined there.

        Raises:
            InvalidValueError: The job cannot be sent to other processes.
        """
        try:
            content = pickle.dumps(self)
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise InvalidValueError(
                f"The objective cannot be sent to other processes ({error}): use a function of a "
                "module, or workers=1."
            ) from error
        if b"__main__" not in content:
            return False
        main = sys.modules["__main__"]
        if main.__spec__ is None and not Path(getattr(main, "__file__", None) or "/").is_file():
            raise InvalidValueError(
                "The objective is defined in a notebook or an interactive session, which other "
                "processes cannot import: move it to a module, or use workers=1."
            )
        return True


class Worker:
    """A worker's process, as its supervisor sees it.

    Args:
        job: What it does.
        needs_main: Whether it must import the main program; see `Job.needs_main`.
    """

    def __init__(self, job: Job, *, needs_main: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._words, told = context.Pipe(duplex=False)
        self._process = context.Process(target=work, args=(job, told))
        with _main_program(hidden=not needs_main), _ctrl_c_later():
            self._process.start()
        told.close()

    @property
    def sentinel(self) -> int:
        """Becomes ready when the process ends."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """The exit code; negative after a signal, None while it lives."""
        return self._process.exitcode

    def told(self) -> list[str]:
        """What it has said since the last call: that it has begun, why it could not go on."""
        messages = []
        with suppress(EOFError):
            while self._words.poll():
                messages.append(self._words.recv_bytes().decode())
        return messages

    def interrupt(self) -> None:
        """Have it end its trial KILLED."""
        if self._process.pid is not None and self._process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)

    def end(self, until: float) -> None:
        """Wait for its end up to a moment of the monotonic clock, then kill it."""
        self._process.join(max(0.0, until - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._words.close()


@contextmanager
def _main_program(*, hidden: bool) -> Iterator[None]:
    """A block in which spawn does not find the main program, if it is hidden.

    Spawn imports it in every new process. Where nothing of it is needed that costs time, and fails
    where it starts the sweep itself, has no file, or is not what `__main__` names (Streamlit).
    """
    main = sys.modules["__main__"]
    if hidden:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """A block in which Ctrl-C waits; a process started in it waits until it is ready for it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(job: Job, words: Connection) -> None:
    """Try parameters until there is nothing left to try: the life of a worker."""
    try:
        _end_with_the_supervisor()
        if job.setup:
            job.setup()
        store = open_sweep(current.get_client(), job.run_id, job.storage)
        words.send_bytes(BEGUN.encode())
        _try_all(store, job)
    except KeyboardInterrupt:
        return
    except TrackerError as error:  # the disk is full, say
        words.send_bytes(str(error).encode())
        raise SystemExit(BROKEN) from error


def _try_all(store: SweepRun, job: Job) -> None:
    while time.time() < job.deadline:
        try:
            if store.try_next(job.objective, job.trials, job.catch):
                continue
        except (SweepPausedError, SweepStoppedError):
            raise SystemExit(NOTHING_LEFT) from None
        if not any(trial.state == "RUNNING" for trial in store.trials()):
            raise SystemExit(NOTHING_LEFT)
        time.sleep(POLL_SECONDS)  # a trial of another worker may end without a result


def _end_with_the_supervisor() -> None:
    """Turn the first SIGINT or SIGTERM, or the supervisor's death, into one KeyboardInterrupt."""
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGINT)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()
