"""`python -m training.promote RUN`: register a run's network; promote it if the rule says so."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import PromotionError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = build_parser().parse_args(arguments)
    if (options.run is None) == (not options.back):
        build_parser().error("name a run, or give --back")
    from tracker import TrackerError  # noqa: PLC0415 -- seconds that --help need not wait for

    try:
        print(_promoted(options))  # noqa: T201
    except (TrainingError, TrackerError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training.promote`."""
    parser = argparse.ArgumentParser(
        prog="python -m training.promote",
        description="Register a run's network and make it the champion if config.yaml's rule "
        "says so, or go back to the champion before.",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="id or name of the run")
    parser.add_argument(
        "--back", action="store_true", help="make the champion before the present one champion"
    )
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), metavar="FILE")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser


def _promoted(options: argparse.Namespace) -> str:
    """The sentence that says what happened."""
    from tracker import lookup  # noqa: PLC0415
    from tracker.promotion import go_back  # noqa: PLC0415
    from training.config_file import load_config  # noqa: PLC0415
    from training.preflight import open_existing  # noqa: PLC0415
    from training.promotion import promote_run, sentence  # noqa: PLC0415

    config = load_config(options.config, options.overrides)
    rule = config.promotion
    if rule.model is None:
        raise PromotionError(
            "promotion.model is not set; add --set promotion.model=digits, or set it in the file"
        )
    wanted = f"the model {rule.model!r}" if options.back else f"the run {options.run!r}"
    client = open_existing(config, wanted)
    if options.back:
        version = go_back(client, rule.model)
        return f"{rule.model}: version {version.version} is the champion again."
    run = client.get_run(lookup.find_run(client.store, options.run).run_id)
    return sentence(rule.model, *promote_run(client, rule, run))


if __name__ == "__main__":
    sys.exit(main())
