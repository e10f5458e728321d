"""Ctrl-C: what it does to a block, and the command that goes on."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import pytest
import torch

from training.__main__ import build_parser
from training.command import resume_command
from training.config_file import load_config
from training.distributed import World
from training.errors import PeerFailedError
from training.experiment import RunEnvironment
from training.process import interruptible
from training.report import PlainReport
from training.study import run_all

HERE = build_parser().parse_args([])


def command_after(*arguments):
    """What is printed after the program itself and the run."""
    command = resume_command(build_parser().parse_args(arguments))
    return shlex.split(command.partition("--resume ")[2])[1:]


@pytest.fixture
def killed(tracked):
    """A run that Ctrl-C ended after it had kept its configuration."""
    with pytest.raises(KeyboardInterrupt), tracked.start_run() as run:
        tracked.log_text("data_prep: {}", "config/effective_config.yaml")
        raise KeyboardInterrupt
    return run.info.run_id


def test_the_command_says_where_things_are_and_no_more(killed):
    places = ["--config", "my study.yaml", "--data-root", "/images", "--device", "cpu"]
    sets = ["--set", "tracking.database=a.db", "--set", "paths.root=b"]
    others = ["--only", "x", "--seed", "3", "--seeds", "2", "--set", "model_configs.x.threads=2"]
    assert killed in resume_command(HERE)
    expected = [*places[:4], *sets, *places[4:]]
    assert command_after(*others, *places, *sets) == expected


@pytest.mark.usefixtures("killed")
def test_the_command_starts_the_python_and_the_processes_that_were_interrupted(monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["my env/bin/python", "-m", "training"])
    assert resume_command(HERE).startswith("'my env/bin/python' -m training --resume ")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    launcher = "-m torch.distributed.run --standalone --nproc-per-node 3 -m training --resume "
    assert resume_command(HERE).startswith(f"'my env/bin/python' {launcher}")


def test_a_run_that_kept_no_configuration_is_not_offered(tracked):
    with pytest.raises(KeyboardInterrupt), tracked.start_run():
        raise KeyboardInterrupt
    assert resume_command(HERE) is None


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_disturb_what_the_first_one_ends(sent):
    closed = []
    before = signal.getsignal(sent)

    def work():
        try:
            signal.raise_signal(sent)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            closed.append("in peace")

    with pytest.raises(KeyboardInterrupt), interruptible():
        work()
    assert closed == ["in peace"]
    assert signal.getsignal(sent) is before


def test_a_process_that_follows_leaves_it_to_the_first_one_to_end(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    went_on = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
        went_on.append(True)
        raise PeerFailedError("another process is gone")
    assert went_on


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["default", "extra"], ["Not started: extra. Train them with --only."]),
        (["default"], []),
    ],
)
def test_configurations_that_did_not_start_are_named(study_file, capsys, names, said):
    def interrupted(_experiment):
        raise KeyboardInterrupt

    around = RunEnvironment(torch.device("cpu"), World(), PlainReport())
    with pytest.raises(KeyboardInterrupt):
        run_all(load_config(study_file), names, around, interrupted)
    assert capsys.readouterr().out.splitlines()[1:] == said  # after one about the substitute


@pytest.mark.slow
def test_the_printed_command_works_as_it_stands(study_file, interrupt):
    """Elsewhere than in the study's folder, under another name, with its images elsewhere."""
    named = study_file.rename(study_file.with_name("my study.yaml"))
    (named.parent / "images").mkdir()
    places = ("--data-root", str(named.parent / "images"), "--set", "tracking.database=my.db")
    long = ("--only", "default", "--set", "model_configs.default.max_epochs=40")
    done = interrupt(named, signal.SIGINT, *long, *places)
    command = done.stderr.strip().partition("resume with: ")[2]
    again = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)  # noqa: S602
    assert again.returncode == 0, again.stderr
    assert "FINISHED" in again.stdout
    assert not (named.parent / "data").exists()
