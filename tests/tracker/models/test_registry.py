"""Registered models. That every verb does what MLflow's does is among the interop tests."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

import tracker
from tracker import TrackingClient
from tracker.exceptions import (
    AbsentFilesError,
    AlreadyExistsError,
    FilterError,
    InvalidValueError,
    NotFoundError,
    UnsafePathError,
    UnsupportedError,
)
from tracker.model_names import ModelUri
from tracker.models import MODEL_FOLDER, Model, has_model

KILLS = int(os.environ.get("TRACKER_REGISTRY_KILLS", "20"))


@pytest.fixture
def run_with_model(client, run_id):
    """A run with a model folder `model`, by the URI of the model."""
    client.log_text(run_id, "flavors:\n  python_function:\n    loader_module: m\n", "model/MLmodel")
    return f"runs:/{run_id}/model"


@pytest.fixture
def digits(client, run_with_model):
    """A client with three versions of `digits`."""
    for number in range(3):
        client.register_model(run_with_model, "digits", tags={"number": number})
    return client


def names(versions):
    return sorted((version.name, version.version) for version in versions)


@pytest.mark.parametrize("uri", ["model", "runs/1a2b/model", "/nowhere/model", ""])
def test_a_place_that_is_no_model_is_refused_and_nothing_registered(client, uri):
    with pytest.raises(NotFoundError, match=f"no folder {uri!r}: name a model of a run as runs:/"):
        client.register_model(uri, "digits")
    assert client.search_registered_models() == []


def test_registering_adds_the_model_and_counts_its_versions(digits, run_id):
    found = digits.get_registered_model("digits")
    assert [version.version for version in found.latest_versions] == [3]
    first = digits.get_model_version("digits", "1")
    assert (first.version, first.run_id, first.status, first.current_stage) == (
        1,
        run_id,
        "READY",
        "None",
    )
    assert first.source == f"artifacts/0/{run_id}/artifacts/model"
    assert first.tags == {"number": "0"}


def test_version_alias_and_latest_name_a_version(digits):
    digits.set_registered_model_alias("digits", "champion", 2)
    uris = {"models:/digits/1": 1, "models:/digits@champion": 2, "models:/digits/latest": 3}
    for uri, number in uris.items():
        assert digits.get_model_version_by_uri(uri).version == number
        files, path = digits.model_files(uri)
        assert [info.path for info in files.list(path)] == ["model/MLmodel"]


def test_a_registered_model_is_loaded_and_downloaded_by_its_uri(digits, tmp_path):
    tracker.set_tracking_uri(digits.store.database.path)
    try:
        assert list(Model.load("models:/digits/1").flavors) == ["python_function"]
        copied = tracker.artifacts.download_artifacts(
            "models:/digits/latest", dst_path=tmp_path / "c"
        )
        assert os.listdir(copied) == ["MLmodel"]  # noqa: PTH208
        [info] = tracker.artifacts.list_artifacts("models:/digits/1")
        assert info.path == "model/MLmodel"
        text = tracker.artifacts.load_text("models:/digits/1/MLmodel")
        assert text.startswith("flavors:")
    finally:
        tracker.set_tracking_uri("")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("models:/a/1", ("a", "1", None)),
        ("models:/a/latest/b/c", ("a", "latest", "b/c")),
        ("models:/a@b", ("a", "@b", None)),
        ("models:/a@b/c/d", ("a", "@b", "c/d")),
        ("models:/a@b/Production", ("a@b", "Production", None)),
        ("models:/a@b@c", ("a@b", "@c", None)),
    ],
)
def test_the_uri_of_a_model_has_parts(uri, parts):
    assert ModelUri.parse(uri) == ModelUri(*parts)


@pytest.mark.parametrize(
    "uri", ["models:/", "models:/a", "models:/a/b", "models:/@b", "models:/a@"]
)
def test_what_is_not_the_uri_of_a_model_is_refused(client, uri):
    with pytest.raises(InvalidValueError, match="does not name a model"):
        client.get_model_version_by_uri(uri)


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "x" * 257, None, 3])
def test_a_name_that_breaks_a_rule_registers_nothing(client, run_with_model, name):
    with pytest.raises(InvalidValueError, match="name of a registered model"):
        client.register_model(run_with_model, name)
    assert client.search_registered_models() == []


@pytest.mark.parametrize(
    "alias", ["", "latest", "Latest", "v1", "a b", "a/b", "é", "x" * 256, None]
)
def test_an_alias_that_breaks_a_rule_is_refused(digits, alias):
    with pytest.raises(InvalidValueError, match="An alias is made of"):
        digits.set_registered_model_alias("digits", alias, 1)


@pytest.mark.parametrize("version", [0, -1, "x", "", None, 1.5, True, "9" * 30])
def test_a_version_that_is_no_number_is_refused(digits, version):
    with pytest.raises(InvalidValueError, match="is a number such as 1"):
        digits.get_model_version("digits", version)


def test_a_run_has_a_model_where_the_folder_holds_an_mlmodel_file(client, run_id):
    client.log_text(run_id, "", f"{MODEL_FOLDER}/last.pt")
    assert not has_model(client, run_id)
    client.log_text(run_id, "", f"{MODEL_FOLDER}/MLmodel")
    assert has_model(client, run_id)
    assert not has_model(client, run_id, "other")


def test_nothing_is_registered_of_a_model_that_is_not_there(client, run_id):
    for uri in (f"runs:/{run_id}/missing", f"runs:/{'0' * 32}/model", "models:/nothing/1"):
        with pytest.raises(NotFoundError):
            client.register_model(uri, "digits")
    client.log_text(run_id, "", "model/MLmodel")
    with pytest.raises(InvalidValueError, match="at most 5000"):
        client.register_model(f"runs:/{run_id}/model", "digits", tags={"a": "x" * 5001})
    assert client.search_registered_models() == []


def test_a_name_that_is_not_there_is_refused_with_the_nearest(digits):
    with pytest.raises(NotFoundError, match="did you mean 'digits'"):
        digits.get_registered_model("digit")
    digits.set_registered_model_alias("digits", "champion", 1)
    with pytest.raises(NotFoundError, match="did you mean 'champion'"):
        digits.get_model_version_by_alias("digits", "champ")
    with pytest.raises(NotFoundError, match="has no version 9"):
        digits.get_model_version("digits", 9)


def test_a_taken_name_is_refused(digits):
    with pytest.raises(AlreadyExistsError, match="'digits' already"):
        digits.create_registered_model("digits")


def test_a_version_of_a_version_points_to_the_same_files(digits):
    copied = digits.copy_model_version("models:/digits/1", "letters")
    assert copied.source == digits.get_model_version("digits", 1).source
    assert (copied.name, copied.version, copied.tags) == ("letters", 1, {"number": "0"})


def test_a_version_points_to_files_of_no_run(client, tmp_path):
    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    (tmp_path / "elsewhere" / "model" / "MLmodel").write_text("flavors: {}\n")
    client.create_registered_model("digits")
    client.create_model_version("digits", "elsewhere/model")
    files, path = client.model_files("models:/digits/1")
    assert [info.path for info in files.list(path)] == ["MLmodel"]


@pytest.mark.parametrize("source", ["/etc", "../..", "file:///etc", "artifacts/../.."])
def test_a_version_that_leads_elsewhere_is_not_followed(client, source):
    client.create_registered_model("digits")
    client.create_model_version("digits", source)
    with pytest.raises((UnsafePathError, AbsentFilesError)):
        client.model_files("models:/digits/1")


def test_versions_that_lead_to_each_other_are_refused(client):
    client.create_registered_model("a")
    with client.store.database.write() as connection:
        connection.execute(
            "INSERT INTO model_versions (name, version, current_stage, source) "
            "VALUES ('a', 1, 'None', 'models:/a/1')"
        )
    with pytest.raises(InvalidValueError, match="one version after another"):
        client.model_files("models:/a/1")


def test_a_version_whose_files_are_gone_is_named(digits, run_id):
    digits.artifacts(run_id).delete()
    files, path = digits.model_files("models:/digits/1")
    with pytest.raises(NotFoundError):
        files.local_path(path)


def test_deleting_a_version_takes_its_aliases_and_never_gives_its_number_again(
    digits, run_with_model
):
    digits.set_registered_model_alias("digits", "champion", 3)
    digits.delete_model_version("digits", 3)
    assert names(digits.search_model_versions()) == [("digits", 1), ("digits", 2)]
    assert digits.get_registered_model("digits").aliases == {}
    assert digits.register_model(run_with_model, "digits").version == 4


def test_a_version_is_registered_with_its_aliases_in_one_step(digits, run_with_model):
    made = digits.register_model(run_with_model, "digits", aliases=["b", "a"])
    assert made.aliases == ["a", "b"]
    assert digits.get_registered_model("digits").aliases == {"a": 4, "b": 4}
    with pytest.raises(InvalidValueError, match="An alias is made of"):
        digits.register_model(run_with_model, "digits", aliases=["ok", "not ok"])
    assert len(digits.search_model_versions()) == 4


def test_the_search_language_selects_versions(digits):
    assert names(digits.search_model_versions("tags.number > 0 AND version_number < 3")) == [
        ("digits", 2)
    ]
    assert names(digits.search_model_versions("NOT tags.number = '0'", max_results=1)) == [
        ("digits", 3)
    ]
    with pytest.raises(FilterError, match="A model version has no attribute 'nam'"):
        digits.search_model_versions("nam = 'a'")
    with pytest.raises(FilterError, match="There is no 'metrics' to search"):
        digits.search_registered_models("metrics.a = 1")


def test_stages_work_and_warn_that_they_are_deprecated(digits):
    with pytest.warns(FutureWarning, match="deprecated"):
        moved = digits.transition_model_version_stage("digits", 1, "production")
    assert moved.current_stage == "Production"
    assert digits.get_model_version_by_uri("models:/digits/Production").version == 1
    digits.set_model_version_tag("digits", key="a", value="b", stage="Production")
    assert digits.get_model_version("digits", 1).tags["a"] == "b"
    with (
        pytest.warns(FutureWarning),
        pytest.raises(InvalidValueError, match="choose None, Staging"),
    ):
        digits.transition_model_version_stage("digits", 1, "shop")


def test_the_registry_is_in_the_tracking_database(database):
    tracker.set_registry_uri(database)
    assert tracker.get_registry_uri() == str(database)
    with pytest.raises(UnsupportedError, match="in the tracking database"):
        tracker.set_registry_uri("sqlite:///another.db")


def test_a_model_is_logged_and_registered_at_once(database, tmp_path):
    (tmp_path / "loader.py").write_text("def _load_pyfunc(path): return None\n")
    model = {"loader_module": "loader", "code_paths": [tmp_path / "loader.py"]}
    with tracker.start_run() as run:
        infos = [
            tracker.pyfunc.log_model("model", **model, registered_model_name="digits")
            for _ in range(2)
        ]
        with pytest.raises(InvalidValueError, match="name of a registered model"):
            tracker.pyfunc.log_model("other", **model, registered_model_name="a/b")
        assert tracker.list_artifacts("other") == []
    assert [info.registered_model_version for info in infos] == [1, 2]
    found = tracker.search_model_versions(filter_string=f"run_id = '{run.info.run_id}'")
    assert len(found) == 2
    assert TrackingClient(database).get_registered_model("digits").latest_versions == found[:1]


COUNT = """
import sys
from tracker import TrackingClient
client = TrackingClient("tracking.db")
for _ in range(20):
    client.register_model(f"runs:/{sys.argv[1]}/model", "digits", aliases=["champion"])
"""


def test_processes_that_register_at_once_get_numbers_of_their_own(client, run_with_model, tmp_path):
    run_id = run_with_model.split("/")[1]
    command = [sys.executable, "-c", COUNT, run_id]
    processes = [subprocess.Popen(command, cwd=tmp_path) for _ in range(3)]
    assert [process.wait(timeout=100) for process in processes] == [0, 0, 0]
    versions = client.store.registry.versions("digits")
    assert [version.version for version in versions] == list(range(60, 0, -1))
    assert versions[0].aliases == ["champion"]


REGISTER = """
import sys
from tracker import TrackingClient
client = TrackingClient("tracking.db")
run_id = client.create_run("0").info.run_id
client.log_text(run_id, "flavors: {}", "model/MLmodel")
while True:
    made = client.register_model(f"runs:/{run_id}/model", "digits", {"a": "b"}, ["champion"])
    print(made.version, flush=True)
"""


@pytest.mark.slow
def test_the_registry_is_whole_wherever_registering_is_killed(tmp_path):
    chance, acknowledged = random.Random(7), 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", REGISTER], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as process:
            for _ in range(chance.randrange(1, 10)):
                acknowledged = int(process.stdout.readline())
            time.sleep(chance.random() * 0.002)
            process.send_signal(signal.SIGKILL)
    client = TrackingClient(tmp_path / "tracking.db")
    versions = client.search_model_versions("name = 'digits'")
    assert len(versions) >= acknowledged
    assert sorted(v.version for v in versions) == list(range(1, len(versions) + 1))
    assert all(version.tags == {"a": "b"} for version in versions)
    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.version == len(versions)
    for version in versions:
        files, path = client.model_files(f"models:/digits/{version.version}")
        assert files.local_path(path).is_dir()
    with client.store.database.read() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
