"""`show`: everything about one run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracker import text
from tracker.cli.arguments import add_run
from tracker.cli.fields import RESERVED, duration_of
from tracker.cli.metrics import SUMMARY, summary_rows
from tracker.cli.tables import Column, write, write_json
from tracker.cli.tree import artifact_lines
from tracker.client import CONTEXT_TAG, NOTE_TAG, PARENT_TAG
from tracker.exceptions import TrackerError
from tracker.liveness import REASON_TAG
from tracker.lookup import find_run
from tracker.store import lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracker.cli.arguments import Verbs
    from tracker.cli.session import Session
    from tracker.entities import DatasetInput, FileInfo, Run
    from tracker.store.lookup import MetricSummary


def add_verbs(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add("show", "Everything about one run.", show)
    add_run(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def show(session: Session) -> None:
    """Write the run in sections, or as one JSON object."""
    info = find_run(session.store, session.options.run)
    with session.store.database.read() as connection:
        run = session.store.get_run(info.run_id)
        metrics = lookup.metric_summaries(connection, info.run_id)
    files, trouble = _artifacts(session, info.run_id)
    if session.options.format == "json":
        write_json(session.console, _as_json(session, run, metrics, files))
        return
    _head(session, run)
    _parameters(session, run.data.params)
    _metrics(session, metrics)
    _tags(session, run.data.tags)
    _datasets(session, run.inputs.dataset_inputs)
    _files(session, files, trouble)


def _head(session: Session, run: Run) -> None:
    console, tags = session.console, run.data.tags
    name = text.clean(run.info.run_name or run.info.run_id)
    console.line(f"{console.styled(name, 'bold')}  {console.status(run.info.status)}")
    for label, value in _facts(session, run).items():
        if value:
            console.line(f"{console.styled(f'{label:<12}', 'dim')}{text.clean(value)}")
    if note := tags.get(NOTE_TAG):
        console.line()
        for line in text.clean_lines(note):
            console.line(f"  {line}".rstrip())


def _facts(session: Session, run: Run) -> dict[str, str | None]:
    info, tags, now = run.info, run.data.tags, session.console.now
    took = duration_of(run, now)
    stage = None if info.lifecycle_stage == "active" else info.lifecycle_stage
    return {
        "run": info.run_id,
        "experiment": session.store.get_experiment(info.experiment_id).name,
        "stage": stage,
        "reason": tags.get(REASON_TAG),
        "started": _started(info.start_time, now),
        "took": None if took is None else text.duration(took / 1000),
        "user": info.user_id,
        "source": tags.get("mlflow.source.name"),
        "commit": tags.get("mlflow.source.git.commit"),
        "parent": tags.get(PARENT_TAG),
        "children": _children(session, info.run_id),
    }


def _started(timestamp_ms: int | None, now_ms: int) -> str | None:
    if timestamp_ms is None:
        return None
    return f"{text.utc_time(timestamp_ms)} ({text.ago(timestamp_ms, now_ms)})"


def _children(session: Session, run_id: str) -> str:
    with session.store.database.read() as connection:
        children = lookup.child_runs(connection, run_id)
    names = [child.run_name or child.run_id for child in children]
    return ", ".join(names[:8]) + (f", … ({len(names)})" if len(names) > 8 else "")  # noqa: PLR2004


def _parameters(session: Session, params: Mapping[str, str]) -> None:
    if params:
        session.console.heading("Parameters")
        _pairs(session, params.items())


def _metrics(session: Session, metrics: list[MetricSummary]) -> None:
    if metrics:
        session.console.heading("Metrics")
        write(session.console, SUMMARY, summary_rows(metrics), "table")


def _tags(session: Session, tags: Mapping[str, str]) -> None:
    own = {key: value for key, value in tags.items() if not key.startswith(RESERVED)}
    own.pop(REASON_TAG, None)
    if own:
        session.console.heading("Tags")
        _pairs(session, own.items())


def _datasets(session: Session, used: list[DatasetInput]) -> None:
    if used:
        session.console.heading("Data sets")
        columns = [Column("name"), Column("context"), Column("rows", right=True), Column("digest")]
        write(session.console, columns, [_dataset_row(entry) for entry in used], "table")


def _dataset_row(entry: DatasetInput) -> list[Any]:
    contexts = [tag.value for tag in entry.tags if tag.key == CONTEXT_TAG]
    return [entry.dataset.name, ", ".join(contexts), _rows_of(entry), entry.dataset.digest]


def _rows_of(entry: DatasetInput) -> str:
    """The number of rows from the profile, which may be any text at all."""
    try:
        profile = json.loads(entry.dataset.profile or "")
    except ValueError:
        return ""
    rows = profile.get("num_rows") if isinstance(profile, dict) else None
    return text.count(rows) if isinstance(rows, int) else ""


def _artifacts(session: Session, run_id: str) -> tuple[list[FileInfo], str]:
    """The run's files, or why they cannot be seen; the rest can be shown all the same."""
    try:
        return list(session.reading.artifacts(run_id).walk()), ""
    except TrackerError as error:
        return [], str(error)


def _files(session: Session, files: list[FileInfo], trouble: str) -> None:
    console = session.console
    if trouble:
        console.heading("Artifacts")
        console.line(text.clean(trouble))
    elif files:
        total = text.size(sum(file.file_size or 0 for file in files))
        console.heading(f"Artifacts ({text.plural(len(files), 'file')}, {total})")
        for line in artifact_lines(console, files):
            console.line(line)


def _pairs(session: Session, pairs: Iterable[tuple[str, str]]) -> None:
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
