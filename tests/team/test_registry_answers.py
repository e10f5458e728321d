"""What MLflow's own server answers about the registered models of our file."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def test_mlflows_server_shows_our_registered_models(servers, environments, tmp_path):
    client = TrackingClient(tmp_path / "server.db")
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "flavors: {}\n", "model/MLmodel")
    for number in range(2):
        client.register_model(f"runs:/{run_id}/model", "digits", {"number": number})
    client.set_registered_model_alias("digits", "champion", 1)
    client.update_registered_model("digits", "Reads *digits*.")

    with servers.mlflow_server(environments, tmp_path) as server:

        def answer(route, **query):
            url = f"{server.url}/api/2.0/mlflow/{route}?{urlencode(query)}"
            with urlopen(url, timeout=60) as response:  # noqa: S310
                return json.load(response)

        [model] = answer("registered-models/search")["registered_models"]
        assert (model["name"], model["description"]) == ("digits", "Reads *digits*.")
        assert model["aliases"] == [{"alias": "champion", "version": "1"}]
        assert [version["version"] for version in model["latest_versions"]] == ["2"]
        champion = answer("registered-models/alias", name="digits", alias="champion")
        assert champion["model_version"]["tags"] == [{"key": "number", "value": "0"}]
        found = answer("model-versions/search", filter="tags.number = '1'")["model_versions"]
        assert [(version["version"], version["run_id"]) for version in found] == [("2", run_id)]
        uri = answer("model-versions/get-download-uri", name="digits", version=1)
        assert uri["artifact_uri"] == f"artifacts/0/{run_id}/artifacts/model"
