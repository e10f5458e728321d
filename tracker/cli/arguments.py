"""The parser: its verbs, and the options that several of them share."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Final, TypeAlias

from tracker import locations
from tracker.cli.program import program_name
from tracker.cli.tables import FORMATS
from tracker.validation import MAX_RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.cli.session import Session

ALL: Final = MAX_RESULTS
_HELP_WIDTH: Final = 79

Action: TypeAlias = "Callable[[Session], int | None]"


class Verbs:
    """Collects the verbs of a parser.

    Args:
        parser: Where they go.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._subparsers = parser.add_subparsers(
            dest="verb", metavar="VERB", required=True, help=argparse.SUPPRESS, prog=program_name()
        )

    def add(
        self, name: str, summary: str, action: Action, *, examples: str = ""
    ) -> argparse.ArgumentParser:
        """Add one verb; its parser, for its own arguments."""
        parser = self._subparsers.add_parser(
            name,
            description=textwrap.fill(summary, _HELP_WIDTH),
            epilog=_as_typed(examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        # Also after the verb; SUPPRESS keeps what was given before it.
        add_database(parser, argparse.SUPPRESS)
        parser.set_defaults(action=action)
        return parser


def _as_typed(examples: str) -> str | None:
    lines = [f"  {program_name()} {line.strip()}\n" for line in examples.splitlines()]
    return "examples:\n" + "".join(lines) if lines else None


def add_database(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """The option that names the database."""
    parser.add_argument(
        "--db",
        metavar="FILE",
        default=default,
        help=f"the tracking database (default: ${locations.ENVIRONMENT_VARIABLE}, else "
        "tracking.db)",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """The option that chooses between table, JSON and CSV."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="table shortens what it shows, json and csv are exact (default: table)",
    )


def add_run(parser: argparse.ArgumentParser, *, nargs: str | None = None) -> None:
    """The argument that names one run, or with `nargs` several."""
    parser.add_argument(
        "run" if nargs is None else "runs",
        metavar="RUN",
        nargs=nargs,
        help="its id or name, or the start of one that fits no other run",
    )


def add_experiments(parser: argparse.ArgumentParser) -> None:
    """The option that picks experiments."""
    parser.add_argument(
        "-e",
        "--experiment",
        dest="experiments",
        metavar="NAME",
        action="append",
        default=[],
        help="an experiment's name or id; may be repeated (default: all)",
    )


def whole_number(text: str) -> int:
    """A count from the command line: 0 or more.

    Raises:
        argparse.ArgumentTypeError: It is anything else.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return min(int(text), ALL)  # Neither SQLite nor a clock takes more than 64 bits.


def row_limit(text: str) -> int:
    """How many rows to show at most, from the command line, where 0 stands for all.

    Raises:
        argparse.ArgumentTypeError: It is no whole number of 0 or more.
    """
    return whole_number(text) or ALL
