"""Searches runs. Among very many it first picks the few that can be the answer.

The whole statement visits every run of the experiments and seeks each field it names there, so it
takes as long as the experiments are large: 0.25 s in 100,000 runs. Two kinds of search ask for
little. Where a comparison holds for few runs, those are the only candidates. Where the results
come in the order of a metric, the runs with its best values are, if enough of them match. Both
take one pass over the rows of a table, in the order in which they lie in the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tracker.search.conditions import Clause
from tracker.store.experiments import stages
from tracker.store.runs import COLUMNS, info_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from tracker.entities import RunInfo, ViewType
    from tracker.search import Search
    from tracker.search.compiler import Condition

# So many experiment ids are bound one by one, which is faster than a JSON list.
_BOUND_IDS: Final = 500
# From so many runs on, the whole statement takes longer than picking candidates.
_MANY_RUNS: Final = 20_000
# More candidates than these save nothing.
_FEW: Final = 5_000
# The candidates by a metric for one result, as a filter may drop most of them.
_BEST_PER_RESULT: Final = 10
_LEAST_BEST: Final = 1_000
# A table with more rows a run is read through its index by key, not from end to end.
_MOST_ROWS_PER_RUN: Final = 20


def search_infos(
    connection: sqlite3.Connection,
    experiment_ids: Sequence[str],
    view: ViewType,
    found: Search,
    limit: int,
    offset: int,
) -> list[RunInfo]:
    """The rows of the runs that match, in order."""
    wanted = _experiments(experiment_ids)
    for candidates in _candidates(connection, wanted, found, limit + offset):
        ids, are_all = candidates
        among = Clause("runs.run_uuid IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
        infos = _select(connection, wanted, view, found, among, limit + offset, 0)
        if are_all or len(infos) == limit + offset:
            return infos[offset:]
    return _select(connection, wanted, view, found, Clause("1"), limit, offset)


def _experiments(experiment_ids: Sequence[str]) -> Clause:
    if len(experiment_ids) > _BOUND_IDS:
        every = "runs.experiment_id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
        return Clause(every, (json.dumps(list(experiment_ids)),))
    placeholders = ", ".join("?" * len(experiment_ids))
    return Clause(f"runs.experiment_id IN ({placeholders})", tuple(experiment_ids))


def _select(
    connection: sqlite3.Connection,
    wanted: Clause,
    view: ViewType,
    found: Search,
    among: Clause,
    limit: int,
    offset: int,
) -> list[RunInfo]:
    rows = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM runs {found.joins}
        WHERE {wanted.sql}
          AND runs.lifecycle_stage IN ({stages(view)})
          AND {among.sql}
          AND ({found.where})
        ORDER BY {found.order}
        LIMIT ? OFFSET ?
        """,
        (
            *found.join_params,
            *wanted.params,
            *among.params,
            *found.where_params,
            limit,
            offset,
        ),
    )
    return [info_of(row) for row in rows]


def _candidates(
    connection: sqlite3.Connection, wanted: Clause, found: Search, results: int
) -> Iterator[tuple[list[str], bool]]:
    """Ids of runs, and whether no other run can be a result; else the first results are theirs."""
    if not (found.required or found.ordered_by) or _count(connection, wanted) < _MANY_RUNS:
        return
    for condition in found.required:
        if (ids := _few(connection, condition)) is not None:
            yield ids, True
    if found.ordered_by is not None and _BEST_PER_RESULT * results <= _FEW:
        count = max(_LEAST_BEST, _BEST_PER_RESULT * results)
        yield _best(connection, found.ordered_by, count, descending=found.descending), False


def _count(connection: sqlite3.Connection, wanted: Clause) -> int:
    """The runs of the experiments, counted up to `_MANY_RUNS`."""
    rows = f"SELECT 1 FROM runs WHERE {wanted.sql} LIMIT {_MANY_RUNS}"
    (count,) = connection.execute(f"SELECT count(*) FROM ({rows})", wanted.params).fetchone()
    return int(count)


def _few(connection: sqlite3.Connection, condition: Condition) -> list[str] | None:
    """The runs for which a comparison holds; None where they are more than a few."""
    rows = connection.execute(
        f"""
        SELECT item.run_uuid
        FROM {_items(connection, condition.table)}
        WHERE {condition.clause.sql}
        LIMIT {_FEW + 1}
        """,
        condition.clause.params,
    ).fetchall()
    return None if len(rows) > _FEW else _ids(rows)


def _best(
    connection: sqlite3.Connection, condition: Condition, count: int, *, descending: bool
) -> list[str]:
    """The runs with the first values of a metric: no other run's value equals or precedes one."""
    rows = connection.execute(
        f"""
        SELECT item.run_uuid, item.value
        FROM {_items(connection, condition.table)}
        WHERE {condition.clause.sql}
        ORDER BY item.value {"DESC" if descending else "ASC"}
        LIMIT {count + 1}
        """,
        condition.clause.params,
    ).fetchall()
    if len(rows) > count:  # Others may share the last value.
        rows = [row for row in rows if row[1] != rows[-1][1]]
    return _ids(rows)


def _ids(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The run ids in the first column; a received database may hold something else there."""
    return [row[0] for row in rows if isinstance(row[0], str)]


def _items(connection: sqlite3.Connection, table: str) -> str:
    """The table as `item`, read from end to end unless a run has too many rows."""
    (rows,) = connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()
    (runs,) = connection.execute("SELECT max(rowid) FROM runs").fetchone()
    is_short = (rows or 0) <= _MOST_ROWS_PER_RUN * (runs or 0)
    return f"{table} AS item {'NOT INDEXED' if is_short else ''}"
