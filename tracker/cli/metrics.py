"""`metrics`: a run's metrics in one line each, or whole histories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.arguments import ALL, add_format, add_run, row_limit
from tracker.cli.tables import Column, write
from tracker.exceptions import NotFoundError
from tracker.lookup import describe, find_run
from tracker.store import lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.cli.arguments import Verbs
    from tracker.cli.session import Session
    from tracker.store.lookup import MetricSummary

_LIMIT: Final = 50
_EXAMPLES: Final = """\
  metrics default_1a2b3c4d
  metrics default_1a2b3c4d train_loss val_loss
  metrics default_1a2b3c4d val_loss --format csv > val_loss.csv
"""

SUMMARY: Final = (
    Column("key", "metric"),
    Column("last", show=text.number, right=True, style="bold"),
    Column("last_step", "at step", right=True, style="dim"),
    Column("low", "lowest", show=text.number, right=True),
    Column("low_step", "at step", right=True, style="dim"),
    Column("high", "highest", show=text.number, right=True),
    Column("high_step", "at step", right=True, style="dim"),
    Column("points", show=text.count, right=True),
)


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add(
        "metrics", "A run's metrics, or the history of some.", metrics, examples=_EXAMPLES
    )
    add_run(parser)
    parser.add_argument("keys", metavar="KEY", nargs="*", help="metrics whose history to show")
    parser.add_argument(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        help=f"the last N points of each, 0 for all (default: {_LIMIT} in a table, else all)",
    )
    add_format(parser)


def metrics(session: Session) -> None:
    """Write one line a metric; with keys, one line a point."""
    info = find_run(session.store, session.options.run)
    with session.store.database.read() as connection:
        known = lookup.metric_summaries(connection, info.run_id)
    if session.options.keys:
        _check_keys(session.options.keys, [metric.key for metric in known], describe(info))
        _histories(session, info.run_id, known)
        return
    write(session.console, SUMMARY, summary_rows(known), session.options.format)
    if not known:
        session.console.remark(f"The run {describe(info)} has no metrics.")


def summary_rows(metrics: Sequence[MetricSummary]) -> list[list[Any]]:
    """The values of the columns of `SUMMARY`."""
    return [[getattr(metric, column.name) for column in SUMMARY] for metric in metrics]


def _histories(session: Session, run_id: str, known: Sequence[MetricSummary]) -> None:
    options, console = session.options, session.console
    limit = options.limit
    if limit is None:
        limit = _LIMIT if options.format == "table" else ALL
    keys = list(dict.fromkeys(options.keys))
    with session.store.database.read() as connection:
        rows = [
            [key, point.step, point.timestamp, point.value]
            for key in keys
            for point in lookup.last_points(connection, run_id, key, limit)
        ]
    columns = [
        Column("key", "metric"),
        Column("step", right=True),
        Column("timestamp", "time", show=text.utc_time, exact=text.utc_time, style="dim"),
        Column("value", show=text.number, right=True, style="bold"),
    ]
    write(console, columns, rows, options.format)
    total = sum(metric.points for metric in known if metric.key in keys)
    if len(rows) < total:
        console.remark(f"… the last {len(rows):,} of {total:,} points; --limit 0 shows all")


def _check_keys(keys: Sequence[str], known: Sequence[str], run: str) -> None:
    for key in keys:
        if key not in known:
            hint = text.did_you_mean(key, known) or "."
            raise NotFoundError(f"The run {run} has no metric {key!r}{hint}")
