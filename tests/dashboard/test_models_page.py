"""The Models page: versions, champion, why, and how it is moved."""

from __future__ import annotations

import json

import pytest

from tracker import TrackingClient
from tracker.promotion import champion_of


@pytest.fixture
def registered(tmp_path):
    """Two versions of `digits`; the second is the challenger. The database's path."""
    path = tmp_path / "tracking.db"
    client = TrackingClient(path)
    for number, accuracy in ((1, 0.91), (2, 0.97)):
        run = client.create_run("0", run_name=f"network {number}")
        client.log_metric(run.info.run_id, "test_accuracy", accuracy)
        client.log_text(run.info.run_id, "flavors: {}\n", "model/MLmodel")
        client.set_terminated(run.info.run_id)
        tags = {"promotion.why": f"reason {number}", "promotion.metric": "test_accuracy"}
        alias = "champion" if number == 1 else "challenger"
        client.register_model(f"runs:/{run.info.run_id}/model", "digits", tags, [alias])
    client.store.database.close()
    return path


def open_page(look, path, **query):
    test = look(path, **query)
    test.session_state["page_wanted"] = "models"
    test.run()
    assert not test.exception
    return test


def text_of(test):
    return " ".join(str(getattr(element, "value", "")) for element in test.main)


def grid_of(test):
    found = [
        json.loads(element.proto.json)
        for element in test.get("bidi_component")
        if element.proto.component_name == "run_list"
    ]
    (data,) = [data for data in found if data.get("mode") == "grid"]
    return data


def test_versions_show_their_alias_run_metric_and_reason(look, registered):
    data = grid_of(open_page(look, registered))
    assert [row["name"] for row in data["rows"]] == ["v2", "v1"]
    shown = str(data["rows"])
    for expected in ("champion", "challenger", "network 1", "0.9700", "reason 2"):
        assert expected in shown


def test_without_a_model_the_page_says_how_to_register_one(look, tmp_path):
    TrackingClient(tmp_path / "tracking.db").store.database.close()
    test = open_page(look, tmp_path / "tracking.db")
    assert any("models register" in code.value for code in test.code)


def test_a_version_becomes_champion_after_a_confirmation_and_back(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = "2"
    test.run()
    client = TrackingClient(registered, read_only=True)
    assert champion_of(client, "digits").version == 1
    test.button(key="appoint").click().run()
    assert champion_of(client, "digits").version == 2
    test.button(key="go_back").click().run()
    assert champion_of(client, "digits").version == 1


def test_a_cancelled_promotion_changes_nothing(look, registered):
    test = open_page(look, registered)
    test.session_state["models_asked"] = "2"
    test.run()
    test.button(key="appoint_not").click().run()
    client = TrackingClient(registered, read_only=True)
    assert champion_of(client, "digits").version == 1
