"""`show`, `metrics`, `artifacts`: one run, its metric histories and its files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracker import text
from tracker.cli.parser import ALL, add_format, add_run, row_limit
from tracker.cli.runs import RESERVED, duration_ms
from tracker.cli.tables import Column, artifact_lines, write, write_json
from tracker.exceptions import NotFoundError, TrackerError
from tracker.lookup import describe, find_run
from tracker.store import lookup
from tracker.tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    TRACKER_FAILURE_REASON,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session
    from tracker.entities import DatasetInput, FileInfo, Run
    from tracker.store.lookup import MetricSummary


_MAX_POINTS: Final = 50
_MAX_CHILDREN: Final = 8
_METRICS_EXAMPLES: Final = """\
  metrics default_1a2b3c4d
  metrics default_1a2b3c4d train_loss val_loss
  metrics default_1a2b3c4d val_loss --format csv > val_loss.csv
"""
_ARTIFACTS_EXAMPLES: Final = """\
  artifacts default_1a2b3c4d
  artifacts default_1a2b3c4d model --download /tmp/model
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
    """Add `show`, `metrics` and `artifacts`."""
    _add_show(verbs)
    _add_metrics(verbs)
    _add_artifacts(verbs)


def _add_show(verbs: Verbs) -> None:
    parser = verbs.add("show", "Show everything about one run.", show)
    add_run(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text shortens what it shows; json is exact (default: text)",
    )


def show(session: Session) -> None:
    """Write the run in sections, or as one JSON object.

    Raises:
        NotFoundError: There is no such run.
    """
    info = find_run(session.store, session.options.run)
    with session.store.database.read() as connection:
        run = session.store.get_run(info.run_id)
        metrics = lookup.metric_summaries(connection, info.run_id)
    files, errors = _artifacts(session, info.run_id)
    if session.options.format == "json":
        write_json(session.console, _as_json(session, run, metrics, files))
        return
    _write_head(session, run)
    _write_params(session, run.data.params)
    _write_metrics(session, metrics)
    _write_tags(session, run.data.tags)
    _write_datasets(session, run.inputs.dataset_inputs)
    _write_files(session, files, errors)


def _write_head(session: Session, run: Run) -> None:
    console, tags = session.console, run.data.tags
    name = text.clean(run.info.run_name or run.info.run_id)
    console.line(f"{console.styled(name, 'bold')}  {console.status(text.clean(run.info.status))}")
    for label, value in _facts(session, run).items():
        if value:
            console.line(f"{console.styled(f'{label:<12}', 'dim')}{text.clean(value)}")
    if note := tags.get(MLFLOW_RUN_NOTE):
        console.line()
        for line in text.clean_lines(note):
            console.line(f"  {line}".rstrip())


def _facts(session: Session, run: Run) -> dict[str, str | None]:
    info, tags, now = run.info, run.data.tags, session.console.now
    took = duration_ms(run, now)
    stage = None if info.lifecycle_stage == "active" else info.lifecycle_stage
    return {
        "run": info.run_id,
        "experiment": session.store.get_experiment(info.experiment_id).name,
        "stage": stage,
        "reason": tags.get(TRACKER_FAILURE_REASON),
        "started": _started(info.start_time, now),
        "took": None if took is None else text.duration(took / 1000),
        "user": info.user_id,
        "source": tags.get(MLFLOW_SOURCE_NAME),
        "commit": tags.get(MLFLOW_GIT_COMMIT),
        "parent": tags.get(MLFLOW_PARENT_RUN_ID),
        "children": _children(session, info.run_id),
    }


def _started(timestamp_ms: int | None, now_ms: int) -> str | None:
    if not timestamp_ms:
        return None
    return f"{text.utc_time(timestamp_ms)} ({text.ago(timestamp_ms, now_ms)})"


def _children(session: Session, run_id: str) -> str:
    with session.store.database.read() as connection:
        children = lookup.child_runs(connection, run_id)
    names = [child.run_name or child.run_id for child in children]
    more = f", … ({len(names)})" if len(names) > _MAX_CHILDREN else ""
    return ", ".join(names[:_MAX_CHILDREN]) + more


def _write_params(session: Session, params: Mapping[str, str]) -> None:
    if params:
        session.console.heading("Parameters")
        _write_pairs(session, params.items())


def _write_metrics(session: Session, metrics: list[MetricSummary]) -> None:
    if metrics:
        session.console.heading("Metrics")
        write(session.console, SUMMARY, summary_rows(metrics), "table")


def _write_tags(session: Session, tags: Mapping[str, str]) -> None:
    own = {key: value for key, value in tags.items() if not key.startswith(RESERVED)}
    own.pop(TRACKER_FAILURE_REASON, None)
    if own:
        session.console.heading("Tags")
        _write_pairs(session, own.items())


def _write_datasets(session: Session, used: list[DatasetInput]) -> None:
    if used:
        session.console.heading("Data sets")
        columns = [Column("name"), Column("context"), Column("rows", right=True), Column("digest")]
        write(session.console, columns, [_dataset_row(entry) for entry in used], "table")


def _dataset_row(entry: DatasetInput) -> list[Any]:
    contexts = [tag.value for tag in entry.tags if tag.key == MLFLOW_DATASET_CONTEXT]
    return [entry.dataset.name, ", ".join(contexts), _rows_of(entry), entry.dataset.digest]


def _rows_of(entry: DatasetInput) -> str:
    """The number of rows according to the profile; "" if it does not say."""
    try:
        profile = json.loads(entry.dataset.profile or "")
    except ValueError:
        return ""
    rows = profile.get("num_rows") if isinstance(profile, dict) else None
    return text.count(rows) if isinstance(rows, int) else ""


def _artifacts(session: Session, run_id: str) -> tuple[list[FileInfo], list[TrackerError]]:
    """The run's files, and why others cannot be listed."""
    errors: list[TrackerError] = []
    try:
        return list(session.reading.artifacts(run_id).walk(None, errors.append)), errors
    except TrackerError as error:
        return [], [error]


def _write_files(session: Session, files: list[FileInfo], errors: list[TrackerError]) -> None:
    console = session.console
    if files:
        console.heading(f"Artifacts ({_total(files)})")
        for line in artifact_lines(console, files):
            console.line(line)
    elif errors:
        console.heading("Artifacts")
    for error in errors:
        console.line(text.clean(error))


def _write_pairs(session: Session, pairs: Iterable[tuple[str, str]]) -> None:
    """Two columns without a heading."""
    rows = sorted(pairs)
    width = max(text.display_width(text.clean(key)) for key, _ in rows)
    limit = session.console.width
    for key, value in rows:
        label = text.clean(key)
        padding = " " * (width - text.display_width(label) + 2)
        whole = text.clean(value)
        short = whole if limit is None else text.cut(whole, max(limit - width - 2, 20))
        session.console.line(f"{session.console.styled(label, 'dim')}{padding}{short}".rstrip())


def _as_json(
    session: Session, run: Run, metrics: list[MetricSummary], files: list[FileInfo]
) -> dict[str, Any]:
    info = asdict(run.info)
    for key in ("start_time", "end_time"):
        info[key] = None if info[key] is None else text.utc_time(info[key])
    info["experiment"] = session.store.get_experiment(run.info.experiment_id).name
    return {
        **info,
        "params": run.data.params,
        "metrics": {metric.key: asdict(metric) for metric in metrics},
        "tags": run.data.tags,
        "datasets": [asdict(entry) for entry in run.inputs.dataset_inputs],
        "artifacts": [{"path": file.path, "size_bytes": file.file_size} for file in files],
    }


def _add_metrics(verbs: Verbs) -> None:
    parser = verbs.add(
        "metrics",
        "Show a run's metrics, or the histories of some.",
        metrics,
        examples=_METRICS_EXAMPLES,
    )
    add_run(parser)
    parser.add_argument("keys", metavar="KEY", nargs="*", help="show the history of these metrics")
    parser.add_argument(
        "-n",
        "--limit",
        metavar="N",
        type=row_limit,
        help=f"the last N points of each, 0 for all (default: {_MAX_POINTS} in a table, else all)",
    )
    add_format(parser)


def metrics(session: Session) -> None:
    """Write one line per metric; with keys, one line per point.

    Raises:
        NotFoundError: There is no such run or metric.
    """
    info = find_run(session.store, session.options.run)
    with session.store.database.read() as connection:
        known = lookup.metric_summaries(connection, info.run_id)
    if session.options.keys:
        _check_keys(session.options.keys, [metric.key for metric in known], describe(info))
        _write_histories(session, info.run_id, known)
        return
    write(session.console, SUMMARY, summary_rows(known), session.options.format)
    if not known:
        session.console.remark(f"The run {describe(info)} has no metrics.")


def summary_rows(metrics: Sequence[MetricSummary]) -> list[list[Any]]:
    """One row per metric, with the columns of `SUMMARY`."""
    return [[getattr(metric, column.name) for column in SUMMARY] for metric in metrics]


def _write_histories(session: Session, run_id: str, known: Sequence[MetricSummary]) -> None:
    options, console = session.options, session.console
    limit = options.limit
    if limit is None:
        limit = _MAX_POINTS if options.format == "table" else ALL
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


def _add_artifacts(verbs: Verbs) -> None:
    parser = verbs.add(
        "artifacts",
        "List the files of a run, or download them.",
        artifacts,
        examples=_ARTIFACTS_EXAMPLES,
    )
    add_run(parser)
    parser.add_argument("path", metavar="PATH", nargs="?", help="only this file or folder")
    parser.add_argument(
        "-d", "--download", metavar="FOLDER", type=Path, help="copy the files into this folder"
    )
    add_format(parser)


def artifacts(session: Session) -> int:
    """List the files, or copy them; exit code 1 if some cannot be read.

    Raises:
        NotFoundError: There is no such file or folder.
    """
    options, console = session.options, session.console
    info = find_run(session.store, options.run)
    store = session.reading.artifacts(info.run_id)
    path = (options.path or "").rstrip("/") or None
    errors: list[TrackerError] = []
    files = list(store.walk(path, errors.append))
    if path and not files and not errors:
        store.local_path(path)
    if options.download:
        if not files:
            raise NotFoundError(f"The run {describe(info)} has no artifacts to download.")
        _write_download(session, store.download(path, options.download), files)
    elif options.format == "table":
        for line in artifact_lines(console, files):
            console.line(line)
        console.remark(_total(files))
    else:
        columns = [Column("path"), Column("size_bytes")]
        write(console, columns, [[file.path, file.file_size] for file in files], options.format)
    for error in errors:
        console.remark(f"warning: {error}")
    return 1 if errors else 0


def _write_download(session: Session, target: Path, files: list[FileInfo]) -> None:
    session.console.line(text.clean(target))
    session.console.remark(_total(files))


def _total(files: list[FileInfo]) -> str:
    size_bytes = sum(file.file_size or 0 for file in files)
    return f"{text.plural(len(files), 'file')}, {text.size(size_bytes)}"
