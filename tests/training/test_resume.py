from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import torch

from tracker import TrackingClient


def weights(study_file, run_id):
    artifacts = TrackingClient(study_file.parent / "tracking.db").artifacts(run_id)
    return torch.load(artifacts.local_path("model/last.pt"), weights_only=True)["model_state"]


def steps(study_file, run_id, key):
    client = TrackingClient(study_file.parent / "tracking.db")
    return [point.step for point in client.get_metric_history(run_id, key)]


def only_run(study_file, status):
    client = TrackingClient(study_file.parent / "tracking.db")
    runs = client.search_runs(["1"], f"attributes.status = '{status}'")
    assert len(runs) == 1
    return runs[0].info.run_id


@pytest.fixture
def interrupted(study_file):
    """Starts a training, sends it a signal after its second epoch, waits for its end."""

    def start(sent: signal.Signals, *arguments: str) -> int:
        command = [sys.executable, "-m", "training", "--config", str(study_file), *arguments]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        ) as process:
            for line in process.stdout:
                if "epoch   2" in line:
                    process.send_signal(sent)
                    break
            process.communicate(timeout=60)
            return process.returncode

    return start


LONG = ("--only", "default", "--set", "model_configs.default.max_epochs=60")
ADAM = ("--set", "model_configs.default.optimizer=adam")
CYCLE = ("--set", "model_configs.default.schedule=one_cycle")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_resumed_run_ends_with_the_bits_of_one_that_was_never_interrupted(
    train, study_file, interrupted, sent
):
    arguments = (*LONG, *ADAM, *CYCLE)
    assert interrupted(sent, *arguments) != 0
    run_id = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])[0].info.run_id
    resumed = train("--resume", run_id)
    assert resumed.returncode == 0, resumed.stderr
    assert train(*arguments).returncode == 0
    runs = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    first, second = (weights(study_file, run.info.run_id) for run in runs)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert steps(study_file, run_id, "val_loss") == list(range(1, 61))


@pytest.mark.slow
def test_ctrl_c_leaves_a_killed_run_and_says_how_to_go_on(study_file, interrupted):
    assert interrupted(signal.SIGINT, *LONG) == 130
    run_id = only_run(study_file, "KILLED")
    assert len(steps(study_file, run_id, "train_loss")) >= 2
    assert weights(study_file, run_id)


@pytest.mark.slow
def test_a_checkpoint_of_another_shape_is_refused_in_one_sentence(train, study_file, interrupted):
    interrupted(signal.SIGINT, *LONG)
    run_id = only_run(study_file, "KILLED")
    result = train("--resume", run_id, "--set", "model_configs.default.hidden_size=8")
    assert result.returncode == 1
    assert "1.bias has shape (16,), the configuration asks for (8,)" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_finished_run_is_not_resumed(train, study_file):
    train("--only", "extra")
    run_id = only_run(study_file, "FINISHED")
    result = train("--resume", run_id)
    assert result.returncode == 2
    assert "is finished; nothing to resume" in result.stderr


def test_a_run_that_does_not_exist_is_wrong_usage(train):
    result = train("--resume", "default_00000000")
    assert result.returncode == 2
    assert "there is no database" in result.stderr
