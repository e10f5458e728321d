"""The Sweeps page: what it shows of a search, and the process that it starts and stops."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pandas as pd
import pyarrow.ipc
import pytest

import tracker
from dashboard import sweep_charts, sweep_process
from dashboard.palette import TOKENS
from tracker.sweep import Sweep, SweepSettings, TrialPruned, TrialRecord, parse_space

pytest.importorskip("optuna")
pytestmark = pytest.mark.slow

LONG = 300_000
PART = re.compile("[1-5] of 6 trials")
SPACE = {"x": {"low": -1.0, "high": 1.0}, "kind": {"choices": ["a", "b"]}}

STUDY = """
paths: {root: data}
data_prep: {source: stroke-digits, stroke_train_samples: 300, stroke_test_samples: 100}
model_configs:
  default: {model: "gate:make", max_epochs: 4}
sweep:
  configuration: default
  pruner: none
  settings: {max_epochs: 3}
  space:
    learning_rate: {low: 0.01, high: 0.5, log: true}
    batch_size: {choices: [16, 32]}
"""

GATE = """
import multiprocessing, pathlib, time
from torch import nn
HERE = pathlib.Path(__file__).parent

def make(config):
    \"\"\"A network; in a worker, from the fourth call on, only once the gate is open.\"\"\"
    if multiprocessing.parent_process():
        (HERE / f"made-{time.time_ns()}").touch()
        while len(list(HERE.glob("made-*"))) > 3 and not (HERE / "open").exists():
            time.sleep(0.02)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A database with a finished sweep of eight trials; its path."""
    path = tmp_path_factory.mktemp("searched") / "tracking.db"
    tracker.set_tracking_uri(path)
    space = {**SPACE, "seed": {"choices": [1, 2]}}
    sweep = Sweep("parabola", space, direction="minimize", seed=1)
    sweep.run(objective, 8)
    tracker.get_client().store.database.close()
    yield path
    tracker.set_tracking_uri("")


def objective(trial):
    if trial.number == 6:
        raise TrialPruned
    return trial.params["x"] ** 2


def open_page(look, path, **query):
    test = look(path, **query)
    test.session_state["page_wanted"] = "sweeps"
    test.run()
    assert not test.exception
    return test


def component(test, name):
    """What components of a name were given."""
    found = [each.proto for each in test.get("bidi_component")]
    return [json.loads(each.json) for each in found if each.component_name == name]


def test_trials_stand_in_a_table_with_their_parameters_and_the_best_marked(look, listed, searched):
    data = listed(open_page(look, searched))
    assert [row["name"] for row in data["rows"]] == [str(n) for n in reversed(range(8))]
    assert [column["title"] for column in data["columns"]][2:4] == ["x", "kind"]
    assert str(data["rows"]).count("best") == 1


def test_every_column_sorts_the_trials_numbers_as_numbers(look, listed, searched):
    data = listed(open_page(look, searched))
    cells = zip(*(row["cells"] for row in data["rows"]), strict=True)
    values = {
        column["title"]: {type(cell.get("value")) for cell in column_cells if cell}
        for column, column_cells in zip(data["columns"], cells, strict=True)
    }
    numbers = {"objective": {float}, "x": {float}, "seed": {int}, "Duration": {float}}
    assert values == numbers | {"State": {str}, "kind": {str}}
    assert [c["title"] for c in data["columns"] if c["kind"] == "text"] == ["State", "kind"]


def test_a_trial_and_its_line_are_lifted_together(look, listed, searched):
    test = open_page(look, searched)
    data = listed(test)
    assert not data["hoverless"]
    (parallel,) = component(test, "parallel")
    assert {row["key"] for row in data["rows"]} == {line["key"] for line in parallel["lines"]}


def chart(test, field):
    """The chart that shows a field: its specification as text, and its tables as such."""
    (found,) = [e.proto for e in test.get("vega_lite_chart") if f'"{field}"' in e.proto.spec]
    read = pyarrow.ipc.open_stream
    return found.spec, [read(each.data.data).read_pandas() for each in found.datasets]


def test_the_best_trial_stands_in_the_history_with_its_value(look, searched):
    test = open_page(look, searched)
    (strip,) = [e.proto.body for e in test.get("html") if 'class="strip"' in e.proto.body[:40]]
    best = re.search(r"<bdi>([\d.e-]+)</bdi></strong><span><bdi>trial (\d)<", strip)
    spec, _ = chart(test, "best")
    assert f"{best[1]}, trial {best[2]}" in spec


def test_what_explains_no_more_than_a_seed_is_gray(look, searched):
    test = open_page(look, searched)
    _, (table,) = chart(test, "share")
    noise = table.set_index("parameter")["share"]["seed (noise)"]
    assert set(table["color"][table["share"] <= noise]) == {TOKENS["light"]["text-3"]}
    assert table["color"][0] == TOKENS["light"]["accent"]
    assert any("no more than `seed`" in each.value for each in test.caption)


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_an_axis_leaves_out_the_worst_values_and_no_good_ones(direction, sign):
    sweep = types.SimpleNamespace(settings=SweepSettings(direction=direction))
    values = [sign * value for value in (*range(90, 99), *range(90, 99), -5000, 5000)]
    low, high = sweep_charts._span(sweep, pd.Series(values))
    assert low < sign * 5000 < high
    assert not low < sign * -5000 < high


@pytest.mark.parametrize(
    ("state", "shown"),
    [("RUNNING", "Running"), ("INTERRUPTED", "Interrupted"), ("DIED", "Failed")],
)
def test_a_trial_has_the_sign_of_its_state(state, shown):
    assert sweep_charts._state(TrialRecord(0, "", "", state, {})) == shown
    assert shown in sweep_charts.OTHERS


def test_the_charts_of_a_sweep_are_drawn(look, searched):
    test = open_page(look, searched)
    assert len(test.get("vega_lite_chart")) == 5
    (parallel,) = component(test, "parallel")
    assert [axis["title"] for axis in parallel["axes"]] == ["x", "kind", "seed", "objective"]
    gray = [line["label"] for line in parallel["lines"] if line["score"] is None]
    assert (len(parallel["lines"]), gray) == (8, ["Trial 6: pruned"])


def test_two_chosen_parameters_are_the_axes_of_a_chart(look, searched):
    test = open_page(look, searched)
    across, up = test.selectbox(key="pair_x"), test.selectbox(key="pair_y")
    assert {across.value, up.value} == {"x", "kind"}
    across.set_value("x")
    up.set_value("x").run()
    assert not test.exception


def test_a_best_trial_without_a_model_cannot_be_registered(look, searched):
    test = open_page(look, searched)
    (button,) = [each for each in test.button if each.label == "Register best"]
    assert button.disabled


def test_without_a_sweep_the_page_names_the_command(look, tmp_path):
    tracker.TrackingClient(tmp_path / "tracking.db").store.database.close()
    test = open_page(look, tmp_path / "tracking.db")
    assert any("training.sweep" in code.value for code in test.code)


def buttons(test):
    return [button.label for button in test.button]


def test_only_a_dashboard_on_this_machine_starts_a_sweep(look, tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(STUDY)
    tracker.TrackingClient(tmp_path / "tracking.db").store.database.close()
    elsewhere = open_page(look, tmp_path / "tracking.db")
    assert "Start 30 trials" not in buttons(elsewhere)
    assert any("Only a dashboard on this machine" in each.value for each in elsewhere.caption)
    monkeypatch.setenv(sweep_process.ALLOW_VARIABLE, "1")
    here = open_page(look, tmp_path / "tracking.db")
    assert "Start 30 trials" in buttons(here)
    assert any("metric: val_accuracy" in each.value for each in here.code)
    here.text_input(key="low_learning_rate").set_value("0").run()
    assert "low must be above 0" in here.error[0].value
    assert next(each for each in here.button if each.label == "Start 30 trials").disabled


def test_a_sweep_whose_process_died_says_so_and_can_go_on(
    look, listed, tmp_path, monkeypatch, python
):
    (tmp_path / "config.yaml").write_text(STUDY)
    python(
        "import os, tracker; from tracker.sweep import Sweep, SweepSettings;"
        "tracker.set_tracking_uri('tracking.db');"
        "sweep = Sweep('dies', {'x': {'low': 0.0, 'high': 1.0}});"
        "sweep.settings = SweepSettings(context={'configuration': 'default'});"
        "sweep.run(lambda trial: trial.number if trial.number < 3 else os._exit(9), 5)",
        check=False,
    )
    monkeypatch.setenv(sweep_process.ALLOW_VARIABLE, "1")
    test = open_page(look, tmp_path / "tracking.db")
    assert {"Go on with 2", "Call it finished"} <= set(buttons(test))
    (warning,) = [each.value for each in test.warning]
    assert "was interrupted: `process" in warning
    assert "Its 3 finished trials are kept" in warning
    assert any("--resume dies" in each.value for each in test.code)
    assert any('class="bad" style="width:16.67%"' in each.proto.body for each in test.get("html"))
    assert "2 to come" in chart(test, "best")[0]
    test.segmented_control(key="trials_shown").set_value("failed").run()
    assert [row["name"] for row in listed(test)["rows"]] == ["3"]


WAITS = """
import time, tracker
from tracker.sweep import Sweep
tracker.set_tracking_uri("tracking.db")
Sweep("waits", {"x": {"low": 0.0, "high": 1.0}}).run(lambda trial: time.sleep(600), 5)
"""


def test_a_running_search_is_stopped(look, tmp_path, monkeypatch, launch, wait_for):
    script = tmp_path / "training" / "sweep" / "waits.py"
    script.parent.mkdir(parents=True)
    script.write_text(WAITS)
    environment = {**os.environ, "PYTHONPATH": str(Path(tracker.__path__[0]).parent)}
    process = launch([sys.executable, str(script)], cwd=tmp_path, env=environment)
    wait_for((tmp_path / "tracking.db").exists)
    client = tracker.TrackingClient(tmp_path / "tracking.db")
    wait_for(lambda: len(client.search_runs(["0"])) == 2)
    monkeypatch.setenv(sweep_process.ALLOW_VARIABLE, "1")
    test = open_page(look, tmp_path / "tracking.db")
    test.button(key="stop").click().run()
    process.wait(60)
    assert {run.info.status for run in client.search_runs(["0"])} == {"KILLED"}
    (warning,) = [each.value for each in test.run().warning]
    assert "This sweep was stopped" in warning


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
    job = sweep_process.Job("s", "default", "val_loss", 5, 2, SPACE)
    words = sweep_process.command(tmp_path / "config.yaml", tmp_path / "tracking.db", job)
    assert words[1:4] == ["-m", "training.sweep", "s"]
    assert any(word.startswith('sweep.space={"x": {"low": -1.0') for word in words)
    assert words[-1] == f"tracking.database={tmp_path / 'tracking.db'}"


def test_a_trial_is_trained_again_on_the_images_of_its_sweep(tmp_path):
    (tmp_path / "config.yaml").write_text(STUDY)
    context = {"configuration": "default", "data_source": "auto", "data_seed": 7}
    context["images"] = "mnist 01234567"
    sweep = types.SimpleNamespace(settings=SweepSettings(context=context), configuration="default")
    places = (tmp_path / "config.yaml", tmp_path / "tracking.db")
    words = sweep_process.again_command(*places, sweep, {"batch_size": 16})
    assert {"data_prep.source=mnist", "data_prep.seed=7"} < set(words)


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


@pytest.fixture
def study_folder(tmp_path, monkeypatch):
    """A small study without a sweep, whose later trials wait until a file `open` appears."""
    (tmp_path / "config.yaml").write_text(STUDY)
    (tmp_path / "gate.py").write_text(GATE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    tracker.TrackingClient(tmp_path / "tracking.db").store.database.close()
    yield tmp_path
    (tmp_path / "open").touch()
    for process in sweep_process._started().values():  # none of this process's own
        process.wait(60)


def trials_of(folder):
    client = tracker.TrackingClient(folder / "tracking.db")
    found = client.search_runs(["1"], "tags.`tracker.sweep.trial` IS NOT NULL")
    return [run.info.status for run in found]


def finished_by_itself(folder):
    """The finished runs that are no trials."""
    client = tracker.TrackingClient(folder / "tracking.db")
    of_study = "tags.configuration = 'default' AND attributes.status = 'FINISHED'"
    return client.search_runs(["1"], f"{of_study} AND tags.`tracker.sweep.trial` IS NULL")


def test_a_search_is_started_watched_paused_and_finished_in_a_browser(
    study_folder, visit, serving, tmp_path_factory, wait_for
):
    with serving(study_folder / "tracking.db", tmp_path_factory.mktemp("one")) as server:
        visitor = visit(server).open("sweeps")
        page = visitor.page
        page.get_by_text("No sweep yet.").wait_for()
        page.get_by_label("Trials").fill("6")
        page.get_by_label("Trials").press("Enter")
        page.get_by_label("Workers").fill("1")
        page.get_by_label("Workers").press("Enter")
        page.get_by_role("button", name="Start 6 trials").click()
        page.get_by_text("Starting: the images are loaded first.").wait_for(timeout=LONG)
        page.get_by_text(PART).wait_for(timeout=LONG)
        page.reload()
        page.get_by_text(PART).wait_for(timeout=LONG)
        visitor.check()
    with serving(study_folder / "tracking.db", tmp_path_factory.mktemp("other")) as server:
        visitor = visit(server).open("sweeps")  # the search has outlived the server
        page = visitor.page
        page.get_by_text(PART).wait_for(timeout=LONG)
        assert page.get_by_role("button", name="Start 30 trials").count() == 0
        wait_for(lambda: trials_of(study_folder).count("RUNNING") == 1)
        page.get_by_role("button", name="Pause after these").click()
        page.get_by_text("at work, no other begins").wait_for(timeout=LONG)
        (study_folder / "open").touch()
        page.get_by_text("This sweep was paused").wait_for(timeout=LONG)
        ended = trials_of(study_folder)
        assert set(ended) == {"FINISHED"}
        assert len(ended) < 6
        page.get_by_role("button", name="Go on with").click()
        page.get_by_text("won with val_accuracy").wait_for(timeout=LONG)
        assert trials_of(study_folder).count("FINISHED") == 6
        page.get_by_role("button", name="Register best").click()
        page.get_by_role("button", name="Register", exact=True).click()
        page.get_by_text("default version 1").wait_for(timeout=LONG)
        row = page.locator("[data-act=row]").first
        row.evaluate("e => e.click()")
        page.get_by_role("button", name="Run again").click()
        page.get_by_text("Started: its run appears").wait_for(timeout=LONG)
        wait_for(lambda: finished_by_itself(study_folder))
        visitor.check()
        visit(server, theme="dark", width=400).open("sweeps").check()
