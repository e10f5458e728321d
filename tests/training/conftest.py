"""A small study on drawn digits, and the command line as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

import tracker
from training.config_file import load_config
from training.data import prepare
from training.distributed import World
from training.experiment import Experiment, RunEnvironment
from training.report import SilentReport
from training.split import Examples

CPU = torch.device("cpu")

STUDY = """\
paths:
  root: data
data_prep:
  source: stroke-digits
  stroke_train_samples: 400
  stroke_test_samples: 100
model_configs:
  default:
    hidden_size: 16
    max_epochs: 2
    learning_rate: 0.1
  blurred_dataset:
    hidden_size: 16
    max_epochs: 2
    train_on: blurred
  extra:
    on_request: true
    max_epochs: 1
"""

SWEEP = """
sweep:
  configuration: extra
  settings: {max_epochs: 3, learning_rate: 0.1}
  space:
    hidden_size: {low: 4, high: 32}
    batch_size: {choices: [16, 64]}
    optimizer: {choices: [sgd, adam]}
    momentum: {low: 0, high: 0.9, when: {optimizer: sgd}}
"""


@pytest.fixture(scope="session")
def study_text() -> str:
    """A study of two quick configurations and one on request."""
    return STUDY


@pytest.fixture(scope="session")
def sweep_text() -> str:
    """The section that says what is searched in this study."""
    return SWEEP


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The config.yaml of the study."""
    path = tmp_path / "config.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def sweep_file(study_file: Path) -> Path:
    """The small study with a space to search."""
    study_file.write_text(STUDY + SWEEP)
    return study_file


@pytest.fixture
def train(study_file: Path):
    """Runs `python -m training` on the small study, as a process of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training", "--config", str(study_file), *arguments],
            capture_output=True,
            text=True,
            cwd=study_file.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=120,
            check=False,
        )

    return run


class Rights:
    """What this process may do to files: as root, for whom no folder is closed, or as nobody."""

    is_root = hasattr(os, "geteuid") and os.geteuid() == 0

    def nothing(self) -> None:
        """From now on only what is open to everyone, where the tests run as root."""
        if self.is_root:
            os.seteuid(65534)

    def all(self) -> None:
        """As before."""
        if self.is_root:
            os.seteuid(0)


@pytest.fixture
def allowed():
    """The rights of this process, given back at the end."""
    rights = Rights()
    yield rights
    rights.all()


@pytest.fixture
def locked(allowed):
    """A folder, and what takes away this process's rights to it but those given."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "folder"
        folder.mkdir()

        def lock(rights=0o555):
            folder.chmod(rights)
            allowed.nothing()

        yield folder, lock
        allowed.all()
        folder.chmod(0o755)


@pytest.fixture(scope="session")
def interrupt():
    """Starts a training, sends it a signal after the second epoch of its n-th run; how it ended.

    Under torchrun all processes get the signal, as they do from a terminal.
    """

    def run(study_file: Path, sent: int, *arguments: str, run: int = 1, processes: int = 1):
        torchrun = (
            *("-m", "torch.distributed.run", "--standalone"),
            f"--nproc-per-node={processes}",
        )
        launcher = torchrun if processes > 1 else ()
        command = [sys.executable, *launcher, "-m", "training", "--config", str(study_file)]
        seen = 0
        with subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        ) as process:
            for line in process.stdout:
                seen += "epoch   2" in line
                if seen == run:
                    os.killpg(process.pid, sent)
                    break
            output, errors = process.communicate(timeout=90)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    return run


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A folder with MNIST's raw files, which only some machines have."""
    root = os.environ.get("MNIST_ROOT")
    if not root:
        pytest.skip("the environment variable MNIST_ROOT names no folder with MNIST")
    return Path(root)


@pytest.fixture
def tracked(tmp_path: Path):
    """The tracker on a database of the test's own."""
    tracker.set_tracking_uri(tmp_path / "tracking.db")
    tracker.set_experiment("tests")
    return tracker


@pytest.fixture
def experiment(study_file: Path):
    """The small study's `default`, to be trained in this process."""
    config = load_config(study_file)
    data = prepare(config, study_file.parent, lambda _: None)
    return Experiment("default", config, data, RunEnvironment(CPU, World(), SilentReport()))


@pytest.fixture
def make_examples():
    """Images that a network can learn: random gray levels around a pattern for each digit."""

    def make(count: int, seed: int = 0) -> Examples:
        chance = torch.Generator().manual_seed(seed)
        patterns = torch.randint(0, 200, (10, 28, 28), generator=torch.Generator().manual_seed(9))
        labels = torch.randint(0, 10, (count,), generator=chance)
        noise = torch.randint(0, 55, (count, 28, 28), generator=chance)
        return Examples((patterns[labels] + noise).to(torch.uint8), labels)

    return make
