"""`python -m training.promote RUN`: register a run's network; promote it if the rule says so."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from training.command import add_config_options, guarded, leave
from training.errors import PromotionError, UsageError
from training.process import interruptible, tolerant_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with tolerant_stdout() as output:
        options = build_parser().parse_args(arguments)
        return output.exit_code(guarded(promote, options, lambda _: None))


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m training.promote`."""
    parser = argparse.ArgumentParser(
        prog="python -m training.promote",
        description="Register a run's network under promotion.model of the configuration, and "
        "make it the champion if the rule there says so; or go back to the champion before.",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="id or name of the run")
    parser.add_argument(
        "--back", action="store_true", help="make the previous champion the champion again"
    )
    add_config_options(parser)
    return parser


def promote(options: argparse.Namespace) -> int:
    """Promote a run or go back, say what happened, and return the exit code.

    Raises:
        UsageError: Not exactly one of a run and `--back` is given.
    """
    if (options.run is None) == (not options.back):
        raise UsageError("name a run, or give --back")
    with interruptible():
        print(_promoted(options))  # noqa: T201
    return 0


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
    leave(main())
