from __future__ import annotations

import sqlite3
from contextlib import suppress

import pytest

from tracker.entities import Dataset
from tracker.exceptions import TrackerError
from tracker.schema import COLUMNS

VALUES = (None, b"\xff\x00", "\x1b[31m../..", "", 1e308, -5, 2**62, "9" * 400, b"")
PLACES = [f"{table}.{column}" for table, columns in COLUMNS.items() for column in columns.split()]


@pytest.mark.parametrize("place", PLACES)
def test_any_value_in_any_column_is_taken_or_refused_in_words(client, other, merge, trained, place):
    run_id = trained(other)
    other.log_input(run_id, Dataset("MNIST", "abc", "local", "{}"), context="train")
    other.set_experiment_tag(other.get_run(run_id).info.experiment_id, "team", "vision")
    other.store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.store.database.close()
    sound = other.store.database.path.read_bytes()
    for value in VALUES:
        other.store.database.path.write_bytes(sound)
        _plant(other.store.database.path, place, value)
        with suppress(TrackerError):
            merge(other.store.database.path)
    assert client.store.database.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert client.store.database.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert (
        client.search_runs([each.experiment_id for each in client.search_experiments()]) is not None
    )


def _plant(path, place, value):
    table, column = place.split(".")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    with suppress(sqlite3.IntegrityError):  # SQLite itself keeps a text from being a row id.
        connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
    connection.commit()
    connection.close()
