"""`python -m training`: train the study's configurations and track them."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from training.errors import (
    ConfigError,
    DataError,
    DeviceError,
    PeerFailedError,
    TrainingError,
    UsageError,
)
from training.process import (
    interruptible,
    is_main_process,
    resume_command,
    silence,
    tolerant_stdout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import Config

DEVICES = ("auto", "cpu", "cuda", "mps")
MAX_SEEDS = 400
"""As many seeds of 19 digits as fit into a tag of the run that summarizes them."""
INTERRUPTED = 130
INSTALL = "install it with: pip install 'ml-tracker[training]'"
REINSTALL = "reinstall it with: pip install --force-reinstall torch torchvision"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with tolerant_stdout() as output:
        code = _exit_code(_parsed(arguments))
        output.flush()
        if output.failure is None or isinstance(output.failure, BrokenPipeError):
            return code
        reason = output.failure.strerror
        return _complain(f"not all output could be written: {reason}", code or 1)


def _exit_code(options: argparse.Namespace) -> int:
    try:
        return train(options)
    except TrainingError as error:
        return 0 if _is_reported_by_rank_0(error) else _complain(error, error.exit_code)
    except ModuleNotFoundError as error:
        return _complain(f"{error.name} is not installed; {INSTALL}", 1)
    except KeyboardInterrupt:
        if is_main_process():
            command = resume_command(options)
            hint = f"; resume with: {command}" if command else ""
            _complain(f"interrupted{hint}", INTERRUPTED)
        return INTERRUPTED


def train(options: argparse.Namespace) -> int:
    """Train what the options ask for, print the summary and return the exit code."""
    _check_resume_options(options)
    config = _load_config(options)
    _check_torch()
    # These take seconds to import, which `--help` and a mistake in the options need not wait for.
    from tracker import TrackerError  # noqa: PLC0415
    from training import device, distributed, report, resume, study  # noqa: PLC0415
    from training.experiment import RunEnvironment  # noqa: PLC0415

    with interruptible():
        try:
            names = study.chosen_configurations(config, options.only)
            chosen, world = (
                device.choose_device(options.device),
                distributed.world_from_environment(),
            )
            environment = RunEnvironment(chosen, world, report.make_report(world))
            with distributed.process_group(world, chosen):
                if options.resume is None:
                    outcomes, source = study.run_study(
                        config, names, environment, options.seeds or 1
                    )
                else:
                    outcomes, source = resume.resume_run(
                        config, options.resume, options.overrides, environment
                    )
        except TrackerError as error:
            return _complain(error, 1)
    if outcomes:
        report.print_summary(outcomes, source, Path(config.tracking.database))
    return 0 if all(outcome.status == "FINISHED" for outcome in outcomes) else 1


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training`."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train the study's configurations on MNIST and track them.",
    )
    add = parser.add_argument
    add(
        "--config",
        type=Path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the study (default: config.yaml)",
    )
    add(
        "--only",
        nargs="+",
        default=[],
        action="extend",
        metavar="NAME",
        help="configurations to train (default: all but those on request)",
    )
    add(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the configuration, such as model_configs.default.hidden_size=64",
    )
    add("--data-root", type=_folder, metavar="DIR", help="folder of images, instead of paths.root")
    add("--device", choices=DEVICES, default="auto", help="where to train (default: auto)")
    add("--seed", type=_natural, metavar="N", help="seed, instead of data_prep.seed")
    add(
        "--seeds",
        type=_seed_count,
        metavar="N",
        help="train each from N consecutive seeds; reports mean and standard deviation",
    )
    add("--resume", metavar="RUN", help="resume an interrupted run, by its id or name")
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
        sys.exit(0)  # see `_is_reported_by_rank_0`


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty")
    return text


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of 0 or more")
    try:
        return int(text)
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise argparse.ArgumentTypeError("the number has thousands of digits") from error


def _seed_count(text: str) -> int:
    if not 1 <= _natural(text) <= MAX_SEEDS:
        raise argparse.ArgumentTypeError(f"the number of seeds must be 1 to {MAX_SEEDS}")
    return int(text)


def _check_resume_options(options: argparse.Namespace) -> None:
    if options.resume is None:
        return
    asked = {"--only": options.only, "--seed": options.seed, "--seeds": options.seeds}
    if given := [name for name, value in asked.items() if value not in (None, [])]:
        raise UsageError(f"--resume continues a run as it started; leave out {' and '.join(given)}")


def _load_config(options: argparse.Namespace) -> Config:
    from training.config_file import load_config  # noqa: PLC0415 -- loads pydantic

    overrides = list(options.overrides)
    if options.seed is not None:
        overrides.append(f"data_prep.seed={options.seed}")
    config = load_config(options.config, overrides)
    if options.data_root is None:
        return config
    if not os.path.lexists(os.path.expanduser(options.data_root)):  # noqa: PTH111
        raise DataError(
            f"--data-root {options.data_root!r} does not exist; create the folder first, or leave "
            "--data-root out to use paths.root of the configuration"
        )
    return config.with_data_root(options.data_root)


def _check_torch() -> None:
    try:
        import torch  # noqa: F401, PLC0415 -- takes seconds
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            raise DeviceError(f"torch is not installed; {INSTALL}") from error
        raise DeviceError(
            f"torch is installed but cannot be loaded ({error}); {REINSTALL}"
        ) from error


def _is_reported_by_rank_0(error: TrainingError) -> bool:
    """Whether rank 0 reports this mistake for all processes.

    The others must not fail then: torchrun would end rank 0 before it has reported anything.
    """
    return isinstance(error, ConfigError | PeerFailedError | UsageError) and not is_main_process()


def _complain(error: object, code: int) -> int:
    try:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        silence(sys.stderr)
    return code


def leave(code: int) -> NoReturn:
    """End the process.

    A process that torchrun started skips the interpreter's shutdown: gloo's threads release the
    last tensors a little later, which needs the interpreter and aborts the process if it is half
    gone; torchrun then ends all the others. All runs and files are closed by now.
    """
    if "RANK" not in os.environ:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed at the start, or since
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
