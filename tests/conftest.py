from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import pytest

# A busy machine must not fail a test of what is true.
hypothesis.settings.register_profile(
    "any-machine",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any-machine")

ROOT = Path(__file__).parent.parent
HANDED_DOWN = ("TRACKER_URI", "TRACKER_EXPERIMENT_NAME")
ENVIRONMENT = {name: os.environ[name] for name in HANDED_DOWN if name in os.environ}


@pytest.fixture(scope="session")
def repository():
    """The folder with the README, config.yaml and schema.sql."""
    return ROOT


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """The README's main job, done once: its folder and what it printed.

    On MNIST where the environment variable MNIST_ROOT names a folder with its files, on the
    drawn substitute elsewhere.
    """
    folder = tmp_path_factory.mktemp("study")
    shutil.copy(ROOT / "config.yaml", folder)
    command = [sys.executable, "-m", "training", "--config", str(folder / "config.yaml")]
    if os.environ.get("MNIST_ROOT"):
        shutil.copytree(os.environ["MNIST_ROOT"], folder / "data")
    else:
        command += ["--set", "data_prep.download=false"]
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(autouse=True)
def environment_left_as_found():
    """What the fluent verbs hand down to processes to come ends with its test.

    What it was before the first test is restored, for a fixture of a whole module may have changed
    it before this one begins.
    """
    yield
    for name in HANDED_DOWN:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)


@pytest.fixture(autouse=True)
def main_left_as_found():
    """A page run by Streamlit's AppTest leaves its script as `__main__`, which spawn would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def python(tmp_path):
    """Run a piece of Python in a process of its own, in `tmp_path`."""

    def run(code: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def wait_for():
    """Wait until a condition holds; what it gives."""

    def wait(condition, seconds=300.0):
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture
def launch():
    """Start commands in process groups of their own, which end with the test."""
    started = []

    def start(command, **options):
        process = subprocess.Popen(
            command,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """The URL of a PostgreSQL server of the tests' own."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("PostgreSQL is not installed")
    path = ROOT / "tests" / "team" / "servers.py"
    spec = importlib.util.spec_from_file_location("team_servers", path)
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    with servers.postgresql(tmp_path_factory.mktemp("postgres")) as server:
        yield server.uri.replace("psycopg2", "psycopg")


@pytest.fixture
def postgres(postgres_server, request):
    """The URL of an empty PostgreSQL database."""
    psycopg = pytest.importorskip("psycopg")
    name = f"test_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgres_server.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return f"{postgres_server.rpartition('/')[0]}/{name}"
