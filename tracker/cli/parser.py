"""The parser: its verbs, and the options that several of them share."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tracker import locations
from tracker.cli.console import program_name
from tracker.cli.tables import FORMATS
from tracker.validation import MAX_RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.cli.session import Session

ALL: Final = MAX_RESULTS
_HELP_WIDTH: Final = 79

Action: TypeAlias = "Callable[[Session], int | None]"


class _Once(argparse.Action):
    """Stores a value, and refuses a second one: the last would win without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if option_string is not None and isinstance(parser, Parser):
            if self.dest in parser.given:
                raise argparse.ArgumentError(self, "given twice, but it takes one value")
            parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser whose options are given once, those that collect values apart."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.given: set[str] = set()
        for name in (None, "store"):
            self.register("action", name, _Once)


class VerbParser(Parser):
    """The parser of one verb, whose options may stand anywhere among what else is given."""

    _dealing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """All arguments, none of which is left to the parser of the verbs."""
        if self._dealing:  # Python up to 3.11 comes back here for options and for the rest.
            return super().parse_known_args(args, namespace)
        self._dealing = True
        found, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, []


class Verbs:
    """Collects the verbs of a parser.

    Args:
        parser: Where they go.
    """

    def __init__(self, parser: Parser) -> None:
        self._given = parser.given
        self._subparsers = parser.add_subparsers(
            dest="verb",
            metavar="VERB",
            help=argparse.SUPPRESS,
            prog=program_name(),
            parser_class=VerbParser,
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
        parser.given = self._given
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


def add_experiments(parser: argparse.ArgumentParser, meaning: str) -> None:
    """The option that picks experiments; `meaning` is its help."""
    parser.add_argument(
        "-e",
        "--experiment",
        dest="experiments",
        metavar="NAME",
        action="append",
        default=[],
        help=meaning,
    )


def non_negative_int(text: str) -> int:
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
    return non_negative_int(text) or ALL
