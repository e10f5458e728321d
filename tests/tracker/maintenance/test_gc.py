from __future__ import annotations

import os
import sqlite3

import pytest

from tracker.files.atomic import temporary_name
from tracker.maintenance.gc import LEFTOVER_SECONDS, Collector

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
