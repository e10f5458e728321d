"""`sql`: a query of one's own, read-only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.console import piped_text
from tracker.cli.parser import ALL, add_format, non_negative_int, row_limit
from tracker.cli.tables import Column, write
from tracker.exceptions import InvalidValueError, QueryTimeoutError
from tracker.sandbox import Limits, select, unique_names

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session

_MAX_ROWS: Final = 1_000
_TIMEOUT_SECONDS: Final = 60
# More than on the dashboard's SQL page: what is asked here may be an export.
_LIMITS: Final = Limits(
    columns=2_000, value_bytes=100_000_000, result_bytes=1_000_000_000, memory_bytes=1_000_000_000
)
_EXAMPLES: Final = """\
  sql "SELECT name, status FROM runs ORDER BY start_time DESC LIMIT 5"
  sql "SELECT key, MAX(value) FROM metrics GROUP BY key" --format csv
  sql - < question.sql
  sql "SELECT sql FROM sqlite_master"            the tables and their columns
"""


def add_verbs(verbs: Verbs) -> None:
    """Add `sql`."""
    parser = verbs.add("sql", "Query the database, read-only.", sql, examples=_EXAMPLES)
    add = parser.add_argument
    add("query", metavar="QUERY", help="one SELECT; - reads it from standard input")
    add(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        default=_MAX_ROWS,
        help=f"how many rows at most, 0 for all (default: {_MAX_ROWS})",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=non_negative_int,
        default=_TIMEOUT_SECONDS,
        help=f"when to give up (default: {_TIMEOUT_SECONDS})",
    )
    add_format(parser)


def sql(session: Session) -> None:
    """Write the query's rows.

    Raises:
        InvalidValueError: The query is empty or wrong, would write, or takes too much.
        QueryTimeoutError: It takes too long.
    """
    options, console = session.options, session.console
    statement = piped_text() if options.query == "-" else options.query
    if not statement.strip():
        raise InvalidValueError("The query is empty: write a SELECT.")
    session.store.database.close()
    limits = replace(_LIMITS, rows=options.limit, seconds=options.timeout)
    try:
        answer = select(session.path, statement, limits)
    except QueryTimeoutError as error:
        raise QueryTimeoutError(f"{error} --timeout allows more.") from None
    write(console, _columns(answer.columns, answer.rows), answer.rows, options.format)
    if answer.is_cut:
        shown = text.plural(len(answer.rows), "row")
        is_cut_by_size = options.limit == ALL
        hint = "the rest exceeds 1 GB" if is_cut_by_size else "--limit 0 shows all"
        console.remark(f"… the first {shown}; {hint}")


def _columns(names: list[str], rows: list[tuple[Any, ...]]) -> list[Column]:
    """Columns titled as the query names them, under unique names; numbers to the right."""
    return [
        Column(unique, name, right=_is_numeric(rows, index))
        for index, (unique, name) in enumerate(zip(unique_names(names), names, strict=True))
    ]


def _is_numeric(rows: list[tuple[Any, ...]], index: int) -> bool:
    values = [row[index] for row in rows if row[index] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)
