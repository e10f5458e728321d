from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tracker.client import TrackingClient
from tracker.journal.file import live_folder

collect_ignore_glob = ["*"] if os.name == "nt" else []


@pytest.fixture
def folder(client):
    """The folder of the client's journals."""
    path = live_folder(client.store.database.path)
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def start(tmp_path):
    """Start a piece of Python in a process of its own; whatever still runs at the end is killed."""
    started = []

    def begin(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def reopened(client):
    """Open the client's database again, which recovers."""
    return lambda: TrackingClient(client.store.database.path)


def journals(folder):
    return sorted(path.name for path in folder.glob("*.journal"))
