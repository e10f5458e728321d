from __future__ import annotations

import pytest

from tracker.client import TrackingClient
from tracker.maintenance.merge import Merge
from tracker.maintenance.sources import open_source

NOW = 1_760_000_000_000


@pytest.fixture
def other(tmp_path):
    """Another database, in a folder of its own."""
    return TrackingClient(tmp_path / "other/tracking.db")


@pytest.fixture
def merge(client):
    """Merge what lies at a path into this test's database."""

    def run(path, allowed=()):
        with open_source(path, allowed) as source:
            return Merge(source, client, now=NOW).run()

    return run


@pytest.fixture
def trained():
    """Log a whole run with a client; its id."""

    def run(client: TrackingClient, experiment: str = "digits", name: str = "first") -> str:
        known = client.get_experiment_by_name(experiment)
        experiment_id = known.experiment_id if known else client.create_experiment(experiment)
        run_id = client.create_run(experiment_id, run_name=name, start_time=1_000).info.run_id
        client.log_param(run_id, "lr", 0.1)
        client.log_history(run_id, "loss", [1.0, float("nan"), float("inf"), 0.25])
        client.set_tag(run_id, "note", "ünï\ncode")
        client.log_text(run_id, f"weights of {name}", "model/weights.txt")
        client.log_text(run_id, "the same in all runs", "data.txt")
        client.set_terminated(run_id, end_time=2_000)
        return run_id

    return run
