from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest
import torch

from tracker import TrackingClient
from training.__main__ import main


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


def interrupt(study_file, sent, *arguments):
    """Starts a training, sends it a signal after its second epoch; its exit code."""
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


@pytest.fixture(scope="module")
def killed(tmp_path_factory, study_text):
    """The configuration file and the run of a training that Ctrl-C ended."""
    study_file = tmp_path_factory.mktemp("killed") / "config.yaml"
    study_file.write_text(study_text)
    assert interrupt(study_file, signal.SIGINT, *LONG) == 130
    return study_file, only_run(study_file, "KILLED")


LONG = ("--only", "default", "--set", "model_configs.default.max_epochs=60")
ADAM = ("--set", "model_configs.default.optimizer=adam")
CYCLE = ("--set", "model_configs.default.schedule=one_cycle")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_resumed_run_ends_with_the_bits_of_one_that_was_never_interrupted(study_file, sent):
    here, arguments = ("--config", str(study_file)), (*LONG, *ADAM, *CYCLE)
    assert interrupt(study_file, sent, *arguments) != 0
    run_id = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])[0].info.run_id
    assert main([*here, "--resume", run_id]) == 0
    assert main([*here, *arguments]) == 0
    runs = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    first, second = (weights(study_file, run.info.run_id) for run in runs)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert steps(study_file, run_id, "val_loss") == list(range(1, 61))


@pytest.mark.slow
def test_ctrl_c_leaves_what_the_run_had(killed):
    study_file, run_id = killed
    assert len(steps(study_file, run_id, "train_loss")) >= 2
    assert weights(study_file, run_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model_configs.default.hidden_size=8", "began with hidden_size 16, which is now 8"),
        ("model_configs.default.max_epochs=90", "began with max_epochs 60, which is now 90"),
        ("data_prep.stroke_test_samples=50", "began with other images"),
    ],
)
def test_a_run_keeps_its_settings_and_its_images(killed, capsys, override, message):
    study_file, run_id = killed
    assert main(["--config", str(study_file), "--resume", run_id, "--set", override]) == 1
    assert message in capsys.readouterr().err
    assert only_run(study_file, "KILLED") == run_id


@pytest.mark.slow
def test_a_checkpoint_of_another_shape_is_refused_and_the_run_stays_killed(
    killed, capsys, tmp_path
):
    """The file itself is exchanged, as by a copy from another run."""
    study_file, run_id = killed
    client = TrackingClient(study_file.parent / "tracking.db")
    whole = client.artifacts(run_id).local_path("model/last.pt").read_bytes()
    content = torch.load(io.BytesIO(whole), weights_only=True)
    content["model_state"]["1.weight"] = torch.zeros(8, 784)
    torch.save(content, tmp_path / "last.pt")
    client.log_artifact(run_id, str(tmp_path / "last.pt"), "model")
    assert main(["--config", str(study_file), "--resume", run_id]) == 1
    message = "1.weight has shape (8, 784), the configuration asks for (16, 784)"
    assert message in capsys.readouterr().err
    assert only_run(study_file, "KILLED") == run_id
    client.artifacts(run_id).log_bytes(whole, "model/last.pt")


def test_a_finished_run_is_not_resumed(study_file, capsys):
    here = ["--config", str(study_file)]
    assert main([*here, "--only", "extra"]) == 0
    run_id = only_run(study_file, "FINISHED")
    assert main([*here, "--resume", run_id]) == 2
    assert "is finished; nothing to resume" in capsys.readouterr().err


def test_a_run_that_does_not_exist_is_wrong_usage(study_file, capsys):
    here = ["--config", str(study_file)]
    assert main([*here, "--resume", "extra_00000000"]) == 2
    assert "there is no database" in capsys.readouterr().err
    assert main([*here, "--only", "extra"]) == 0
    assert main([*here, "--resume", "extra_00000000"]) == 2
    assert "there is no run 'extra_00000000'" in capsys.readouterr().err
