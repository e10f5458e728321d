"""`delete` and `restore`: runs and experiments go and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.cli.arguments import add_experiments, add_run
from tracker.cli.program import program_name
from tracker.entities import LifecycleStage
from tracker.exceptions import InvalidValueError
from tracker.lookup import describe, find_experiments, find_runs
from tracker.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.cli.arguments import Verbs
    from tracker.cli.session import Session

_DELETE_EXAMPLES: Final = """\
  delete small_hidden_1a2b3c4d 5e6f7a8b
  delete --experiment Playground --experiment Drafts
"""
_RESTORE_EXAMPLES: Final = """\
  runs --deleted
  restore 5e6f7a8b
"""


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs."""
    _add(verbs, "delete", "Delete runs or experiments.", delete, _DELETE_EXAMPLES)
    _add(verbs, "restore", "Bring deleted runs or experiments back.", restore, _RESTORE_EXAMPLES)


def delete(session: Session) -> None:
    """Delete runs, or experiments with their runs; nothing leaves the disk yet."""
    client = session.writing
    done = _each(
        session, LifecycleStage.DELETED, client.delete_run, client.delete_experiment, "Deleted"
    )
    if done:
        session.console.remark(
            f"`{program_name()} restore` brings back what is deleted, `gc` frees its disk space."
        )


def restore(session: Session) -> None:
    """Bring runs back, or experiments with their runs."""
    client = session.writing
    _each(session, LifecycleStage.ACTIVE, client.restore_run, client.restore_experiment, "Restored")


def _add(
    verbs: Verbs, name: str, summary: str, action: Callable[[Session], None], examples: str
) -> None:
    parser = verbs.add(name, summary, action, examples=examples)
    add_run(parser, nargs="*")
    add_experiments(parser, "an experiment with all its runs; may be repeated")


def _each(
    session: Session,
    stage: LifecycleStage,
    change_run: Callable[[str], None],
    change_experiment: Callable[[str], None],
    done: str,
) -> int:
    """Change everything that is named, once all of it is found; how many were changed.

    Raises:
        InvalidValueError: Nothing is named.
    """
    options, store = session.options, session.writing.store
    if not options.runs and not options.experiments:
        raise InvalidValueError("Name a run, or an experiment with --experiment.")
    runs = find_runs(store, options.runs)
    experiments = find_experiments(store, options.experiments)
    for info in runs:
        if info.lifecycle_stage == stage:
            session.console.line(f"Run {clean(describe(info))} was {stage} already.")
            continue
        change_run(info.run_id)
        session.console.line(f"{done} run {clean(describe(info))}.")
    for experiment in experiments:
        if experiment.lifecycle_stage == stage:
            session.console.line(f"Experiment {clean(repr(experiment.name))} was {stage} already.")
            continue
        change_experiment(experiment.experiment_id)
        session.console.line(f"{done} experiment {clean(repr(experiment.name))} with its runs.")
    return len(runs) + len(experiments)
