"""`python -m training`: train the study's configurations and track them."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from training.command import (
    add_study_options,
    check_torch,
    guarded,
    leave,
    load_study,
    natural_number,
    resume_command,
)
from training.errors import UsageError
from training.process import interruptible, is_main_process, tolerant_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import Config
    from training.outcome import Outcome

MAX_SEEDS = 400
"""As many seeds of 19 digits as fit into a tag of the run that summarizes them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with tolerant_stdout() as output:
        options = _parsed(arguments)
        return output.exit_code(guarded(train, options, resume_command))


def train(options: argparse.Namespace) -> int:
    """Train what the options ask for, print the summary and return the exit code."""
    _check_resume_options(options)
    config = load_study(options, seed=options.seed)
    check_torch()
    # These take seconds to import, which `--help` and a mistake in the options need not wait for.
    from training import device, distributed, report, resume, study  # noqa: PLC0415
    from training.experiment import RunEnvironment  # noqa: PLC0415

    with interruptible():
        names = study.chosen_configurations(config, options.only)
        chosen = device.choose_device(options.device)
        world = distributed.world_from_environment()
        environment = RunEnvironment(chosen, world, report.make_report(world))
        with distributed.process_group(world, chosen):
            if options.resume is None:
                outcomes, source = study.run_study(config, names, environment, options.seeds or 1)
            else:
                outcomes, source = resume.resume_run(
                    config, options.resume, options.overrides, environment
                )
    if outcomes:
        report.print_summary(outcomes, source, Path(config.tracking.database))
        if config.promotion.model is not None and is_main_process():
            return _promote(config, outcomes)
    return 0 if all(outcome.status == "FINISHED" for outcome in outcomes) else 1


def _promote(config: Config, outcomes: Sequence[Outcome]) -> int:
    """Promote the best run, say why or why not, and return the exit code."""
    from tracker import get_client  # noqa: PLC0415
    from training.promotion import promote_best, sentence  # noqa: PLC0415

    run_ids = [outcome.run_id for outcome in outcomes]
    found = promote_best(get_client(), config.promotion, run_ids)
    if found is not None:
        print(sentence(str(config.promotion.model), *found))  # noqa: T201
    return 0 if all(outcome.status == "FINISHED" for outcome in outcomes) else 1


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training`."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train the study's configurations on MNIST and track them.",
    )
    add_study_options(parser)
    add = parser.add_argument
    add(
        "--only",
        nargs="+",
        default=[],
        action="extend",
        metavar="NAME",
        help="configurations to train (default: all but those on request)",
    )
    add("--seed", type=natural_number, metavar="N", help="seed (default: data_prep.seed)")
    add(
        "--seeds",
        type=_seed_count,
        metavar="N",
        help="train each from N consecutive seeds, and report mean and standard deviation "
        "(default: 1)",
    )
    add(
        "--resume",
        metavar="RUN",
        help="resume an interrupted run, by its id or name; a finished one with --set "
        "model_configs.NAME.max_epochs=N",
    )
    return parser


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = build_parser()
    if is_main_process():
        return parser.parse_args(arguments)
    try:
        with (
            open(os.devnull, "w") as null,  # noqa: PTH123
            redirect_stdout(null),
            redirect_stderr(null),
        ):
            return parser.parse_args(arguments)
    except SystemExit:
        sys.exit(0)  # see `command.guarded`


def _seed_count(text: str) -> int:
    if not 1 <= natural_number(text) <= MAX_SEEDS:
        raise argparse.ArgumentTypeError(f"the number of seeds must be 1 to {MAX_SEEDS}")
    return int(text)


def _check_resume_options(options: argparse.Namespace) -> None:
    if options.resume is None:
        return
    asked = {"--only": options.only, "--seed": options.seed, "--seeds": options.seeds}
    if given := [name for name, value in asked.items() if value not in (None, [])]:
        raise UsageError(f"--resume continues a run as it started; leave out {' and '.join(given)}")


if __name__ == "__main__":
    leave(main())
