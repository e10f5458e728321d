"""A run or an experiment by what a person remembers of it."""

from __future__ import annotations

import pytest

from tracker import TrackingClient
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.lookup import describe, experiment_ids, find_experiment, find_run, find_runs


@pytest.fixture
def client(tmp_path):
    return TrackingClient(tmp_path / "tracking.db")


@pytest.fixture
def run(client):
    experiment_id = client.create_experiment("digits")
    client.create_run(experiment_id, run_name="wide_2b")
    return client.create_run(experiment_id, run_name="deep_1a").info


def test_a_run_is_found_by_its_id_its_name_or_the_start_of_either(client, run):
    for text in (run.run_id, run.run_id[:12], "deep_1a", "dee"):
        assert find_run(client.store, text).run_id == run.run_id


def test_a_run_named_like_the_start_of_an_id_is_one_of_several(client, run):
    client.create_run("0", run_name=run.run_id[:12])
    with pytest.raises(InvalidValueError, match=r"fits 2 runs: .*; name one by its id"):
        find_run(client.store, run.run_id[:12])


def test_an_active_run_goes_before_a_deleted_one_of_its_name(client, run):
    client.delete_run(run.run_id)
    again = client.create_run("0", run_name="deep_1a").info.run_id
    assert find_run(client.store, "deep_1a").run_id == again


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wide_3b", r"no run 'wide_3b'; did you mean 'wide_2b'\?"),
        ("", r"no run ''\."),
        ("%", r"no run '%'\."),
        ("'", r"""no run "'"\."""),
    ],
)
def test_an_unknown_run_is_an_error_that_names_the_nearest(client, text, message):
    with pytest.raises(NotFoundError, match=message):
        find_run(client.store, text)


def test_several_texts_for_one_run_give_it_once(client, run):
    assert find_runs(client.store, ["deep_1a", run.run_id]) == [find_run(client.store, "deep_1a")]


def test_an_experiment_is_found_by_name_id_or_start(client, run):
    found = {find_experiment(client.store, text).name for text in ("digits", "1", "dig")}
    assert found == {"digits"}
    assert experiment_ids(client.store, []) == ["0", run.experiment_id]


@pytest.mark.usefixtures("run")
def test_an_unknown_experiment_is_an_error_that_names_the_nearest(client):
    with pytest.raises(NotFoundError, match=r"no experiment 'digit_s'; did you mean 'digits'\?"):
        find_experiment(client.store, "digit_s")


def test_a_run_is_described_by_its_name_and_the_start_of_its_id(run):
    assert describe(run) == f"'deep_1a' ({run.run_id[:8]})"
