from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tracker.client import TrackingClient


def get_run(tmp_path, run_id):
    return TrackingClient(tmp_path / "tracking.db").get_run(run_id)


def test_tags_are_set_and_removed(cli, runs, tmp_path):
    cli("tag", "wide_1a", "owner=ada", "formula=a=b")
    cli("tag", "wide_1a", "--remove", "stage")
    tags = get_run(tmp_path, runs["wide_1a"]).data.tags
    assert (tags["owner"], tags["formula"], tags.get("stage")) == ("ada", "a=b", None)


def test_tags_are_listed(cli, runs):
    found = json.loads(cli("tag", runs["wide_1a"], "--format", "json").out)
    assert {"key": "stage", "value": "candidate"} in found


def test_a_note_is_shown_line_by_line(cli, runs):
    assert cli("note", runs["wide_1a"]).out == "First.\nSecond.\n"


def test_a_note_is_set_and_removed(cli, runs, tmp_path):
    cli("note", "wide_1a", "Better.")
    assert get_run(tmp_path, runs["wide_1a"]).data.tags["mlflow.note.content"] == "Better."
    cli("note", "wide_1a", "--remove")
    assert cli("note", "wide_1a").out == ""


def test_a_run_gets_another_name(cli, runs, tmp_path):
    cli("rename", "wide_1a", "baseline")
    run = get_run(tmp_path, runs["wide_1a"])
    assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("baseline", "baseline")


def test_an_experiment_gets_another_name(cli, runs):
    assert runs
    assert cli("rename", "--experiment", "digits", "numbers").code == 0
    assert "numbers" in cli("experiments").out


def test_a_deleted_run_comes_back(cli, runs):
    cli("delete", "wide_1a", "narrow_2b")
    assert [run["run_name"] for run in json.loads(cli("runs", "--format", "json").out)] == [
        "broken"
    ]
    cli("restore", "wide_1a")
    assert runs["wide_1a"] in cli("runs", "--format", "json").out


def test_nothing_is_deleted_if_one_name_is_wrong(cli, runs):
    said = cli("delete", "wide_1a", "no such run")
    assert said.code == 1
    assert runs["wide_1a"] in cli("runs", "--format", "json").out


def test_an_experiment_goes_and_comes_back_with_its_runs(cli, runs):
    cli("delete", "--experiment", "digits")
    assert json.loads(cli("runs", "--format", "json").out) == []
    cli("restore", "--experiment", "digits")
    assert len(json.loads(cli("runs", "--format", "json").out)) == len(runs)


def test_several_experiments_go_and_come_back_at_once(cli, runs):
    assert runs
    said = cli("delete", "-e", "digits", "-e", "Default", "-e", "digits")
    assert said.out.splitlines() == [
        "Deleted experiment 'digits' with its runs.",
        "Deleted experiment 'Default' with its runs.",
    ]
    assert cli("experiments", "--format", "json").out == "[]\n"
    cli("restore", "-e", "digits")
    said = cli("restore", "-e", "digits", "-e", "Default")
    assert said.out.splitlines() == [
        "Experiment 'digits' is active already.",
        "Restored experiment 'Default' with its runs.",
    ]


def test_a_note_is_piped_in_unless_it_is_no_text(cli, runs, tmp_path):
    command = [sys.executable, "-m", "tracker", "note", runs["wide_1a"], "-"]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    good, bad = (
        subprocess.run(
            command, input=note, cwd=tmp_path, env=strict, check=False, capture_output=True
        )
        for note in ("fünf".encode(), b"f\xffnf")
    )
    assert (good.returncode, bad.returncode) == (0, 1)
    assert bad.stderr.startswith(b"error: The text 'f\\udcffnf' is not valid Unicode")
    assert cli("note", "wide_1a").out == "fünf\n"


@pytest.fixture
def training(tmp_path):
    """A process that works on the run `alive` of `digits` until it is told to end."""
    code = (
        "import sys, tracker\n"
        "tracker.set_tracking_uri(sys.argv[1])\n"
        "with tracker.start_run(experiment_id='1', run_name='alive'):\n"
        "    print(flush=True)\n"
        "    sys.stdin.read()\n"
        "    tracker.log_metric('loss', 0.5)\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "tracking.db"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, **pipes)
    process.stdout.readline()
    yield process
    process.communicate(timeout=60)


@pytest.mark.parametrize(
    "named", [["alive"], ["wide_1a", "alive"], ["-e", "digits"], ["broken", "-e", "digits"]]
)
def test_a_run_in_use_is_not_deleted_and_the_process_is_named(cli, runs, training, named):
    assert runs
    said = cli("delete", *named)
    assert (said.code, said.out) == (1, "")
    assert f"is in use by process {training.pid} on" in said.err
    assert "--force" in cli_help("delete")
    training.communicate("", timeout=60)
    assert training.returncode == 0
    assert len(json.loads(cli("runs", "--format", "json").out)) == 4


@pytest.mark.parametrize("named", [["alive"], ["-e", "digits"]])
def test_a_run_in_use_is_deleted_by_force(cli, runs, training, named):
    assert runs
    assert cli("delete", "--force", *named).code == 0
    assert "alive" not in cli("runs").out
    _, said = training.communicate("", timeout=60)
    assert "is deleted" in said


def test_a_run_whose_process_has_ended_is_deleted(cli, runs, training):
    assert runs
    training.kill()
    training.wait(timeout=60)
    assert cli("delete", "alive").code == 0


def cli_help(verb):
    command = [sys.executable, "-m", "tracker", verb, "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
