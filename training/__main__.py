"""`python -m training`: train the study's configurations and track them."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from training.errors import ConfigError, DeviceError, ElsewhereError, TrainingError, UsageError
from training.process import how_to_go_on, is_first, outlived_output, silence, stoppable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import Config
    from training.outcome import Outcome

DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_SEEDS = 400
"""So many of 19 digits find room in a tag of the run that sums them up."""
INTERRUPTED = 130
BROKEN_PIPE = 141
INSTALL = "install it with: pip install 'ml-tracker[training]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    with outlived_output() as output:
        code = _main(arguments)
        with suppress(BrokenPipeError):
            output.flush()
        if output.failure is None:
            return code
        reason = output.failure.strerror
        return _complain(f"not all that was to be printed could be: {reason}", code or 1)


def _main(arguments: Sequence[str] | None) -> int:
    options = _parsed(arguments)
    try:
        return _run(options)
    except TrainingError as error:
        return 0 if _is_told_elsewhere(error) else _complain(error, error.exit_code)
    except ModuleNotFoundError as error:
        return _complain(f"{error.name} is not installed; {INSTALL}", 1)
    except BrokenPipeError:
        silence(sys.stdout)  # its reader, `head` for one, has left
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return _interrupted(options)


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
    add("--seed", type=_natural, metavar="N", help="of the training, instead of data_prep.seed")
    add(
        "--seeds",
        type=_number_of_seeds,
        metavar="N",
        help="train each from N seeds in a row; mean and deviation",
    )
    add("--resume", metavar="RUN", help="go on with an interrupted run, by its id or name")
    return parser


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = build_parser()
    if is_first():
        return parser.parse_args(arguments)
    try:
        with (
            open(os.devnull, "w") as nowhere,  # noqa: PTH123
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            return parser.parse_args(arguments)
    except SystemExit:
        sys.exit(0)  # see `_is_told_elsewhere`


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it names no folder")
    return text


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    try:
        return int(text)
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise argparse.ArgumentTypeError("it is a number of thousands of digits") from error


def _number_of_seeds(text: str) -> int:
    if not 1 <= _natural(text) <= MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"it takes 1 to {MOST_SEEDS} seeds")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    _refuse_beside_resume(options)
    config = _configured(options)
    _require_torch()
    from tracker import TrackerError  # noqa: PLC0415
    from training.report import print_summary  # noqa: PLC0415 -- a second to import

    with stoppable():
        try:
            outcomes, source = _train(config, options)
        except TrackerError as error:
            return _complain(error, 1)
    if outcomes:
        print_summary(outcomes, source, Path(config.tracking.database))
    return 0 if all(outcome.status == "FINISHED" for outcome in outcomes) else 1


def _train(config: Config, options: argparse.Namespace) -> tuple[list[Outcome], str]:
    from training import distributed, resume, study  # noqa: PLC0415 -- seconds to import
    from training.device import choose_device  # noqa: PLC0415
    from training.experiment import Surroundings  # noqa: PLC0415
    from training.report import make_report  # noqa: PLC0415

    names = study.chosen_configurations(config, options.only)
    device = choose_device(options.device)
    launched = distributed.launched_world()
    around = Surroundings(device, launched, make_report(launched))
    with distributed.joined(launched, device):
        if options.resume is None:
            return study.run_study(config, names, around, options.seeds or 1)
        return resume.resume_run(config, options.resume, options.overrides, around)


def _refuse_beside_resume(options: argparse.Namespace) -> None:
    if options.resume is None:
        return
    asked = {"--only": options.only, "--seed": options.seed, "--seeds": options.seeds}
    if given := [name for name, value in asked.items() if value not in (None, [])]:
        raise UsageError(
            f"--resume goes on with a run as it began; leave out {' and '.join(given)}"
        )


def _configured(options: argparse.Namespace) -> Config:
    from training.config_file import load_config  # noqa: PLC0415

    overrides = list(options.overrides)
    if options.seed is not None:
        overrides.append(f"data_prep.seed={options.seed}")
    config = load_config(options.config, overrides)
    return config.with_data_root(options.data_root) if options.data_root else config


def _require_torch() -> None:
    try:
        import torch  # noqa: F401, PLC0415
    except (ImportError, OSError) as error:
        raise DeviceError(f"torch cannot be imported ({error}); {INSTALL}") from error


def _is_told_elsewhere(error: TrainingError) -> bool:
    """Whether the first process tells this mistake for all.

    The others must not fail then: torchrun would end the first one before it has told.
    """
    return isinstance(error, ConfigError | ElsewhereError | UsageError) and not is_first()


def _complain(error: object, code: int) -> int:
    try:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        silence(sys.stderr)
    return code


def _interrupted(options: argparse.Namespace) -> int:
    if is_first():
        command = how_to_go_on(options)
        hint = f"; go on with: {command}" if command else ""
        _complain(f"interrupted{hint}", INTERRUPTED)
    return INTERRUPTED


def leave(code: int) -> NoReturn:
    """End the process.

    One that torchrun started skips the end of the interpreter: gloo's threads let go of the last
    tensors a little later, which takes it, and aborts the process where it is being torn down;
    torchrun then ends all the others. All runs are closed by now, and all files.
    """
    if "RANK" not in os.environ:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed from the start, or since
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
