"""A sweep on several machines: two folders, one PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

import tracker
from tracker.exceptions import InvalidStateError, InvalidValueError, UnsupportedError
from tracker.sweep import SharedSweepRun, SweepSettings, claim, parse_space
from tracker.sweep.shared import open_storage

SPACE = {"x": {"low": -10.0, "high": 10.0}}

MACHINE = """
import sys
import tracker
from sweep_objectives import slow_parabola
from tracker.sweep import SharedSweepRun, SweepSettings, claim, parse_space
tracker.set_tracking_uri(sys.argv[1])
found = claim("shared", parse_space({"x": {"low": -10.0, "high": 10.0}}), SweepSettings())
sweep = SharedSweepRun(
    found.client, found.run, found.space, found.settings, sys.argv[2],
    heartbeat_seconds=1, grace_seconds=3,
)
with sweep.open(12):
    while True:
        if not sweep.try_next(slow_parabola, 12):
            if not any(trial.state == "RUNNING" for trial in sweep.trials()):
                break
"""


@pytest.fixture
def machine(tmp_path, postgres, launch):
    """Starts a worker in a folder of its own."""
    script = tmp_path / "machine.py"
    script.write_text(MACHINE)
    root, here = str(Path(tracker.__path__[0]).parent), str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, here])}

    def start(name):
        (tmp_path / name).mkdir()
        command = [sys.executable, str(script), str(tmp_path / name / "tracking.db"), postgres]
        return launch(command, env=environment)

    return start


@pytest.fixture
def shared(tmp_path, postgres):
    """The sweep, seen from a third machine."""
    tracker.set_tracking_uri(tmp_path / "watching.db")
    found = claim("shared", parse_space(SPACE), SweepSettings())
    with contextlib.closing(
        SharedSweepRun(found.client, found.run, found.space, found.settings, postgres)
    ) as sweep:
        yield sweep


def runs_of(folder, status="%"):
    """The ids of the trials' runs in a machine's database."""
    if not (folder / "tracking.db").exists():
        return []
    client = tracker.TrackingClient(folder / "tracking.db")
    found = client.search_runs(["0"], f"attributes.status LIKE '{status}'")
    return [run.info.run_id for run in found if "tracker.sweep.study" in run.data.tags]


@pytest.mark.slow
def test_two_machines_share_a_sweep_and_one_of_them_is_killed(tmp_path, machine, request, wait_for):
    first, second = machine("first"), machine("second")  # both create the tables
    wait_for(lambda: runs_of(tmp_path / "second"))
    wait_for(lambda: runs_of(tmp_path / "first", "RUNNING"))
    first.send_signal(signal.SIGKILL)
    sweep = request.getfixturevalue("shared")
    assert second.wait(timeout=120) == 0, second.stdout.read()
    trials = sweep.trials()
    assert sum(trial.is_settled for trial in trials) == 12
    assert not [trial for trial in trials if trial.state == "RUNNING"]
    tried = [json.dumps(trial.params) for trial in trials if trial.is_settled]
    assert len(set(tried)) == 12
    assert [trial for trial in trials if trial.state == "DIED"]
    runs = {*runs_of(tmp_path / "first"), *runs_of(tmp_path / "second")}
    assert {trial.run_id for trial in trials if trial.is_settled} <= runs


@pytest.mark.slow
def test_a_trial_without_a_heartbeat_is_tried_again(shared):
    with pytest.warns(UserWarning, match="Heartbeat"):
        abandoned = shared._study.ask()  # a process that died before its first sign of life
    shared._grace_seconds = 0
    trial = shared.next_trial(5)
    assert trial.number > abandoned.number
    assert {found.number: found.state for found in shared.trials()}[abandoned.number] == "DIED"
    with trial.run:
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("shared")
def test_a_study_of_another_space_is_refused(tmp_path, postgres):
    tracker.set_tracking_uri(tmp_path / "other.db")
    found = claim("shared", parse_space({"y": {"choices": [1]}}), SweepSettings())
    with pytest.raises(InvalidStateError, match="in the storage is another search: x was"):
        SharedSweepRun(found.client, found.run, found.space, found.settings, postgres)


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        ("no url at all", InvalidValueError, "is not a URL"),
        ("nosuchbase://host/name", UnsupportedError, "needs a driver that is not installed"),
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/x?connect_timeout=2",
            InvalidValueError,
            r"me:\*\*\*@127.0.0.1:1/x.* cannot be reached",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_sentence(url, kind, message):
    with pytest.raises(kind, match=message) as caught:
        open_storage(url, 10, 60)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
