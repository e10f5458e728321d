"""The process that watches over the workers of a sweep.

Workers come to terms through the database alone; the supervisor replaces those that die, shows
progress, and ends them all with itself.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Final

from tracker.exceptions import InvalidStateError, InvalidValueError
from tracker.sweep.trials import EQUAL_FAILURES, Progress, progress, reason_to_stop
from tracker.sweep.worker import BROKEN, GRACE_SECONDS, NOTHING_LEFT, POLL_SECONDS, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.sweep.sweep_run import SweepRun
    from tracker.sweep.worker import Job

    Watch = Callable[[Progress], None]

MAX_DEATHS: Final = 10
"""So many deaths per worker without a finished trial between them end a sweep."""
REST: Final = 500
"""So many times as long as it takes to look at the trials is waited; but no worker's end waits."""


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


def supervise(store: SweepRun, job: Job, workers: int, watch: Watch | None = None) -> None:
    """Have workers try parameters until there are enough trials, or the time is up.

    Args:
        store: The sweep, whose run is the active one.
        job: What each worker does; it must be possible to pickle it.
        workers: How many.
        watch: Called with the progress when trials have started or ended.

    Raises:
        InvalidValueError: The objective cannot be sent to other processes.
        SweepPausedError: The sweep was paused, and no trial is at work any more.
        InvalidStateError: Trial after trial fails, or workers cannot start, or die before they
            finish a trial.
    """
    team = _Team(job, workers)
    try:
        while True:
            began = time.process_time()
            trials = store.trials()
            now = progress(trials, store.settings)
            rest = REST * (time.process_time() - began)
            team.note(now, watch)
            is_over = now.done >= job.trials or team.found_nothing or time.time() >= job.deadline
            if is_over and not team.is_at_work:
                break
            if not is_over:
                team.fill(job.trials - now.done)
            team.wait(max(POLL_SECONDS, rest))
    finally:
        team.stop()
    if now.done < job.trials:
        if reason := reason_to_stop(trials):
            raise InvalidStateError(f"The sweep {store.name!r} stopped: {reason}.")
        store.check_not_paused()


class _Team:
    """The worker processes of a sweep."""

    def __init__(self, job: Job, size: int) -> None:
        self._job, self._size = job, size
        self._needs_main = job.needs_main()
        self._workers: list[Worker] = []
        self._seen: Progress | None = None
        self._deaths = 0
        self._reasons: list[str] = []
        self.found_nothing = False
        """Whether a worker found that nothing is left to try."""

    @property
    def is_at_work(self) -> bool:
        """Whether a worker is alive."""
        return bool(self._workers)

    def note(self, now: Progress, watch: Watch | None) -> None:
        """Take the progress; workers that end too early between two finished trials are counted."""
        if watch and now != self._seen:
            watch(now)
        if self._seen is None or now.done > self._seen.done:
            self._deaths = 0
            self._reasons.clear()
        self._seen = now

    def fill(self, wanted: int) -> None:
        """Start workers in place of those that are missing, no more than there are trials."""
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(Worker(self._job, needs_main=self._needs_main))

    def wait(self, seconds: float) -> None:
        """Wait until a worker ends, at most so long.

        Raises:
            InvalidStateError: A worker cannot start, or workers die again and again.
        """
        connection.wait([worker.sentinel for worker in self._workers], timeout=seconds)
        for worker in [worker for worker in self._workers if worker.exit_code is not None]:
            self._workers.remove(worker)
            self._note_end(worker)
            worker.end(0.0)
        if self._deaths >= MAX_DEATHS * self._size:
            raise InvalidStateError(
                f"{self._deaths} workers died without finishing a trial in between; the runs of "
                "the failed trials say why."
            )

    def _note_end(self, worker: Worker) -> None:
        code, told = worker.exit_code, worker.told()
        if code == 1 and not told:  # by an error, not by a signal
            raise InvalidStateError(
                "A worker process could not start; its own message is above. It imports the "
                "objective and, if that is defined in the main program, the main program: start "
                "the sweep there only under `if __name__ == '__main__':`, or use workers=1."
            )
        if code == BROKEN:
            self._reasons.append(told[-1])
        if len(self._reasons) >= EQUAL_FAILURES:
            raise InvalidStateError(self._reasons[-1])
        self.found_nothing = self.found_nothing or code == NOTHING_LEFT
        self._deaths += code not in {0, NOTHING_LEFT, BROKEN}

    def stop(self) -> None:
        """Interrupt the workers, which end their trials KILLED, and wait for them."""
        for worker in self._workers:
            worker.interrupt()
        until = time.monotonic() + GRACE_SECONDS
        for worker in self._workers:
            worker.end(until)
