"""What MLflow 2.22 and 3.18 do where their documentation is silent."""

from __future__ import annotations

import pytest

import tracker
from tracker.entities import Metric, Param
from tracker.exceptions import (
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    ParamConflictError,
)

NAME = "mlflow.runName"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "log",
    [
        lambda **how: tracker.log_metric("m", 1, **how),
        lambda **how: tracker.log_metrics({"m": 1}, **how),
        lambda **how: tracker.log_params({"p": 1}, **how),
        lambda **how: tracker.set_tag("t", 1, **how),
        lambda **how: tracker.set_tags({"t": 1}, **how),
    ],
    ids=["metric", "metrics", "params", "tag", "tags"],
)
def test_who_does_not_wait_gets_an_operation_to_wait_for(log):
    with tracker.start_run() as run:
        assert log(synchronous=False).wait() is None
        assert log(synchronous=True) is log() is None
    data = tracker.get_run(run.info.run_id).data
    assert data.metrics or data.params or "t" in data.tags


def test_a_batch_and_a_parameter_can_be_waited_for_too(client, run_id):
    point = Metric("m", 1.0, 1)
    assert client.log_batch(run_id, [point], synchronous=False).wait() is None
    assert client.log_batch(run_id, [point]) is None
    assert client.log_param(run_id, "p", 5, synchronous=False).wait() is None
    assert client.log_param(run_id, "p", 5) == 5


@pytest.mark.parametrize(
    "log",
    [
        lambda client, run_id, **how: client.log_param(run_id, "p", 2, **how),
        lambda client, run_id, **how: client.log_params(run_id, {"q": 1, "p": 2}, **how),
        lambda client, run_id, **how: client.log_batch(run_id, params=[Param("p", "2")], **how),
    ],
    ids=["param", "params", "batch"],
)
def test_who_does_not_wait_hears_of_a_changed_parameter_when_waiting(client, run_id, log):
    client.log_param(run_id, "p", 1)
    with pytest.raises(ParamConflictError):
        log(client, run_id)
    with pytest.warns(UserWarning, match="is '1' and cannot become '2'"):
        handle = log(client, run_id, synchronous=False)
    with pytest.raises(ParamConflictError, match="is '1' and cannot become '2'"):
        handle.wait()
    assert client.get_run(run_id).data.params == {"p": "1"}


@pytest.mark.usefixtures("database")
def test_a_search_without_a_limit_finds_every_run():
    for _ in range(3):
        tracker.get_client().create_run("0")
    assert len(tracker.search_runs(["0"], max_results=None)) == 3
    assert len(tracker.search_runs(["0"], max_results=None, output_format="list")) == 3


@pytest.mark.usefixtures("database")
def test_a_run_goes_below_the_active_one_or_below_one_that_is_there():
    deleted = tracker.get_client().create_run("0").info.run_id
    tracker.delete_run(deleted)
    with pytest.raises(InvalidStateError, match="is deleted and cannot be a parent"):
        tracker.start_run(parent_run_id=deleted)
    other = tracker.get_client().create_run("0").info.run_id
    with tracker.start_run() as active:
        with pytest.raises(InvalidStateError, match=f"'{active.info.run_id}' is active and would"):
            tracker.start_run(nested=True, parent_run_id=other)
        with tracker.start_run(nested=True, parent_run_id=active.info.run_id) as child:
            pass
    assert tracker.get_parent_run(child.info.run_id).info.run_id == active.info.run_id
    assert len(tracker.search_runs()) == 3


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("nested", [False, True])
def test_a_run_of_another_experiment_than_the_one_chosen_is_not_resumed(nested):
    client = tracker.get_client()
    other = client.create_run(client.create_experiment("other")).info
    client.set_terminated(other.run_id)
    chosen = tracker.set_experiment("study")
    if nested:
        tracker.start_run()
    with pytest.raises(InvalidStateError, match=r"'other', but 'study' was.*experiment\('other'\)"):
        tracker.start_run(run_id=other.run_id, experiment_id=other.experiment_id, nested=nested)
    assert client.get_run(other.run_id).info.status == "FINISHED"
    own = client.create_run(chosen.experiment_id).info.run_id
    assert tracker.start_run(run_id=own, nested=nested).info.run_id == own


@pytest.mark.usefixtures("database")
def test_a_run_of_any_experiment_is_resumed_where_none_was_chosen(monkeypatch):
    client = tracker.get_client()
    other = client.create_run(client.create_experiment("other")).info.run_id
    monkeypatch.setenv("TRACKER_EXPERIMENT_NAME", "study")
    with tracker.start_run() as first:
        assert client.get_experiment(first.info.experiment_id).name == "study"
    assert tracker.start_run(run_id=other).info.run_id == other


@pytest.mark.usefixtures("database")
def test_what_start_run_is_given_goes_before_its_tags():
    with (
        tracker.start_run(run_name="a", tags={NAME: "b"}) as outer,
        tracker.start_run(nested=True, tags={"mlflow.parentRunId": "f" * 32}) as inner,
    ):
        pass
    assert (outer.info.run_name, outer.data.tags[NAME]) == ("a", "a")
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id


def test_a_run_is_created_with_one_name(client):
    with pytest.raises(InvalidValueError, match="two names, 'a' and 'b'"):
        client.create_run("0", run_name="a", tags={NAME: "b"})
    assert client.create_run("0", run_name="a", tags={NAME: "a"}).info.run_name == "a"
    assert client.create_run("0", run_name="", tags={NAME: "b"}).info.run_name == "b"
    assert client.create_run("0", tags={NAME: ""}).info.run_name


@pytest.mark.parametrize(
    "unname",
    [
        lambda client, run_id: client.set_tag(run_id, NAME, ""),
        lambda client, run_id: client.update_run(run_id, name=""),
    ],
    ids=["tag", "update"],
)
def test_a_run_keeps_its_name_where_the_new_one_is_empty(client, unname):
    run_id = client.create_run("0", run_name="a").info.run_id
    unname(client, run_id)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.data.tags[NAME]) == ("a", "a")


@pytest.mark.parametrize("first", [None, "train"])
def test_a_data_set_that_a_run_is_known_to_use_keeps_its_context(client, run_id, first):
    dataset = tracker.Dataset("n", "d", "local", "{}")
    client.log_input(run_id, dataset, first)
    client.log_input(run_id, dataset, "test", {"fold": "1"})
    (used,) = client.get_run(run_id).inputs.dataset_inputs
    assert [tag.value for tag in used.tags] == ([first] if first else [])


@pytest.mark.parametrize(
    "log",
    [
        lambda client, run_id: client.log_metric(run_id, "m", 1),
        lambda client, run_id: client.log_metrics(run_id, {"m": 1, "n": 1}),
        lambda client, run_id: client.log_param(run_id, "p", 1),
        lambda client, run_id: client.set_terminated(run_id),
    ],
    ids=["metric", "metrics", "param", "end"],
)
def test_writing_to_a_deleted_run_is_an_error_with_mlflows_code(client, run_id, log):
    client.delete_run(run_id)
    with pytest.raises(InvalidStateError, match="is deleted") as caught:
        log(client, run_id)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "log",
    [
        lambda client, run_id: client.log_metric(run_id, "m", 1, timestamp=-1),
        lambda client, run_id: client.log_metrics(run_id, {"m": 1}, timestamp=-1.0),
        lambda client, run_id: client.log_batch(run_id, [Metric("m", 1.0, -1)]),
        lambda client, run_id: client.log_history(run_id, "m", [1, 2], timestamps=[1, -1]),
    ],
    ids=["metric", "metrics", "batch", "history"],
)
def test_a_metric_has_no_timestamp_before_1970_but_a_run_may_begin_there(client, log):
    run_id = client.create_run("0", start_time=-2).info.run_id
    with pytest.raises(InvalidValueError, match=r"and not negative: -1(\.0)?"):
        log(client, run_id)
    client.log_metric(run_id, "m", 1, timestamp=0)
    client.set_terminated(run_id, end_time=-1)
    run = client.get_run(run_id)
    assert (run.info.start_time, run.info.end_time, run.data.metrics) == (-2, -1, {"m": 1})


def test_a_deleted_experiment_keeps_its_name_with_mlflows_code(client):
    experiment_id = client.create_experiment("e")
    client.delete_experiment(experiment_id)
    with pytest.raises(InvalidStateError, match="'e' is deleted: restore it") as caught:
        client.rename_experiment(experiment_id, "f")
    assert caught.value.error_code == "INVALID_STATE"
    with pytest.raises(InvalidStateError, match="'e' is deleted: restore it") as caught:
        client.set_experiment_tag(experiment_id, "k", "v")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_an_experiment_is_not_deleted_or_restored_twice(client):
    experiment_id = client.create_experiment("e")
    run_id = client.create_run(experiment_id).info.run_id
    client.delete_run(run_id)
    with pytest.raises(NotFoundError, match="'e' is active already"):
        client.restore_experiment(experiment_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    client.delete_experiment(experiment_id)
    with pytest.raises(NotFoundError, match="'e' is deleted already"):
        client.delete_experiment(experiment_id)
