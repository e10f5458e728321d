from __future__ import annotations

import pytest

import tracker
from tracker.client import TrackingClient


@pytest.fixture
def client(tmp_path):
    return TrackingClient(tmp_path / "tracking.db")


@pytest.fixture
def run_id(client):
    return client.create_run("0").info.run_id


@pytest.fixture
def database(tmp_path):
    """The fluent API on a database of its own, left as it was found."""
    path = tmp_path / "fluent.db"
    tracker.set_tracking_uri(path)
    yield path
    while tracker.active_run():
        tracker.end_run()
    tracker.get_client().store.database.close()
    tracker.set_tracking_uri("")
