"""A small study on drawn digits, and the command line as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """A config.yaml of two quick configurations and one on request."""
    path = tmp_path / "config.yaml"
    path.write_text(STUDY)
    return path


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


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A folder with MNIST's raw files, which only some machines have."""
    root = os.environ.get("MNIST_ROOT")
    if not root:
        pytest.skip("the environment variable MNIST_ROOT names no folder with MNIST")
    return Path(root)
