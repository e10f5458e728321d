"""The two sides of the exchange: the tracker, and MLflow in an environment of its own."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
REPOSITORY = Path(__file__).parents[2]

# They import MLflow, or install the tracker in its place.
collect_ignore = ["scripts"]


class Participant:
    """A process that runs `participant.py`, asked one step at a time."""

    def __init__(self, process):
        self.process = process

    def ask(self, *step):
        """The answer to one step."""
        self.send(*step)
        return self.receive()

    def send(self, *step):
        """Start a step and do not wait."""
        self.process.stdin.write(json.dumps(step) + "\n")
        self.process.stdin.flush()

    def receive(self):
        """The answer to the step that was sent; stderr tells why there is none."""
        line = self.process.stdout.readline()
        assert line, f"{self.process.args[0]} failed; see stderr"
        return json.loads(line)


@contextmanager
def participant(interpreter, module, folder):
    command = [str(interpreter), "-W", "ignore", str(SCRIPTS / "participant.py"), module]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=environment,
        text=True,
    ) as process:
        yield Participant(process)


@pytest.fixture(scope="session")
def environments():
    """The folder that `environments.py` filled."""
    folder = os.environ.get("MLFLOW_ENVIRONMENTS")
    if not folder:
        pytest.skip("MLFLOW_ENVIRONMENTS is unset: see tests/interop/environments.py")
    return Path(folder).absolute()


@pytest.fixture(scope="session")
def open_mlflow(environments):
    """Starts an MLflow of a release in a folder, as a context manager."""

    def start(release, folder):
        interpreter = environments / release / "bin" / "python"
        return participant(interpreter, "mlflow", folder)

    return start


@pytest.fixture(scope="session")
def open_tracker():
    """Starts the tracker in a folder, as a context manager."""
    return partial(participant, sys.executable, "tracker")


@pytest.fixture(scope="session")
def ask_tracker(open_tracker):
    """Asks a tracker process of its own, which ends with the answer."""

    def ask(folder, *step):
        with open_tracker(folder) as tracker:
            return tracker.ask(*step)

    return ask
