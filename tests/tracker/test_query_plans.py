"""One metric's history is one seek, whoever made the file and whatever SQLite knows about it."""

from __future__ import annotations

import pytest

from tracker import frames
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
