from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tracker.cli.ui import HOST, free_port
from tracker.client import TrackingClient


def test_the_next_free_port_is_taken():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) > port
        assert free_port(0) not in {0, port}


def test_without_streamlit_the_error_says_what_to_install(tmp_path, repository):
    TrackingClient(tmp_path / "tracking.db")
    bare = [sys.executable, "-S", "-m", "tracker", "--db", str(tmp_path / "tracking.db"), "ui"]
    done = subprocess.run(bare, cwd=repository, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "streamlit" in done.stderr
    assert "pip install 'ml-tracker[dashboard]'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--no-browser"], []])
def test_the_dashboard_answers_on_this_machine_and_ends_with_the_command(
    tmp_path, repository, options
):
    pytest.importorskip("streamlit")
    TrackingClient(tmp_path / "tracking.db")
    command = [sys.executable, "-m", "tracker", "--db", str(tmp_path / "tracking.db")]
    # On a terminal, for the first time in a home of its own.
    terminal, inside = os.openpty()
    home = {"HOME": str(tmp_path), "BROWSER": "true", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "ui", *options, "--port", str(_unused_port())],
        cwd=repository,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**os.environ, **home},
    ) as server:
        os.close(inside)
        with os.fdopen(terminal, encoding="utf-8", errors="replace") as output:
            try:
                # Another program may have taken the port meanwhile.
                port = int(re.search(rf"http://{HOST}:(\d+)", output.readline())[1])
                assert _answer(f"http://{HOST}:{port}/", time.monotonic() + 120) == 200
            finally:
                server.terminate()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port))


def _unused_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


def _answer(url, deadline):
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310
                return response.status
        except OSError:  # Not there yet, or too busy to answer in time.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
