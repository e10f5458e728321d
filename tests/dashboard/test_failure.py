"""Why a run failed, told at the top of its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from dashboard.widgets.failure import pieces
from tracker.client import TrackingClient

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
import tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment("one")
with tracker.start_run(run_name="broken"), tracker.capture_output():
    for step in range(20):
        print(f"step {step} of <b>many</b>")
    json.loads("<script>")
"""


@pytest.fixture
def failed(tmp_path):
    """A database with a run whose script ended in an exception inside a library."""
    database, script = tmp_path / "tracking.db", tmp_path / "broken.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(database)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    return database


def block(test):
    """The block's HTML; empty where there is none."""
    parts = [element.proto for element in test.get("bidi_component")]
    found = [json.loads(one.json) for one in parts if one.component_name == "run_failure"]
    return "".join(data["html"] for data in found)


def run_page(look, database):
    test = look(database)
    test.session_state["page_wanted"] = "run"
    return test.run()


def test_a_failed_run_shows_exception_own_frames_and_the_last_output(failed, look):
    test = run_page(look, failed)
    assert not test.exception
    shown = block(test)
    assert "JSONDecodeError</b>" in shown
    assert "Expecting value" in shown
    assert "<b>broken.py</b>" in shown
    assert "of libraries folded" in shown
    assert "raised in &lt;module&gt;, broken.py line 9" in shown
    assert "step 19 of &lt;b&gt;many&lt;/b&gt;" in shown
    assert "step 1 of" not in shown.partition("Last lines of output")[2]


def test_a_finished_run_has_no_such_block(tmp_path, look):
    client = TrackingClient(str(tmp_path / "tracking.db"))
    run_id = client.create_run("0", run_name="fine").info.run_id
    client.set_terminated(run_id)
    assert block(run_page(look, tmp_path / "tracking.db")) == ""


def test_a_killed_run_says_why(tmp_path, look):
    client = TrackingClient(str(tmp_path / "tracking.db"))
    run_id = client.create_run("0", run_name="gone").info.run_id
    client.set_tag(run_id, tracker.tags.TRACKER_FAILURE_REASON, "stopped by <a signal>")
    client.set_terminated(run_id, "KILLED")
    assert "stopped by &lt;a signal&gt;" in block(run_page(look, tmp_path / "tracking.db"))


def test_frames_of_installed_packages_are_told_from_the_run_s_own():
    text = (
        'Traceback (most recent call last):\n  File "/home/me/train.py", line 3, in main\n'
        "    fit()\n    ~~~^^\n"
        '  File "/venv/lib/python3.12/site-packages/torch/nn.py", line 9, in fit\n    raise\n'
        "RuntimeError: CUDA out of memory\n"
    )
    found = list(pieces(text))
    assert [piece.is_of_library for piece in found] == [False, False, True, False]
    assert "".join(f"{piece.text}\n" for piece in found) == text
