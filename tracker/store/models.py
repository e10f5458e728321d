"""Rows of registered models, their versions, aliases and tags: MLflow's five tables.

Columns are named in every statement, and no conflict clause names a key: MLflow's upgrade of the
file adds `workspace`, which has a default, to every key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tracker.entities import ModelVersion, RegisteredModel
from tracker.exceptions import NotFoundError
from tracker.text import did_you_mean

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from tracker.search import Search

# What MLflow makes of a version that is deleted: its number is never given again.
DELETED: Final = "Deleted_Internal"
# Those that refer to others first.
TABLES: Final = (
    "model_version_tags",
    "registered_model_aliases",
    "model_versions",
    "registered_model_tags",
    "registered_models",
)
_MODEL: Final = """
    registered_models.name, registered_models.creation_time, registered_models.last_updated_time,
    registered_models.description
"""
_VERSION: Final = """
    model_versions.name, model_versions.version, model_versions.creation_time,
    model_versions.last_updated_time, model_versions.description, model_versions.user_id,
    model_versions.current_stage, model_versions.source, model_versions.run_id,
    model_versions.status, model_versions.status_message, model_versions.run_link
"""


class _Tags(NamedTuple):
    """A table of tags and the columns that say whose they are."""

    table: str
    owner: tuple[str, ...]


_MODEL_TAGS: Final = _Tags("registered_model_tags", ("name",))
_VERSION_TAGS: Final = _Tags("model_version_tags", ("name", "version"))


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the database can hold registered models; MLflow's own may be older than these."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in tables}.issuperset(TABLES)


# Registered models


def insert_model(
    connection: sqlite3.Connection, name: str, description: str | None, now: int
) -> None:
    """Add a registered model without versions."""
    connection.execute(
        """
        INSERT INTO registered_models (name, creation_time, last_updated_time, description)
        VALUES (?, ?, ?, ?)
        """,
        (name, now, now, description),
    )


def is_model(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a registered model has this name."""
    found = connection.execute("SELECT 1 FROM registered_models WHERE name = ?", (name,))
    return found.fetchone() is not None


def require_model(connection: sqlite3.Connection, name: str) -> None:
    """See to it that there is a registered model of this name.

    Raises:
        NotFoundError: There is none; the message names the nearest.
    """
    if not is_model(connection, name):
        known = [each for (each,) in connection.execute("SELECT name FROM registered_models")]
        raise NotFoundError(
            f"There is no registered model {name!r}{did_you_mean(name, known) or '.'}"
        )


def get_model(connection: sqlite3.Connection, name: str) -> RegisteredModel:
    """A registered model with its tags, its aliases and the newest version of each stage.

    Raises:
        NotFoundError: There is none of this name.
    """
    require_model(connection, name)
    rows = connection.execute(
        f"SELECT {_MODEL} FROM registered_models WHERE name = ?", (name,)
    ).fetchall()
    return _models(connection, rows)[0]


def search_models(
    connection: sqlite3.Connection, found: Search, limit: int, offset: int
) -> list[RegisteredModel]:
    """The registered models that match, in order."""
    rows = connection.execute(
        f"""
        SELECT {_MODEL}
        FROM registered_models {found.joins}
        WHERE {found.where}
        ORDER BY {found.order}
        LIMIT ? OFFSET ?
        """,
        (*found.join_params, *found.where_params, limit, offset),
    ).fetchall()
    return _models(connection, rows)


def rename_model(connection: sqlite3.Connection, name: str, new_name: str, now: int) -> None:
    """Give a registered model another name; its versions, aliases and tags follow by their keys."""
    connection.execute(
        "UPDATE registered_models SET name = ?, last_updated_time = ? WHERE name = ?",
        (new_name, now, name),
    )
    connection.execute(
        "UPDATE model_versions SET last_updated_time = ? WHERE name = ?", (now, new_name)
    )


def describe_model(
    connection: sqlite3.Connection, name: str, description: str | None, now: int
) -> None:
    """Set a registered model's description."""
    connection.execute(
        "UPDATE registered_models SET description = ?, last_updated_time = ? WHERE name = ?",
        (description, now, name),
    )


def delete_model(connection: sqlite3.Connection, name: str) -> None:
    """Remove a registered model with everything that belongs to it."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table} WHERE name = ?", (name,))


def set_model_tags(connection: sqlite3.Connection, name: str, tags: Mapping[str, str]) -> None:
    """Set or overwrite tags of a registered model."""
    _set_tags(connection, _MODEL_TAGS, tags, (name,))


def delete_model_tag(connection: sqlite3.Connection, name: str, key: str) -> bool:
    """Remove a tag of a registered model; whether it was there."""
    return _delete_tag(connection, _MODEL_TAGS, key, (name,))


# Versions


def insert_version(connection: sqlite3.Connection, version: ModelVersion) -> ModelVersion:
    """Add a version under its number, or the next one where that is 0 or taken."""
    last, is_taken = connection.execute(
        "SELECT MAX(version), TOTAL(version = ?) FROM model_versions WHERE name = ?",
        (version.version, version.name),
    ).fetchone()
    number = (last or 0) + 1 if is_taken or not version.version else version.version
    connection.execute(
        """
        INSERT INTO model_versions (name, version, creation_time, last_updated_time, description,
                                    user_id, current_stage, source, run_id, status,
                                    status_message, run_link)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            version.name,
            number,
            version.creation_timestamp,
            version.last_updated_timestamp,
            version.description,
            version.user_id,
            version.current_stage,
            version.source,
            version.run_id,
            version.status,
            version.status_message,
            version.run_link,
        ),
    )
    set_version_tags(connection, version.name, number, version.tags)
    return get_version(connection, version.name, number)


def get_version(connection: sqlite3.Connection, name: str, version: int) -> ModelVersion:
    """One version with its tags and aliases.

    Raises:
        NotFoundError: There is no such model or version, or it is deleted.
    """
    rows = connection.execute(
        f"""
        SELECT {_VERSION}
        FROM model_versions
        WHERE name = ? AND version = ? AND current_stage <> ?
        """,
        (name, version, DELETED),
    ).fetchall()
    if not rows:
        require_model(connection, name)
        raise NotFoundError(f"The registered model {name!r} has no version {version}.")
    return _versions(connection, rows)[0]


def search_versions(
    connection: sqlite3.Connection, found: Search, limit: int, offset: int
) -> list[ModelVersion]:
    """The versions that match, in order."""
    rows = connection.execute(
        f"""
        SELECT {_VERSION}
        FROM model_versions {found.joins}
        WHERE model_versions.current_stage <> ? AND ({found.where})
        ORDER BY {found.order}
        LIMIT ? OFFSET ?
        """,
        (*found.join_params, DELETED, *found.where_params, limit, offset),
    ).fetchall()
    return _versions(connection, rows)


def versions(connection: sqlite3.Connection, name: str) -> list[ModelVersion]:
    """All versions of a model, the newest first."""
    rows = connection.execute(
        f"""
        SELECT {_VERSION}
        FROM model_versions
        WHERE name = ? AND current_stage <> ?
        ORDER BY version DESC
        """,
        (name, DELETED),
    ).fetchall()
    return _versions(connection, rows)


def latest_versions(connection: sqlite3.Connection, names: Sequence[str]) -> list[ModelVersion]:
    """The newest version of each stage of some models, by number."""
    rows = connection.execute(
        f"""
        SELECT {_VERSION}
        FROM model_versions
        WHERE name IN (SELECT value FROM json_each(?)) AND current_stage <> ?
          AND version = (
            SELECT MAX(other.version)
            FROM model_versions AS other
            WHERE other.name = model_versions.name
              AND other.current_stage = model_versions.current_stage
          )
        ORDER BY name, version
        """,
        (json.dumps(list(names)), DELETED),
    ).fetchall()
    return _versions(connection, rows)


def versions_of_runs(connection: sqlite3.Connection, run_ids: Sequence[str]) -> list[ModelVersion]:
    """The versions that were made from these runs or whose files are among theirs."""
    rows = connection.execute(
        f"""
        SELECT {_VERSION}
        FROM model_versions
        WHERE current_stage <> ?
          AND EXISTS (
            SELECT 1
            FROM json_each(?) AS run
            WHERE model_versions.run_id = run.value
               OR instr(model_versions.source, '/' || run.value || '/') > 0
          )
        ORDER BY name, version
        """,
        (DELETED, json.dumps(list(run_ids))),
    ).fetchall()
    return _versions(connection, rows)


def describe_version(
    connection: sqlite3.Connection, name: str, version: int, description: str | None, now: int
) -> None:
    """Set a version's description."""
    connection.execute(
        """
        UPDATE model_versions
        SET description = ?, last_updated_time = ?
        WHERE name = ? AND version = ?
        """,
        (description, now, name, version),
    )


def set_stage(
    connection: sqlite3.Connection, name: str, version: int, stage: str, now: int
) -> None:
    """Move a version to another stage."""
    connection.execute(
        """
        UPDATE model_versions
        SET current_stage = ?, last_updated_time = ?
        WHERE name = ? AND version = ?
        """,
        (stage, now, name, version),
    )


def archive_others(
    connection: sqlite3.Connection, name: str, version: int, stage: str, now: int
) -> None:
    """Archive every other version at a stage."""
    connection.execute(
        """
        UPDATE model_versions
        SET current_stage = 'Archived', last_updated_time = ?
        WHERE name = ? AND version <> ? AND current_stage = ?
        """,
        (now, name, version, stage),
    )


def touch_model(connection: sqlite3.Connection, name: str, now: int) -> None:
    """Say that a registered model was changed."""
    connection.execute(
        "UPDATE registered_models SET last_updated_time = ? WHERE name = ?", (now, name)
    )


def delete_version(connection: sqlite3.Connection, name: str, version: int, now: int) -> None:
    """Delete a version with its aliases and tags; its number stays taken, as in MLflow."""
    for table in ("model_version_tags", "registered_model_aliases"):
        connection.execute(f"DELETE FROM {table} WHERE name = ? AND version = ?", (name, version))
    connection.execute(
        """
        UPDATE model_versions
        SET current_stage = ?, last_updated_time = ?, description = NULL, user_id = NULL,
            source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', run_link = NULL,
            status_message = NULL
        WHERE name = ? AND version = ?
        """,
        (DELETED, now, name, version),
    )


def set_version_tags(
    connection: sqlite3.Connection, name: str, version: int, tags: Mapping[str, str]
) -> None:
    """Set or overwrite tags of a version."""
    _set_tags(connection, _VERSION_TAGS, tags, (name, version))


def delete_version_tag(connection: sqlite3.Connection, name: str, version: int, key: str) -> bool:
    """Remove a tag of a version; whether it was there."""
    return _delete_tag(connection, _VERSION_TAGS, key, (name, version))


# Tags of either


def _set_tags(
    connection: sqlite3.Connection, kind: _Tags, tags: Mapping[str, str], owner: tuple[Any, ...]
) -> None:
    columns = ("key", "value", *kind.owner)
    for key, value in tags.items():
        _delete_tag(connection, kind, key, owner)
        connection.execute(
            f"""
            INSERT INTO {kind.table} ({", ".join(columns)})
            VALUES ({", ".join("?" * len(columns))})
            """,
            (key, value, *owner),
        )


def _delete_tag(
    connection: sqlite3.Connection, kind: _Tags, key: str, owner: tuple[Any, ...]
) -> bool:
    is_owner = " AND ".join(f"{column} = ?" for column in kind.owner)
    cursor = connection.execute(
        f"DELETE FROM {kind.table} WHERE key = ? AND {is_owner}", (key, *owner)
    )
    return cursor.rowcount > 0


# Aliases


def set_alias(connection: sqlite3.Connection, name: str, alias: str, version: int) -> None:
    """Let an alias point to a version."""
    delete_alias(connection, name, alias)
    connection.execute(
        "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?)",
        (alias, version, name),
    )


def delete_alias(connection: sqlite3.Connection, name: str, alias: str) -> bool:
    """Remove an alias; whether it was there."""
    cursor = connection.execute(
        "DELETE FROM registered_model_aliases WHERE alias = ? AND name = ?", (alias, name)
    )
    return cursor.rowcount > 0


def version_of_alias(connection: sqlite3.Connection, name: str, alias: str) -> int:
    """The number of the version that an alias points to.

    Raises:
        NotFoundError: There is no such model or alias.
    """
    row = connection.execute(
        "SELECT version FROM registered_model_aliases WHERE alias = ? AND name = ?", (alias, name)
    ).fetchone()
    if row is not None:
        return int(row[0])
    require_model(connection, name)
    known = _aliases(connection, [name]).get(name, {})
    raise NotFoundError(
        f"The registered model {name!r} has no alias {alias!r}{did_you_mean(alias, known) or '.'}"
    )


# Logged models of MLflow 3, in files that it has upgraded


def logged_model_location(
    connection: sqlite3.Connection, model_id: str | None, run_id: str | None, name: str | None
) -> str | None:
    """Where MLflow 3 keeps a logged model, by its id or by its run and name; None if nowhere."""
    has_table = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'logged_models'"
    ).fetchone()
    if not has_table:
        return None
    row = connection.execute(
        """
        SELECT artifact_location
        FROM logged_models
        WHERE model_id = ? OR (source_run_id = ? AND name = ?)
        ORDER BY creation_timestamp_ms DESC
        LIMIT 1
        """,
        (model_id, run_id, name),
    ).fetchone()
    return None if row is None else str(row[0])


def _models(connection: sqlite3.Connection, rows: Sequence[Any]) -> list[RegisteredModel]:
    names = [row[0] for row in rows]
    tags: dict[str, dict[str, str]] = {}
    for name, key, value in connection.execute(
        """
        SELECT name, key, value
        FROM registered_model_tags
        WHERE name IN (SELECT value FROM json_each(?))
        """,
        (json.dumps(names),),
    ):
        tags.setdefault(name, {})[key] = value
    latest: dict[str, list[ModelVersion]] = {}
    for version in latest_versions(connection, names):
        latest.setdefault(version.name, []).append(version)
    aliases = _aliases(connection, names)
    return [
        RegisteredModel(
            name,
            created,
            updated,
            description,
            latest.get(name, []),
            tags.get(name, {}),
            aliases.get(name, {}),
        )
        for name, created, updated, description in rows
    ]


def _aliases(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """The aliases of models: name -> alias -> version."""
    found: dict[str, dict[str, int]] = {}
    for name, alias, version in connection.execute(
        """
        SELECT name, alias, version
        FROM registered_model_aliases
        WHERE name IN (SELECT value FROM json_each(?))
        ORDER BY alias
        """,
        (json.dumps(list(names)),),
    ):
        found.setdefault(name, {})[alias] = int(version)
    return found


def _versions(connection: sqlite3.Connection, rows: Sequence[Any]) -> list[ModelVersion]:
    names = json.dumps(sorted({row[0] for row in rows}))
    tags: dict[tuple[str, int], dict[str, str]] = {}
    for name, version, key, value in connection.execute(
        """
        SELECT name, version, key, value
        FROM model_version_tags
        WHERE name IN (SELECT value FROM json_each(?))
        """,
        (names,),
    ):
        tags.setdefault((name, version), {})[key] = value
    aliases = _aliases(connection, json.loads(names))
    return [_version(row, tags.get(row[:2], {}), aliases.get(row[0], {})) for row in rows]


def _version(row: Any, tags: dict[str, str], aliases: dict[str, int]) -> ModelVersion:
    """A version from the values of `_VERSION`, its tags, and the aliases of its model."""
    name, number, created, updated, description, user_id, stage = row[:7]
    source, run_id, status, status_message, run_link = row[7:]
    return ModelVersion(
        name=name,
        version=number,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        description=description,
        user_id=user_id,
        current_stage=stage,
        source=source,
        run_id=run_id,
        status=status,
        status_message=status_message,
        tags=tags,
        run_link=run_link,
        aliases=[alias for alias, version in aliases.items() if version == number],
    )
