"""Runs of MLflow whose files lie where the tracker cannot or may not go."""

import sqlite3
from contextlib import closing

import pytest

from tracker import TrackingClient
from tracker.exceptions import AbsentFilesError, UnsafePathError

ELSEWHERE = {
    "a folder of another machine": ("/data/mlruns/1", AbsentFilesError, "no place on this machine"),
    "an MLflow server": ("mlflow-artifacts:/1", AbsentFilesError, "MLflow's own client"),
}


@pytest.fixture
def open_run(tmp_path):
    """Starts a run in an experiment of MLflow's, with its artifact location."""

    def start(location):
        client = TrackingClient(tmp_path / "tracking.db")
        experiment_id = client.create_experiment("served")
        with closing(sqlite3.connect(tmp_path / "tracking.db")) as connection:
            statement = "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?"
            connection.execute(statement, (location, experiment_id))
            connection.commit()
        return client, client.create_run(experiment_id).info.run_id

    return start


@pytest.mark.parametrize("place", ELSEWHERE)
def test_its_files_are_refused_with_the_way_out(open_run, place):
    location, error, way_out = ELSEWHERE[place]
    client, run_id = open_run(location)
    with pytest.raises(error, match=way_out):
        client.list_artifacts(run_id)


def test_files_in_another_folder_of_this_machine_are_refused(open_run, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("mlruns")
    client, run_id = open_run(str(elsewhere))
    (elsewhere / run_id / "artifacts").mkdir(parents=True)
    with pytest.raises(UnsafePathError, match="TRACKER_ALLOWED_ROOTS"):
        client.list_artifacts(run_id)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_everything_but_files_is_logged_all_the_same(open_run, place):
    client, run_id = open_run(ELSEWHERE[place][0])
    client.log_metric(run_id, "loss", 0.5)
    with (
        pytest.warns(UserWarning, match="cut to 6000"),
        pytest.warns(UserWarning, match="params/prompt.txt cannot be kept"),
    ):
        client.log_param(run_id, "prompt", "x" * 7_000)
    assert client.get_run(run_id).data.params["prompt"] == "x" * 6_000


def test_a_folder_that_is_allowed_is_used(open_run, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("mlruns")
    client, run_id = open_run(str(elsewhere))
    client.allow_root(str(elsewhere))
    client.log_text(run_id, "hello", "a.txt")
    assert (elsewhere / run_id / "artifacts" / "a.txt").read_text() == "hello"
