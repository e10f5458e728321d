"""How far a running run is, as far as its parameters tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Parameters that say how many steps a run will take, the most telling first.
GOALS = (
    "max_steps", "total_steps", "num_steps", "steps", "max_iterations", "iterations",
    "max_epochs", "num_epochs", "num_train_epochs", "epochs", "n_epochs",
)  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """Steps done, steps to do, and seconds left."""

    done: int
    goal: int
    seconds_left: float | None

    @property
    def share(self) -> float:
        """How much is done, in [0, 1]."""
        return min(1.0, self.done / self.goal)


def estimate(params: Mapping[str, str], step: int, seconds: float) -> Progress | None:
    """Progress after `seconds` of running; None where no parameter names the goal.

    >>> estimate({"max_epochs": "10"}, 4, 20.0)
    Progress(done=4, goal=10, seconds_left=30.0)
    """
    for name in GOALS:
        text = params.get(name, "")
        if text.isdecimal() and max(step, 1) <= int(text):
            goal = int(text)
            left = seconds / step * (goal - step) if step > 0 else None
            return Progress(step, goal, left)
    return None
