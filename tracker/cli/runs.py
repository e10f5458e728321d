"""`runs`: which runs there are, filtered and ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker import text
from tracker.cli.arguments import ALL, add_experiments, add_format, row_limit
from tracker.cli.fields import Fields
from tracker.cli.tables import write
from tracker.entities import ViewType
from tracker.lookup import experiment_ids
from tracker.store import lookup

if TYPE_CHECKING:
    import argparse

    from tracker.cli.arguments import Verbs
    from tracker.cli.fields import Field
    from tracker.cli.session import Session
    from tracker.entities import Run

_LIMIT: Final = 50
_EXAMPLES: Final = """\
  runs --experiment MNIST --order "metrics.test_accuracy DESC" --limit 5
  runs --filter "metrics.val_loss < 0.3 AND params.lr BETWEEN 0.001 AND 0.1"
  runs --columns run_name,status,params.lr,metrics.val_loss
  runs --format csv > runs.csv
"""


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add("runs", "List runs, the newest first.", list_runs, examples=_EXAMPLES)
    add_experiments(parser, "an experiment's name or id; may be repeated (default: all)")
    add = parser.add_argument
    add("-f", "--filter", metavar="TEXT", default="", help="only runs for which this holds")
    add(
        "-o",
        "--order",
        metavar="FIELD",
        action="append",
        default=[],
        help="order by this field, with ASC or DESC; may be repeated",
    )
    add(
        "-c",
        "--columns",
        metavar="NAMES",
        action="append",
        default=[],
        help="what to show, parted by commas or repeated: run_id, run_name, experiment, status, "
        "start_time, end_time, duration_seconds, user_id, lifecycle_stage, artifact_uri, "
        "metrics.KEY, params.KEY, tags.KEY",
    )
    add(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        help=f"how many runs at most, 0 for all (default: {_LIMIT} in a table, else all)",
    )
    _add_stages(parser)
    add_format(parser)


def list_runs(session: Session) -> None:
    """Write one line a run."""
    options, console = session.options, session.console
    fields = _fields(session)
    names = ",".join(options.columns).split(",")
    named = [fields.field(name.strip()) for name in names if name.strip()]
    limit = _limit(options)
    found = session.reading.search_runs(
        experiment_ids(session.store, options.experiments),
        options.filter,
        options.view,
        limit,
        options.order,
    )
    chosen = named or _default_fields(session, fields, found)
    rows = [[field.get(run) for field in chosen] for run in found]
    write(console, [field.column for field in chosen], rows, options.format)
    if not found:
        console.remark("No run matches." if options.filter else "There are no runs here.")
    elif found.token:
        console.remark(f"… the first {text.plural(limit, 'run')}; --limit 0 shows all")


def _add_stages(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--deleted",
        dest="view",
        action="store_const",
        const=ViewType.DELETED_ONLY,
        default=ViewType.ACTIVE_ONLY,
        help="deleted runs instead",
    )
    group.add_argument(
        "--all", dest="view", action="store_const", const=ViewType.ALL, help="deleted runs too"
    )


def _limit(options: argparse.Namespace) -> int:
    chosen: int | None = options.limit
    if chosen is None:
        return _LIMIT if options.format == "table" else ALL
    return chosen


def _fields(session: Session) -> Fields:
    with session.store.database.read() as connection:
        summaries = lookup.experiment_summaries(connection, ViewType.ALL)
    names = {summary.experiment_id: summary.name for summary in summaries}
    return Fields(names, session.console.now)


def _default_fields(session: Session, fields: Fields, found: list[Run]) -> list[Field]:
    if session.options.format != "table":
        return fields.all_of(found)
    return fields.overview_of(found, session.console.width)
