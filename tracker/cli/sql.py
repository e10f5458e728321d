"""`sql`: a query of one's own, read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.console import piped_text
from tracker.cli.parser import add_format, row_limit, whole_number
from tracker.cli.tables import Column, write
from tracker.exceptions import InvalidValueError
from tracker.store import query

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session

_LIMIT: Final = 1_000
_TIMEOUT_SECONDS: Final = 60
_EXAMPLES: Final = """\
  sql "SELECT name, status FROM runs ORDER BY start_time DESC LIMIT 5"
  sql "SELECT key, MAX(value) FROM metrics GROUP BY key" --format csv
  sql - < question.sql
  sql "SELECT sql FROM sqlite_master"            the tables and their columns
"""


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add("sql", "Query the database, read-only.", sql, examples=_EXAMPLES)
    add = parser.add_argument
    add("query", metavar="QUERY", help="one SELECT; - reads it from standard input")
    add(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        default=_LIMIT,
        help=f"how many rows at most, 0 for all (default: {_LIMIT})",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=whole_number,
        default=_TIMEOUT_SECONDS,
        help=f"when to give up (default: {_TIMEOUT_SECONDS})",
    )
    add_format(parser)


def sql(session: Session) -> None:
    """Write the query's rows.

    Raises:
        InvalidValueError: The query is empty, wrong, or would write.
    """
    options, console = session.options, session.console
    statement = piped_text() if options.query == "-" else options.query
    if not statement.strip():
        raise InvalidValueError("The query is empty: write a SELECT.")
    answer = query.select(session.store.database, statement, options.limit, options.timeout)
    write(console, _columns(answer), answer.rows, options.format)
    if answer.more:
        console.remark(f"… the first {text.plural(options.limit, 'row')}; --limit 0 shows all")


def _columns(answer: query.Answer) -> list[Column]:
    """Columns named as the query names them; numbers to the right, in full."""
    return [
        Column(_unique(answer.columns, index), name, right=_is_numeric(answer.rows, index))
        for index, name in enumerate(answer.columns)
    ]


def _unique(names: list[str], index: int) -> str:
    """JSON keeps one value a name."""
    name = names[index]
    earlier = names[:index].count(name)
    return f"{name}_{earlier + 1}" if earlier else name


def _is_numeric(rows: list[tuple[Any, ...]], index: int) -> bool:
    values = [row[index] for row in rows if row[index] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)
