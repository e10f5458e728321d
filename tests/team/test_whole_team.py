"""A whole team server, PostgreSQL and S3 behind MLflow, and a push that is broken off thrice.

TRACKER_PUSH_RUNS runs of 10,000 points and 5 MB each; a hundred at every landing.
"""

from __future__ import annotations

import os
import time

import pytest

from tracker import tags
from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]

RUNS = int(os.environ.get("TRACKER_PUSH_RUNS", "8"))
KEYS = 5
POINTS_A_KEY = 2_000
FILES = 2
FILE_BYTES = 2_500_000
PATIENCE_SECONDS = 1_800


@pytest.fixture(scope="module")
def team(servers, environments, tmp_path_factory):
    """MLflow's server with two workers, on PostgreSQL and an S3 store."""
    with servers.team_server(environments, tmp_path_factory.mktemp("team"), workers=2) as server:
        yield server


@pytest.fixture
def many_runs(client, name):
    """Runs with many points and large files."""
    experiment_id = client.create_experiment(name)
    for number in range(RUNS):
        run_id = client.create_run(experiment_id, run_name=f"run_{number}").info.run_id
        client.log_params(run_id, {"number": number, "lr": 0.1})
        for key in range(KEYS):
            values = [1 / (1 + number + step) for step in range(POINTS_A_KEY)]
            client.log_history(run_id, f"metric_{key}", values)
        for file in range(FILES):
            store = client.artifacts(run_id)
            store.log_bytes(os.urandom(FILE_BYTES), f"weights/{file}.bin")
        client.set_terminated(run_id)
    return name


def test_a_push_killed_twice_and_left_by_its_server_once_ends_complete(
    many_runs, team, start_cli, cli, rest_of, client, read_back, described, but_for_ids, tmp_path
):
    rest = rest_of(team)

    def wait_for_copies(count, process):
        """Until so many runs are complete on the server."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while complete(rest, many_runs) < count and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(2)

    for part in (0.1, 0.4):
        process = start_cli("push", "--to", team.url)
        wait_for_copies(RUNS * part, process)
        process.kill()
        process.communicate()
    process = start_cli("push", "--to", team.url)
    wait_for_copies(RUNS * 0.7, process)
    team.stop()
    team.start()
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, out
    there = read_back(many_runs, team, team.database.uri)
    assert but_for_ids(there) == but_for_ids(described(client, many_runs))
    again = cli("push", "--to", team.url)
    assert again.out.startswith(f"0 runs sent and verified, {RUNS} unchanged; 0 points, 0 files")
    some = [f"run_{number}" for number in range(3)]
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "tracking.db"
    assert cli("pull", "--from", team.url, "--experiment", many_runs, *some, db=back).code == 0
    here, there = described(client, many_runs)["runs"], described(TrackingClient(back), many_runs)
    assert there["runs"] == {run_name: here[run_name] for run_name in some}


def complete(rest, name):
    experiment = rest.experiment_named(name)
    if experiment is None:
        return 0
    found = rest.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
    return sum(tags.TRACKER_DIGEST in run.data.tags for run in found)
