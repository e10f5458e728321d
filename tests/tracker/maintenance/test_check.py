from __future__ import annotations

import pytest

from tracker.client import TrackingClient
from tracker.maintenance.check import Checkup, repair


def problems(client, **options):
    findings = Checkup(client, **options).run()
    return {finding.test: finding.problems for finding in findings if finding.problems}


def execute(client, statement, *values):
    with client.store.database.write() as connection:
        connection.execute(statement, values)


def test_a_sound_database_has_no_problem(client, trained):
    trained(client)
    client.delete_run(trained(client, name="deleted"))
    client.create_run("0")
    assert problems(client) == {}


def test_a_table_on_a_page_of_rubbish_is_named(client, trained):
    trained(client)
    connection = client.store.database.connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'metrics'"
    ).fetchone()
    path = client.store.database.path
    client.store.database.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    found = next(Checkup(TrackingClient(path, read_only=True)).run())
    assert found.test == "database pages"
    assert found.problems[0].startswith("the table 'metrics' cannot be read: ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE latest_metrics SET value = 7",
        "DELETE FROM latest_metrics",
        "UPDATE metrics SET step = step + 1 WHERE step = 3",
        "DELETE FROM metrics",
    ],
)
def test_wrong_last_values_are_found_and_repaired(client, trained, statement):
    trained(client)
    execute(client, statement)
    assert "'loss'" in problems(client)["last values of metrics"][0]
    assert repair(client) == 1
    assert problems(client) == {}


def test_rows_without_a_run_are_found(client, trained):
    run_id = trained(client)
    client.store.database.connection.execute("PRAGMA foreign_keys = OFF")
    execute(client, "DELETE FROM runs WHERE run_uuid = ?", run_id)
    found = problems(client)["references between tables"]
    assert "1 rows of params name no row of runs" in found


def test_a_number_stored_as_bytes_is_found(client, trained):
    trained(client)
    execute(client, "UPDATE metrics SET value = x'0000803f' WHERE step = 0")
    assert problems(client)["types of values"] == ["1 values of metrics.value are of a wrong type"]


def test_a_row_that_mlflow_stumbles_over_is_found(client, trained):
    run_id = trained(client)
    execute(client, "UPDATE runs SET user_id = NULL")
    assert problems(client) == {"rows of runs": [f"run {run_id} lacks a value that MLflow needs"]}


def test_a_changed_file_is_found_with_every_run_that_uses_it(client, trained):
    run_ids = [trained(client, name="first"), trained(client, name="second")]
    path = client.artifacts(run_ids[0]).local_path("data.txt")
    path.chmod(0o600)
    path.write_text("the same in all ruins")
    found = problems(client)["file digests"]
    assert len(found) == 3
    assert all(any(run_id in problem for problem in found) for run_id in run_ids)
    assert problems(client, reads_files=False) == {}


def test_a_location_that_cannot_be_read_is_found(client, trained):
    run_id = trained(client)
    execute(client, "UPDATE runs SET artifact_uri = '/etc'")
    assert run_id in problems(client)["artifacts"][0]


def test_damaged_pages_are_found(client, trained):
    for name in "abcdefgh":
        trained(client, name=name)
    path = client.store.database.path
    client.store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    client.store.database.close()
    content = bytearray(path.read_bytes())
    start = content.index(b"index_tags_run_uuid")
    page = 4096 * (len(content) // 4096 - 2)
    assert start
    content[page + 8 : page + 200] = bytes(192)
    path.write_bytes(content)
    first = next(Checkup(client).run())
    assert first.test == "database pages"
    assert first.problems


def test_a_damaged_file_is_found_beside_a_run_whose_files_nobody_can_find(client, trained):
    run_ids = [trained(client, name="first"), trained(client, name="second")]
    path = client.artifacts(run_ids[0]).local_path("data.txt")
    path.chmod(0o600)
    path.write_text("the same in all ruins")
    execute(client, "UPDATE runs SET artifact_uri = x'00' WHERE run_uuid = ?", run_ids[1])
    execute(client, "UPDATE experiments SET artifact_location = x'00' WHERE experiment_id = 0")
    found = problems(client)
    assert found["artifacts"][0].startswith(f"run {run_ids[1]}: ")
    assert f"damaged: artifact 'data.txt' of run {run_ids[0]}" in found["file digests"]
