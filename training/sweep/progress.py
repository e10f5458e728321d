"""Progress of a sweep: a bar on a terminal, a line per change elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from tracker.text import duration, parameters, plural
from training.report import plain_console

if TYPE_CHECKING:
    from tracker.sweep import Progress as SweepProgress


class SweepReport:
    """Shows how far a sweep has come.

    Args:
        name: The sweep.
        metric: What it optimizes.
        trials: Complete or pruned trials asked for.
    """

    def __init__(self, name: str, metric: str, trials: int) -> None:
        self._name, self._metric, self._trials = name, metric, trials
        self._console = plain_console()
        self._started = time.monotonic()
        self._first_done: int | None = None
        self._shown = ""
        self._bar: Progress | None = None

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self._console.print(sentence, soft_wrap=True)

    def show(self, now: SweepProgress) -> None:
        """Show the progress."""
        if self._first_done is None:
            self._first_done = now.done
        line = self.line(now)
        if not self._console.is_terminal:
            if line.partition(", about")[0] != self._shown:  # the time left alone is no news
                self._shown = line.partition(", about")[0]
                self.say(f"{self._name}: {line}")
            return
        if self._bar is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(20),
                TextColumn("{task.fields[line]}", markup=False),
            )
            self._bar = Progress(*columns, console=self._console, auto_refresh=False)
            self._bar.add_task(self._name, total=self._trials, line="")
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=now.done, line=line)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def line(self, now: SweepProgress) -> str:
        """The progress in one line."""
        parts = [f"{now.done} of {plural(self._trials, 'trial')}"]
        if now.pruned:
            parts.append(f"{now.pruned} pruned")
        if now.failed:
            parts.append(f"{now.failed} failed")
        if now.best:
            best = f"best {self._metric} {now.best.value:.4f} by trial {now.best.number}"
            parts.append(f"{best} ({parameters(now.best.params)})")
        if (left := self._seconds_left(now)) is not None:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)

    def _seconds_left(self, now: SweepProgress) -> float | None:
        finished = now.done - (self._first_done or 0)
        if finished < 1 or now.done >= self._trials:
            return None
        return (time.monotonic() - self._started) / finished * (self._trials - now.done)
