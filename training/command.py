"""What the trainer's command lines share: their options, their errors, the command that resumes."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import tracker
from tracker.files import is_url
from training.errors import (
    ConfigError,
    DataError,
    DeviceError,
    PeerFailedError,
    TrainingError,
    UsageError,
)
from training.process import complain, is_main_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.config import Config

DEVICES = ("auto", "cpu", "cuda", "mps")
INTERRUPTED = 130
INSTALL = "install it with: pip install 'ml-tracker[training]'"
REINSTALL = "reinstall it with: pip install --force-reinstall torch torchvision"
LOCATION_SECTIONS = {"paths", "tracking"}
"""Sections that a resumed run takes from the command line; all others stay as they were."""


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a study and change it for one command."""
    add = parser.add_argument
    add(
        "--config",
        type=Path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the study (default: config.yaml)",
    )
    add(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the configuration, such as model_configs.default.hidden_size=64; "
        "may be repeated",
    )


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a study, its images and the device."""
    add_config_options(parser)
    add = parser.add_argument
    add(
        "--data-root",
        type=folder_name,
        metavar="DIR",
        help="folder of images, or its URL (default: paths.root of the configuration)",
    )
    add("--device", choices=DEVICES, default="auto", help="where to train (default: auto)")


def guarded(
    command: Callable[[argparse.Namespace], int],
    options: argparse.Namespace,
    resume: Callable[[argparse.Namespace], str | None],
) -> int:
    """Run a command and turn its errors into a message and an exit code.

    Under torchrun, rank 0 reports a mistake for all. The others must not fail then: torchrun would
    end rank 0 before it has reported anything.

    Args:
        command: What to run.
        options: What it takes.
        resume: The command that resumes after Ctrl-C, if there is one.
    """
    try:
        return command(options)
    except (ConfigError, PeerFailedError, UsageError) as error:
        return complain(error, error.exit_code) if is_main_process() else 0
    except TrainingError as error:
        return complain(error, error.exit_code)
    except tracker.TrackerError as error:
        return complain(error, 1)
    except ModuleNotFoundError as error:
        return complain(f"{error.name} is not installed; {INSTALL}", 1)
    except KeyboardInterrupt:
        if is_main_process():
            again = resume(options)
            complain(f"interrupted; resume with: {again}" if again else "interrupted", INTERRUPTED)
        return INTERRUPTED


def load_study(options: argparse.Namespace, seed: int | None = None) -> Config:
    """The study of the options `--config`, `--set` and `--data-root`.

    Args:
        options: The parsed command line.
        seed: Instead of data_prep.seed.

    Raises:
        ConfigError: The configuration breaks a rule.
        DataError: The data root does not exist.
        UsageError: An override is not of the form key=value.
    """
    from training.config_file import load_config  # noqa: PLC0415 -- loads pydantic

    overrides = list(options.overrides)
    if seed is not None:
        overrides.append(f"data_prep.seed={seed}")
    config = load_config(options.config, overrides)
    if options.data_root is None:
        return config
    path = os.path.expanduser(options.data_root)  # noqa: PTH111
    if not is_url(path) and not os.path.lexists(path):
        raise DataError(
            f"--data-root {options.data_root!r} does not exist; create the folder first, or leave "
            "--data-root out to use paths.root of the configuration"
        )
    return config.with_data_root(options.data_root)


def check_torch() -> None:
    """Check that torch can be imported.

    Raises:
        DeviceError: It is not installed, or broken.
    """
    try:
        import torch  # noqa: F401, PLC0415 -- takes seconds
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            raise DeviceError(f"torch is not installed; {INSTALL}") from error
        raise DeviceError(
            f"torch is installed but cannot be loaded ({error}); {REINSTALL}"
        ) from error


def folder_name(text: str) -> str:
    """An option's value that names a folder.

    Raises:
        argparse.ArgumentTypeError: It is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("the folder's name is empty")
    return text


def natural_number(text: str) -> int:
    """An option's value that is an integer of 0 or more.

    Raises:
        argparse.ArgumentTypeError: It is not.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of 0 or more")
    try:
        return int(text)
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise argparse.ArgumentTypeError("the number has thousands of digits") from error


def resume_command(options: argparse.Namespace) -> str | None:
    """The shell command that resumes the interrupted run; None if there is none to resume."""
    from training.config import EFFECTIVE_CONFIG  # noqa: PLC0415 -- loads pydantic

    try:
        run = tracker.last_active_run()
        if run is None or run.info.status != "KILLED":
            return None
        tracker.get_client().artifacts(run.info.run_id).local_path(EFFECTIVE_CONFIG)
    except tracker.TrackerError:
        return None
    return shlex.join([*_program(), "--resume", run.info.run_id, *location_options(options)])


def _program() -> list[str]:
    """How this program was started, without its options."""
    python, processes = sys.orig_argv[0], os.environ.get("LOCAL_WORLD_SIZE")
    if processes is None:
        return [python, "-m", "training"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    return [python, *launcher, "-m", "training"]


def location_options(options: argparse.Namespace, *, every_set: bool = False) -> Iterator[str]:
    """The options that say where things are.

    Args:
        options: The parsed command line.
        every_set: All of `--set`, not only that of paths and the tracking.
    """
    if str(options.config) != "config.yaml":
        yield from ("--config", str(options.config))
    if options.data_root:
        yield from ("--data-root", options.data_root)
    for override in options.overrides:
        section = override.partition("=")[0].split(".")[0].strip()
        if every_set or section in LOCATION_SECTIONS:
            yield from ("--set", override)
    if options.device != "auto":
        yield from ("--device", options.device)


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
