"""Search for good parameters: a sweep is a run, its trials are child runs.

Needs Optuna (`pip install 'ml-tracker[sweep]'`), which is imported at the first ask.
"""

from tracker.sweep.proposals import importances
from tracker.sweep.search import Sweep
from tracker.sweep.settings import PRUNERS, SAMPLERS, SweepSettings
from tracker.sweep.shared import SharedSweepRun, check_storage, open_sweep, shown_url
from tracker.sweep.space import Choices, Parameter, Range, Space, parse_space
from tracker.sweep.supervisor import Plan, supervise
from tracker.sweep.sweep_run import (
    SweepPausedError,
    SweepRun,
    SweepStoppedError,
    Trial,
    TrialPruned,
    claim,
    find_sweep,
    get_sweep,
    pause,
    read_sweep,
    search_sweeps,
)
from tracker.sweep.trials import Progress, TrialRecord, progress
from tracker.sweep.worker import Job

__all__ = [
    "PRUNERS",
    "SAMPLERS",
    "Choices",
    "Job",
    "Parameter",
    "Plan",
    "Progress",
    "Range",
    "SharedSweepRun",
    "Space",
    "Sweep",
    "SweepPausedError",
    "SweepRun",
    "SweepSettings",
    "SweepStoppedError",
    "Trial",
    "TrialPruned",
    "TrialRecord",
    "check_storage",
    "claim",
    "find_sweep",
    "get_sweep",
    "importances",
    "open_sweep",
    "parse_space",
    "pause",
    "progress",
    "read_sweep",
    "search_sweeps",
    "shown_url",
    "supervise",
]
