"""The environment variables of MLflow count while the tracker's own are unset."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from tracker import TrackingClient, environment
from tracker.exceptions import InvalidValueError, NotFoundError
from tracker.files.cache import default_cache

ROOT = Path(tracker.__file__).parent.parent


@pytest.fixture
def fluent(tmp_path, monkeypatch):
    """The fluent API in a folder of its own, with nothing set."""
    monkeypatch.chdir(tmp_path)
    for name in {*environment.MLFLOW_TWINS, *environment.MLFLOW_TWINS.values()}:
        monkeypatch.delenv(name, raising=False)
    tracker.set_tracking_uri("")
    yield tmp_path
    while tracker.active_run():
        tracker.end_run()
    tracker.set_tracking_uri("")


def python(code, folder, **variables):
    """Run a script in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TRACKER_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), "TRACKER_CAPTURE": "0", **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def runs_in(path, experiment="0"):
    return TrackingClient(path).search_runs([experiment])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MLFLOW_TRACKING_URI": "sqlite:///theirs.db"}, "theirs.db"),
        ({"MLFLOW_TRACKING_URI": "theirs.db", "TRACKER_URI": "ours.db"}, "ours.db"),
        ({"MLFLOW_TRACKING_URI": "theirs.db", "TRACKER_URI": ""}, "theirs.db"),
        ({"MLFLOW_TRACKING_URI": ""}, "tracking.db"),
    ],
)
def test_the_database_is_the_one_the_environment_names(tmp_path, variables, expected):
    done = python("import tracker; tracker.log_metric('m', 1)", tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.db")) == [expected]
    assert len(runs_in(tmp_path / expected)) == 1


@pytest.mark.parametrize(
    "uri", ["http://localhost:5000", "databricks", "https://mlflow.example.com"]
)
def test_a_server_named_for_mlflow_is_refused_in_words(tmp_path, uri):
    done = python("import tracker; tracker.log_metric('m', 1)", tmp_path, MLFLOW_TRACKING_URI=uri)
    assert f"cannot reach {uri!r}" in done.stderr
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("own", ["TRACKER_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME"])
def test_the_experiment_named_by_the_environment_is_created(fluent, own, monkeypatch):
    monkeypatch.setenv(own, "named")
    run = tracker.start_run()
    assert tracker.get_experiment(run.info.experiment_id).name == "named"
    assert fluent.joinpath("tracking.db").exists()


@pytest.mark.usefixtures("fluent")
@pytest.mark.parametrize("own", ["TRACKER_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_ID"])
def test_the_experiment_may_be_named_by_its_id(own, monkeypatch):
    experiment_id = tracker.create_experiment("by id")
    monkeypatch.setenv(own, experiment_id)
    assert tracker.start_run().info.experiment_id == experiment_id


@pytest.mark.usefixtures("fluent")
def test_an_experiment_id_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    with pytest.raises(NotFoundError, match="77"):
        tracker.start_run()


@pytest.mark.usefixtures("fluent")
def test_a_name_and_an_id_of_different_experiments_are_refused(monkeypatch):
    other = tracker.create_experiment("other")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    with pytest.raises(InvalidValueError, match=r"MLFLOW_EXPERIMENT_NAME .* MLFLOW_EXPERIMENT_ID"):
        tracker.start_run()


@pytest.mark.usefixtures("fluent")
def test_what_a_program_chooses_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", tracker.create_experiment("theirs"))
    ours = tracker.set_experiment("ours")
    assert tracker.start_run().info.experiment_id == ours.experiment_id
    assert os.environ["TRACKER_EXPERIMENT_NAME"] == "ours"


@pytest.mark.usefixtures("fluent")
@pytest.mark.parametrize("own", ["TRACKER_RUN_ID", "MLFLOW_RUN_ID"])
def test_the_run_named_by_the_environment_is_resumed_once(own, monkeypatch):
    first = tracker.get_client().create_run("0").info.run_id
    monkeypatch.setenv(own, first)
    with tracker.start_run() as resumed:
        pass
    with tracker.start_run() as fresh:
        pass
    assert (resumed.info.run_id, fresh.info.run_id == first) == (first, False)
    assert own not in os.environ


@pytest.mark.usefixtures("fluent")
def test_a_parent_that_is_named_wins_over_the_run_of_the_environment(monkeypatch):
    first = tracker.get_client().create_run("0").info.run_id
    parent = tracker.get_client().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", first)
    with tracker.start_run(nested=True, parent_run_id=parent) as run:
        assert run.info.run_id not in {first, parent}
        assert run.data.tags["mlflow.parentRunId"] == parent


@pytest.mark.parametrize(
    ("variables", "keys"),
    [
        ({"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true"}, {"system/cpu_utilization_percentage"}),
        ({"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "1"}, {"system/cpu_utilization_percentage"}),
        ({"TRACKER_SYSTEM_METRICS": "true"}, {"system/cpu_utilization_percentage"}),
        (
            {"TRACKER_SYSTEM_METRICS": "true", "MLFLOW_SYSTEM_METRICS_NODE_ID": "node_1"},
            {"system/node_1/cpu_utilization_percentage"},
        ),
        ({"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false"}, set()),
        ({"TRACKER_SYSTEM_METRICS": "0", "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true"}, set()),
        ({}, set()),
    ],
)
def test_system_metrics_are_sampled_where_the_environment_asks_for_them(tmp_path, variables, keys):
    code = """
import threading, tracker
run = tracker.start_run()
for _ in range(200):
    if tracker.get_run(run.info.run_id).data.metrics: break
    if not any(thread.name == 'system-metrics' for thread in threading.enumerate()): break
    threading.Event().wait(0.02)
tracker.end_run()
"""
    done = python(code, tmp_path, MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL="0.02", **variables)
    assert done.returncode == 0, done.stderr
    (run,) = runs_in(tmp_path / "tracking.db")
    assert {key for key in run.data.metrics if "cpu" in key} == keys


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "perhaps", "is true, 1, false or 0"),
        ("TRACKER_CAPTURE", "off", "is true, 1, false or 0"),
        ("TRACKER_SYSTEM_METRICS_SECONDS", "often", "is a number"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "-1", "above 0 seconds"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "0", "at least 1"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "1.5", "is an integer"),
    ],
)
@pytest.mark.usefixtures("fluent")
def test_a_variable_with_a_senseless_value_is_named(variable, value, message, monkeypatch):
    monkeypatch.setenv(variable, value)
    asked = None if variable.endswith("LOGGING") and "ENABLE" in variable else True
    with pytest.raises(InvalidValueError, match=message):
        tracker.start_run(log_system_metrics=asked)


@pytest.mark.usefixtures("fluent")
def test_several_samples_are_logged_as_their_mean():
    tracker.set_system_metrics_samples_before_logging(3)
    tracker.set_system_metrics_sampling_interval(0.01)
    try:
        with tracker.start_run(log_system_metrics=True) as run:
            (sampler,) = [entry.sampler for entry in tracker.active_runs._open_runs]
            taken = []
            sample = sampler.sample
            sampler.sample = lambda: taken.append(sample()) or taken[-1]
            while not tracker.get_run(run.info.run_id).data.metrics:
                pass
        key = "system/system_memory_usage_megabytes"
        first = tracker.get_metric_history(run.info.run_id, key)[0]
        assert (first.step, len(taken) >= 2) == (0, True)
    finally:
        tracker.set_system_metrics_samples_before_logging(None)
        tracker.set_system_metrics_sampling_interval(None)


def test_a_size_of_the_cache_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("TRACKER_CACHE_BYTES", "2GB")
    with pytest.raises(InvalidValueError, match="TRACKER_CACHE_BYTES is a number, not '2GB'"):
        default_cache()
