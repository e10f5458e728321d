from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import tracker
from tracker.client import TrackingClient
from tracker.entities import Dataset, Metric, Param, ViewType
from tracker.exceptions import (
    AlreadyExistsError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    ReadOnlyError,
    UnsafePathError,
    UnsupportedError,
)
from tracker.frames import search_runs


def test_a_run_writes_what_mlflow_writes_into_its_row(client):
    client.create_run("0")
    columns = "source_type, source_name, entry_point_name, source_version, user_id, status"
    row = client.store.database.connection.execute(f"SELECT {columns} FROM runs").fetchone()
    assert row[:4] == ("UNKNOWN", "", "", "")
    assert row[4]
    assert row[5] == "RUNNING"


def test_a_runs_name_stands_in_its_row_and_in_a_tag(client):
    run = client.create_run("0", run_name="first")
    client.update_run(run.info.run_id, name="second")
    client.set_tag(run.info.run_id, "mlflow.runName", "third")
    found = client.get_run(run.info.run_id)
    assert (found.info.run_name, found.data.tags["mlflow.runName"]) == ("third", "third")


def test_a_run_without_a_name_gets_one(client):
    assert client.create_run("0").info.run_name.count("-") == 2


def test_artifact_locations_are_relative_so_that_the_folder_can_be_moved(client, run_id, tmp_path):
    client.log_text(run_id, "hello", "a/b.txt")
    client.store.database.close()
    moved = tmp_path.with_name("moved")
    shutil.copytree(tmp_path, moved)
    shutil.rmtree(tmp_path)
    other = TrackingClient(moved / "tracking.db")
    assert other.get_run(run_id).info.artifact_uri == f"{moved}/artifacts/0/{run_id}/artifacts"
    assert other.artifacts(run_id).local_path("a/b.txt").read_text() == "hello"


def test_an_absolute_location_stays_absolute_and_is_not_trusted_by_others(client, tmp_path):
    place = tmp_path.with_name("elsewhere")
    experiment_id = client.create_experiment("e", artifact_location=place)
    run_id = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "hello", "a.txt")
    assert client.get_run(run_id).info.artifact_uri == f"{place}/{run_id}/artifacts"
    with pytest.raises(UnsafePathError, match="add that folder to TRACKER_ALLOWED_ROOTS"):
        TrackingClient(client.store.database.path).list_artifacts(run_id)


UNUSABLE = [" ", "a\nb", "s3://b/../c", "s3://b?c", ".blobs/x", "a/%2e%2e/b"]
UNUSABLE += ["http://host/x", "runs:/abc", "mlflow-artifacts:/x", "file:///x?y", "file://host/x"]


@pytest.mark.parametrize("location", UNUSABLE)
def test_a_location_that_can_hold_no_artifacts_makes_no_experiment(client, location):
    with pytest.raises(InvalidValueError, match=r"^The artifact location .* cannot be used: "):
        client.create_experiment("e", artifact_location=location)
    assert client.get_experiment_by_name("e") is None
    assert client.allowed_roots == []


@pytest.mark.parametrize("location", ["s3://bucket/x", "gs://b", "file:/tmp/x", "file:///tmp/x"])
def test_a_url_that_can_hold_artifacts_is_kept_as_it_is(client, location):
    experiment_id = client.create_experiment("e", artifact_location=location)
    assert client.get_experiment(experiment_id).artifact_location == location


@pytest.mark.parametrize(
    ("location", "stored"),
    [
        ("./x", "work/x"),
        ("x/y/", "work/x/y"),
        (".", "work"),
        ("../a/{id}/b c", "a/{id}/b c"),
        ("a/../b//c", "work/b/c"),
        ("../../out", "{parent}/out"),
    ],
)
def test_a_location_is_relative_to_the_working_directory_and_stored_portable(
    client, location, stored, tmp_path, monkeypatch
):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    experiment_id = client.create_experiment("e", artifact_location=location)
    row = client.store.get_experiment(experiment_id)
    assert row.artifact_location == stored.replace("{parent}", str(tmp_path.parent))
    run_id = client.create_run(experiment_id).info.run_id
    monkeypatch.chdir(tmp_path)
    client.log_text(run_id, "hello", "a.txt")
    place = client.get_run(run_id).info.artifact_uri
    assert (Path(place) / "a.txt").read_text() == "hello"


@pytest.mark.parametrize("location", [None, ""])
def test_without_a_location_the_artifacts_go_to_the_usual_place(client, location):
    experiment_id = client.create_experiment("e", artifact_location=location)
    assert client.get_experiment(experiment_id).artifact_location == str(
        client.store.database.folder / "artifacts" / experiment_id
    )


@pytest.mark.parametrize("stored", [None, "", b"\0"])
def test_an_old_experiment_without_a_location_keeps_its_runs_in_the_usual_place(client, stored):
    experiment_id = client.create_experiment("e")
    with client.store.database.write() as connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", (stored,))
    run = client.create_run(experiment_id)
    stored = client.store.get_run_info(run.info.run_id).artifact_uri
    assert stored == f"artifacts/{experiment_id}/{run.info.run_id}/artifacts"


def test_the_environment_allows_roots(client, tmp_path, monkeypatch):
    place = tmp_path.with_name("allowed")
    run_id = client.create_run(client.create_experiment("e", place)).info.run_id
    client.log_text(run_id, "hello", "a.txt")
    monkeypatch.setenv("TRACKER_ALLOWED_ROOTS", str(place))
    found = TrackingClient(client.store.database.path).list_artifacts(run_id)
    assert [file.path for file in found] == ["a.txt"]


def test_the_statuses_are_mlflows(client, run_id):
    client.set_terminated(run_id)
    info = client.get_run(run_id).info
    assert (info.status, info.end_time >= info.start_time) == ("FINISHED", True)
    client.update_run(run_id, status="RUNNING")
    assert client.get_run(run_id).info.end_time is None
    with pytest.raises(InvalidValueError, match="choose RUNNING, SCHEDULED, FINISHED"):
        client.set_terminated(run_id, "DONE")


def test_a_deleted_experiment_takes_its_runs_along_and_brings_them_back(client):
    experiment_id = client.create_experiment("e")
    run_id = client.create_run(experiment_id).info.run_id
    client.delete_experiment(experiment_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(InvalidStateError, match="is deleted: restore it"):
        client.create_run(experiment_id)
    client.restore_experiment(experiment_id)
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_a_deleted_experiments_name_stays_taken(client):
    client.delete_experiment(client.create_experiment("e"))
    with pytest.raises(AlreadyExistsError, match=r"'e' \(deleted, id 1\): restore it"):
        client.create_experiment("e")


def test_an_experiment_can_be_renamed_but_not_to_a_taken_name(client):
    experiment_id = client.create_experiment("a", tags={"team": "blue"})
    client.rename_experiment(experiment_id, "b")
    assert client.get_experiment_by_name("b").tags == {"team": "blue"}
    with pytest.raises(AlreadyExistsError, match="already an experiment named 'Default'"):
        client.rename_experiment(experiment_id, "Default")


@pytest.mark.parametrize("wrong", ["99", "9" * 19])
def test_an_experiment_that_is_not_there_is_said_so(client, wrong):
    with pytest.raises(NotFoundError, match="no experiment with the id"):
        client.get_experiment(wrong)


@pytest.mark.parametrize("wrong", ["x", "", "-1", "1" * 40, None, 1.5, "0.0"])
def test_what_cannot_be_an_experiments_id_is_refused(client, wrong):
    with pytest.raises(InvalidValueError, match="An experiment id is a number"):
        client.get_experiment(wrong)
    with pytest.raises(InvalidValueError, match="An experiment id is a number"):
        client.create_run(wrong)


def test_deleted_runs_are_found_only_by_those_who_ask(client, run_id):
    kept = client.create_run("0").info.run_id
    client.delete_run(run_id)

    def found(view):
        return {run.info.run_id for run in client.search_runs(["0"], run_view_type=view)}

    assert found(ViewType.ACTIVE_ONLY) == {kept}
    assert found(ViewType.DELETED_ONLY) == {run_id}
    assert found(ViewType.ALL) == {kept, run_id}


def test_pages_of_a_search_hold_every_run_once(client):
    ids = {client.create_run("0").info.run_id for _ in range(7)}
    found, token = [], None
    while True:
        page = client.search_runs(["0"], max_results=3, page_token=token)
        found += [run.info.run_id for run in page]
        token = page.token
        if token is None:
            break
    assert (len(found), set(found)) == (7, ids)


def test_a_data_set_is_stored_once_and_known_by_each_run_with_its_context(client):
    dataset = Dataset("mnist", "abc", "local", '{"uri": "data"}', None, '{"num_rows": 9}')
    runs = [client.create_run("0").info.run_id for _ in range(2)]
    for run_id, context in zip(runs, ["train", "test"], strict=True):
        client.log_input(run_id, dataset, context=context)
        client.log_input(run_id, dataset, context=context)
    found = [client.get_run(run_id).inputs.dataset_inputs for run_id in runs]
    assert [[i.dataset for i in inputs] for inputs in found] == [[dataset], [dataset]]
    assert [inputs[0].tags[0].value for inputs in found] == ["train", "test"]


def test_a_search_is_a_table_with_mlflows_columns(client):
    run_id = client.create_run("0", run_name="a", start_time=1_000).info.run_id
    client.log_metrics(run_id, {"loss": 0.5, "inf": float("inf")})
    client.log_param(run_id, "lr", 0.1)
    other = client.create_run("0", run_name="b", start_time=2_000).info.run_id
    table = search_runs(client.store, ["0"], "", ViewType.ACTIVE_ONLY, 10, None)
    assert list(table["run_id"]) == [other, run_id]
    assert list(table.columns) == [
        *("run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"),
        *("metrics.inf", "metrics.loss", "params.lr", "tags.mlflow.runName"),
    ]
    assert table["metrics.loss"].isna().tolist() == [True, False]
    assert table["start_time"].tolist()[1] == pd.Timestamp(1_000, unit="ms", tz="UTC")


@pytest.mark.parametrize("wanted", [60, 110])
def test_a_search_of_many_runs_leaves_out_what_others_logged(client, wanted):
    mine, other = client.create_experiment("mine"), client.create_experiment("other")
    ids = [client.create_run(mine).info.run_id for _ in range(wanted)]
    for number, run_id in enumerate(ids):
        client.log_batch(run_id, [Metric("m", float(number), 1)], [Param("p", str(number))])
    stranger = client.create_run(other, tags={"strange": "yes"}).info.run_id
    client.log_batch(stranger, [Metric("strange", 1.0, 1)], [Param("strange", "1")])
    table = search_runs(client.store, [mine], "", ViewType.ALL, 1000, None)
    expected = {run_id: (float(n), str(n)) for n, run_id in enumerate(ids)}
    found = zip(table["metrics.m"], table["params.p"], strict=True)
    assert dict(zip(table["run_id"], found, strict=True)) == expected
    assert not [name for name in table if "strange" in name]
    listed = {run.info.run_id: run.data for run in client.search_runs([mine])}
    assert {i: (d.metrics["m"], d.params["p"]) for i, d in listed.items()} == expected


def test_a_search_that_finds_nothing_is_an_empty_table(client):
    table = search_runs(client.store, ["0"], "", ViewType.ACTIVE_ONLY, 10, None)
    assert (len(table), "run_id" in table) == (0, True)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            "http://localhost:5000",
            "cannot reach .*: name a file.*`python -m tracker push --to URL`",
        ),
        ("databricks", "cannot reach"),
        ("postgresql://x/y", "cannot reach"),
        ("sqlite:///", "does not name a file"),
        ("sqlite:relative.db", "does not name a file"),
    ],
)
def test_a_place_that_is_no_local_file_is_refused_with_advice(location, message):
    with pytest.raises(InvalidValueError, match=message):
        TrackingClient(location)


@pytest.mark.parametrize("form", ["{path}", "sqlite:///{path}", "file://{path}"])
def test_a_database_may_be_named_by_path_or_uri(tmp_path, form):
    path = tmp_path / "some folder" / "t.db"
    client = TrackingClient(form.format(path=path))
    assert client.store.database.path == path


def test_what_the_tracker_does_not_have_is_refused_by_name(client):
    with pytest.raises(UnsupportedError, match="'create_webhook'"):
        client.create_webhook("x")
    with pytest.raises(UnsupportedError, match=r"'evaluate'.*need MLflow itself"):
        tracker.evaluate()
    assert not hasattr(tracker, "start_span")


LOGS_FILES = {
    "log_text": ["hello", "a.txt"],
    "log_dict": [{"a": 1}, "a.json"],
    "log_stream": [io.BytesIO(b"hello"), "a.bin"],
    "log_artifact": [__file__],
    "log_artifacts": [Path(__file__).parent / "search"],
    "log_figure": [Figure(), "a.png"],
    "log_image": [np.eye(2), "a.png"],
    "log_table": [{"a": [1]}, "a.json"],
}


def files_of(client):
    return [path for path in client.store.database.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("verb", "arguments"), LOGS_FILES.items(), ids=LOGS_FILES)
def test_no_file_is_logged_to_a_deleted_run(client, run_id, verb, arguments):
    client.delete_run(run_id)
    before = files_of(client)
    with pytest.raises(InvalidStateError, match="is deleted: restore it"):
        getattr(client, verb)(run_id, *arguments)
    with pytest.raises(InvalidStateError, match="is deleted: restore it"):
        client.log_image(run_id, np.eye(2), key="sample")
    assert files_of(client) == before


@pytest.mark.parametrize(("verb", "arguments"), LOGS_FILES.items(), ids=LOGS_FILES)
def test_a_client_that_only_reads_logs_no_file(client, run_id, verb, arguments):
    reader = TrackingClient(client.store.database.path, read_only=True)
    before = files_of(client)
    with pytest.raises(ReadOnlyError, match="was opened read-only"):
        getattr(reader, verb)(run_id, *arguments)
    assert files_of(client) == before
