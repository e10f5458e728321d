"""One metric's history is one seek, whoever made the file and whatever SQLite knows about it."""

from __future__ import annotations

import pytest

from tracker import TrackingClient, frames
from tracker.database import Database
from tracker.store.metrics import HISTORY

# What MLflow's later migrations add beside ours.
MLFLOWS_INDEX = "CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, key, step)"
BY_RUN_AND_KEY = "(run_uuid=? AND key=?)"


@pytest.fixture
def run_ids(client):
    """Fifty runs that share a key, one of them much longer than the others."""
    found = [client.create_run("0").info.run_id for _ in range(50)]
    for run_id in found:
        client.log_history(run_id, "loss", [0.5] * 40)
    client.log_history(found[0], "loss", [0.25] * 4_000, range(40, 4_040))
    return found


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("migrated", [False, True])
def test_a_history_is_found_by_run_and_key_in_the_order_of_the_index(
    client, run_ids, migrated, analyzed
):
    connection = client.store.database.connection
    if migrated:
        connection.execute(MLFLOWS_INDEX)
    if analyzed:
        connection.execute("ANALYZE")
    plan = connection.execute(f"EXPLAIN QUERY PLAN {HISTORY}", (run_ids[0], "loss")).fetchall()
    assert [row[3].endswith(BY_RUN_AND_KEY) for row in plan] == [True]


def test_a_history_of_many_that_share_its_key_is_its_own(client, run_ids):
    frame = frames.history(client.store, run_ids[0], "loss")
    assert (frame["step"].tolist(), frame["value"].sum()) == (list(range(4_040)), 1_020.0)


@pytest.mark.parametrize("experiments", [1, 3])
def test_the_newest_runs_are_found_without_a_sort_of_all(client, experiments):
    ids = [client.create_experiment(f"e{number}") for number in range(experiments)]
    for number in range(9):
        client.create_run(ids[number % experiments], start_time=number)
    with client.store.database.read() as connection:
        plan = connection.execute(
            f"""
            EXPLAIN QUERY PLAN
            SELECT name FROM runs
            WHERE experiment_id IN ({", ".join(ids)}) AND lifecycle_stage IN ('active')
            ORDER BY start_time DESC, run_uuid
            LIMIT 3
            """
        ).fetchall()
    assert "USING INDEX tracker_runs_newest (experiment_id=?)" in plan[0][3]
    newest = client.search_runs(ids, max_results=3)
    assert [run.info.start_time for run in newest] == [8, 7, 6]


def test_an_older_database_gets_the_index_when_it_is_written(tmp_path):
    path = tmp_path / "tracking.db"
    client = TrackingClient(path)
    with client.store.database.write() as connection:
        connection.execute("DROP INDEX tracker_runs_newest")
    client.store.database.close()

    def indexes(database):
        found = database.connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        return {name for (name,) in found}

    assert "tracker_runs_newest" not in indexes(Database(path, read_only=True))
    assert "tracker_runs_newest" in indexes(Database(path))
