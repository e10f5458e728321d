"""Several processes that work on one sweep, and the one that watches over them.

Workers are started anew (never forked), live long, and try parameters one after the other. They
come to terms through the database alone; the supervisor replaces those that die, shows progress,
and ends them all with itself.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Final

from tracker import current
from tracker.exceptions import InvalidStateError, InvalidValueError
from tracker.sweep.shared import open_sweep
from tracker.sweep.sweep_run import SweepStoppedError
from tracker.sweep.trials import Progress, progress, reason_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from types import FrameType

    from tracker.sweep.sweep_run import Objective, SweepRun

    Watch = Callable[[Progress], None]

MAX_DEATHS: Final = 10
"""So many deaths per worker without a finished trial between them end a sweep."""
POLL_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 30.0
"""How long an interrupted worker may take to close its trial's run."""
NOTHING_LEFT: Final = 3
"""Exit code of a worker that found nothing more to try."""


@dataclass(frozen=True)
class Plan:
    """How much is to be tried, by how many.

    Args:
        trials: Complete or pruned trials in the end.
        workers: Processes.
        minutes: Start no trial after so many minutes; no limit by default.
    """

    trials: int = 30
    workers: int = 1
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidValueError: One of them is below 1, or not above 0 minutes.
        """
        for name, value in (("trials", self.trials), ("workers", self.workers)):
            if value < 1:
                raise InvalidValueError(f"The number of {name} is {value}: it must be 1 or more.")
        if self.minutes is not None and not self.minutes > 0:
            raise InvalidValueError(f"The minutes are {self.minutes}: they must be above 0.")

    def deadline(self) -> float:
        """The Unix time after which no trial starts."""
        return math.inf if self.minutes is None else time.time() + 60 * self.minutes


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


def supervise(store: SweepRun, job: Job, workers: int, watch: Watch | None = None) -> None:
    """Have workers try parameters until there are enough trials, or the time is up.

    Args:
        store: The sweep, whose run is the active one.
        job: What each worker does; it must be possible to pickle it.
        workers: How many.
        watch: Called with the progress when trials have started or ended.

    Raises:
        InvalidValueError: The objective cannot be pickled.
        InvalidStateError: Trial after trial fails, or workers die before they finish a trial.
    """
    try:
        pickle.dumps(job)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise InvalidValueError(
            f"The objective cannot be sent to other processes ({error}): use a function of a "
            "module, or workers=1."
        ) from error
    team = _Team(job, workers)
    try:
        while True:
            trials = store.trials()
            now = progress(trials, store.settings)
            team.note(now, watch)
            is_over = now.done >= job.trials or team.found_nothing or time.time() >= job.deadline
            if is_over and not team.is_at_work:
                break
            if not is_over:
                team.fill(job.trials - now.done)
            team.wait(POLL_SECONDS)
    finally:
        team.stop()
    if now.done < job.trials and (reason := reason_to_stop(trials)):
        raise InvalidStateError(f"The sweep {store.name!r} stopped: {reason}.")


class _Team:
    """The worker processes of a sweep."""

    def __init__(self, job: Job, size: int) -> None:
        self._job, self._size = job, size
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._seen: Progress | None = None
        self._deaths = 0
        self.found_nothing = False
        """Whether a worker found that nothing is left to try."""

    @property
    def is_at_work(self) -> bool:
        """Whether a worker is alive."""
        return bool(self._processes)

    def note(self, now: Progress, watch: Watch | None) -> None:
        """Take the progress; workers that die between two finished trials are counted."""
        if watch and now != self._seen:
            watch(now)
        if self._seen is None or now.done > self._seen.done:
            self._deaths = 0
        self._seen = now

    def fill(self, wanted: int) -> None:
        """Start workers in place of those that are missing, no more than there are trials."""
        while len(self._processes) < min(self._size, wanted):
            process = self._context.Process(target=work, args=(self._job,))
            process.start()
            self._processes.append(process)

    def wait(self, seconds: float) -> None:
        """Wait until a worker ends, at most so long.

        Raises:
            InvalidStateError: Workers die again and again.
        """
        connection.wait([process.sentinel for process in self._processes], timeout=seconds)
        for process in [process for process in self._processes if not process.is_alive()]:
            self._processes.remove(process)
            self.found_nothing = self.found_nothing or process.exitcode == NOTHING_LEFT
            self._deaths += process.exitcode not in {0, NOTHING_LEFT}
        if self._deaths >= MAX_DEATHS * self._size:
            raise InvalidStateError(
                f"{self._deaths} workers died without finishing a trial in between; the runs of "
                "the failed trials say why."
            )

    def stop(self) -> None:
        """Interrupt the workers, which end their trials KILLED, and wait for them."""
        for process in self._processes:
            if process.pid is not None and process.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)
        until = time.monotonic() + GRACE_SECONDS
        for process in self._processes:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def work(job: Job) -> None:
    """Try parameters until there is nothing left to try: the life of a worker."""
    _end_with_the_supervisor()
    with suppress(KeyboardInterrupt):
        if job.setup:
            job.setup()
        client = current.get_client()
        store = open_sweep(client, job.run_id, job.storage)
        while time.time() < job.deadline:
            try:
                if store.try_next(job.objective, job.trials, job.catch):
                    continue
            except SweepStoppedError:
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
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGINT)

    if parent is not None:
        threading.Thread(target=watch, daemon=True).start()
