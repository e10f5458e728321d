"""The Sweeps page: what it shows of a search, and the process that it starts and stops."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

import tracker
from dashboard import sweep_process
from tracker.sweep import Sweep, parse_space

pytest.importorskip("optuna")
pytestmark = pytest.mark.slow

SPACE = {"x": {"low": -1.0, "high": 1.0}, "kind": {"choices": ["a", "b"]}}


@pytest.fixture
def searched(tmp_path):
    """A database with a finished sweep of eight trials; its path."""
    path = tmp_path / "tracking.db"
    tracker.set_tracking_uri(path)
    sweep = Sweep("parabola", SPACE, direction="minimize", seed=1)
    sweep.run(lambda trial: trial.params["x"] ** 2, 8)
    tracker.get_client().store.database.close()
    yield path
    tracker.set_tracking_uri("")


def open_page(look, path, **query):
    test = look(path, **query)
    test.session_state["page_wanted"] = "sweeps"
    test.run()
    assert not test.exception
    return test


def test_trials_stand_in_a_table_with_their_parameters_and_the_best_marked(look, listed, searched):
    data = listed(open_page(look, searched))
    assert [row["name"] for row in data["rows"]] == [str(n) for n in reversed(range(8))]
    assert [column["title"] for column in data["columns"]][2:4] == ["x", "kind"]
    assert str(data["rows"]).count("best") == 1


def test_the_charts_of_a_sweep_are_drawn(look, searched):
    test = open_page(look, searched)
    assert len(test.get("vega_lite_chart")) >= 3
    (parallel,) = [
        json.loads(element.proto.json)
        for element in test.get("bidi_component")
        if element.proto.component_name == "parallel"
    ]
    assert [axis["title"] for axis in parallel["axes"]] == ["x", "kind", "objective"]
    assert len(parallel["lines"]) == 8


def test_without_a_sweep_the_page_names_the_command(look, tmp_path):
    tracker.TrackingClient(tmp_path / "tracking.db").store.database.close()
    test = open_page(look, tmp_path / "tracking.db")
    assert any("training.sweep" in code.value for code in test.code)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({}, "at least one parameter|empty"),
        ({"x": {"low": 2, "high": 1}}, "x"),
        ({"x": {"low": 0, "high": 1, "log": True}}, "x"),
        ({"x": {"choices": []}}, "x"),
    ],
    ids=["empty", "low above high", "log of zero", "no choice"],
)
def test_a_space_that_cannot_be_searched_is_one_sentence(space, sentence):
    with pytest.raises(tracker.TrackerError, match=sentence):
        parse_space(space)


def test_commands_carry_the_space_and_the_database(tmp_path):
    order = sweep_process.Job("s", "default", 5, 2, SPACE)
    words = sweep_process.command(tmp_path / "config.yaml", tmp_path / "tracking.db", order)
    assert words[1:4] == ["-m", "training.sweep", "s"]
    assert any(word.startswith('sweep.space={"x": {"low": -1.0') for word in words)
    assert words[-1] == f"tracking.database={tmp_path / 'tracking.db'}"


def test_a_process_that_is_no_sweep_is_not_stopped():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert not sweep_process._is_sweep(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def test_a_started_process_outlives_its_starter_and_its_output_is_kept():
    name = f"test-{time.time_ns()}"
    sweep_process.start([sys.executable, "-c", "print('hello'); import time; time.sleep(60)"], name)
    process = sweep_process._started()[name]
    try:
        assert sweep_process.is_starting(name)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    assert not sweep_process.is_starting(name)
    sweep_process.log_file(name).unlink()
