"""Rows of `experiments` and `experiment_tags`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tracker.entities import Experiment, LifecycleStage
from tracker.exceptions import NotFoundError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from tracker.entities import ViewType
    from tracker.search import Search

# Default artifact root: `artifacts/<experiment_id>`.
ARTIFACT_ROOT: Final = "artifacts"
COLUMNS = """
    experiments.experiment_id, experiments.name, experiments.artifact_location,
    experiments.lifecycle_stage, experiments.creation_time, experiments.last_update_time
"""


def insert(
    connection: sqlite3.Connection, name: str, artifact_location: str | None, now: int
) -> int:
    """Add an experiment and return its id."""
    cursor = connection.execute(
        """
        INSERT INTO experiments (name, artifact_location, lifecycle_stage,
                                 creation_time, last_update_time)
        VALUES (?, ?, 'active', ?, ?)
        """,
        (name, artifact_location, now, now),
    )
    return int(cursor.lastrowid or 0)


def set_location(connection: sqlite3.Connection, experiment_id: int, location: str) -> None:
    """Set where the artifacts of an experiment's new runs go."""
    connection.execute(
        "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
        (location, experiment_id),
    )


def find(connection: sqlite3.Connection, experiment_id: int) -> Experiment | None:
    """The experiment with this id."""
    return _first(connection, "experiment_id = ?", experiment_id)


def find_by_name(connection: sqlite3.Connection, name: str) -> Experiment | None:
    """The experiment with this name, deleted ones included."""
    return _first(connection, "name = ?", name)


def get(connection: sqlite3.Connection, experiment_id: str | int) -> Experiment:
    """The experiment with this id.

    Raises:
        NotFoundError: There is no such experiment.
    """
    text = str(experiment_id)
    experiment = find(connection, int(text)) if text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004
    if experiment is None:
        raise NotFoundError(
            f"There is no experiment with the id {experiment_id!r}; `search_experiments()` lists "
            f"them."
        )
    return experiment


def location_of(stored: object, experiment_id: str) -> str:
    """The artifact location: what the row says, else the default."""
    if isinstance(stored, str) and stored:
        return stored
    return f"{ARTIFACT_ROOT}/{experiment_id}"


def active_location(connection: sqlite3.Connection, experiment_id: str) -> str | None:
    """Where the artifacts of an active experiment go; None where there is no such experiment."""
    if not experiment_id.isdecimal():  # SQLite would take "1.0" for 1.
        return None
    row = connection.execute(
        """
        SELECT artifact_location
        FROM experiments
        WHERE experiment_id = ? AND lifecycle_stage = 'active'
        """,
        (experiment_id,),
    ).fetchone()
    return None if row is None else location_of(row[0], experiment_id)


def search(
    connection: sqlite3.Connection, view: ViewType, found: Search, limit: int, offset: int
) -> list[Experiment]:
    """The experiments that match, in order."""
    rows = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM experiments {found.joins}
        WHERE experiments.lifecycle_stage IN ({stages(view)}) AND ({found.where})
        ORDER BY {found.order}
        LIMIT ? OFFSET ?
        """,
        (*found.join_params, *found.where_params, limit, offset),
    ).fetchall()
    tags = _tags(connection, [row[0] for row in rows])
    return [_experiment(row, tags.get(row[0], {})) for row in rows]


def rename(connection: sqlite3.Connection, experiment_id: str, name: str, now: int) -> None:
    """Give an experiment another name."""
    connection.execute(
        "UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?",
        (name, now, int(experiment_id)),
    )


def set_stage(
    connection: sqlite3.Connection, experiment_id: str, stage: LifecycleStage, now: int
) -> None:
    """Delete or restore an experiment together with its runs."""
    number = int(experiment_id)
    connection.execute(
        "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ?",
        (stage.value, now, number),
    )
    deleted_time = now if stage is LifecycleStage.DELETED else None
    connection.execute(
        """
        UPDATE runs SET lifecycle_stage = ?, deleted_time = ?
        WHERE experiment_id = ? AND lifecycle_stage <> ?
        """,
        (stage.value, deleted_time, number, stage.value),
    )


def set_tag(connection: sqlite3.Connection, experiment_id: str, key: str, value: str) -> None:
    """Set or overwrite one tag."""
    connection.execute(
        """
        INSERT INTO experiment_tags (key, value, experiment_id)
        VALUES (?, ?, ?)
        ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value
        """,
        (key, value, int(experiment_id)),
    )


def delete_tag(connection: sqlite3.Connection, experiment_id: str, key: str) -> bool:
    """Remove one tag; whether it was there."""
    cursor = connection.execute(
        "DELETE FROM experiment_tags WHERE key = ? AND experiment_id = ?", (key, int(experiment_id))
    )
    return cursor.rowcount > 0


def stages(view: ViewType) -> str:
    """The lifecycle stages of a view as SQL literals."""
    return ", ".join(f"'{stage}'" for stage in LifecycleStage.view_type_to_stages(view))


def _first(connection: sqlite3.Connection, condition: str, value: str | int) -> Experiment | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM experiments WHERE {condition}", (value,)
    ).fetchone()
    if row is None:
        return None
    return _experiment(row, _tags(connection, [row[0]]).get(row[0], {}))


def _tags(
    connection: sqlite3.Connection, experiment_ids: Sequence[int]
) -> dict[int, dict[str, str]]:
    placeholders = ", ".join("?" * len(experiment_ids))
    tags: dict[int, dict[str, str]] = {}
    for experiment_id, key, value in connection.execute(
        f"""
        SELECT experiment_id, key, value
        FROM experiment_tags
        WHERE experiment_id IN ({placeholders})
        """,
        experiment_ids,
    ):
        tags.setdefault(experiment_id, {})[key] = value
    return tags


def _experiment(row: tuple[int, str, str, str, int, int], tags: dict[str, str]) -> Experiment:
    experiment_id, name, location, stage, creation_time, last_update_time = row
    return Experiment(
        experiment_id=str(experiment_id),
        name=name,
        artifact_location=location,
        lifecycle_stage=stage,
        tags=tags,
        creation_time=creation_time,
        last_update_time=last_update_time,
    )
