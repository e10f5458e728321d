"""`python -m tracker`: read, change, maintain and move tracking databases."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import TYPE_CHECKING, Final

from tracker import __version__
from tracker.cli import change, compare, models, runs, serve, show, sql, team, transfer, ui, upkeep
from tracker.cli.console import Console, program_name
from tracker.cli.parser import Parser, Verbs, add_database
from tracker.cli.session import Session
from tracker.exceptions import TrackerError
from tracker.files.store import reason_of
from tracker.text import clean_lines, prepare_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_VERB: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

DESCRIPTION: Final = """\
Experiments and runs in one SQLite file.

read:
  experiments   list experiments with their runs counted
  runs          list runs: filter, order, choose columns
  show          everything about one run
  compare       runs side by side, differences first
  metrics       a run's metrics, or the histories of some
  artifacts     a run's files; download them
  sql           query the database, read-only
  ui            open the dashboard in a browser

change:
  tag           show, set or remove tags of a run
  note          show or set the note of a run
  rename        give a run or an experiment another name
  delete        mark runs or experiments as deleted; gc frees their disk space
  restore       bring deleted runs or experiments back

maintain:
  check         test the database, its files and their digests
  gc            free the disk space of what was deleted and of unused files
  backup        copy the database and its files while runs go on

move:
  export        write runs or experiments into a zip file
  import        copy runs from a zip file, another database or MLflow's mlruns folder
  push          send runs to an MLflow server, also while they go on
  pull          copy runs from an MLflow server

put to use:
  models        register models, point aliases at their versions, compare them
  serve         answer predictions of a model over HTTP
"""
EPILOG: Final = """\
Name a run by its id, its name, or a start of either that fits no other run.
`VERB --help` explains a verb.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Without the program's name (default: those of this process).
    """
    prepare_streams()
    try:
        parser = build_parser()
        options = parser.parse_args(_without_help_verb(arguments))
        code = _run(options) if options.verb else _explain(parser)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, for one) has closed the pipe: write nothing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def build_parser() -> Parser:
    """The parser with all verbs."""
    parser = Parser(
        prog=program_name(),
        usage="%(prog)s [--db FILE] VERB …",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ml-tracker {__version__}")
    add_database(parser)
    verbs = Verbs(parser)
    for module in (runs, show, compare, sql, ui, change, upkeep, transfer, team, models, serve):
        module.add_verbs(verbs)
    return parser


def _without_help_verb(arguments: Sequence[str] | None) -> Sequence[str]:
    """`help VERB` as `VERB --help`."""
    given = sys.argv[1:] if arguments is None else arguments
    return [*given[1:2], "--help"] if given[:1] == ["help"] else given


def _explain(parser: Parser) -> int:
    parser.print_help()
    return NO_VERB


def _run(options: argparse.Namespace) -> int:
    session = Session(options, Console())
    with warnings.catch_warnings(record=True) as caught:
        try:
            return options.action(session) or 0
        except BrokenPipeError:
            raise
        except TrackerError as error:
            _say(f"error: {error}")
            return 1
        except OSError as error:
            place = f"{str(error.filename)!r}: " if error.filename else ""
            _say(f"error: {place}{reason_of(error)}")
            return 1
        finally:
            for warning in caught:
                _say(f"warning: {warning.message}")


def _say(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write("\n".join(clean_lines(text)) + "\n")


if __name__ == "__main__":
    sys.exit(main())
