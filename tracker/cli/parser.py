"""The parser: its verbs, and the options that several verbs share."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tracker.cli.console import program_name
from tracker.cli.tables import FORMATS
from tracker.environment import TRACKER_URI
from tracker.text import closest
from tracker.validation import LAST_PORT, MAX_RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.cli.session import Session

ALL: Final = MAX_RESULTS
_HELP_WIDTH: Final = 79
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kmgt]?)b?", re.IGNORECASE)

# Verbs of other programs.
_HABITS: Final = {
    "ls": "runs",
    "list": "runs",
    "search": "runs",
    "rm": "delete",
    "remove": "delete",
    "mv": "rename",
    "undelete": "restore",
    "dashboard": "ui",
    "server": "ui",
    "view": "ui",
    "info": "show",
    "diff": "compare",
    "query": "sql",
    "clean": "gc",
    "vacuum": "gc",
    "fsck": "check",
    "doctor": "check",
    "download": "artifacts",
    "files": "artifacts",
    "sync": "push",
}

Action: TypeAlias = "Callable[[Session], int | None]"


class _Once(argparse.Action):
    """Stores a value and refuses a second one, which would silently replace the first."""

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
    """A parser that names the nearest verb, and refuses an option given twice.

    An option that collects values may be repeated.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given: set[str] = set()
        for name in (None, "store"):
            self.register("action", name, _Once)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001
            hint = _HABITS.get(value)
            if hint not in action.choices:
                hint = closest(value, action.choices)
            nearest = f"; did you mean {hint!r}?" if hint else f": see `{self.prog} --help`"
            raise argparse.ArgumentError(None, f"there is no verb {value!r}{nearest}")
        super()._check_value(action, value)


class VerbParser(Parser):
    """The parser of one verb, whose options and arguments may be mixed."""

    _is_parsing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse all arguments; none is left for the parser of the verbs."""
        if self._subparsers is not None:  # The parser of one of them does it.
            return super().parse_known_args(args, namespace)
        if self._is_parsing:  # Python up to 3.11 comes back here for options and for the rest.
            return super().parse_known_args(args, namespace)
        self._is_parsing = True
        found, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, []


class Verbs:
    """Adds verbs to a parser.

    Args:
        parser: The program's, or that of a group of verbs.
        group: The name of the group.
    """

    def __init__(self, parser: Parser, group: str = "") -> None:
        self._given = parser.given
        self._subparsers = parser.add_subparsers(
            dest=f"{group}_verb" if group else "verb",
            metavar="VERB",
            help=argparse.SUPPRESS,
            prog=f"{program_name()} {group}".rstrip(),
            parser_class=VerbParser,
            required=bool(group),
        )

    def add_group(self, name: str, description: str) -> Verbs:
        """Add a verb that has verbs of its own, such as `models show`.

        Args:
            name: The verb.
            description: Its help, which lists its verbs.
        """
        parser = self._subparsers.add_parser(
            name,
            usage="%(prog)s [--db FILE] VERB …",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.given = self._given
        add_database(parser, argparse.SUPPRESS)
        return Verbs(parser, name)

    def add(
        self, name: str, summary: str, action: Action, *, examples: str = ""
    ) -> argparse.ArgumentParser:
        """Add one verb.

        Args:
            name: The verb.
            summary: The first sentences of its help.
            action: Runs it; returns the exit code, None for 0.
            examples: Command lines without the program's name, one per line.

        Returns:
            The verb's parser, to which its own arguments are added.
        """
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
    """Add the option that names the database."""
    parser.add_argument(
        "--db",
        metavar="FILE",
        default=default,
        help=f"the tracking database (default: ${TRACKER_URI}, else tracking.db)",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses between table, JSON and CSV."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="table shortens what it shows; json and csv are exact, except that csv puts an "
        "apostrophe before a text that a spreadsheet would execute (default: table)",
    )


def add_run(parser: argparse.ArgumentParser, *, nargs: str | None = None) -> None:
    """Add the argument that names one run or, with `nargs`, several."""
    parser.add_argument(
        "run" if nargs is None else "runs",
        metavar="RUN",
        nargs=nargs,
        help="id or name of a run, or a start of one that fits no other run",
    )


def add_experiments(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Add the option that names experiments; `meaning` is its help."""
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
    """An integer of at least 0 from the command line.

    Raises:
        argparse.ArgumentTypeError: The text is anything else.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 0")
    return min(int(text), ALL)  # SQLite and clocks take 64 bits.


def port_number(text: str) -> int:
    """A TCP port from the command line; 0 stands for any that is free.

    Raises:
        argparse.ArgumentTypeError: The text is no port.
    """
    if non_negative_int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port: choose one up to {LAST_PORT}")
    return int(text)


def byte_size(text: str) -> int:
    """A size from the command line, such as `500MB` or `20GB`, in bytes.

    >>> byte_size("1000"), byte_size("1.5 kB"), byte_size("20GB")
    (1000, 1500, 20000000000)

    Raises:
        argparse.ArgumentTypeError: The text is anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500MB or 20GB")
    power: int = " kmgt".index(match[2].lower() or " ")
    return round(float(match[1]) * 1000.0**power)


def row_limit(text: str) -> int:
    """The most rows to show, from the command line; 0 means all.

    Raises:
        argparse.ArgumentTypeError: The text is not an integer of at least 0.
    """
    return non_negative_int(text) or ALL
