from __future__ import annotations

import json
import re
import shutil
import sqlite3

import pytest

from tracker.client import TrackingClient


def test_export_and_import_carry_an_experiment_to_another_database(cli, runs, tmp_path):
    archive, target = tmp_path / "digits.zip", tmp_path / "elsewhere/tracking.db"
    assert cli("export", "--experiment", "digits", "--output", archive).code == 0
    said = cli("import", archive, db=target)
    assert said.out.startswith("3 runs new, 0 completed, 0 unchanged; 1 experiment new; 4 files")
    found = json.loads(cli("runs", "--format", "json", db=target).out)
    assert {run["run_name"]: run["run_id"] for run in found} == runs


def test_an_export_holds_all_experiments_that_are_named(cli, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = TrackingClient(tmp_path / "tracking.db")
    more = client.create_run(client.create_experiment("letters")).info.run_id
    said = cli("export", "-e", "letters", runs["broken"], "-e", "digits")
    assert said.out == f"{tmp_path / 'letters-digits.zip'}\n"
    assert said.err.startswith("4 runs, ")
    cli("import", tmp_path / "letters-digits.zip", db=tmp_path / "elsewhere/tracking.db")
    found = json.loads(cli("runs", "--format", "json", db=tmp_path / "elsewhere/tracking.db").out)
    assert {run["run_id"] for run in found} == {more, *runs.values()}


def test_an_export_from_which_a_point_is_missing_says_so_and_fails(cli, runs, tmp_path):
    with sqlite3.connect(tmp_path / "tracking.db") as connection:
        wrong = "UPDATE metrics SET timestamp = 'noon' WHERE run_uuid = ? AND step = 2"
        connection.execute(wrong, (runs["wide_1a"],))
    connection.close()
    said = cli("export", "-e", "digits", "-o", tmp_path / "digits.zip")
    assert said.code == 1
    named = (
        rf"warning: Run {runs['wide_1a']}, metric 'loss': The timestamp is an integer, not 'noon'"
    )
    assert re.search(rf"3 runs, [^!]*\n{named}", said.err)


def test_an_export_does_not_replace_a_file_unasked(cli, runs, tmp_path):
    assert runs
    (tmp_path / "mine.zip").write_text("precious")
    said = cli("export", "wide_1a", "--output", tmp_path / "mine.zip")
    assert said.code == 1
    assert "--force" in said.err
    assert (tmp_path / "mine.zip").read_text() == "precious"


def test_a_database_is_not_imported_into_itself(cli, runs, tmp_path):
    assert runs
    said = cli("import", tmp_path / "tracking.db")
    assert (said.code, "into itself" in said.err) == (1, True)


def test_a_failed_import_makes_no_database(cli, tmp_path):
    (tmp_path / "text.txt").write_text("no database" * 100)
    assert cli("import", tmp_path / "text.txt").code == 1
    assert not (tmp_path / "tracking.db").exists()


def test_files_left_behind_are_said_and_fail_the_command(cli, runs, tmp_path):
    run_id = runs["wide_1a"]
    outside = tmp_path / "outside" / run_id / "artifacts"
    outside.mkdir(parents=True)
    other = tmp_path / "other"
    assert cli("backup", other).code == 0
    _move_artifacts(other / "tracking.db", outside, run_id)
    target = tmp_path / "target/tracking.db"
    refused = cli("import", other, db=target)
    assert refused.code == 1
    assert "--allow" in refused.err
    assert cli("import", other, "--allow", tmp_path / "outside", db=target).code == 0


def test_a_backup_says_where_it_is_and_is_complete(cli, runs, tmp_path):
    said = cli("backup", tmp_path / "copy")
    assert said.out == f"{tmp_path / 'copy/tracking.db'}\n"
    found = json.loads(cli("runs", "--format", "json", db=tmp_path / "copy/tracking.db").out)
    assert {run["run_id"] for run in found} == set(runs.values())


def test_a_backup_is_imported_by_its_folder_whatever_its_database_is_called(cli, runs, tmp_path):
    assert cli("backup", tmp_path / "first").code == 0
    (tmp_path / "first/tracking.db").rename(tmp_path / "first/study.db")
    cli("backup", tmp_path / "second", db=tmp_path / "first/study.db")
    target = tmp_path / "target/tracking.db"
    assert cli("import", tmp_path / "second", db=target).out.startswith(f"{len(runs)} runs new")
    (tmp_path / "second/other.db").touch()
    assert "holds neither" in cli("import", tmp_path / "second", db=target).err


@pytest.mark.parametrize("arguments", [("backup",), ("export", "wide_1a", "-o")])
@pytest.mark.parametrize("place", ["/proc/nowhere/x", "tracking.db/x"])
def test_a_copy_that_cannot_be_written_is_said_so(cli, runs, arguments, place, tmp_path):
    assert runs
    said = cli(*arguments, tmp_path / place)
    assert (said.code, said.out) == (1, "")
    assert re.match(r"error: cannot (make|write) .*: there is (no such file|a file)", said.err)


def test_nothing_was_deleted_longer_ago_than_time_goes_back(cli, runs):
    cli("delete", "wide_1a")
    assert cli("gc", "--older-than", 10**17).out.startswith("0 deleted runs")
    assert cli("restore", runs["wide_1a"]).code == 0


def test_a_dry_run_of_gc_writes_nothing(cli, runs, tmp_path):
    assert runs
    cli("delete", "--experiment", "digits")
    copy = tmp_path / "copy"  # Not in WAL mode yet: that is written by the first who may write.
    cli("backup", copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert "3 deleted runs" in cli("gc", "--dry-run", db=copy / "tracking.db").out
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_gc_says_how_much_before_and_after(cli, runs):
    assert runs
    cli("delete", "--experiment", "digits")
    assert "would be removed" in cli("gc", "--dry-run").out
    out = cli("gc").out
    assert "3 deleted runs and 1 deleted experiment removed" in out
    assert re.search(r"files +18 B before, 0 B after: 2 files deleted", out)
    assert re.search(r"database +[\d.]+ kB before, [\d.]+ kB after", out)


def test_check_fails_on_a_damaged_file_and_names_it(cli, runs, tmp_path):
    assert cli("check").code == 0
    path = tmp_path / "artifacts/1" / runs["wide_1a"] / "artifacts/model/weights.txt"
    path.chmod(0o600)
    path.write_text("damaged")
    said = cli("check")
    assert said.code == 1
    assert f"artifact 'model/weights.txt' of run {runs['wide_1a']}" in said.out
    assert cli("check", "--quick").code == 0


def _move_artifacts(database, outside, run_id):

    shutil.rmtree(database.parent / "artifacts/1" / run_id)
    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (str(outside), run_id)
        )
    connection.close()
