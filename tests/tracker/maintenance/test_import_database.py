from __future__ import annotations

import math
import shutil
import sqlite3

import pytest

from tracker.__main__ import main
from tracker.entities import Dataset, ViewType
from tracker.exceptions import IncompatibleDatabaseError, InvalidValueError, NotFoundError


def test_a_run_comes_with_everything_and_keeps_its_id(client, other, merge, trained):
    run_id = trained(other)
    other.log_input(run_id, Dataset("MNIST", "abc", "local", "{}"), context="train")
    merge(other.store.database.path)
    there, here = other.get_run(run_id), client.get_run(run_id)
    assert here.data.params == there.data.params
    assert here.data.tags == there.data.tags
    assert here.inputs == there.inputs
    assert (here.info.status, here.info.start_time, here.info.end_time) == (
        "FINISHED",
        1_000,
        2_000,
    )


def test_histories_keep_nan_and_infinity(client, other, merge, trained):
    run_id = trained(other)
    merge(other.store.database.path)
    values = [point.value for point in client.get_metric_history(run_id, "loss")]
    assert values[0] == 1.0
    assert math.isnan(values[1])
    assert values[2:] == [math.inf, 0.25]
    assert client.get_run(run_id).data.metrics == {"loss": 0.25}


def test_files_come_along_and_equal_ones_are_stored_once(client, other, merge, trained):
    run_ids = [trained(other, name="first"), trained(other, name="second")]
    merge(other.store.database.path)
    paths = [client.artifacts(run_id).local_path("data.txt") for run_id in run_ids]
    assert paths[0].read_text() == "the same in all runs"
    assert paths[0].samefile(paths[1])


def test_merging_twice_changes_nothing(client, other, merge, trained):
    trained(other)
    merge(other.store.database.path)
    before = list(client.store.database.connection.iterdump())
    again = merge(other.store.database.path)
    assert (again.runs_new, again.runs_completed, again.runs_unchanged) == (0, 0, 1)
    assert list(client.store.database.connection.iterdump()) == before


def test_experiments_are_matched_by_name(client, other, merge, trained):
    client.create_experiment("something else")
    mine = trained(client)
    theirs = trained(other)
    merge(other.store.database.path)
    infos = [client.store.get_run_info(run_id) for run_id in (mine, theirs)]
    assert infos[0].experiment_id == infos[1].experiment_id
    assert infos[1].artifact_uri.startswith(f"artifacts/{infos[0].experiment_id}/")


def test_what_is_here_already_stays(client, other, merge, trained):
    run_id = trained(other)
    merge(other.store.database.path)
    client.set_tag(run_id, "note", "mine")
    client.log_text(run_id, "mine", "data.txt")
    merge(other.store.database.path)
    assert client.get_run(run_id).data.tags["note"] == "mine"
    assert client.artifacts(run_id).local_path("data.txt").read_text() == "mine"


def test_a_run_that_has_ended_since_is_brought_up_to_date(client, other, merge):
    run_id = other.create_run("0", run_name="long").info.run_id
    other.log_metric(run_id, "loss", 1.0, step=0)
    other.log_text(run_id, "epoch 1", "last.txt")
    assert merge(other.store.database.path).runs_running == 1
    other.log_metric(run_id, "loss", 0.5, step=1)
    other.log_text(run_id, "epoch 2", "last.txt")
    other.set_terminated(run_id, end_time=5_000)
    assert merge(other.store.database.path).runs_completed == 1
    run = client.get_run(run_id)
    assert (run.info.status, run.info.end_time, run.data.metrics["loss"]) == (
        "FINISHED",
        5_000,
        0.5,
    )
    assert client.artifacts(run_id).local_path("last.txt").read_text() == "epoch 2"


def test_a_run_whose_process_is_gone_arrives_failed(client, other, merge, python):
    path = other.store.database.path
    python(
        "import os, sys, tracker; "
        "tracker.TrackingClient(sys.argv[1]).create_run('0', run_name='lost'); os._exit(1)",
        str(path),
        check=False,
    )
    before = list(other.store.database.connection.iterdump())
    merge(path)
    (run,) = client.search_runs(["0"])
    assert (run.info.run_name, run.info.status) == ("lost", "FAILED")
    assert list(other.store.database.connection.iterdump()) == before


def test_deleted_runs_and_experiments_arrive_deleted(client, other, merge, trained):
    run_id = trained(other)
    other.delete_run(run_id)
    gone = trained(other, experiment="gone")
    other.delete_experiment(other.get_run(gone).info.experiment_id)
    merge(other.store.database.path)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    assert [each.name for each in client.search_experiments(ViewType.DELETED_ONLY)] == ["gone"]
    client.restore_experiment(client.get_run(gone).info.experiment_id)
    assert client.get_run(gone).info.lifecycle_stage == "active"


def test_files_outside_the_received_folder_are_left_unless_allowed(
    client, other, merge, trained, tmp_path
):
    run_id = trained(other)
    secret = tmp_path / "secret" / run_id / "artifacts"
    secret.mkdir(parents=True)
    (secret / "key.txt").write_text("secret")
    _set_uri(other, run_id, str(secret))
    _remove_own_files(other, run_id)
    refused = merge(other.store.database.path)
    assert "outside the database's folder" in refused.troubles[0]
    assert client.list_artifacts(run_id) == []
    merge(other.store.database.path, (str(tmp_path / "secret"),))
    assert [info.path for info in client.list_artifacts(run_id)] == ["key.txt"]


@pytest.mark.parametrize(
    "uri",
    [
        "../secret/artifacts",
        "artifacts/../../secret/artifacts",
        "%2e%2e/secret/artifacts",
        "..\\secret\\artifacts",
        "/{folder}/secret/artifacts",
        "file://localhost{folder}/secret/artifacts",
        "//proc/self/root{folder}/secret/artifacts",
        "link/artifacts",
    ],
)
def test_an_artifact_uri_that_leads_out_is_refused(client, other, merge, trained, tmp_path, uri):
    (tmp_path / "secret/artifacts").mkdir(parents=True)
    (tmp_path / "secret/artifacts/key.txt").write_text("secret")
    (tmp_path / "other/link").symlink_to(tmp_path / "secret")
    run_id = trained(other)
    _remove_own_files(other, run_id)
    _set_uri(other, run_id, uri.format(folder=tmp_path))
    merge(other.store.database.path)
    assert client.list_artifacts(run_id) == []


def test_a_run_id_that_is_a_path_is_refused(client, other, merge, trained):
    run_id = trained(other)
    connection = sqlite3.connect(other.store.database.path)
    connection.execute(
        "INSERT INTO runs SELECT '../../x', name, source_type, source_name,"
        " entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage,"
        " artifact_uri, experiment_id, deleted_time FROM runs"
    )
    connection.commit()
    connection.close()
    merged = merge(other.store.database.path)
    assert merged.runs_new == 1
    assert "'../../x'" in merged.troubles[0]
    assert client.get_run(run_id)


def test_numbers_that_are_none_do_not_get_in(other, merge, trained):
    run_id = trained(other)
    connection = sqlite3.connect(other.store.database.path)
    connection.execute("UPDATE metrics SET value = 'many' WHERE run_uuid = ?", (run_id,))
    connection.commit()
    connection.close()
    assert "takes a number, not 'many'" in merge(other.store.database.path).damaged[0]


def test_a_moved_database_finds_its_files_beside_it(client, other, merge, trained):
    run_id = trained(other)
    _set_uri(other, run_id, f"/somewhere/else/{run_id}/artifacts")
    merge(other.store.database.path)
    assert client.artifacts(run_id).local_path("model/weights.txt").is_file()


def test_a_folder_is_searched_for_its_database(client, other, merge, trained):
    run_id = trained(other)
    merge(other.store.database.folder)
    assert client.get_run(run_id).info.run_name == "first"


def test_nothing_and_anything_else_are_refused(merge, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign.db").touch()
    with sqlite3.connect(tmp_path / "foreign.db") as connection:
        connection.execute("CREATE TABLE films (title)")
    connection.close()
    for path, error in (
        (tmp_path / "nothing", NotFoundError),
        (tmp_path / "empty", InvalidValueError),
        (tmp_path / "foreign.db", IncompatibleDatabaseError),
    ):
        with pytest.raises(error, match=path.name):
            merge(path)


def test_points_arrive_over_several_transactions(client, other, merge):
    run_id = other.create_run("0").info.run_id
    other.log_history(run_id, "loss", list(range(50_000)))
    other.set_terminated(run_id)
    merge(other.store.database.path)
    assert len(client.get_metric_history(run_id, "loss")) == 50_000


def _set_uri(other, run_id, uri):
    with other.store.database.write() as connection:
        connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (uri, run_id))


def _remove_own_files(other, run_id):
    number = other.get_run(run_id).info.experiment_id
    other.open_location(f"artifacts/{number}/{run_id}/artifacts").delete()


@pytest.mark.parametrize("stored", [None, ""])
def test_runs_for_an_experiment_without_a_location_go_to_the_usual_place(
    client, other, merge, trained, stored
):
    run_id = trained(other)
    experiment_id = client.create_experiment("digits")
    with client.store.database.write() as connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", (stored,))
    merge(other.store.database.path)
    uri = client.store.get_run_info(run_id).artifact_uri
    assert uri == f"artifacts/{experiment_id}/{run_id}/artifacts"
    assert client.artifacts(run_id).local_path("data.txt").is_file()


ELSEWHERE = [
    "/home/ada/project/mlruns/1/{}/artifacts",
    "file:///home/ada/project/mlruns/1/{}/artifacts",
    "c:/Users/ada/mlruns/1/{}/artifacts",
    "file:///C:/Users/ada/mlruns/1/{}/artifacts",
    "../mlruns/1/{}/artifacts",
    "mlflow-artifacts:/1/{}/artifacts",
]


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_files_on_the_authors_machine_are_counted_in_one_line(
    other, trained, uri, tmp_path, capsys
):
    """As after `git clone` of somebody's project: the runs arrive, the exit code is 0."""
    run_ids = [trained(other), trained(other, name="second")]
    for run_id in run_ids:
        _set_uri(other, run_id, uri.format(run_id))
    shutil.rmtree(other.store.database.folder / "artifacts")
    other.store.database.close()
    for arguments in (["import", other.store.database.path], ["check"]):
        assert main(["--db", str(tmp_path / "tracking.db"), *map(str, arguments)]) == 0
    assert main(["--db", str(other.store.database.path), "check"]) == 0
    assert main(["--db", str(other.store.database.path), "backup", str(tmp_path / "copy")]) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert lines.count("2 runs name files that are not on this machine.") == 2
    assert "2 runs; 2 runs with files not on this machine" in said.out
    assert "unsafe" not in said.err + said.out


def test_nameless_and_undated_runs_stay_so(client, other, merge, trained):
    run_id = trained(other)
    with other.store.database.write() as connection:
        connection.execute("UPDATE runs SET name = NULL, start_time = NULL")
        connection.execute("DELETE FROM tags WHERE key = 'mlflow.runName'")
    merge(other.store.database.path)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.start_time) == ("", 0)
    assert "mlflow.runName" not in run.data.tags
