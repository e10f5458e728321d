"""DataFrames of runs, metric histories and logged tables, with MLflow's column names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from tracker import encoding
from tracker.exceptions import TrackerError, UnknownColumnError, needs_packages
from tracker.images import Image
from tracker.locations import absolute_location
from tracker.numbers import read_int, read_value
from tracker.store import metrics, runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from tracker.entities import Run, RunInfo, ViewType
    from tracker.files import ArtifactStore
    from tracker.store import Store


_POINT: Final = [("step", "i8"), ("timestamp", "i8"), ("value", "f8")]


@needs_packages("A DataFrame")
def history(store: Store, run_id: str, key: str) -> pd.DataFrame:
    """The history of one metric.

    Returns:
        Columns `step` int64, `timestamp` int64 (ms), `value` float64, by (step, timestamp, value).

    Raises:
        NotFoundError: There is no such run.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    with store.database.read_much() as connection:
        runs.get_info(connection, run_id)
        try:
            rows = np.fromiter(metrics.history_rows(connection, run_id, key), dtype=_POINT)
        except (TypeError, ValueError):
            found = [_point(*row) for row in metrics.history_rows(connection, run_id, key)]
            rows = np.array(found, dtype=_POINT)
    step = rows["step"]
    if (step[1:] == step[:-1]).any():
        stored = np.nan_to_num(rows["value"])  # NaN counts as 0.
        rows = rows[np.lexsort((stored, rows["timestamp"], step))]
    return pd.DataFrame(
        {
            "step": rows["step"].copy(),
            "timestamp": rows["timestamp"].copy(),
            "value": _with_infinity(rows["value"]),
        }
    )


def _point(step: int, timestamp: int, value: float | None) -> tuple[int, int, float]:
    """One row of a history in which something is not a number."""
    number = math.nan if value is None else read_value(value, 0)
    return read_int(step), read_int(timestamp), number


@needs_packages("A DataFrame")
def search_runs(
    store: Store,
    experiment_ids: Sequence[str],
    filter_string: str | None,
    view: ViewType,
    limit: int,
    order_by: Sequence[str] | None,
) -> pd.DataFrame:
    """The runs that match, one per row, as MLflow's `search_runs` returns them.

    Returns:
        Columns `run_id`, `experiment_id`, `status`, `artifact_uri`, `start_time` and `end_time`
        (datetime64, UTC), then `metrics.*` (NaN where missing), `params.*` and `tags.*` (None
        where missing).

    Raises:
        FilterError: The filter or the order cannot be read.
    """
    import pandas as pd  # noqa: PLC0415

    with store.database.read_much() as connection:
        infos = store.search_run_infos(experiment_ids, filter_string, view, limit, 0, order_by)
        columns = _attributes(infos, store.database.folder)
        columns |= _logged(connection, infos)
    return pd.DataFrame(columns)


@needs_packages("A DataFrame")
def tables(
    logged: Sequence[tuple[Run, ArtifactStore, bytes]], extra_columns: Sequence[str]
) -> pd.DataFrame:
    """The rows of several logged tables, one below the other.

    Args:
        logged: Runs, their files, and the content of one that `log_table` wrote.
        extra_columns: Columns to add about the run: "run_id", "status", "params.lr", …

    Raises:
        InvalidValueError: A file is not a table.
        UnknownColumnError: No run has such a column.
    """
    import pandas as pd  # noqa: PLC0415

    for name in extra_columns:
        _check_run_field([run for run, _, _ in logged], name)
    parts = []
    for run, files, content in logged:
        table = encoding.read_table(content)
        for name in table.columns:
            if table[name].map(_is_reference).any():
                table[name] = [_restored(cell, files) for cell in table[name]]
        taken = set(table.columns)
        about_run = {
            f"{name}_" if name in taken else name: _run_field(run, name) for name in extra_columns
        }
        parts.append(table.assign(**about_run))
    return pd.concat(parts, ignore_index=True)


def _is_reference(cell: object) -> bool:
    return isinstance(cell, dict) and cell.get("type") == "image" and "filepath" in cell


def _restored(cell: Any, files: ArtifactStore) -> Any:
    """The image that a cell refers to; the cell itself if the image or Pillow is not there."""
    if not _is_reference(cell):
        return cell
    try:
        return Image(files.local_path(str(cell["filepath"])))
    except TrackerError:
        return cell


def _check_run_field(runs: Sequence[Run], name: str) -> None:
    group, dot, key = name.partition(".")
    if dot and group in {"metrics", "params", "tags"}:
        is_known = any(key in getattr(run.data, group) for run in runs)
    else:
        is_known = hasattr(runs[0].info, name)
    if not is_known:
        raise UnknownColumnError(
            f"No run has a column {name!r}; take 'run_id', 'status', 'params.lr', …"
        )


def _run_field(run: Run, name: str) -> Any:
    """What `search_runs` shows in the column of this name."""
    group, dot, key = name.partition(".")
    return getattr(run.data, group).get(key) if dot else getattr(run.info, name)


def _attributes(infos: Sequence[RunInfo], folder: Path) -> dict[str, Any]:
    return {
        "run_id": [info.run_id for info in infos],
        "experiment_id": [info.experiment_id for info in infos],
        "status": [info.status for info in infos],
        "artifact_uri": [absolute_location(info.artifact_uri, folder) for info in infos],
        "start_time": _datetimes(info.start_time for info in infos),
        "end_time": _datetimes(info.end_time for info in infos),
    }


def _datetimes(milliseconds: Iterable[int | None]) -> Any:
    import pandas as pd  # noqa: PLC0415

    return pd.to_datetime(pd.array(list(milliseconds), dtype="Int64"), unit="ms", utc=True)


def _logged(connection: sqlite3.Connection, infos: Sequence[RunInfo]) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415

    count = len(infos)
    position = {info.run_id: index for index, info in enumerate(infos)}
    numbers: dict[str, Any] = {}
    for run_id, key, value, is_nan in runs.latest_metrics(connection, infos):
        if run_id not in position:
            continue
        if key not in numbers:
            numbers[key] = [np.nan] * count
        if not is_nan:
            numbers[key][position[run_id]] = value
    columns = {f"metrics.{key}": _with_infinity(_floats(numbers[key])) for key in sorted(numbers)}
    for table in ("params", "tags"):
        texts: dict[str, list[str | None]] = {}
        for run_id, key, value in runs.texts(connection, table, infos):
            if run_id not in position:
                continue
            if key not in texts:
                texts[key] = [None] * count
            texts[key][position[run_id]] = value
        columns |= {f"{table}.{key}": np.array(texts[key], dtype=object) for key in sorted(texts)}
    return columns


def _floats(values: Sequence[float]) -> Any:
    import numpy as np  # noqa: PLC0415

    try:
        return np.array(values, dtype="f8")
    except (TypeError, ValueError):
        return np.array([read_value(value, 0) for value in values], dtype="f8")


def _with_infinity(values: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    infinite = np.abs(values) >= np.finfo("f8").max
    return np.where(infinite, np.copysign(np.inf, values), values)
