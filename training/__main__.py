"""`python -m training`: train the study's configurations and track them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import DeviceError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import Config

DEVICES = ("auto", "cpu", "cuda", "mps")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return _run(options)
    except TrainingError as error:
        return _complain(error, error.exit_code)
    except KeyboardInterrupt:
        return _interrupted()


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training`."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train the study's configurations on MNIST and track them.",
    )
    add = parser.add_argument
    add("--config", type=Path, default=Path("config.yaml"), metavar="FILE", help="the study")
    add("--only", nargs="+", default=[], action="extend", metavar="NAME", help="configurations")
    add(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the configuration, such as model_configs.default.hidden_size=64",
    )
    add("--data-root", metavar="DIR", help="folder of the images, instead of paths.root")
    add("--device", choices=DEVICES, default="auto", help="where to train (default: auto)")
    add("--seed", type=int, metavar="N", help="instead of data_prep.seed")
    return parser


def _run(options: argparse.Namespace) -> int:
    config = _configured(options)
    _require_torch()
    from tracker import TrackerError  # noqa: PLC0415
    from training.device import choose_device  # noqa: PLC0415 -- seconds to import
    from training.report import make_report, print_summary  # noqa: PLC0415
    from training.study import chosen_configurations, run_study  # noqa: PLC0415

    names = chosen_configurations(config, options.only)
    try:
        outcomes, source = run_study(config, names, choose_device(options.device), make_report())
    except TrackerError as error:
        return _complain(error, 1)
    print_summary(outcomes, source, Path(config.tracking.database))
    return 0 if all(outcome.status == "FINISHED" for outcome in outcomes) else 1


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
        raise DeviceError(
            f"torch cannot be imported ({error}); install it with: "
            "pip install 'ml-tracker[training]'"
        ) from error


def _complain(error: object, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    return code


def _interrupted() -> int:
    import tracker  # noqa: PLC0415

    run = tracker.last_active_run()
    hint = f"; go on with: python -m training --resume {run.info.run_id}" if run else ""
    return _complain(f"interrupted{hint}", INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
