"""Registered models on their way from one database to another, by export, import and backup."""

from __future__ import annotations

import pytest

from tracker.client import TrackingClient
from tracker.maintenance.backup import back_up
from tracker.maintenance.bundle import export_bundle
from tracker.tags import PROMOTION_PREVIOUS


@pytest.fixture
def registered(other, trained):
    """Two runs in the other database whose models are versions 1 and 3 of `digits`."""
    runs = [trained(other, name=name) for name in ("first", "second")]
    other.create_registered_model("digits", {"team": "vision"}, "Reads *digits*.")
    first, second = (f"runs:/{run_id}/model" for run_id in runs)
    other.register_model(first, "digits", {"gate": "passed"}, ["previous"])
    other.register_model(first, "digits")
    other.register_model(second, "digits", {PROMOTION_PREVIOUS: 1}, ["champion"])
    other.delete_model_version("digits", 2)
    return runs


def versions(client):
    """(number, run, tags) of each version, oldest first, with times and files that are there."""
    found = sorted(client.search_model_versions("name = 'digits'"), key=lambda v: v.version)
    for version in found:
        files, path = client.model_files(f"models:/digits/{version.version}")
        assert files.local_path(path).is_dir()
    return [(v.version, v.run_id, v.tags) for v in found]


@pytest.mark.usefixtures("registered")
def test_models_come_with_their_runs_and_again_change_nothing(other, client, merge):
    merged = merge(other.store.database.path)
    assert (merged.versions_new, merged.notes, merged.troubles) == (2, [], [])
    assert versions(client) == versions(other)
    assert client.get_registered_model("digits").tags == {"team": "vision"}
    assert client.get_registered_model("digits").aliases == {"champion": 3, "previous": 1}
    there, here = (c.get_model_version("digits", 3) for c in (other, client))
    assert here == there
    assert merge(other.store.database.path).versions_new == 0
    assert len(versions(client)) == 2


def test_an_export_holds_the_versions_of_its_runs_alone(other, client, merge, registered, tmp_path):
    first, second = registered
    export_bundle(other, [second], tmp_path / "second.zip", now=0)
    merge(tmp_path / "second.zip")
    assert versions(client) == [(3, second, {})]
    export_bundle(other, [first, second], tmp_path / "both.zip", now=0)
    merge(tmp_path / "both.zip")
    assert versions(client) == versions(other)
    assert client.get_registered_model("digits").aliases == {"champion": 3, "previous": 1}


@pytest.mark.usefixtures("registered")
def test_a_version_whose_number_is_taken_gets_the_next_one_and_aliases_here_stay(
    other, client, merge, trained
):
    own = trained(client, name="own")
    client.register_model(f"runs:/{own}/model", "digits", aliases=["champion"])
    merged = merge(other.store.database.path)
    assert [(number, tags) for number, _, tags in versions(client)] == [
        (1, {}),
        (2, {"gate": "passed"}),
        (3, {PROMOTION_PREVIOUS: "2"}),
    ]
    assert client.get_registered_model("digits").aliases == {"champion": 1, "previous": 2}
    (note,) = merged.notes
    assert "'champion' points to version 1 there, and not to 3 as here; it stays" in note
    assert merge(other.store.database.path).versions_new == 0
    assert len(versions(client)) == 3


@pytest.mark.usefixtures("registered")
def test_a_backup_holds_the_registry_and_the_files(other, tmp_path):
    back_up(other, tmp_path / "copy")
    copy = TrackingClient(tmp_path / "copy" / "tracking.db")
    assert versions(copy) == versions(other)
    assert copy.get_registered_model("digits").aliases == {"champion": 3, "previous": 1}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("source = source || '/../../../../../etc'", "unsafe"),
        ("source = '/etc'", "not among those of its run"),
        ("current_stage = 'shop'", "no stage 'shop'"),
        ("name = x'ff'", "Registered model"),
        ("version = 'two'", "Registered model"),
        ("creation_time = 'then'", "The time is an integer"),
    ],
)
def test_a_hostile_registry_costs_its_versions_and_no_run(other, merge, change, sentence):
    with other.store.database.write() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("DELETE FROM registered_model_aliases")
        connection.execute("DELETE FROM model_version_tags")
        if "name" in change:
            connection.execute(f"INSERT INTO registered_models ({change[:4]}) VALUES (x'ff')")
        connection.execute(f"UPDATE model_versions SET {change} WHERE version = 3")
    merged = merge(other.store.database.path)
    assert merged.runs_new == 2
    assert sentence in " ".join(merged.troubles)


def test_a_database_without_a_registry_is_imported(other, merge, trained):
    trained(other)
    with other.store.database.write() as connection:
        for table in ("registered_model_aliases", "model_version_tags", "model_versions"):
            connection.execute(f"DROP TABLE {table}")
    merged = merge(other.store.database.path)
    assert (merged.runs_new, merged.troubles) == (1, [])


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_the_models_of_a_file_store_come_along(client, merge, tmp_path):
    run_id = "1a" * 16
    version = f"name: digits\nrun_id: {run_id}\ncreation_timestamp: 5\nlast_updated_timestamp: 6\n"
    source = f"source: file:///elsewhere/mlruns/0/{run_id}/artifacts/model\n"
    staging = "current_stage: Staging\n"
    files = {
        "0/meta.yaml": "experiment_id: '0'\nname: Default\n",
        f"0/{run_id}/meta.yaml": f"run_id: {run_id}\nexperiment_id: '0'\nstatus: 3\n",
        f"0/{run_id}/artifacts/model/MLmodel": "flavors: {}\n",
        "models/digits/meta.yaml": "name: digits\ndescription: Reads *digits*.\n",
        "models/digits/tags/team": "vision",
        "models/digits/aliases/champion": "3",
        "models/digits/aliases/damaged": "three",
        "models/digits/version-1/meta.yaml": f"{version}version: 1\n{staging}{source}",
        "models/digits/version-3/meta.yaml": f"{version}version: 3\n{source}",
        "models/digits/version-3/tags/gate": "passed",
        "models/digits/version-4/meta.yaml": f"{version}version: 4\nsource: /etc\n",
    }
    write(tmp_path / "mlruns", files)
    merged = merge(tmp_path / "mlruns")
    assert versions(client) == [(1, run_id, {}), (3, run_id, {"gate": "passed"})]
    model = client.get_registered_model("digits")
    assert (model.description, model.tags) == ("Reads *digits*.", {"team": "vision"})
    assert model.aliases == {"champion": 3}
    assert client.get_model_version("digits", 1).current_stage == "Staging"
    assert client.get_model_version("digits", 1).creation_timestamp == 5
    (trouble,) = merged.troubles
    assert "version 4 was not copied" in trouble
    assert merge(tmp_path / "mlruns").versions_new == 0
