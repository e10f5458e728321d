from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

import tracker
from tracker import locations
from tracker.client import TrackingClient
from tracker.database import Database
from tracker.exceptions import (
    DatabaseError,
    DatabaseLockedError,
    IncompatibleDatabaseError,
    InvalidValueError,
    NotADatabaseError,
    ReadOnlyError,
    SupersededError,
)

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def one(connection, sql):
    return connection.execute(sql).fetchone()[0]


def test_a_new_file_has_mlflows_revision_and_the_default_experiment(tmp_path):
    connection = Database(tmp_path / "t.db").connection
    assert one(connection, "SELECT version_num FROM alembic_version") == "7f2a7d5fae7d"
    assert one(connection, "SELECT name FROM experiments WHERE experiment_id = 0") == "Default"


def test_a_connection_writes_ahead_and_checks_foreign_keys(tmp_path):
    connection = Database(tmp_path / "t.db").connection
    found = [
        one(connection, f"PRAGMA {p}") for p in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert found == ["wal", 1, 1]


def test_full_synchronous_is_there_for_those_who_ask(tmp_path):
    client = TrackingClient(tmp_path / "t.db", synchronous="FULL")
    assert one(client.store.database.connection, "PRAGMA synchronous") == 2


@pytest.mark.parametrize("word", ["full", "OFF", "", None])
def test_another_word_for_durability_is_refused(tmp_path, word):
    with pytest.raises(InvalidValueError, match="synchronous is 'NORMAL' or 'FULL', not"):
        TrackingClient(tmp_path / "t.db", synchronous=word)
    with pytest.raises(InvalidValueError, match="synchronous is 'NORMAL' or 'FULL', not"):
        tracker.set_tracking_uri(tmp_path / "t.db", synchronous=word)
    assert list(tmp_path.iterdir()) == []


def test_the_file_holds_no_view_and_no_trigger_that_a_migration_would_trip_over(tmp_path):
    connection = Database(tmp_path / "t.db").connection
    kinds = connection.execute("SELECT DISTINCT type FROM sqlite_master").fetchall()
    assert sorted(kinds) == [("index",), ("table",)]


@pytest.mark.slow
def test_sixteen_processes_may_open_one_new_file_together(tmp_path):
    code = "import tracker; tracker.log_metric('m', 1.0); tracker.end_run()"
    started = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for _ in range(16)]
    assert [process.wait(timeout=120) for process in started] == [0] * 16
    connection = Database(tmp_path / "tracking.db").connection
    finished = "SELECT count(*) FROM runs JOIN latest_metrics USING (run_uuid) WHERE status = "
    assert one(connection, finished + "'FINISHED'") == 16


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_write_that_is_interrupted_leaves_nothing(tmp_path, error):
    database = Database(tmp_path / "t.db")
    with pytest.raises(error), database.write() as connection:
        connection.execute("DELETE FROM experiments")
        raise error
    with closing(sqlite3.connect(tmp_path / "t.db")) as other:
        assert one(other, "SELECT count(*) FROM experiments") == 1


def test_a_write_inside_a_write_stays_and_the_outer_one_is_told(tmp_path):
    database = Database(tmp_path / "t.db")
    with (
        pytest.raises(SupersededError, match="nothing of it was written"),
        database.write() as outer,
    ):
        outer.execute("DELETE FROM experiments")
        with database.write() as inner:
            inner.execute("UPDATE experiments SET name = 'kept'")
        outer.execute("DELETE FROM experiments")
    with closing(sqlite3.connect(tmp_path / "t.db")) as other:
        assert one(other, "SELECT name FROM experiments") == "kept"


def test_the_end_of_the_program_inside_a_write_inside_a_write_goes_on_to_the_caller(tmp_path):
    database = Database(tmp_path / "t.db")
    with pytest.raises(SystemExit), database.write() as outer:
        outer.execute("DELETE FROM experiments")
        with database.write() as inner:
            inner.execute("UPDATE experiments SET name = 'kept'")
        raise SystemExit
    assert one(database.connection, "SELECT name FROM experiments") == "kept"


def test_a_write_inside_a_read_is_written_and_leaves_the_reader_its_picture(tmp_path):
    database = Database(tmp_path / "t.db")
    with database.read() as reader:
        before = one(reader, "SELECT name FROM experiments")
        with database.write() as writer:
            writer.execute("UPDATE experiments SET name = 'new'")
        assert one(reader, "SELECT name FROM experiments") == before
    assert one(database.connection, "SELECT name FROM experiments") == "new"


def test_a_reader_sees_one_picture_while_another_process_writes(tmp_path):
    database, other = Database(tmp_path / "t.db"), Database(tmp_path / "t.db")
    with database.read() as connection:
        before = one(connection, "SELECT count(*) FROM experiments")
        thread = threading.Thread(target=_delete_experiments, args=(other,))
        thread.start()
        thread.join()
        assert one(connection, "SELECT count(*) FROM experiments") == before == 1
    assert one(database.connection, "SELECT count(*) FROM experiments") == 0


def _delete_experiments(database):
    with database.write() as connection:
        connection.execute("DELETE FROM experiments")
    database.close()


def test_every_thread_has_a_connection_of_its_own(tmp_path):
    database = Database(tmp_path / "t.db")
    found = []
    thread = threading.Thread(target=lambda: (found.append(id(database.connection)),))
    thread.start()
    thread.join()
    assert found != [id(database.connection)]


def test_a_text_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, but long enough to have a header\n" * 50)
    before = path.read_bytes()
    with pytest.raises(NotADatabaseError, match="not an SQLite database or is damaged"):
        Database(path)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "addresses.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE addresses (name)")
        with pytest.raises(IncompatibleDatabaseError, match="holds no experiments"):
            Database(path)
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert tables == [("addresses",)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE tracker_meta SET value = '99'", "newer ml-tracker"),
        ("ALTER TABLE runs DROP COLUMN deleted_time", "older than 2.4"),
        ("DROP TABLE input_tags", "older than 2.4"),
    ],
)
def test_a_shape_that_cannot_be_written_names_the_way_out(tmp_path, change, message):
    database = Database(tmp_path / "t.db")
    database.connection.execute(change)
    database.close()
    with pytest.raises(IncompatibleDatabaseError, match=message):
        Database(tmp_path / "t.db")


def test_a_column_that_a_later_mlflow_added_does_no_harm(tmp_path):
    database = Database(tmp_path / "t.db")
    database.connection.execute("ALTER TABLE experiments ADD COLUMN workspace TEXT DEFAULT 'x'")
    database.close()
    assert TrackingClient(tmp_path / "t.db").create_experiment("new") == "1"


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(DatabaseError, match="is a folder"):
        Database(tmp_path)


def test_a_missing_database_is_not_created_by_reading(tmp_path):
    with pytest.raises(DatabaseError, match="There is no tracking database"):
        Database(tmp_path / "none.db", read_only=True)
    assert not (tmp_path / "none.db").exists()


def test_a_read_only_client_reads_and_refuses_to_write(client, run_id):
    reader = TrackingClient(client.store.database.path, read_only=True)
    assert reader.get_run(run_id).info.run_id == run_id
    with pytest.raises(ReadOnlyError, match="was opened read-only: open it without"):
        reader.set_tag(run_id, "k", "v")
    with pytest.raises(ReadOnlyError, match="was opened read-only: open it without"):
        reader.log_metric(run_id, "m", 1.0)


@pytest.fixture
def locked_folder():
    """A folder with a database in it that this user may read but not write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        TrackingClient(folder / "t.db").store.database.close()
        folder.chmod(0o555)
        if AS_ROOT:
            os.seteuid(65534)
        yield folder
        if AS_ROOT:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_folder_without_rights_is_one_sentence(locked_folder):
    with pytest.raises(ReadOnlyError, match="check that the file and its folder"):
        Database(locked_folder / "new.db")
    with pytest.raises(ReadOnlyError, match="name a folder that you may write"):
        Database(locked_folder / "deeper" / "new.db")


def test_a_database_in_a_folder_without_rights_can_be_read(locked_folder):
    client = TrackingClient(locked_folder / "t.db", read_only=True)
    assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
    with pytest.raises(ReadOnlyError, match="was opened read-only: open it without"):
        client.create_experiment("new")


def test_writing_a_database_without_rights_is_one_sentence(locked_folder):
    with pytest.raises(ReadOnlyError, match="cannot be opened or written"):
        TrackingClient(locked_folder / "t.db").create_experiment("new")


def test_a_database_that_stays_locked_is_an_error_that_says_so(tmp_path):
    holder = Database(tmp_path / "t.db")
    waiting = Database(tmp_path / "t.db", busy_timeout_seconds=0.05)
    with (
        holder.write(),
        pytest.raises(DatabaseLockedError, match="stayed locked by another process"),
        waiting.write(),
    ):
        pass


def test_a_database_removed_while_in_use_is_not_written_into_the_void(client, run_id):
    database = client.store.database
    database.path.unlink()
    database._next_unlink_check = 0.0
    with pytest.raises(DatabaseError, match="removed or replaced while in use"):
        client.log_metric(run_id, "m", 1.0)


def test_a_deleted_folder_is_noticed_within_a_second_of_logging(client, run_id, tmp_path):
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(DatabaseError, match="removed or replaced"):
        for step in range(1_000_000):
            client.log_metric(run_id, "m", 1.0, step=step)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_mount_is_told_from_a_local_one(kind):
    table = f"disk / ext4 rw 0 0\nserver:/x /home/ada\\040b {kind} rw 0 0\n"
    assert locations.file_system(Path("/home/ada b/runs"), table) == kind
    assert locations.file_system(Path("/home/ada"), table) == "ext4"


def test_a_version_that_is_no_number_is_one_sentence(client):
    client.store.database.connection.execute("UPDATE tracker_meta SET value = 'many'")
    with pytest.raises(IncompatibleDatabaseError, match="schema many"):
        TrackingClient(client.store.database.path)


def test_a_path_that_is_too_long_is_one_sentence(tmp_path):
    with pytest.raises(ReadOnlyError, match="name a folder"):
        Database(tmp_path / ("x" * 300) / "tracking.db")


@pytest.mark.parametrize("uri", ["a\0b", b"tracking.db"], ids=["nul", "bytes"])
def test_a_uri_that_is_no_name_of_a_file_is_refused(uri):
    with pytest.raises(InvalidValueError, match="name a file"):
        TrackingClient(uri)
