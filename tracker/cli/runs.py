"""`runs` and `experiments`: what is in the database, filtered and ordered."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.parser import ALL, add_experiments, add_format, row_limit
from tracker.cli.tables import Column, write
from tracker.entities import ViewType
from tracker.exceptions import InvalidValueError
from tracker.lookup import SHORT_ID, experiment_ids
from tracker.store import lookup
from tracker.tags import MLFLOW_RUN_NOTE, MLFLOW_SOURCE_NAME
from tracker.validation import check_view

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.entities import Run


RESERVED: Final = "mlflow."
_MAX_RUNS: Final = 50
# The headings of a table are names of its columns too.
_ALIASES: Final = {
    "id": "run_id",
    "run": "run_id",
    "name": "run_name",
    "started": "start_time",
    "ended": "end_time",
    "took": "duration_seconds",
    "duration": "duration_seconds",
    "user": "user_id",
    "stage": "lifecycle_stage",
    "note": f"tags.{MLFLOW_RUN_NOTE}",
    "description": f"tags.{MLFLOW_RUN_NOTE}",
    "source": f"tags.{MLFLOW_SOURCE_NAME}",
}
_QUALITY: Final = re.compile("acc|loss|err|score|auc|f1|mse|mae|r2|perplex|reward|precision|recall")
_GROUPS: Final[tuple[lookup.Group, ...]] = ("metrics", "params", "tags")
_GROUP_OF: Final[Mapping[str, lookup.Group]] = {
    "metric": "metrics",
    "parameter": "params",
    "tag": "tags",
}
_NOUNS: Final = {"metrics": "the metric", "params": "the parameter", "tags": "the tag"}
_EXAMPLES: Final = """\
  runs --experiment MNIST --order "metrics.test_accuracy DESC" --limit 5
  runs --filter "metrics.val_loss < 0.3 AND params.lr BETWEEN 0.001 AND 0.1"
  runs --columns run_name,status,params.lr,metrics.val_loss
  runs --format csv > runs.csv
"""


def add_verbs(verbs: Verbs) -> None:
    """Add `runs` and `experiments`."""
    _add_runs(verbs)
    _add_experiments_verb(verbs)


def _add_runs(verbs: Verbs) -> None:
    parser = verbs.add("runs", "List runs, the newest first.", list_runs, examples=_EXAMPLES)
    add_experiments(parser, "an experiment's name or id; may be repeated (default: all)")
    add = parser.add_argument
    add(
        "-f",
        "--filter",
        metavar="TEXT",
        default="",
        help="only runs that match, for instance metrics.val_loss < 0.3",
    )
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
        help="what to show, comma-separated or repeated: run_id, run_name, experiment, status, "
        "start_time, end_time, duration_seconds, user_id, lifecycle_stage, artifact_uri, "
        "metrics.KEY, params.KEY, tags.KEY",
    )
    add(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        help=f"how many runs at most, 0 for all (default: {_MAX_RUNS} in a table, else all)",
    )
    _add_stages(parser)
    add_format(parser)


def list_runs(session: Session) -> None:
    """Write one line per run.

    Raises:
        NotFoundError: There is no such experiment.
        InvalidValueError: A filter, an order or a column is not understood.
    """
    options, console = session.options, session.console
    fields = _fields(session)
    names = ",".join(options.columns).split(",")
    named = [fields.field(name.strip()) for name in names if name.strip()]
    limit = _limit(options)
    client, ids = session.reading, experiment_ids(session.store, options.experiments)
    client.reap()
    matching = client.store.search_runs(
        ids, options.filter, check_view(options.view), limit + 1, 0, options.order
    )
    found = [client.located(run) for run in matching[:limit]]
    chosen = named or _default_fields(session, fields, found)
    rows = [[field.get(run) for field in chosen] for run in found]
    write(console, [field.column for field in chosen], rows, options.format)
    _name_unknown_keys(session, [field.column.name for field in named])
    if not found:
        console.remark("No run matches." if options.filter else "There are no runs here.")
    elif len(matching) > limit:
        console.remark(f"… the first {text.plural(limit, 'run')}; --limit 0 shows all")


def _name_unknown_keys(session: Session, columns: Sequence[str]) -> None:
    """Say which metrics, parameters and tags no run has: a mistyped one matches nothing."""
    from tracker.search import logged_fields  # noqa: PLC0415

    options = session.options
    asked = [(_GROUP_OF[f.entity], f.key) for f in logged_fields(options.filter, options.order)]
    asked += [
        (group, name.removeprefix(f"{group}."))
        for name in columns
        for group in _GROUPS
        if name.startswith(f"{group}.")
    ]
    with session.store.database.read() as connection:
        for group, key in dict.fromkeys(asked):
            if lookup.has_key(connection, group, key):
                continue
            # The tag behind a column's short name was not mistyped.
            is_named = f"{group}.{key}" in _ALIASES.values()
            known = [] if is_named else lookup.known_keys(connection, group)
            hint = text.did_you_mean(key, known) or "."
            session.console.remark(f"warning: No run has {_NOUNS[group]} {key!r}{hint}")


def _add_stages(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--deleted",
        dest="view",
        action="store_const",
        const=ViewType.DELETED_ONLY,
        default=ViewType.ACTIVE_ONLY,
        help="only deleted runs",
    )
    group.add_argument(
        "--all", dest="view", action="store_const", const=ViewType.ALL, help="also deleted runs"
    )


def _limit(options: argparse.Namespace) -> int:
    chosen: int | None = options.limit
    if chosen is None:
        return _MAX_RUNS if options.format == "table" else ALL
    return chosen


def _fields(session: Session) -> Fields:
    with session.store.database.read() as connection:
        names = lookup.experiment_names(connection)
    return Fields(names, session.console.now)


def _default_fields(session: Session, fields: Fields, found: list[Run]) -> list[Field]:
    if session.options.format != "table":
        return fields.all_of(found)
    return fields.overview_of(found, session.console.width)


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a list of runs, and how to get its value from a run."""

    column: Column
    get: Callable[[Run], Any]


class Fields:
    """The fields of a run that a list can show.

    Args:
        experiment_names: By id, for the field `experiment`.
        now_ms: The present, from which ages are counted.
    """

    def __init__(self, experiment_names: Mapping[str, str], now_ms: int) -> None:
        self._now_ms = now_ms
        self._attributes = self._make_attributes(experiment_names)

    def field(self, name: str) -> Field:
        """The field of this name.

        Raises:
            InvalidValueError: There is none; the message names the nearest.
        """
        proper = _ALIASES.get(name, name)
        group, dot, key = proper.partition(".")
        if dot and group in _GROUPS:
            return _logged(group, key)
        if proper not in self._attributes:
            known = [*self._attributes, *_ALIASES]
            hint = text.did_you_mean(name, known, list_all=True)
            raise InvalidValueError(
                f"There is no column {name!r}{hint} (or metrics.KEY, params.KEY, tags.KEY)"
            )
        return self._attributes[proper]

    def all_of(self, runs: Sequence[Run]) -> list[Field]:
        """All fields of these runs, for a program to read."""
        attributes = [field for name, field in self._attributes.items() if name != "artifact_uri"]
        keys = {group: {key for run in runs for key in _of(run, group)} for group in _GROUPS}
        keys["tags"] = {key for key in keys["tags"] if not key.startswith(RESERVED)}
        return attributes + [
            _logged(group, key) for group in _GROUPS for key in sorted(keys[group])
        ]

    def overview_of(self, runs: Sequence[Run], width: int | None) -> list[Field]:
        """The fields to read first: name, status, times, and the metrics that most runs have.

        Args:
            runs: The runs to list.
            width: Of the terminal, in cells; None if there is no terminal.
        """
        names = ["run_id", "run_name", "status", "start_time", "duration_seconds"]
        if len({run.info.experiment_id for run in runs}) > 1:
            names.insert(2, "experiment")
        fields = [self._attributes[name] for name in names]
        fields[0] = replace(fields[0], column=_short_id(fields[0].column))
        return fields + [_logged("metrics", key) for key in _fitting(_common_metrics(runs), width)]

    def _make_attributes(self, experiment_names: Mapping[str, str]) -> dict[str, Field]:
        def when(milliseconds: int) -> str:
            return text.ago(milliseconds, self._now_ms)

        fields = [
            Field(Column("run_id"), lambda run: run.info.run_id),
            Field(Column("run_name", "name", style="bold"), lambda run: run.info.run_name),
            Field(
                Column("experiment"), lambda run: experiment_names.get(run.info.experiment_id, "")
            ),
            Field(Column("experiment_id"), lambda run: run.info.experiment_id),
            Field(Column("status", style="status"), lambda run: run.info.status),
            Field(
                Column("start_time", "started", show=when, exact=text.utc_time),
                # 0 stands for a start that nobody recorded: MLflow cannot do without one.
                lambda run: run.info.start_time or None,
            ),
            Field(
                Column("end_time", "ended", show=when, exact=text.utc_time),
                lambda run: run.info.end_time,
            ),
            Field(
                Column(
                    "duration_seconds",
                    "took",
                    show=lambda milliseconds: text.duration(milliseconds / 1000),
                    exact=lambda milliseconds: milliseconds / 1000,
                    right=True,
                ),
                lambda run: duration_ms(run, self._now_ms),
            ),
            Field(Column("user_id", "user"), lambda run: run.info.user_id),
            Field(Column("lifecycle_stage", "stage"), lambda run: run.info.lifecycle_stage),
            Field(Column("artifact_uri"), lambda run: run.info.artifact_uri),
        ]
        return {field.column.name: field for field in fields}


def duration_ms(run: Run, now_ms: int) -> int | None:
    """How long a run took or has taken so far, in ms; None if its row does not tell."""
    if not run.info.start_time:  # A row that another program wrote may lack it.
        return None
    if run.info.end_time is not None:
        return run.info.end_time - run.info.start_time
    return now_ms - run.info.start_time if run.info.status == "RUNNING" else None


def _short_id(column: Column) -> Column:
    return replace(column, title="run", show=lambda run_id: str(run_id)[:SHORT_ID], style="dim")


def _logged(group: str, key: str) -> Field:
    name = f"{group}.{key}"
    if group == "metrics":
        column = Column(name, key, show=text.number, right=True)
        return Field(column, lambda run: run.data.metrics.get(key))
    return Field(Column(name, key), lambda run: _of(run, group).get(key))


def _of(run: Run, group: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(run.data, group)
    return found


def _common_metrics(runs: Sequence[Run]) -> list[str]:
    """Metrics by rank: measures of quality first, then what most runs have, then what differs."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.data.metrics.items():
            if not key.startswith("system/"):
                values.setdefault(key, []).append(value)

    def rank(key: str) -> tuple[bool, int, bool, str]:
        is_quality = bool(_QUALITY.search(key.lower()))
        return not is_quality, -len(values[key]), len(set(values[key])) == 1, key

    return sorted(values, key=rank)


def _fitting(keys: Iterable[str], width: int | None, taken: int = 72, most: int = 6) -> list[str]:
    """The first keys that fit on the terminal beside `taken` cells."""
    chosen: list[str] = []
    for key in keys:
        taken += max(text.display_width(key), 6) + 2
        if len(chosen) == most or (width is not None and taken > width):
            break
        chosen.append(key)
    return chosen


def _add_experiments_verb(verbs: Verbs) -> None:
    parser = verbs.add("experiments", "List experiments with their runs counted.", list_experiments)
    parser.add_argument("--all", action="store_true", help="also deleted experiments")
    add_format(parser)


def list_experiments(session: Session) -> None:
    """Write one line per experiment."""
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
