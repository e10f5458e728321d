"""Texts that are no Unicode, as file names and the output of other programs can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracker
from tracker.exceptions import InvalidValueError

HALF = "a\ud800b"


@pytest.mark.parametrize(
    "action",
    [
        lambda client, run_id: client.log_param(run_id, "p", HALF),
        lambda client, run_id: client.set_tag(run_id, "t", HALF),
        lambda client, _: client.create_experiment(HALF),
        lambda client, _: client.get_experiment_by_name(HALF),
        lambda client, _: client.create_run("0", run_name=HALF),
        lambda client, run_id: client.get_metric_history(run_id, HALF),
        lambda client, run_id: client.delete_tag(run_id, HALF),
        lambda client, run_id: client.log_text(run_id, HALF, "note.txt"),
    ],
    ids=["param", "tag", "experiment", "by name", "run", "history", "delete", "file"],
)
def test_a_text_that_is_no_unicode_is_refused_in_one_sentence(client, run_id, action):
    with pytest.raises(InvalidValueError, match="not valid Unicode at character 2"):
        action(client, run_id)
    client.set_tag(run_id, "next", "is fine")


def test_what_is_no_text_is_not_logged_as_one(client, run_id):
    with pytest.raises(InvalidValueError, match="takes a string, not dict"):
        client.log_text(run_id, {"a": 1}, "note.txt")


@pytest.mark.parametrize("verb", ["log_metric", "log_history"])
def test_a_run_id_is_a_text(client, run_id, verb):
    with pytest.raises(InvalidValueError, match="32 hexadecimal digits, not PosixPath"):
        getattr(client, verb)(Path(run_id), "m", [1.0] if verb == "log_history" else 1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are Linux's")
def test_a_script_in_a_folder_whose_name_is_no_unicode_is_tracked(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "train.py").write_text("import tracker\ntracker.log_metric('m', 1)")
    subprocess.run([sys.executable, folder / "train.py"], cwd=tmp_path, check=True)
    run = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0]
    assert run.data.tags["mlflow.source.name"].endswith("caf?/train.py")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the folders in which somebody works")
def test_a_run_in_a_folder_that_was_deleted_goes_where_its_full_path_says(tmp_path, python):
    python(
        f"""
import os, tracker
os.mkdir("gone")
os.chdir("gone")
os.rmdir(os.getcwd())
try:
    tracker.TrackingClient()
except tracker.TrackerError as error:
    assert "was deleted" in str(error)
tracker.set_tracking_uri({str(tmp_path / "here.db")!r})
tracker.log_metric("m", 1)
"""
    )
    assert tracker.TrackingClient(tmp_path / "here.db").search_runs(["0"])[0].data.metrics


def test_a_repository_whose_files_are_no_text_is_none(tmp_path, python):
    (tmp_path / ".git").write_bytes(b"gitdir: \xff\xfe")
    python("import tracker; tracker.log_metric('m', 1)")
    assert tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0].data.metrics
