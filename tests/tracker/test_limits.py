"""What is too long is cut, what is of no use is refused, each in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracker.exceptions import InvalidValueError


def test_a_long_tag_of_a_new_run_is_cut_and_kept_whole(client):
    with pytest.warns(UserWarning, match="'k' has 9000 characters and is cut to 8000"):
        run = client.create_run("0", tags={"k": "x" * 9_000})
    run_id = run.info.run_id
    kept = Path(client.download_artifacts(run_id, "long_values/tags/k.txt"))
    assert len(run.data.tags["k"]) == len(client.get_run(run_id).data.tags["k"]) == 8_000
    assert kept.read_text() == "x" * 9_000


def test_a_long_tag_of_a_new_experiment_is_cut(client):
    with pytest.warns(UserWarning, match="is cut to 5000"):
        experiment_id = client.create_experiment("e", tags={"k": "x" * 9_000})
    assert len(client.get_experiment(experiment_id).tags["k"]) == 5_000


def test_a_name_given_as_a_tag_is_cut_like_any_name(client, run_id):
    with pytest.warns(UserWarning, match="is cut to 250"):
        client.set_tag(run_id, "mlflow.runName", "n" * 400)
    run = client.get_run(run_id)
    assert run.info.run_name == run.data.tags["mlflow.runName"] == "n" * 250


def test_a_number_may_be_a_runs_name(client):
    run = client.create_run("0", run_name=5)
    client.update_run(run.info.run_id, name=6)
    assert (run.info.run_name, client.get_run(run.info.run_id).info.run_name) == ("5", "6")


@pytest.mark.parametrize("end_time", ["tomorrow", 2**63])
def test_an_end_that_is_no_time_is_refused(client, run_id, end_time):
    with pytest.raises(InvalidValueError, match="end time"):
        client.set_terminated(run_id, end_time=end_time)
    assert client.get_run(run_id).info.status == "RUNNING"
