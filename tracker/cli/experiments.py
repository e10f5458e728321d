"""`experiments`: which experiments there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker import text
from tracker.cli.arguments import add_format
from tracker.cli.tables import Column, write
from tracker.entities import ViewType
from tracker.store import lookup

if TYPE_CHECKING:
    from tracker.cli.arguments import Verbs
    from tracker.cli.session import Session


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add("experiments", "List experiments with their runs counted.", list_experiments)
    parser.add_argument("--all", action="store_true", help="deleted experiments too")
    add_format(parser)


def list_experiments(session: Session) -> None:
    """Write one line an experiment."""
    everything = session.options.all
    view = ViewType.ALL if everything else ViewType.ACTIVE_ONLY
    with session.store.database.read() as connection:
        found = lookup.experiment_summaries(connection, view)
    now = session.console.now
    columns = [
        Column("experiment_id", "id", style="dim"),
        Column("name", style="bold"),
        Column("runs", show=text.count, right=True),
        Column("running", show=_unless_zero, right=True, style="blue"),
        Column("deleted", "deleted", show=_unless_zero, right=True, style="dim"),
        Column("last_start", "last run", show=lambda ms: text.ago(ms, now), exact=text.utc_time),
        Column("lifecycle_stage", "stage"),
        Column("artifact_location"),
    ]
    shown = columns if session.options.format != "table" else columns[: 7 if everything else 6]
    rows = [[getattr(summary, column.name) for column in shown] for summary in found]
    write(session.console, shown, rows, session.options.format)


def _unless_zero(value: int) -> str:
    return text.count(value) if value else ""
