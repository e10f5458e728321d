"""`compare`: runs side by side, differences first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.parser import add_format, add_run
from tracker.cli.runs import RESERVED
from tracker.cli.tables import Column, write
from tracker.exceptions import InvalidValueError
from tracker.lookup import SHORT_ID, find_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.entities import Run

_GROUPS: Final = ("params", "metrics", "tags")
_MIN_RUNS: Final = 2
Row = list[Any]


def add_verbs(verbs: Verbs) -> None:
    """Add `compare`."""
    parser = verbs.add("compare", "Compare runs side by side, differences first.", compare)
    add_run(parser, nargs="+")
    parser.add_argument(
        "--different", action="store_true", help="leave out what is equal in all runs"
    )
    add_format(parser)


def compare(session: Session) -> None:
    """Write one line per parameter, metric or tag, one column per run.

    Raises:
        InvalidValueError: Fewer than two runs are named.
    """
    infos = find_runs(session.store, session.options.runs)
    if len(infos) < _MIN_RUNS:
        raise InvalidValueError("Name two runs or more to compare.")
    runs = [session.store.get_run(info.run_id) for info in infos]
    write_comparison(session, runs, _run_columns(runs))


def write_comparison(session: Session, runs: Sequence[Run], titles: Sequence[Column]) -> None:
    """Write what differs between runs and what is the same.

    Args:
        session: With the options `different` and `format`.
        runs: At least two.
        titles: The column of each run.
    """
    options, console = session.options, session.console
    different, same = _compared(runs)
    kept = different + ([] if options.different else same)
    if options.format != "table":
        columns = [Column("field"), Column("differs"), *titles]
        write(console, columns, kept, options.format)
        return
    columns = [Column("field", style="dim"), *titles]
    if len(runs) == _MIN_RUNS:
        columns.append(Column("change", show=_signed, right=True, style="bold"))
        different = [[*row, _change(*row[2:])] for row in different]
    _section(session, "Different", columns, different)
    if not options.different:
        console.line()
        columns = [Column("field", style="dim"), Column("value", "in all", show=text.shown)]
        _section(session, "The same", columns, [row[:3] for row in same])


def _section(session: Session, title: str, columns: Sequence[Column], rows: list[Row]) -> None:
    console = session.console
    if not rows:
        console.line(f"{console.styled(title, 'bold')}: nothing")
        return
    console.line(console.styled(title, "bold"))
    write(console, columns, [[field, *values] for field, _, *values in rows], "table")


def _compared(runs: Sequence[Run]) -> tuple[list[Row], list[Row]]:
    """Rows of (field, differs, value of each run): those that differ, and the others."""
    different: list[Row] = []
    same: list[Row] = []
    for field, values in _attributes(runs) + _logged(runs):
        differs = any(not _are_equal(value, values[0]) for value in values)
        (different if differs else same).append([field, differs, *values])
    return different, same


def _are_equal(left: Any, right: Any) -> bool:
    """Whether two values are equal; NaN equals NaN."""
    return bool(left == right) or (left != left and right != right)  # noqa: PLR0124


def _change(before: Any, after: Any) -> float | None:
    """The difference of two metrics; None if one is missing or not a number."""
    if isinstance(before, float) and isinstance(after, float):
        change = after - before
        return change if math.isfinite(change) else None
    return None


def _signed(value: float) -> str:
    return f"+{text.number(value)}" if value > 0 else text.number(value)


def _attributes(runs: Sequence[Run]) -> list[tuple[str, Row]]:
    return [("status", [run.info.status for run in runs])]


def _logged(runs: Sequence[Run]) -> list[tuple[str, Row]]:
    return [row for group in _GROUPS for row in _group(runs, group)]


def _group(runs: Sequence[Run], group: str) -> Iterator[tuple[str, Row]]:
    data: list[Mapping[str, Any]] = [getattr(run.data, group) for run in runs]
    for key in sorted({key for values in data for key in values}):
        if group != "tags" or not key.startswith(RESERVED):
            yield f"{group}.{key}", [values.get(key) for values in data]


def _run_columns(runs: Sequence[Run]) -> list[Column]:
    names = [run.info.run_name or run.info.run_id[:SHORT_ID] for run in runs]
    return [
        Column(
            run.info.run_id,
            name if names.count(name) == 1 else f"{name} {run.info.run_id[:SHORT_ID]}",
            show=text.shown,
            right=True,
        )
        for run, name in zip(runs, names, strict=True)
    ]
