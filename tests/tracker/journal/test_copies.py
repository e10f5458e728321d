"""Backups, exports, imports, checks and the command line know what only a journal has."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from tracker.__main__ import main
from tracker.client import TrackingClient
from tracker.journal import records
from tracker.journal.file import live_folder
from tracker.maintenance.backup import back_up
from tracker.maintenance.bundle import export_bundle
from tracker.maintenance.check import Checkup
from tracker.maintenance.merge import Merge
from tracker.maintenance.sources import open_source


def leave_journal(path, run_id, points=3):
    """What a process leaves that logged some points to a run and was killed."""
    pack_row = records.row_packer((run_id, ("tail",)))
    rows = [records.sealed(pack_row(step, 5, float(step))) for step in range(points)]
    live_folder(path).mkdir(exist_ok=True)
    journal = live_folder(path) / f"{'0' * 16}.journal"
    journal.write_bytes(records.pack_start("process 1 on ada", {run_id: 5}) + b"".join(rows))


@pytest.fixture
def killed(client, run_id):
    """A run of a process that was killed; nobody has opened the database since."""
    client.store.journal.release(run_id)
    leave_journal(client.store.database.path, run_id)
    return run_id


def count(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM metrics").fetchone()[0]


def merged(source, client):
    with open_source(source) as found:
        return Merge(found, client, now=0).run()


def test_a_backup_holds_the_points_of_every_journal(client, killed, tmp_path):
    back_up(client, tmp_path / "copy")
    assert count(tmp_path / "copy" / "tracking.db") == 3
    copy = TrackingClient(tmp_path / "copy" / "tracking.db")
    assert copy.get_run(killed).info.status == "FAILED"


def test_an_export_holds_the_points_of_every_journal(client, killed, tmp_path):
    export_bundle(client, [killed], tmp_path / "runs.zip", 0)
    other = TrackingClient(tmp_path / "other" / "tracking.db")
    merged(tmp_path / "runs.zip", other)
    assert [m.value for m in other.get_metric_history(killed, "tail")] == [0.0, 1.0, 2.0]


def test_an_import_takes_the_points_of_the_journals_beside_a_database(client, killed, tmp_path):
    shutil.copytree(live_folder(client.store.database.path), tmp_path / "theirs" / "t.db-live")
    with client.store.database.read() as connection:
        connection.execute("SELECT 1")
    back_up(client, tmp_path / "copy")
    shutil.copy(tmp_path / "copy" / "tracking.db", tmp_path / "theirs" / "t.db")
    with closing(sqlite3.connect(tmp_path / "theirs" / "t.db")) as connection:
        connection.execute("DELETE FROM metrics")
        connection.execute("DELETE FROM latest_metrics")
        connection.commit()
    other = TrackingClient(tmp_path / "other" / "tracking.db")
    merged(tmp_path / "theirs" / "t.db", other)
    run = other.get_run(killed)
    assert (run.info.status, run.data.metrics) == ("FAILED", {"tail": 2.0})
    assert len(list((tmp_path / "theirs" / "t.db-live").glob("*.journal"))) == 2


def test_a_check_by_a_reader_says_how_many_points_wait(client, killed):
    assert killed
    reader = TrackingClient(client.store.database.path, read_only=True)
    findings = {finding.test: finding for finding in Checkup(reader).run()}
    finding = findings["journals of killed processes"]
    assert (finding.looked_at, finding.problems) == ("3 points wait for a writer", [])


SQL = "SELECT count(*) FROM metrics"


def test_the_command_line_folds_what_a_killed_process_left(client, killed, capfd):
    path = str(client.store.database.path)
    assert main(["--db", path, "sql", SQL, "--format", "csv"]) == 0
    assert capfd.readouterr().out.split() == ["count(*)", "3"]
    assert killed


def test_the_command_line_says_what_it_cannot_show(client, killed, capfd):
    path = str(client.store.database.path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert main(["--db", path, "sql", SQL, "--format", "csv"]) == 0
        other.rollback()
    said = capfd.readouterr()
    assert said.out.split() == ["count(*)", "0"]
    assert "3 points logged by processes that were killed" in said.err
    assert killed
