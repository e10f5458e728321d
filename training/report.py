"""What a person sees while a study runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from training.loop import EpochResult
    from training.outcome import Outcome
    from training.world import World


class Report(Protocol):
    """What a training tells while it goes on."""

    def say(self, sentence: str) -> None:
        """Something the user should know."""

    def run_started(self, name: str, run_id: str, epochs: int) -> None:
        """A run begins."""

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Some steps of an epoch are done."""

    def epoch_done(self, result: EpochResult) -> None:
        """An epoch is done."""

    def run_ended(self) -> None:
        """The run is over, however it ended."""


class PlainReport:
    """One line an epoch, for logs and pipes."""

    def __init__(self) -> None:
        self._name = ""

    def say(self, sentence: str) -> None:
        """Print the sentence."""
        print(sentence, flush=True)  # noqa: T201

    def run_started(self, name: str, run_id: str, epochs: int) -> None:
        """Print the run's name and id."""
        self._name = name
        self.say(f"{name}: run {run_id}, {epochs} epochs")

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Nothing: a log wants no bars."""

    def epoch_done(self, result: EpochResult) -> None:
        """Print the epoch's numbers."""
        self.say(f"{self._name}: {epoch_line(result)}")

    def run_ended(self) -> None:
        """Nothing."""


class TerminalReport:
    """A bar a run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._epochs = 1

    def say(self, sentence: str) -> None:
        """Print the sentence above the bar."""
        self._console.print(sentence, markup=False, highlight=False)

    def run_started(self, name: str, run_id: str, epochs: int) -> None:
        """Show an empty bar."""
        self._epochs = epochs
        columns = (
            TextColumn("{task.description:16}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
        )
        self._bar = Progress(*columns, console=self._console, auto_refresh=False)
        self._bar.add_task(name, total=epochs, numbers=run_id)
        self._bar.start()

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Move the bar within an epoch."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=epoch - 1 + done / total)
            self._bar.refresh()

    def epoch_done(self, result: EpochResult) -> None:
        """Move the bar and show the epoch's numbers."""
        if self._bar:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=result.epoch, numbers=_numbers(result))
            self._bar.refresh()

    def run_ended(self) -> None:
        """Leave the bar as it stands."""
        if self._bar:
            self._bar.stop()
            self._bar = None


class SilentReport:
    """Nothing, for processes that assist another."""

    def say(self, sentence: str) -> None:
        """Nothing."""

    def run_started(self, name: str, run_id: str, epochs: int) -> None:
        """Nothing."""

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Nothing."""

    def epoch_done(self, result: EpochResult) -> None:
        """Nothing."""

    def run_ended(self) -> None:
        """Nothing."""


def make_report(world: World) -> Report:
    """Bars where a person watches, lines elsewhere, nothing beside the process that tracks."""
    if not world.is_main:
        return SilentReport()
    console = Console()
    return TerminalReport(console) if console.is_terminal else PlainReport()


def epoch_line(result: EpochResult) -> str:
    """An epoch in one line."""
    return (
        f"epoch {result.epoch:3d}  {_numbers(result)}  "
        f"{result.epoch_seconds:.2f} s  {result.images_per_second:,.0f} images/s"
    )


def _numbers(result: EpochResult) -> str:
    return (
        f"train {result.train_loss:.4f} {result.train_accuracy:.4f}  "
        f"val {result.val_loss:.4f} {result.val_accuracy:.4f}"
    )


def print_summary(outcomes: list[Outcome], source: str, database: Path) -> None:
    """The table at the end, and what to type next."""
    console = Console(width=None if sys.stdout.isatty() else 110)
    table = Table(title=f"Accuracy on the {source} test set", title_justify="left")
    table.add_column("run", no_wrap=True)
    table.add_column("status")
    for heading in ("sharp", "blurred", "seconds"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        table.add_row(*summary_cells(outcome))
    console.print(table)
    shown = os.path.relpath(database) if database.is_relative_to(Path.cwd()) else str(database)
    command = f"streamlit run dashboard/app.py -- --db {shlex.quote(shown)}"
    console.print(f"Runs are in {shown}. See them with:", markup=False, soft_wrap=True)
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def summary_cells(outcome: Outcome) -> list[str]:
    """One row of the table."""
    shown = [_percent(outcome, key) for key in ("test_accuracy", "test_blurred_accuracy")]
    return [outcome.run_name, outcome.status, *shown, f"{outcome.seconds:.1f}"]


def _percent(outcome: Outcome, key: str) -> str:
    if key not in outcome.metrics:
        return "-"
    spread = f" ± {100 * outcome.spread[key]:.2f}" if key in outcome.spread else ""
    return f"{100 * outcome.metrics[key]:.2f}{spread} %"
