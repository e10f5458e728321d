"""Progress of a study: bars on a terminal, plain lines elsewhere, and the summary at the end."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from tracker.text import clean

if TYPE_CHECKING:
    from training.distributed import World
    from training.outcome import EpochResult, Outcome

HEADINGS = ("run", "status", "sharp", "blurred", "seconds")
FILE_WIDTH = 110
WIDTH_OF_NAME = 16
WIDTH_OF_COUNT = len("10/10 epochs")
WIDTH_OF_NUMBERS = len("train 2.3026 0.1000  val 2.3026 0.1000")
WIDTH_OF_TIME = len("0:00:00")
SHORTEST_BAR, LONGEST_BAR = 5, 40


@dataclass(frozen=True)
class RunHeader:
    """What is shown of a run that starts, or is resumed.

    Args:
        name: The configuration.
        seed: The seed, if the configuration is trained from several.
        run_name: The run's name, which `--resume` accepts.
        epochs: All epochs of the run.
        done: Epochs that a resumed run has done already.
    """

    name: str
    seed: int | None
    run_name: str
    epochs: int
    done: int = 0

    @property
    def label(self) -> str:
        """The configuration, and the seed if there are several."""
        return self.name if self.seed is None else f"{self.name}, seed {self.seed}"

    def __str__(self) -> str:
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        left = f"{self.epochs - self.done} of {epochs} left" if self.done else epochs
        return f"{self.label}: run {clean(self.run_name)}, {left}"


class Report(Protocol):
    """Receives the progress of a training."""

    def say(self, sentence: str) -> None:
        """Show a sentence the user should read."""

    def run_started(self, run: RunHeader) -> None:
        """A run starts or is resumed."""

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Some steps of an epoch are done."""

    def epoch_done(self, result: EpochResult) -> None:
        """An epoch is done."""

    def run_ended(self) -> None:
        """The run is over, however it ended."""


class PlainReport:
    """One line per epoch, for logs and pipes."""

    def __init__(self) -> None:
        self._label = ""

    def say(self, sentence: str) -> None:
        """Print the sentence."""
        print(sentence, flush=True)  # noqa: T201

    def run_started(self, run: RunHeader) -> None:
        """Print the run's name and its epochs."""
        self._label = run.label
        self.say(str(run))

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Print nothing."""

    def epoch_done(self, result: EpochResult) -> None:
        """Print the epoch's numbers."""
        self.say(f"{self._label}: {epoch_line(result)}")

    def run_ended(self) -> None:
        """Show nothing."""


class TerminalReport:
    """One progress bar per run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def say(self, sentence: str) -> None:
        """Print the sentence above the bar."""
        self._console.print(sentence)

    def run_started(self, run: RunHeader) -> None:
        """Show a bar and the run's name."""
        columns = _bar_columns(self._console.width, run)
        self._bar = Progress(*columns, console=self._console, auto_refresh=False)
        name = clean(run.run_name)
        self._bar.add_task(
            run.name, total=run.epochs, completed=run.done, whole=run.done, numbers=name
        )
        self._bar.start()

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Move the bar within an epoch."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=epoch - 1 + done / total)
            self._bar.refresh()

    def epoch_done(self, result: EpochResult) -> None:
        """Move the bar and show the epoch's numbers."""
        if self._bar:
            done, numbers = result.epoch, _numbers(result)
            self._bar.update(self._bar.task_ids[0], completed=done, whole=done, numbers=numbers)
            self._bar.refresh()

    def run_ended(self) -> None:
        """Leave the bar as it is."""
        if self._bar:
            self._bar.stop()
            self._bar = None


def _bar_columns(width: int, run: RunHeader) -> list[ProgressColumn]:
    """Name, seed, bar, epochs, time, numbers; a narrow terminal has no time, or no bar either."""
    seed = "" if run.seed is None else f" seed {run.seed}"
    name_width = WIDTH_OF_NAME + len(seed)
    count_width = max(WIDTH_OF_COUNT, len(f"{run.epochs}/{run.epochs} epochs"))
    name = _fixed(f"{{task.description:{WIDTH_OF_NAME}}}{seed}", name_width)
    count = _fixed("{task.fields[whole]}/{task.total} epochs", count_width)
    numbers = TextColumn("{task.fields[numbers]}", markup=False)
    room = width - name_width - count_width - WIDTH_OF_NUMBERS - 3  # a space between two columns
    if room < SHORTEST_BAR:
        return [name, count, numbers]
    if room - WIDTH_OF_TIME - 1 < SHORTEST_BAR:
        return [name, BarColumn(room), count, numbers]
    bar = BarColumn(min(room - WIDTH_OF_TIME - 1, LONGEST_BAR))
    return [name, bar, count, TimeRemainingColumn(), numbers]


def _fixed(text: str, width: int) -> TextColumn:
    """A column that keeps its width; the others shrink."""
    column = Column(min_width=width, no_wrap=True)
    return TextColumn(text, markup=False, table_column=column)


class SilentReport:
    """Shows nothing, for ranks other than 0."""

    def say(self, sentence: str) -> None:
        """Show nothing."""

    def run_started(self, run: RunHeader) -> None:
        """Show nothing."""

    def batch_done(self, epoch: int, done: int, total: int) -> None:
        """Show nothing."""

    def epoch_done(self, result: EpochResult) -> None:
        """Show nothing."""

    def run_ended(self) -> None:
        """Show nothing."""


def make_report(world: World) -> Report:
    """Bars on a terminal, lines elsewhere, and nothing in ranks other than 0."""
    if not world.is_main:
        return SilentReport()
    console = plain_console()
    return TerminalReport(console) if console.is_terminal else PlainReport()


def epoch_line(result: EpochResult) -> str:
    """The results of an epoch in one line."""
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
    """Print the results and the command that opens the dashboard."""
    console = plain_console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(summary_table(outcomes, source, console))
    path = os.path.relpath(database) if database.is_relative_to(Path.cwd()) else str(database)
    python = shlex.quote(sys.orig_argv[0])
    console.print(f"Runs are in {clean(path)}. See them with:", soft_wrap=True)
    console.print(f"  {python} -m tracker --db {clean(shlex.quote(path))} ui", soft_wrap=True)


def plain_console(width: int | None = None) -> Console:
    """A console that interprets no markup or emoji codes: names may look like them."""
    return Console(width=width, markup=False, emoji=False, highlight=False)


def summary_table(outcomes: list[Outcome], source: str, console: Console) -> Table:
    """A table with one row per run, or with one line per number on a narrow terminal."""
    title = f"Accuracy in % on the {source} test set"
    table = _wide_table(outcomes, title)
    needed = console.measure(table, options=console.options.update(width=1_000)).maximum
    return table if needed <= console.width else _tall_table(outcomes, title)


def _wide_table(outcomes: list[Outcome], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in HEADINGS:
        is_text = heading in {"run", "status"}
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*summary_cells(outcome))
    return table


def _tall_table(outcomes: list[Outcome], title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for outcome in outcomes:
        for heading, cell in zip(HEADINGS, summary_cells(outcome), strict=True):
            table.add_row(heading, cell, end_section=heading == HEADINGS[-1])
    return table


def summary_cells(outcome: Outcome) -> list[str]:
    """The cells of a run's row."""
    shown = [_percent(outcome, key) for key in ("test_accuracy", "test_blurred_accuracy")]
    return [clean(outcome.run_name), outcome.status, *shown, f"{outcome.seconds:.1f}"]


def _percent(outcome: Outcome, key: str) -> str:
    if key not in outcome.metrics:
        return "-"
    spread = f" ± {100 * outcome.spread[key]:.2f}" if key in outcome.spread else ""
    return f"{100 * outcome.metrics[key]:.2f}{spread}"
