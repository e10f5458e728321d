"""Entities are made, taken apart and compared as MLflow's; misuse has MLflow's error codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from tracker.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    ExperimentTag,
    FileInfo,
    InputTag,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
    RunTag,
    SourceType,
    ViewType,
)
from tracker.exceptions import InvalidValueError, TrackerError

ROOT = Path(tracker.__file__).parent.parent
INFO = RunInfo("r", "0", "u", "FINISHED", 1, 2, "active", "uri", "name")


def test_a_run_is_made_by_keyword_or_by_position():
    data = RunData([Metric("a", 1.0, 2, 3)], [Param("p", "1")], [RunTag("t", "v")])
    run = Run(run_info=INFO, run_data=data, run_inputs=RunInputs([]))
    assert run == Run(INFO, data)
    assert (run.data.metrics, run.data.params, run.data.tags) == (
        {"a": 1.0},
        {"p": "1"},
        {"t": "v"},
    )
    assert (run.info.run_name, run.info.artifact_uri, run.info.experiment_id) == (
        "name",
        "uri",
        "0",
    )
    with pytest.raises(TrackerError, match="needs a run_info"):
        Run(None, data)


def test_an_experiment_takes_its_tags_as_a_list():
    experiment = Experiment("1", "n", "place", "active", tags=[ExperimentTag("a", "b")])
    assert experiment.tags == {"a": "b"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Run(INFO, RunData([Metric("a", 1.0, 2, 3)])),
        lambda: INFO,
        lambda: RunData(tags=[RunTag("a", "b")]),
        lambda: Experiment("1", "n", "place", "active", tags=[ExperimentTag("a", "b")]),
        lambda: DatasetInput(Dataset("n", "d", "local", "{}"), [InputTag("k", "v")]),
        lambda: RunInputs([DatasetInput(Dataset("n", "d", "local", "{}"))]),
        lambda: Metric("a", 1.0, 2, 3),
        lambda: FileInfo("a", is_dir=False, file_size=3),
    ],
    ids=["run", "info", "data", "experiment", "input", "inputs", "metric", "file"],
)
def test_equal_entities_are_one_in_a_set(make):
    assert len({make(), make()}) == 1


@pytest.mark.parametrize(
    "entity",
    [Metric("a", 1.0, 2, 3), Param("p", "1"), RunTag("t", "v"), INFO, FileInfo("a", is_dir=True)],
    ids=lambda entity: type(entity).__name__,
)
def test_an_entity_is_made_from_its_dictionary(entity):
    assert type(entity).from_dictionary(dict(entity)) == entity
    assert type(entity).from_dictionary(dict(entity) | {"unknown": 1}) == entity
    with pytest.raises(InvalidValueError, match=f"A {type(entity).__name__} lacks a field"):
        type(entity).from_dictionary({})


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        (RunStatus, 1, "RUNNING"),
        (RunStatus, 3, "FINISHED"),
        (RunStatus, 5, "KILLED"),
        (SourceType, 4, "LOCAL"),
        (SourceType, 1000, "UNKNOWN"),
        (ViewType, 1, "active_only"),
        (ViewType, 3, "all"),
    ],
)
def test_a_word_has_mlflows_number(kind, number, text):
    assert kind.to_string(number) == text
    assert kind.to_string(kind.from_string(text)) == text
    with pytest.raises(ValueError, match="77"):
        kind.to_string(77)
    with pytest.raises(ValueError, match=r"True"):
        kind(True)  # noqa: FBT003


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (lambda: TrackerError("x", error_code=1000), "INVALID_PARAMETER_VALUE"),
        (lambda: TrackerError("x", 3), "IO_ERROR"),
        (lambda: TrackerError("x", error_code="BAD_REQUEST"), "BAD_REQUEST"),
        (lambda: TrackerError("x"), "INTERNAL_ERROR"),
        (lambda: TrackerError.invalid_parameter_value("x"), "INVALID_PARAMETER_VALUE"),
        (lambda: InvalidValueError("x"), "INVALID_PARAMETER_VALUE"),
    ],
    ids=["number", "second", "name", "none", "shortcut", "own"],
)
def test_an_error_is_made_with_mlflows_code(error, code):
    made = error()
    assert (made.error_code, made.message, str(made)) == (code, "x", "x")
    assert made.serialize_as_json() == f'{{"error_code": "{code}", "message": "x"}}'


@pytest.mark.parametrize(
    ("misuse", "code"),
    [
        (lambda client, _: client.get_run("a b/../c"), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.get_run("0" * 32), "RESOURCE_DOES_NOT_EXIST"),
        (lambda client, _: client.get_experiment("abc"), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.get_experiment("a/b"), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.get_experiment("99"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda client, _: client.create_run("abc"), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.delete_experiment("abc"), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.set_experiment_tag("x", "k", 1), "INVALID_PARAMETER_VALUE"),
        (lambda client, _: client.create_experiment(None), "INVALID_PARAMETER_VALUE"),
        (
            lambda client, _: client.search_runs(["0"], max_results=50_001),
            "INVALID_PARAMETER_VALUE",
        ),
        (
            lambda client, _: client.search_experiments(max_results=50_001),
            "INVALID_PARAMETER_VALUE",
        ),
        (lambda client, _: client.search_runs(["0"], "metrics.a >"), "INVALID_PARAMETER_VALUE"),
        (lambda client, run: client.log_metric(run, "m", 1, step=1.5), "INVALID_PARAMETER_VALUE"),
        (lambda client, run: client.delete_tag(run, "zzz"), "RESOURCE_DOES_NOT_EXIST"),
    ],
    ids=list(map(str, range(14))),
)
def test_a_misuse_has_the_code_that_mlflow_gives_it(client, run_id, misuse, code):
    with pytest.raises(TrackerError) as caught:
        misuse(client, run_id)
    assert caught.value.error_code == code


@pytest.mark.parametrize("steps", [[1.0], [2.0, 3.0]])
def test_a_step_without_a_fraction_is_an_integer_however_it_is_written(client, run_id, steps):
    client.log_history(run_id, "m", [0.5] * len(steps), steps)
    assert [point.step for point in client.get_metric_history(run_id, "m")] == list(map(int, steps))
    with pytest.raises(InvalidValueError, match=r"The step is an integer, not 0\.5"):
        client.log_history(run_id, "m", [1.0], [0.5])


def test_inputs_come_in_the_order_in_which_they_were_logged(client, run_id):
    for name in ("zebra", "ant", "mole"):
        client.log_input(run_id, Dataset(name, name, "local", '{"uri": "a"}'), "train")
    inputs = client.get_run(run_id).inputs.dataset_inputs
    assert [used.dataset.name for used in inputs] == ["zebra", "ant", "mole"]


@pytest.mark.usefixtures("database")
def test_a_metric_of_a_data_set_records_the_data_set():
    dataset = Dataset("n", "d", "local", '{"uri": "a"}')
    with tracker.start_run() as run:
        tracker.log_metric("m", 1, dataset=dataset)
        tracker.log_metrics({"m": 2}, dataset=dataset, step=1)
    found = tracker.get_run(run.info.run_id)
    assert [used.dataset for used in found.inputs.dataset_inputs] == [dataset]
    assert found.data.metrics == {"m": 2.0}


TYPED = """
from __future__ import annotations
from typing import TYPE_CHECKING
import tracker
if TYPE_CHECKING:
    import pandas as pd
frame: pd.DataFrame = tracker.search_runs(filter_string="metrics.a > 1")
runs: list[tracker.Run] = tracker.search_runs(output_format="list")
frame["run_id"]
"""


@pytest.mark.slow
def test_a_search_is_typed_by_its_output_format(tmp_path):
    (tmp_path / "script.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "script.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("script.py")] == []
