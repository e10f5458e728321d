"""Entities taken apart and words spelled as MLflow's are; tests/interop asks MLflow itself."""

from __future__ import annotations

import pytest

from tracker.entities import (
    Dataset,
    FileInfo,
    LifecycleStage,
    Metric,
    RunStatus,
    SourceType,
    ViewType,
)
from tracker.exceptions import InvalidValueError


@pytest.fixture
def run(client, run_id):
    client.log_batch(run_id, [Metric("m", 0.5, 7, 3)])
    client.log_param(run_id, "p", 1)
    client.log_input(run_id, Dataset("n", "d", "local", "{}"), "train", {"fold": "1"})
    return client.get_run(run_id)


def test_an_entity_is_a_dictionary_of_its_fields(client, run):
    tags = run.data.tags
    assert dict(run.info)["run_id"] == run.info.run_id
    assert dict(run.data) == {"metrics": {"m": 0.5}, "params": {"p": "1"}, "tags": tags}
    assert dict(client.get_experiment("0"))["name"] == "Default"
    (point,) = client.get_metric_history(run.info.run_id, "m")
    assert dict(point) == {"key": "m", "value": 0.5, "timestamp": 7, "step": 3}
    assert dict(FileInfo("a", is_dir=False)) == {"path": "a", "is_dir": False, "file_size": None}
    assert [name for name, _ in run] == ["data", "info", "inputs"]


def test_a_run_becomes_plain_dictionaries_all_the_way_down(run):
    data_set = {"name": "n", "digest": "d", "source_type": "local", "source": "{}"}
    data_set |= {"schema": None, "profile": None}
    used = {"dataset": data_set, "tags": {"mlflow.data.context": "train", "fold": "1"}}
    assert run.to_dictionary() == {
        "info": dict(run.info),
        "data": dict(run.data),
        "inputs": {"dataset_inputs": [used]},
    }
    assert run.data.to_dictionary() == dict(run.data)
    assert run.inputs.to_dictionary() == {"dataset_inputs": [used]}
    assert run.inputs.dataset_inputs[0].dataset.to_dict() == data_set


def test_a_dictionary_of_a_run_is_a_copy(run):
    run.to_dictionary()["data"]["metrics"]["m"] = 9.0
    assert run.data.metrics == {"m": 0.5}


@pytest.mark.parametrize("words", [RunStatus, SourceType, ViewType])
def test_words_have_names(words):
    assert [words.from_string(words.to_string(word)) for word in words] == list(words)
    with pytest.raises(ValueError, match="NONE"):
        words.from_string("NONE")


def test_a_view_is_named_in_small_letters_and_shows_stages():
    assert (ViewType.to_string(1), ViewType.from_string("all")) == ("active_only", ViewType.ALL)
    assert LifecycleStage.view_type_to_stages() == ["active", "deleted"]
    assert LifecycleStage.view_type_to_stages(ViewType.ACTIVE_ONLY) == ["active"]
    assert LifecycleStage.matches_view_type(2, "deleted")
    assert not LifecycleStage.matches_view_type(ViewType.DELETED_ONLY, "active")
    assert (LifecycleStage.is_valid("deleted"), LifecycleStage.is_valid("x")) == (True, False)
    assert len(RunStatus.all_status()) == 5


def test_an_experiment_is_not_a_list_of_ids(client):
    with pytest.raises(InvalidValueError, match="experiment_ids is a list"):
        client.search_runs(client.get_experiment("0"))
