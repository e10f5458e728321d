"""Registered models on their way to a real MLflow server and back."""

from __future__ import annotations

import pytest

from tracker import tags
from tracker.client import TrackingClient
from tracker.maintenance.registered_models import LocalRegistry
from tracker.team.models import ServerRegistry

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def model(client, make_runs, name):
    """The name of a model with three versions, the second deleted, and an alias of the last."""
    named = name.replace("[", "").replace("]", "")
    first, second = make_runs(2)
    for run_id in (first, second):
        client.log_text(run_id, "flavors: {}", "model/MLmodel")
    client.create_registered_model(named, {"team": "vision"}, "Reads *digits*.")
    client.create_model_version(named, f"runs:/{first}/model", tags={"gate": "passed"})
    client.create_model_version(named, f"runs:/{first}/model")
    client.create_model_version(named, f"runs:/{second}/model", description="The better one.")
    client.delete_model_version(named, 2)
    client.set_registered_model_alias(named, "champion", 3)
    return named


def versions(registry, name):
    """(number, path, tags, description) of each version."""
    found = sorted(registry.versions(name), key=lambda version: version.version)
    return [(v.version, registry.path(v), v.tags, v.description) for v in found]


def test_models_arrive_with_versions_tags_and_aliases_and_gaps_closed(cli, mlflow, model, rest):
    said = cli("push", "--to", mlflow.url)
    assert said.code == 0
    assert "2 versions of registered models" in said.out
    there = ServerRegistry(rest)
    assert versions(there, model) == [
        (1, "model", {"gate": "passed"}, None),
        (2, "model", {}, "The better one."),
    ]
    found = there.model(model)
    assert (found.tags, found.description) == ({"team": "vision"}, "Reads *digits*.")
    assert found.aliases == {"champion": 2}
    run_id = there.versions(model)[0].run_id
    assert tags.TRACKER_RUN_ID in rest.get_run(run_id).data.tags


def test_pushing_models_again_adds_nothing_and_moves_no_alias(cli, mlflow, model, rest):
    cli("push", "--to", mlflow.url)
    there = ServerRegistry(rest)
    there.set_alias(model, "champion", 1)
    said = cli("push", "--to", mlflow.url)
    assert said.code == 0
    assert "versions of registered models" not in said.out
    assert said.err == (
        f"note: Registered model {model!r}: the alias 'champion' points to version 1 there, and "
        f"not to 2 as here; it stays.\n"
    )
    assert there.model(model).aliases == {"champion": 1}
    assert len(there.versions(model)) == 2


def test_models_come_back(cli, mlflow, model, name, tmp_path):
    cli("push", "--to", mlflow.url)
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "tracking.db"
    said = cli("pull", "--from", mlflow.url, "--experiment", name, db=back)
    assert (said.code, said.err) == (0, "")
    client = TrackingClient(back)
    assert versions(LocalRegistry(client.store), model) == [
        (1, "model", {"gate": "passed"}, None),
        (2, "model", {}, "The better one."),
    ]
    assert client.get_registered_model(model).aliases == {"champion": 2}
    again = cli("pull", "--from", mlflow.url, "--experiment", name, db=back)
    assert "of registered models" not in again.out


def test_a_version_whose_files_are_elsewhere_is_told(cli, mlflow, model, client, name):
    run_id = client.search_runs([client.get_experiment_by_name(name).experiment_id])[0].info.run_id
    client.create_model_version(model, "/somewhere/else", run_id)
    said = cli("push", "--to", mlflow.url)
    assert said.code == 1
    assert said.err == (
        f"warning: Registered model {model!r}: version 4 was not copied: its files are not among "
        f"those of its run.\n"
    )
