"""Objectives that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import tracker
from tracker.sweep import pause

if TYPE_CHECKING:
    from pathlib import Path


def parabola(trial):
    """Best at x = 2; five reports, a step every few milliseconds."""
    value = (trial.params["x"] - 2) ** 2
    for step in range(5):
        trial.report(value + 1 / (step + 1), step)
        time.sleep(0.005)  # so that several trials run at once
    return value


def slow_parabola(trial):
    """The parabola, in half a second."""
    value = (trial.params["x"] - 2) ** 2
    for step in range(5):
        time.sleep(0.1)
        trial.report(value + 1 / (step + 1), step)
    return value


class DiesOnce:
    """Kills its process at the first trial, and never again."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "died"

    def __call__(self, trial):
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return parabola(trial)


class AlwaysDies:
    """Kills its process at every trial of x below 0."""

    def __call__(self, trial):
        if trial.params["x"] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return parabola(trial)


def pausing(trial):
    """The parabola; the second trial has the sweep paused."""
    if trial.number == 1:
        pause(tracker.get_client(), trial.run.data.tags["mlflow.parentRunId"])
    return parabola(trial)


def failing(_trial):
    """Raises the same error in every trial."""
    raise RuntimeError("no luck")


def waiting(trial):
    """Works until it is interrupted."""
    trial.report(1.0, 0)
    while True:
        time.sleep(0.05)
