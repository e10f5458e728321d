"""A search for good parameters for a function of any script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tracker.sweep.settings import Direction, SweepSettings
from tracker.sweep.space import Space, parse_space
from tracker.sweep.supervisor import Plan, supervise
from tracker.sweep.sweep_run import claim
from tracker.sweep.worker import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.sweep.sweep_run import Objective
    from tracker.sweep.trials import TrialRecord


class Sweep:
    """A search over a space of parameters for a function of any script.

    Trials are child runs of the sweep's run. A sweep of the same name that is not running is
    continued.

    Args:
        name: The name of the sweep's run.
        space: The parameters; see `parse_space`.
        metric: What trials report and return.
        direction: "minimize" or "maximize".
        sampler: "tpe", "random" or "grid".
        pruner: "median", or "none".
        seed: The same seed and history give the same proposals.

    Raises:
        InvalidValueError: The space or a setting breaks a rule.

    Example::

        def objective(trial):
            x = trial.params["x"]
            for step in range(10):
                trial.report((x - 2) ** 2 + 1 / (step + 1), step)
            return (x - 2) ** 2

        sweep = Sweep("parabola", {"x": {"low": -10.0, "high": 10.0}})
        print(sweep.run(objective, trials=40).params)
    """

    def __init__(
        self,
        name: str,
        space: Mapping[str, Any] | Space,
        *,
        metric: str = "objective",
        direction: Direction = "minimize",
        sampler: str = "tpe",
        pruner: str = "median",
        seed: int = 0,
    ) -> None:
        self.name = name
        self.space = space if isinstance(space, Space) else parse_space(space)
        self.settings = SweepSettings(metric, direction, sampler, pruner, seed)

    def run(
        self,
        objective: Objective,
        trials: int = 30,
        *,
        workers: int = 1,
        minutes: float | None = None,
        catch: tuple[type[Exception], ...] = (),
    ) -> TrialRecord:
        """Try parameters until so many trials are complete or pruned, and return the best.

        Args:
            objective: Called with each trial, whose run is the active one; returns the value. With
                several workers, it must be importable: a function of a module or script.
            trials: In all, with those of earlier calls.
            workers: Processes that try parameters; 1 tries them in this process.
            minutes: Start no trial after so many minutes; no limit by default.
            catch: Errors of the objective that fail its trial only; others end the sweep, or the
                worker that met them.

        Raises:
            InvalidValueError: There are no trials, workers or minutes.
            SweepPausedError: It was paused (see `tracker.sweep.pause`); the next call goes on.
            InvalidStateError: The sweep is running already or began with another space or other
                settings; or no trial came to an end, or trial after trial fails.
            UnsupportedError: Optuna is not installed.
        """
        plan = Plan(trials, workers, minutes)
        store = claim(self.name, self.space, self.settings)
        with store.open(trials):
            deadline = plan.deadline()
            if workers > 1:
                supervise(store, Job(store.run_id, objective, trials, deadline, catch), workers)
            else:
                while time.time() < deadline and store.try_next(objective, trials, catch):
                    pass
            return store.finish()
