from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from tracker.entities import ViewType
from tracker.exceptions import NotFoundError
from tracker.files.atomic import temporary_name
from tracker.maintenance.gc import LEFTOVER_SECONDS, Collector
from tracker.store import upkeep

LATER = 2**53


def collect(client, **options):
    return Collector(client, **{"deleted_before": LATER, **options}).run()


def files(client):
    folder = client.store.database.folder / "artifacts"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_deleted_run_leaves_nothing_behind(client, trained):
    run_id = trained(client)
    client.delete_run(run_id)
    collect(client)
    assert files(client) == []
    dump = "\n".join(client.store.database.connection.iterdump())
    assert run_id not in dump


def test_other_runs_keep_what_they_share(client, trained):
    kept, gone = trained(client, name="kept"), trained(client, name="gone")
    client.delete_run(gone)
    collect(client)
    store = client.artifacts(kept)
    assert store.local_path("data.txt").read_text() == "the same in all runs"
    assert len(client.get_metric_history(kept, "loss")) == 4


def test_a_dry_run_promises_what_is_then_done(client, trained):
    trained(client, name="kept")
    client.delete_run(trained(client, name="gone"))
    before = files(client)
    promised = collect(client, dry_run=True)
    assert files(client) == before
    done = collect(client)
    assert (promised.runs, promised.files, promised.file_bytes) == (1, 1, len("weights of gone"))
    assert (done.runs, done.files, done.file_bytes) == (1, 1, len("weights of gone"))


def test_the_database_file_gets_smaller(client):
    run_id = client.create_run("0").info.run_id
    client.log_history(run_id, "loss", [float(step) for step in range(20_000)])
    client.delete_run(run_id)
    garbage = collect(client)
    assert garbage.database_after < garbage.database_before / 5
    assert client.store.database.path.stat().st_size <= garbage.database_after


def test_a_deleted_experiment_goes_and_frees_its_name(client, trained):
    experiment_id = client.get_run(trained(client)).info.experiment_id
    client.delete_experiment(experiment_id)
    assert collect(client).experiments == 1
    assert client.create_experiment("digits")


def test_what_was_deleted_lately_can_be_kept(client, trained):
    run_id = trained(client)
    client.delete_run(run_id)
    assert collect(client, deleted_before=0).runs == 0
    client.restore_run(run_id)
    assert client.artifacts(run_id).local_path("data.txt").is_file()


def test_temporary_files_of_killed_processes_go(client, trained):
    trained(client)
    old = temporary_name(client.store.database.folder / "artifacts")
    old.write_bytes(b"x" * 1000)
    assert collect(client).temporaries == 0
    collector = Collector(client, deleted_before=LATER, now=old.stat().st_ctime + LEFTOVER_SECONDS)
    assert collector.run().temporary_bytes == 1000
    assert not old.exists()


def test_a_hostile_location_cannot_delete_another_runs_files(client, trained):
    kept, gone = trained(client, name="kept"), trained(client, name="gone")
    client.delete_run(gone)
    with client.store.database.write() as connection:
        connection.execute(
            "UPDATE runs SET artifact_uri = (SELECT artifact_uri FROM runs WHERE run_uuid = ?)"
            " WHERE run_uuid = ?",
            (kept, gone),
        )
    garbage = collect(client)
    assert "may be another run's folder" in garbage.troubles[0]
    assert client.artifacts(kept).local_path("data.txt").is_file()
    assert client.get_run(gone)


def test_rows_in_tables_of_a_newer_mlflow_go_too(client, trained):
    run_id = trained(client)
    with client.store.database.write() as connection:
        connection.execute(
            "CREATE TABLE run_extras (owner VARCHAR REFERENCES runs (run_uuid), more TEXT)"
        )
        connection.execute("INSERT INTO run_extras (owner) VALUES (?)", (run_id,))
    client.delete_run(run_id)
    assert collect(client).runs == 1


def test_a_database_in_use_is_collected_but_not_made_smaller(client, trained):
    client.delete_run(trained(client))
    reader = sqlite3.connect(client.store.database.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM runs").fetchone()
    try:
        garbage = collect(client)
    finally:
        reader.close()
    assert (garbage.runs, garbage.shrunk) == (1, False)
    assert files(client) == []
    assert collect(client).shrunk


@pytest.mark.skipif(os.geteuid() == 0, reason="root may delete anything")
def test_a_run_whose_files_cannot_be_deleted_stays(client, trained):
    run_id = trained(client)
    client.delete_run(run_id)
    folder = client.artifacts(run_id).local_path("model")
    folder.chmod(0o500)
    try:
        assert run_id in collect(client).troubles[0]
    finally:
        folder.chmod(0o700)
    assert client.get_run(run_id)


def deleted_runs(client, number):
    experiment_id = client.create_experiment("many")
    run_ids = [client.create_run(experiment_id).info.run_id for _ in range(number)]
    for run_id in run_ids:
        client.log_param(run_id, "lr", 0.1)
        client.log_metric(run_id, "loss", 0.5)
        client.log_text(run_id, f"of {run_id}", "note.txt")
        client.set_terminated(run_id)
        client.delete_run(run_id)
    return run_ids


def start_gc(client):
    command = [sys.executable, "-m", "tracker", "--db", client.store.database.path, "gc"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.startswith("The database is in use") or not said


def is_whole(client, run_id):
    data = client.get_run(run_id).data
    text = client.artifacts(run_id).local_path("note.txt").read_text()
    return (data.params, data.metrics, text) == ({"lr": "0.1"}, {"loss": 0.5}, f"of {run_id}")


def test_a_run_restored_while_gc_is_at_work_keeps_everything_or_is_gone(client):
    run_ids = deleted_runs(client, 200)
    collecting = start_gc(client)
    restored, gone = [], []
    for run_id in reversed(run_ids):
        try:
            client.restore_run(run_id)
            restored.append(run_id)
        except NotFoundError:
            gone.append(run_id)
    finish(collecting)
    assert all(is_whole(client, run_id) for run_id in restored)
    assert not any(run_id in name for name in files(client) for run_id in gone)
    assert {run.info.run_id for run in client.search_runs(["1"])} == set(restored)


def test_a_run_restored_after_gc_has_listed_it_keeps_everything(client):
    run_id, other = deleted_runs(client, 2)
    collector = Collector(client, deleted_before=LATER)
    with client.store.database.read() as connection:
        listed = upkeep.deleted_runs(connection, LATER)
    client.restore_run(run_id)
    collector._remove(listed)
    assert is_whole(client, run_id)
    with pytest.raises(NotFoundError):
        client.get_run(other)


def test_two_collections_at_once_both_end_well(client):
    deleted_runs(client, 100)
    both = [start_gc(client), start_gc(client)]
    for process in both:
        finish(process)
    assert files(client) == []
    assert client.search_runs(["1"], run_view_type=ViewType.ALL) == []


def test_what_a_killed_collection_left_is_freed_by_the_next(client):
    run_ids = deleted_runs(client, 60)
    for _ in range(3):
        killed = start_gc(client)
        first = client.store.database.folder / f"artifacts/1/{run_ids[0]}"
        while first.exists() and killed.poll() is None:
            pass
        killed.kill()
        killed.communicate()
    collect(client)
    assert files(client) == []
    with client.store.database.read() as connection:
        assert upkeep.removed_runs(connection) == []


def test_files_whose_rows_are_gone_are_freed(client, trained):
    run_id = trained(client)
    client.delete_run(run_id)
    info = client.get_run(run_id).info
    with client.store.database.write() as connection:
        assert upkeep.remove_run(connection, info, LATER)
    assert files(client)
    collect(client)
    assert files(client) == []


@pytest.mark.parametrize("names", ["its id", "its files"])
def test_a_note_in_a_hostile_database_removes_no_files_of_a_run_that_is_there(
    client, trained, names
):
    info = client.get_run(trained(client)).info
    run_id = info.run_id if names == "its id" else "0" * 32
    before = files(client)
    with client.store.database.write() as connection:
        connection.execute(
            "INSERT INTO tracker_meta VALUES (?, ?)",
            (f"files of removed run {run_id}", info.artifact_uri),
        )
    collect(client)
    assert files(client) == before


def test_a_database_that_mlflow_made_is_collected_too(client, trained):
    run_id = trained(client)
    client.delete_run(run_id)
    with client.store.database.write() as connection:
        connection.execute("DROP TABLE tracker_meta")
    assert collect(client).runs == 1
    assert files(client) == []
