"""What is too long is cut, what is of no use is refused, each in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracker
from tracker.exceptions import InvalidValueError, ParamConflictError


def test_a_long_tag_of_a_new_run_is_cut_and_kept_whole(client):
    with pytest.warns(UserWarning, match="'k' has 9000 characters and is cut to 8000"):
        run = client.create_run("0", tags={"k": "x" * 9_000})
    run_id = run.info.run_id
    kept = Path(client.download_artifacts(run_id, "long_values/tags/k.txt"))
    assert len(run.data.tags["k"]) == len(client.get_run(run_id).data.tags["k"]) == 8_000
    assert kept.read_text() == "x" * 9_000


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "verb",
    [
        lambda: tracker.log_param("k", "x" * 9_000),
        lambda: tracker.log_params({"k": "x" * 9_000}),
        lambda: tracker.set_tag("k", "x" * 9_000),
        lambda: tracker.get_client().create_run("0", tags={"k": "x" * 9_000}),
        lambda: tracker.start_run(run_name="x" * 9_000, nested=True),
    ],
    ids=["param", "params", "tag", "run", "name"],
)
def test_the_warning_of_a_cut_points_at_the_line_that_logged(verb):
    tracker.start_run()
    with pytest.warns(UserWarning, match="is cut to") as caught:
        verb()
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("length", [5_001, 12_000, 20_000])
def test_a_long_tag_of_an_experiment_is_kept_whole(client, length):
    text = "x" * length
    experiment_id = client.create_experiment("e", tags={"k": text})
    client.set_experiment_tag(experiment_id, "mlflow.note.content", text)
    tags = client.get_experiment(experiment_id).tags
    assert tags == {"k": text, "mlflow.note.content": text}


def test_a_tag_that_an_experiment_cannot_keep_whole_is_refused(client):
    client.set_experiment_tag("0", "k", "before")
    for verb in (
        lambda: client.set_experiment_tag("0", "k", "x" * 20_001),
        lambda: client.create_experiment("e", tags={"k": "x" * 20_001}),
    ):
        with pytest.raises(InvalidValueError, match="'k' has 20001 characters; at most 20000"):
            verb()
    assert client.get_experiment("0").tags == {"k": "before"}
    assert client.get_experiment_by_name("e") is None


def renamed(client, name):
    run_id = client.create_run("0").info.run_id
    client.update_run(run_id, name=name)
    return run_id


def tagged(client, name):
    run_id = client.create_run("0").info.run_id
    client.set_tag(run_id, "mlflow.runName", name)
    return run_id


@pytest.mark.parametrize(
    "give",
    [
        lambda client, name: client.create_run("0", run_name=name).info.run_id,
        lambda client, name: client.create_run("0", tags={"mlflow.runName": name}).info.run_id,
        renamed,
        tagged,
    ],
    ids=["new", "tag of a new run", "renamed", "tag"],
)
def test_a_runs_name_that_is_cut_is_kept_whole(client, give):
    name = "".join(f"lr={i} " for i in range(100))
    with pytest.warns(UserWarning, match="is cut to 250"):
        run_id = give(client, name)
    kept = Path(client.download_artifacts(run_id, "long_values/run_name.txt"))
    assert client.get_run(run_id).info.run_name == name[:250]
    assert kept.read_text() == name


def test_a_parameter_that_differs_beyond_the_cut_is_another_value(client, run_id):
    for _ in range(2):
        with pytest.warns(UserWarning, match="is cut to 6000"):
            client.log_param(run_id, "prompt", "x" * 7_000)
    with (
        pytest.warns(UserWarning, match="is cut to 6000"),
        pytest.raises(ParamConflictError, match=r"long_values/params/prompt\.txt"),
    ):
        client.log_param(run_id, "prompt", "x" * 6_999 + "y")
    kept = Path(client.download_artifacts(run_id, "long_values/params/prompt.txt"))
    assert kept.read_text() == "x" * 7_000


@pytest.mark.parametrize(
    "variable", ["TRACKER_TRUNCATE_LONG_VALUES", "MLFLOW_TRUNCATE_LONG_VALUES"]
)
@pytest.mark.parametrize(
    "verb",
    [
        lambda client, run_id: client.log_param(run_id, "k", "x" * 6_001),
        lambda client, run_id: client.set_tags(run_id, {"k": "x" * 8_001}),
        lambda client, _: client.create_run("0", tags={"k": "x" * 8_001}),
    ],
    ids=["param", "tags", "run"],
)
def test_a_long_value_is_refused_where_the_environment_says_so(
    client, run_id, verb, variable, monkeypatch
):
    monkeypatch.setenv(variable, "false")
    with pytest.raises(InvalidValueError, match=f"since {variable} is false"):
        verb(client, run_id)


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


@pytest.mark.parametrize(("view", "found"), [(1, 1), (2, 1), (3, 2), ("ALL", 2)])
def test_mlflows_numbers_of_the_views_are_understood(client, run_id, view, found):
    client.create_run("0")
    client.delete_run(run_id)
    assert len(client.search_runs(["0"], run_view_type=view)) == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run_view_type": 9}, "no view 9: choose ACTIVE_ONLY"),
        ({"run_view_type": []}, "no view"),
        ({"experiment_ids": None}, r"a list, such as \['0'\], not None"),
        ({"experiment_ids": 1.0}, "a list, such as"),
        ({"max_results": 0}, "at least 1"),
        ({"page_token": "9" * 30}, "not a page token"),
    ],
)
def test_a_search_with_a_senseless_argument_says_which(client, arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        client.search_runs(**({"experiment_ids": ["0"]} | arguments))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run_view_type": 9}, "no view 9"),
        ({"experiment_ids": 1.0}, "a list"),
        ({"max_results": -1}, "at least 1"),
    ],
)
def test_a_table_of_runs_is_asked_for_with_the_same_care(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        tracker.search_runs(**arguments)


@pytest.mark.parametrize("wanted", ["12", 12, ["12"], [12]], ids=repr)
def test_a_single_experiment_needs_no_list_around_its_id(client, wanted):
    for number in range(12):
        experiment_id = client.create_experiment(f"e{number}")
    run_id = client.create_run(experiment_id).info.run_id
    assert [run.info.run_id for run in client.search_runs(wanted)] == [run_id]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "wanted", [{"experiment_ids": 0}, {"experiment_ids": "0"}, {"experiment_names": "Default"}]
)
def test_a_table_of_runs_may_be_of_one_experiment_that_is_not_the_current_one(wanted):
    with tracker.start_run() as run:
        pass
    tracker.set_experiment("other")
    assert tracker.search_runs(**wanted)["run_id"].tolist() == [run.info.run_id]


def test_the_widest_search_is_no_overflow(client, run_id):
    found = client.search_runs(["0", 2**70], max_results=50_000, page_token="")
    assert [run.info.run_id for run in found] == [run_id]


def test_an_experiment_may_be_given_the_name_it_has(client):
    experiment_id = client.create_experiment("e")
    client.rename_experiment(experiment_id, "e")
    assert client.get_experiment(experiment_id).name == "e"


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([1, 2], "not list: describe it with"),
        (tracker.Dataset("", "d", "local", "{}"), "needs a name"),
        (tracker.Dataset("n", None, "local", "{}"), "needs a digest, a string, not None"),
        (tracker.Dataset("n", "d", "local", None), "needs a source"),
        (tracker.Dataset("n", "d" * 37, "local", "{}"), "has 37 characters; at most 36"),
    ],
    ids=["no data set", "no name", "no digest", "no source", "long digest"],
)
@pytest.mark.usefixtures("database")
def test_a_data_set_without_what_it_needs_is_refused_and_none_is_logged(dataset, message):
    with tracker.start_run() as run:
        fine = tracker.Dataset("n", "d", "local", "{}")
        with pytest.raises(InvalidValueError, match=message):
            tracker.log_inputs([fine, dataset])
    assert tracker.get_run(run.info.run_id).inputs.dataset_inputs == []


def test_a_long_tag_of_a_data_set_is_refused(client, run_id):
    with pytest.raises(InvalidValueError, match=r"value 'xxx.* has 501 characters"):
        client.log_input(run_id, tracker.Dataset("n", "d", "local", "{}"), "x" * 501)


@pytest.mark.usefixtures("database")
def test_a_note_that_is_given_twice_is_refused_as_in_mlflow():
    with pytest.raises(InvalidValueError, match="given twice"):
        tracker.start_run(description="a", tags={"mlflow.note.content": "b"})
    assert tracker.active_run() is None
