"""Databases the tracker cannot use: older than MLflow 2.4, or newer than anyone knows."""

import sqlite3
from contextlib import closing

import pytest

from tracker import TrackingClient
from tracker.exceptions import IncompatibleDatabaseError

# The head of each release's schema.
REVISIONS = {
    "451aebb31d03": "1.0",
    "cc1f77228345": "1.30",
    "97727af70f4d": "2.3",
}
HEAD = "7f2a7d5fae7d"
NEWER = {
    "runs": "ALTER TABLE runs ADD COLUMN workspace TEXT NOT NULL DEFAULT 'x'",
    "metrics": "ALTER TABLE metrics ADD COLUMN model_id VARCHAR(36)",
    "inputs": "ALTER TABLE inputs ADD COLUMN step BIGINT DEFAULT '0' NOT NULL",
}


@pytest.fixture
def database(tmp_path):
    """A file of ours."""
    TrackingClient(tmp_path / "tracking.db").create_run("0")
    return tmp_path / "tracking.db"


def edit(database, *statements):
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.interop
@pytest.mark.slow
def test_a_file_older_than_mlflow_2_4_says_how_to_upgrade_it(tmp_path, open_mlflow):
    with open_mlflow("2.4", tmp_path) as mlflow:
        for revision in REVISIONS:
            mlflow.ask("upgrade", f"{revision}.db", revision)
            with pytest.raises(IncompatibleDatabaseError, match=r"older than 2\.4.*db upgrade"):
                TrackingClient(tmp_path / f"{revision}.db")
            mlflow.ask("upgrade", f"{revision}.db", HEAD)
            client = TrackingClient(tmp_path / f"{revision}.db")
            assert client.create_run(client.create_experiment("a")).info.status == "RUNNING"


@pytest.mark.parametrize("table", NEWER)
def test_columns_that_a_newer_mlflow_added_do_no_harm(database, table):
    edit(database, NEWER[table])
    client = TrackingClient(database)
    run_id = client.create_run("0").info.run_id
    client.log_metrics(run_id, {"a": 1.0, "b": 2.0})
    assert client.get_run(run_id).data.metrics == {"a": 1.0, "b": 2.0}


def test_a_column_that_only_a_newer_mlflow_can_fill_is_named(database):
    edit(
        database,
        "ALTER TABLE tags RENAME TO old_tags",
        "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, tenant TEXT NOT NULL)",
    )
    with pytest.raises(IncompatibleDatabaseError, match=r"newer MLflow whose table tags .* tenant"):
        TrackingClient(database)


def test_a_table_that_a_newer_mlflow_took_away_is_named(database):
    edit(database, "ALTER TABLE latest_metrics RENAME TO last_points")
    with pytest.raises(IncompatibleDatabaseError, match="latest_metrics"):
        TrackingClient(database)


def test_a_file_of_a_newer_tracker_asks_for_an_update(database):
    edit(database, "UPDATE tracker_meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(IncompatibleDatabaseError, match="pip install --upgrade ml-tracker"):
        TrackingClient(database)


def test_another_programs_database_is_not_touched(tmp_path):
    edit(tmp_path / "songs.db", "CREATE TABLE songs (title TEXT)")
    before = (tmp_path / "songs.db").read_bytes()
    with pytest.raises(IncompatibleDatabaseError, match="holds no experiments"):
        TrackingClient(tmp_path / "songs.db")
    assert (tmp_path / "songs.db").read_bytes() == before
