"""`python -m training.sweep` as processes that are killed, share a server, or fill the disk."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from tracker import TrackingClient
from tracker.sweep import find_sweep, read_sweep

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("TRACKER_SWEEP_KILLS", "3"))
PATIENCE_SECONDS = 300


@pytest.fixture
def start(sweep_file, launch):
    """Starts the command in a process group of its own, which ends with the test."""

    def run(*arguments, folder=sweep_file.parent):
        command = [sys.executable, "-m", "training.sweep", "--config", "config.yaml", *arguments]
        settings = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        return launch(command, cwd=folder, env={**os.environ, **settings})

    return run


def sweep_in(folder, name="mine"):
    """The sweep in a folder's database; None before it began."""
    if not (folder / "tracking.db").exists():
        return None
    client = TrackingClient(folder / "tracking.db")
    experiment = client.get_experiment_by_name("MNIST_Experiments")
    run = experiment and find_sweep(client, experiment.experiment_id, name)
    return read_sweep(client, run) if run else None


def trials_in(folder):
    sweep = sweep_in(folder)
    return sweep.trials() if sweep else []


def pids_of_trials(folder):
    """The workers that are in the middle of a trial."""
    client = TrackingClient(folder / "tracking.db")
    running = [trial.run_id for trial in trials_in(folder) if trial.state == "RUNNING"]
    return [int(client.get_run(run_id).data.tags["tracker.pid"]) for run_id in running]


def test_an_interrupted_sweep_goes_on_by_the_command_that_it_prints(start, sweep_file):
    options = ["--trials", "6", "--set", "sweep.settings.max_epochs=20"]
    process = start("mine", *options)
    for line in process.stdout:
        if " of 6 trials" in line and "mine: 0" not in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    again = shlex.split(output.partition("resume with: ")[2])
    done = subprocess.run(again, check=False, timeout=300, cwd=sweep_file.parent)
    assert done.returncode == 0
    sweep = sweep_in(sweep_file.parent)
    assert sum(trial.is_settled for trial in sweep.trials()) == 6
    assert "RUNNING" not in {run.info.status for run in sweep.client.search_runs(["1"])}


class Killer:
    """Kills a sweep of 40 trials and starts it again."""

    def __init__(self, start, folder, wait_for):
        self.start, self.folder, self.chance = start, folder, random.Random(3)
        self.wait_for = wait_for
        self.process = self.begin()

    def begin(self):
        how = ["--resume", "mine"] if sweep_in(self.folder) else ["mine"]
        space = "sweep.space={learning_rate: {low: 0.01, high: 0.5, log: true}}"
        epochs = "sweep.settings.max_epochs=30"
        return self.start(*how, "--trials", "40", "--set", space, "--set", epochs)

    def wait_for_a_moment(self):
        """Some time after the start, or within a trial."""
        if self.chance.random() < 0.5:
            known = len(trials_in(self.folder))
            self.wait_for(
                lambda: len(trials_in(self.folder)) > known or self.process.poll() is not None
            )
            time.sleep(self.chance.random() / 2)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5 * self.chance.random())

    def kill(self, which):
        """A worker in the middle of a trial, the supervisor, or everything."""
        if which == 0:
            if self.process.poll() is None and (pids := pids_of_trials(self.folder)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.chance.choice(pids), signal.SIGKILL)
            return
        with contextlib.suppress(ProcessLookupError):
            if which == 1:
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = self.begin()  # at once, while orphaned workers are still ending


def test_kills_at_random_moments_lose_nothing_and_double_nothing(start, sweep_file, wait_for):
    folder = sweep_file.parent
    killer = Killer(start, folder, wait_for)
    for kill in range(KILLS):
        killer.wait_for_a_moment()
        killer.kill(kill % 3)
    output, _ = killer.process.communicate(timeout=PATIENCE_SECONDS)
    assert killer.process.returncode == 0, output
    sweep, trials = sweep_in(folder), trials_in(folder)
    assert sum(trial.is_settled for trial in trials) == 40
    assert [trial.number for trial in trials] == list(range(len(trials)))
    tried = Counter(json.dumps(trial.params) for trial in trials if trial.is_settled)
    assert set(tried.values()) == {1}
    runs = sweep.client.search_runs(["1"])
    assert "RUNNING" not in {run.info.status for run in runs}
    tested = [run.info.run_id for run in runs if "test_loss" in run.data.metrics]
    assert sorted(tested) == sorted({sweep.run_id, sweep.run.data.tags["tracker.sweep.best"]})


@pytest.fixture
def machines(sweep_file):
    """Two folders that stand for two machines, each with the study."""
    folders = [sweep_file.parent / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        shutil.copy(sweep_file, folder)
    return folders


def test_two_machines_share_a_search_over_postgresql(start, machines, postgres, tmp_path, wait_for):
    """Both start at once on an empty server; a worker is killed in the middle of a trial."""
    settings = ["--set", "sweep.settings.max_epochs=30", "--trials", "10"]
    shared = ["mine", "--storage", postgres, *settings]
    processes = [start(*shared, folder=folder) for folder in machines]
    victim = wait_for(lambda: machines[0].joinpath("tracking.db").exists()
                      and pids_of_trials(machines[0]))[0]  # fmt: skip
    os.kill(victim, signal.SIGKILL)
    outputs = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    found = [trial for folder in machines for trial in trials_in(folder)]
    settled = [trial for trial in found if trial.is_settled]
    assert len(settled) == len({trial.number for trial in settled}) == 10
    (died,) = [trial for trial in found if trial.state == "DIED"]
    assert died.params in [trial.params for trial in settled]
    assert sum("test accuracy" in output for output in outputs) == 1  # where the winner's run is
    together = tmp_path / "together.db"
    for folder in machines:
        command = [sys.executable, "-m", "tracker", "--db", str(together), "import"]
        subprocess.run([*command, str(folder / "tracking.db")], check=True, timeout=120)
    runs = TrackingClient(together).search_runs(["1"], "tags.`tracker.sweep.study` = 'mine'")
    assert {run.info.run_id for run in runs} == {trial.run_id for trial in found}
    assert "RUNNING" not in {run.info.status for run in runs}


@pytest.fixture
def small_disk(sweep_file):
    """The study's folder on a disk of its own with a few megabytes."""
    folder = sweep_file.parent / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    shutil.copy(sweep_file, folder)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_is_one_sentence_and_the_search_goes_on_afterwards(
    start, small_disk, wait_for
):
    settings = ["--trials", "8", "--set", "sweep.settings.max_epochs=10"]
    process = start("mine", *settings, folder=small_disk)
    wait_for(lambda: len(trials_in(small_disk)) > 1)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in output, output
    assert "disk" in output.splitlines()[-1]
    filler.unlink()
    again = start("--resume", "mine", *settings, folder=small_disk)
    output, _ = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, output
    assert sum(trial.is_settled for trial in trials_in(small_disk)) == 8
    assert "RUNNING" not in {trial.state for trial in trials_in(small_disk)}
