"""A name that is not there is answered with the nearest one, or with what to use instead."""

from __future__ import annotations

import pytest

import tracker
from tracker import TrackingClient
from tracker.exceptions import UnsupportedError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("log_metrc", "did you mean 'log_metric'"),
        ("log_metirc", "did you mean 'log_metric'"),
        ("start_rnu", "did you mean 'start_run'"),
        ("search_run", "did you mean 'search_runs'"),
        ("set_experimen", "did you mean 'set_experiment'"),
        ("TrackingCleint", "did you mean 'TrackingClient'"),
        ("log_arifact", "did you mean 'log_artifact'"),
        ("LOG_PARAM", "did you mean 'log_param'"),
        ("log", "log_metrics"),
        ("init", "start_run"),
        ("finish", "end_run"),
        ("config", "log_params"),
        ("add_scalar", "log_metric"),
        ("log_trace", "need MLflow itself"),
        ("evaluate", "need MLflow itself"),
        ("start_span", "need MLflow itself"),
        ("zebra", "need MLflow itself"),
    ],
)
def test_a_name_that_is_not_there_says_what_is(name, message):
    with pytest.raises(UnsupportedError, match=f"tracker has no '{name}'.*{message}"):
        getattr(tracker, name)
    assert not hasattr(tracker, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("log_metrc", "did you mean 'log_metric'"),
        ("creat_run", "did you mean 'create_run'"),
        ("set_terminate", "did you mean 'set_terminated'"),
        ("log", "log_metrics"),
        ("search_traces", "need MLflow itself"),
        ("create_webhook", "need MLflow itself"),
    ],
)
def test_a_client_says_the_same_of_its_verbs(client, name, message):
    with pytest.raises(UnsupportedError, match=f"TrackingClient has no '{name}'.*{message}"):
        getattr(client, name)
    assert not hasattr(client, name)
    assert not hasattr(TrackingClient, name)


@pytest.mark.usefixtures("database")
def test_an_experiment_that_is_not_there_is_named_by_a_search():
    tracker.set_experiment("mnist")
    tracker.start_run()
    with pytest.warns(
        UserWarning, match=r"no experiment 'mnits'; did you mean 'mnist'\?"
    ) as caught:
        found = tracker.search_runs(experiment_names=["mnits", "mnist"], output_format="list")
    with pytest.warns(UserWarning, match="There is no experiment 'zebra'"):
        nothing = tracker.search_runs(experiment_names="zebra", output_format="list")
    assert (len(found), nothing, caught[0].filename) == (1, [], __file__)


def test_only_public_names_are_listed():
    listed = dir(tracker)
    assert {"log_metric", "TrackingClient", "data", "entities"} <= set(listed)
    assert not [name for name in listed if name.startswith("_") or name == "annotations"]
    assert not {"TYPE_CHECKING", "Any", "client", "validation", "caller"} & set(listed)
