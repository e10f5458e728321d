"""Running runs replicated to a real MLflow server while they go on."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TRAINING = """
import sys, time, tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment(sys.argv[2])
with tracker.start_run(run_name="live"):
    tracker.log_param("lr", 0.1)
    print("started", flush=True)
    for step in range(int(sys.argv[3])):
        tracker.log_metric("loss", 1 / (1 + step), step=step)
        if step == 50:
            tracker.log_text("half", "notes.txt")
        time.sleep(0.005)
    tracker.log_text("done", "notes.txt")
"""


def training(path, name, steps):
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, path, name, str(steps)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "started\n"
    return process


def test_a_running_run_is_followed_to_its_end_through_an_outage(
    http, mlflow, start_cli, tmp_path, name, read_back, described, but_for_ids
):
    outage = threading.Event()
    refused = threading.Event()

    def disturb(seen, _forward):
        if outage.is_set():
            refused.set()
            return http.CUT_OFF
        if seen.route == "runs/log-batch" and b'"step": 100,' in seen.body.replace(b"}", b","):
            outage.set()
        return None

    path = tmp_path / "tracking.db"
    process = training(path, name, 1_000)
    with http.HttpServer(http.Forward(mlflow.port, disturb)) as server:
        following = start_cli("push", "--to", server.url, "--experiment", name, "--follow")
        assert refused.wait(60)
        process.wait(60)
        outage.clear()
        server.answer.disturb = lambda _seen, _forward: None
        out, _ = following.communicate(timeout=60)
    process.stdout.close()
    assert following.returncode == 0, out
    there = but_for_ids(read_back(name))
    assert there == but_for_ids(described(TrackingClient(path), name))
    assert len(there["runs"]["live"]["histories"]["loss"]) == 1_000
    assert there["runs"]["live"]["status"] == "FINISHED"


def test_a_run_whose_process_was_killed_ends_there_too(
    mlflow, start_cli, tmp_path, name, read_back
):
    path = tmp_path / "tracking.db"
    process = training(path, name, 100_000)
    following = start_cli("push", "--to", mlflow.url, "--experiment", name, "--follow")
    process.kill()
    process.wait()
    process.stdout.close()
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 0, out
    assert read_back(name)["runs"]["live"]["status"] == "FAILED"


def test_runs_that_start_meanwhile_are_followed_too(
    http, mlflow, start_cli, tmp_path, name, read_back
):
    path = tmp_path / "tracking.db"
    client = TrackingClient(path)
    experiment_id = client.create_experiment(name)
    first = client.create_run(experiment_id, run_name="first").info.run_id
    created = threading.Semaphore(0)

    def disturb(seen, _forward):
        if seen.route == "runs/create":
            created.release()

    with http.HttpServer(http.Forward(mlflow.port, disturb)) as server:
        following = start_cli("push", "--to", server.url, "--experiment", name, "--follow")
        assert created.acquire(timeout=60)
        second = client.create_run(experiment_id, run_name="second").info.run_id
        assert created.acquire(timeout=60)
        client.set_terminated(first)
        client.set_terminated(second)
        out, _ = following.communicate(timeout=60)
    assert following.returncode == 0, out
    assert {run["status"] for run in read_back(name)["runs"].values()} == {"FINISHED"}


def test_without_follow_a_running_run_is_sent_as_far_as_it_is(cli, mlflow, client, name, read_back):
    run_id = client.create_run(client.create_experiment(name), run_name="open").info.run_id
    client.log_metric(run_id, "loss", 1.0)
    said = cli("push", "--to", mlflow.url)
    assert said.code == 0
    assert said.err == "1 run still running: push again when done, or with --follow.\n"
    assert read_back(name)["runs"]["open"]["status"] == "RUNNING"
    client.log_metric(run_id, "loss", 0.5, step=1)
    client.set_terminated(run_id)
    assert cli("push", "--to", mlflow.url).out.startswith(
        "1 run sent and verified, 0 unchanged; 1 p"
    )
    assert len(read_back(name)["runs"]["open"]["histories"]["loss"]) == 2
