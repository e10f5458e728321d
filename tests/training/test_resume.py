from __future__ import annotations

import io
import re
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tracker import TrackingClient
from training.__main__ import main
from training.checkpoint import CheckpointKeeper
from training.errors import CheckpointError, UsageError
from training.experiment import Training
from training.loop import train_epochs
from training.resume import continuation, find_run
from training.run import recorded


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


@pytest.fixture(scope="module")
def killed(tmp_path_factory, study_text, interrupt):
    """The configuration file and the run of a training that Ctrl-C ended."""
    study_file = tmp_path_factory.mktemp("killed") / "config.yaml"
    study_file.write_text(study_text)
    assert interrupt(study_file, signal.SIGINT, *LONG).returncode == 130
    return study_file, only_run(study_file, "KILLED")


LONG = ("--only", "default", "--set", "model_configs.default.max_epochs=60")
ADAM = ("--set", "model_configs.default.optimizer=adam")
CYCLE = ("--set", "model_configs.default.schedule=one_cycle")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_resumed_run_ends_with_the_bits_of_one_that_was_never_interrupted(
    study_file, interrupt, sent
):
    here, arguments = ("--config", str(study_file)), (*LONG, *ADAM, *CYCLE)
    assert interrupt(study_file, sent, *arguments).returncode != 0
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
        ("model_configs.default.hidden_size=8", "started with hidden_size 16, which is now 8"),
        ("model_configs.default.max_epochs=30", "started with max_epochs 60, which is now 30"),
        (
            "data_prep.stroke_test_samples=50",
            "started with stroke_test_samples 100, which is",
        ),
        ("data_prep.blur_sigma=3.0", "started with blur_sigma 2.0, which is now 3.0"),
        ("data_prep.source=mnist", "started with source stroke-digits, which is now mnist"),
        ("data_prep.seed=7", "started with seed 42, which is now 7"),
    ],
)
def test_a_run_keeps_its_settings_and_its_images(killed, capsys, override, message):
    study_file, run_id = killed
    images = {path: path.stat() for path in (study_file.parent / "data").iterdir()}
    assert main(["--config", str(study_file), "--resume", run_id, "--set", override]) == 1
    assert message in capsys.readouterr().err
    assert only_run(study_file, "KILLED") == run_id
    assert {path: path.stat() for path in (study_file.parent / "data").iterdir()} == images


@pytest.mark.slow
def test_a_run_does_not_go_on_with_images_of_another_digest(killed, capsys):
    """As a later release of the trainer would draw them."""
    study_file, run_id = killed
    database = sqlite3.connect(study_file.parent / "tracking.db")
    with database:
        database.execute("UPDATE datasets SET digest = '0' || digest WHERE name LIKE '%-test'")
    assert main(["--config", str(study_file), "--resume", run_id]) == 1
    assert "started with other images: its stroke-digits-test for test" in capsys.readouterr().err
    with database:
        database.execute("UPDATE datasets SET digest = substr(digest, 2) WHERE name LIKE '%-test'")
    database.close()


SHAPE = "1.weight has shape (8, 784), the configuration asks for (16, 784)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("model_state", {"1.weight": torch.zeros(8, 784)}, SHAPE), ("seed", 7, "of the seed 7")],
)
def test_a_checkpoint_of_another_training_is_refused_and_the_run_stays_killed(
    killed, capsys, tmp_path, key, value, message
):
    """The file itself is exchanged, as by a copy from another run."""
    study_file, run_id = killed
    client = TrackingClient(study_file.parent / "tracking.db")
    whole = client.artifacts(run_id).local_path("model/last.pt").read_bytes()
    content = torch.load(io.BytesIO(whole), weights_only=True)
    content[key] = {**content[key], **value} if isinstance(value, dict) else value
    torch.save(content, tmp_path / "last.pt")
    client.log_artifact(run_id, str(tmp_path / "last.pt"), "model")
    assert main(["--config", str(study_file), "--resume", run_id]) == 1
    assert message in capsys.readouterr().err
    assert only_run(study_file, "KILLED") == run_id
    client.artifacts(run_id).log_bytes(whole, "model/last.pt")


def test_a_best_state_of_another_network_is_refused_before_the_run_goes_on(experiment, tracked):
    training = Training(experiment)
    with tracked.start_run() as run:
        keeper = CheckpointKeeper(run.info.run_id)
        for result in train_epochs(training.task(), training.history):
            state = replace(training.state(), best_epoch=1)
            other = {**state.model_state, "1.weight": torch.zeros(8, 784)}
            keeper.note(state if result.epoch > 1 else replace(state, model_state=other))
        keeper.write()
    with pytest.raises(CheckpointError, match=re.escape(SHAPE)):
        continuation(experiment, tracked.get_run(run.info.run_id))


@pytest.mark.slow
def test_of_two_that_go_on_with_one_run_at_once_one_is_refused(study_file, interrupt):
    assert interrupt(study_file, signal.SIGINT, *LONG).returncode == 130
    command = [sys.executable, "-m", "training", "--config", str(study_file), "--resume"]
    command.append(only_run(study_file, "KILLED"))
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert sorted(process.wait(timeout=120) for process in both) == [0, 2]


@pytest.mark.slow
@pytest.mark.parametrize("child", [1, 2])
def test_seeds_that_were_interrupted_end_as_those_that_were_not(study_file, interrupt, child):
    """In the first child run, and in the second."""
    seeds = ("--only", "default", "--seeds", "2", "--set", "model_configs.default.max_epochs=30")
    assert interrupt(study_file, signal.SIGINT, *seeds, run=child).returncode == 130
    client = TrackingClient(study_file.parent / "tracking.db")
    (parent,) = client.search_runs(["1"], "tags.seeds LIKE '42%'")
    assert main(["--config", str(study_file), "--resume", parent.info.run_id]) == 0
    assert main(["--config", str(study_file), *seeds]) == 0
    assert {run.info.status for run in client.search_runs(["1"])} == {"FINISHED"}
    first, second = client.search_runs(["1"], "tags.seeds LIKE '42%'")
    assert first.data.metrics == second.data.metrics
    assert len(client.search_runs(["1"])) == 6


def test_a_run_is_found_behind_a_thousand_newer_ones_by_the_start_of_its_id_or_name(tracked):
    client = tracked.get_client()
    wanted = client.create_run("1", run_name="default_0badcafe").info.run_id
    client.set_terminated(wanted, "KILLED")
    for number in range(1_001):
        client.create_run("1", run_name=f"other_{number}")
    for reference in (wanted, wanted[:12], "default_0badcafe", "default_0b"):
        assert find_run(reference).info.run_id == wanted


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("twin", "'twin' fits 2 runs: .*; name one by its id"),
        ("twni", "there is no run 'twni'; did you mean 'twin'?"),
        ("gone", "the run 'gone' is deleted; restore it first"),
        ("busy", "the run 'busy' is still running in another process; nothing to resume"),
    ],
)
def test_a_run_that_cannot_be_meant_is_told_from_those_that_can(tracked, reference, message):
    client = tracked.get_client()
    for name in ("twin", "twin", "gone", "busy"):
        run_id = client.create_run("1", run_name=name).info.run_id
        if name != "busy":
            client.set_terminated(run_id, "KILLED")
        if name == "gone":
            client.delete_run(run_id)
    with pytest.raises(UsageError, match=message):
        find_run(reference)


def test_a_run_that_was_interrupted_while_it_was_set_up_is_whole_in_the_end(experiment, study_file):
    """It got as far as its configuration."""
    client = TrackingClient(study_file.parent / "tracking.db")
    number = client.create_experiment("MNIST_Experiments")
    run_id = client.create_run(number, tags={"configuration": "default"}).info.run_id
    client.log_text(run_id, experiment.effective_config(), "config/effective_config.yaml")
    client.set_terminated(run_id, "KILLED")
    assert main(["--config", str(study_file), "--resume", run_id]) == 0
    params = client.get_run(run_id).data.params
    assert (params["hidden_size"], params["torch_version"]) == ("16", torch.__version__)


def test_a_run_goes_on_in_its_experiment_whatever_is_configured_today(experiment, tracked):
    with pytest.raises(KeyboardInterrupt), tracked.start_run() as begun:
        raise KeyboardInterrupt
    tracked.set_experiment("another one")
    with (
        recorded(experiment, resumed=tracked.get_run(begun.info.run_id)),
        recorded(experiment, nested=True) as below,
    ):
        pass
    assert below.info.experiment_id == begun.info.experiment_id


@pytest.mark.parametrize("tag", ["many", "42", ""])
def test_a_tag_that_does_not_name_several_seeds_is_told(experiment, study_file, capsys, tag):
    client = TrackingClient(study_file.parent / "tracking.db")
    run_id = client.create_run("0", run_name="a", tags={"seeds": tag}).info.run_id
    client.log_text(run_id, experiment.effective_config(), "config/effective_config.yaml")
    client.set_terminated(run_id, "KILLED")
    assert main(["--config", str(study_file), "--resume", run_id]) == 1
    assert "the tag 'seeds' of the run does not list several seeds" in capsys.readouterr().err
    assert client.get_run(run_id).info.status == "KILLED"


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
