"""`python -m training.sweep`: search for better parameters of a configuration."""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from training.command import (
    INTERRUPTED,
    add_study_options,
    check_torch,
    guarded,
    leave,
    load_study,
    location_options,
)
from training.errors import TrainingError, UsageError
from training.process import complain, interruptible, tolerant_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.entities import Run
    from training.config import Config
    from training.sweep.definition import SweepDefinition


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with tolerant_stdout() as output:
        options = build_parser().parse_args(arguments)
        return output.exit_code(guarded(search, options, resume_command))


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training.sweep`."""
    parser = argparse.ArgumentParser(
        prog="python -m training.sweep",
        description="Search for better parameters of a configuration; the space is the section "
        "`sweep` of the configuration file.",
    )
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="name of a new sweep (default: a random one)")
    add_study_options(parser)
    add(
        "--configuration",
        metavar="NAME",
        help="configuration to vary (default: sweep.configuration)",
    )
    add(
        "--trials",
        type=int,
        default=30,
        metavar="N",
        help="trials in all, complete or pruned; those before --resume count (default: 30)",
    )
    add(
        "--minutes",
        type=float,
        metavar="M",
        help="start no trial after M minutes (default: no limit)",
    )
    add("--workers", type=int, default=2, metavar="N", help="processes that train (default: 2)")
    add("--resume", metavar="NAME", help="go on with a sweep, by its name or run id")
    add(
        "--pause",
        metavar="NAME",
        help="let a running sweep finish its running trials and begin no other; --resume goes on",
    )
    add(
        "--storage", metavar="URL", help="Optuna storage that several machines share; docs/scale.md"
    )
    return parser


def search(options: argparse.Namespace) -> int:
    """Search, test the winner, and print the result; the exit code."""
    if sum(each is not None for each in (options.name, options.resume, options.pause)) > 1:
        raise UsageError(
            "NAME starts a new sweep, --resume goes on with one, --pause pauses one: give only one"
        )
    config = load_study(options)
    check_torch()
    # These take seconds to import, which `--help` and a mistake in the options need not wait for.
    from tracker.sweep import SweepPausedError  # noqa: PLC0415
    from training.sweep.definition import define  # noqa: PLC0415

    with interruptible():
        try:
            if options.pause:
                return _pause(config, options.pause)
            return _searched(define(config, options.configuration), options)
        except SweepPausedError:
            return complain(f"paused; resume with: {resume_command(options)}", INTERRUPTED)


def _pause(config: Config, name: str) -> int:
    from tracker import get_client  # noqa: PLC0415
    from tracker.sweep import pause  # noqa: PLC0415

    sweep = _existing(config, name)
    pause(get_client(), sweep.info.run_id)
    print(f"{sweep.info.run_name}: no further trial begins; those at work go on to their end")  # noqa: T201
    return 0


def _existing(config: Config, name: str) -> Run:
    """The sweep of a name or run id; where there is none, nothing is created.

    Raises:
        UsageError: There is no such database, or no such experiment in it.
        NotFoundError: There is no such sweep.
    """
    from tracker.sweep import get_sweep  # noqa: PLC0415
    from training.preflight import open_existing  # noqa: PLC0415

    client = open_existing(config, f"the sweep {name!r}")
    experiment = client.get_experiment_by_name(config.tracking.experiment_name)
    if experiment is None:
        missing = f"the database has no experiment {config.tracking.experiment_name!r}"
        raise UsageError(f"there is no sweep {name!r}: {missing}")
    return get_sweep(client, experiment.experiment_id, name)


def _searched(definition: SweepDefinition, options: argparse.Namespace) -> int:
    import tracker  # noqa: PLC0415
    from tracker.sweep import Job, Plan, check_storage, claim, open_sweep, supervise  # noqa: PLC0415
    from training.preflight import open_database  # noqa: PLC0415
    from training.sweep import winner  # noqa: PLC0415
    from training.sweep.objective import TrialObjective  # noqa: PLC0415
    from training.sweep.progress import SweepReport  # noqa: PLC0415

    plan = Plan(options.trials, options.workers, options.minutes)
    name = options.resume or options.name
    if options.resume:
        _existing(definition.config, name)
    if options.storage:
        check_storage(options.storage, name, definition.space, definition.settings)
    objective = TrialObjective(definition, options.device)
    settings = definition.settings_on(objective.prepare().train)
    open_database(definition.config)
    claimed = claim(name, definition.space, settings, resume=bool(options.resume))
    sweep = open_sweep(claimed.client, claimed.run_id, options.storage)
    report = SweepReport(sweep.name, sweep.settings.metric, plan.trials)
    setup = partial(open_database, definition.config)
    sent = TrialObjective(definition, options.device)  # without the images
    job = Job(
        sweep.run_id, sent, plan.trials, plan.deadline(), (TrainingError,), setup, options.storage
    )
    with closing(sweep), sweep.open(plan.trials):
        try:
            supervise(sweep, job, plan.workers, report.show)
        finally:
            report.close()
        best = sweep.finish()
        if not best.run_id or not is_here(best.run_id):
            report.say(f"Trial {best.number} won; its run is in the database of another machine.")
            return 0
        tested = winner.evaluate_winner(sweep, objective, best)
        command = winner.retrain_command(
            objective.experiment(best.params), definition.config, list(location_options(options))
        )
        sentence = winner.record_result(sweep, best, tested, definition.config, command)
    report.say(sentence)
    report.say(f"Train it again with five seeds:\n  {command}")
    if definition.config.promotion.model is not None:
        from training.promotion import promote_winner  # noqa: PLC0415

        client, rule = tracker.get_client(), definition.config.promotion
        report.say(promote_winner(client, rule, best.run_id))
    return 0


def is_here(run_id: str) -> bool:
    """Whether a run is in this machine's database."""
    import tracker  # noqa: PLC0415

    try:
        tracker.get_run(run_id)
    except tracker.TrackerError:
        return False
    return True


def resume_command(options: argparse.Namespace) -> str | None:
    """The shell command that goes on with the interrupted sweep; None if none began."""
    import tracker  # noqa: PLC0415
    from tracker.tags import TRACKER_SWEEP_SPACE  # noqa: PLC0415

    try:
        run = tracker.last_active_run()
    except tracker.TrackerError:
        return None
    if run is None or TRACKER_SWEEP_SPACE not in run.data.tags:
        return None
    words = [sys.orig_argv[0], "-m", "training.sweep", "--resume", run.info.run_name]
    words += ["--trials", str(options.trials), "--workers", str(options.workers)]
    words += location_options(options, every_set=True)
    if options.configuration:
        words += ["--configuration", options.configuration]
    if options.storage:
        from tracker.sweep import shown_url  # noqa: PLC0415

        words += ["--storage", shown_url(options.storage)]
    return shlex.join(words)


if __name__ == "__main__":
    leave(main())
