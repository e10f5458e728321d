"""Rows that several processes and threads log to one table all stay."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tracker import liveness
from tracker.exceptions import InvalidStateError
from tracker.file_locks import exclusive
from tracker.journal.file import journal_paths, live_folder

WRITERS, ROWS = 4, 20
WRITE = """
import sys
from tracker.client import TrackingClient
client = TrackingClient(sys.argv[1])
for row in range(int(sys.argv[4])):
    client.log_table(sys.argv[2], {"writer": [sys.argv[3]], "row": [row]}, "rows.json")
    client.log_table(sys.argv[2], {"row": [row]}, f"tables/{sys.argv[3]}.json")
"""


def rows(client, run_id):
    path = client.download_artifacts(run_id, "rows.json")
    return sorted(map(tuple, json.loads(Path(path).read_text())["data"]))


def expected():
    return sorted((str(writer), row) for writer in range(WRITERS) for row in range(ROWS))


def start_all(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write(client, run_id, writer):
    for row in range(ROWS):
        client.log_table(run_id, {"writer": [writer], "row": [row]}, "rows.json")


def test_processes_that_log_to_one_table_lose_no_row(client, run_id):
    path = client.store.database.path
    commands = [
        [sys.executable, "-c", WRITE, path, run_id, str(writer), str(ROWS)]
        for writer in range(WRITERS)
    ]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait(timeout=120) for process in processes] == [0] * WRITERS
    assert rows(client, run_id) == expected()
    known = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert len(known) == WRITERS + 1


def test_threads_that_log_to_one_table_lose_no_row(client, run_id):
    start_all(
        [
            threading.Thread(target=write, args=(client, run_id, str(writer)))
            for writer in range(WRITERS)
        ]
    )
    assert rows(client, run_id) == expected()


def test_threads_keep_each_other_out_where_there_can_be_no_lock_file(client, run_id, tmp_path):
    folder = live_folder(client.store.database.path)
    client.set_terminated(run_id)
    shutil.rmtree(folder)
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    start_all(
        [
            threading.Thread(target=write, args=(client, run_id, str(writer)))
            for writer in range(WRITERS)
        ]
    )
    assert rows(client, run_id) == expected()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_lock_is_none_of_a_run(client, run_id):
    client.log_table(run_id, {"a": [1]}, "rows.json")
    assert liveness.reap(client.store) == []
    (lock,) = live_folder(client.store.database.path).glob("tables*")
    assert list(journal_paths(lock.parent)) == [client.store.journal._files[-1].path]


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "made")
    with exclusive(tmp_path / "lock"):
        pass
    assert not (tmp_path / "made").exists()


def test_a_signal_handler_does_not_wait_for_what_it_has_interrupted(tmp_path):
    said = []

    def handler(*_):
        with pytest.raises(InvalidStateError, match="when the handler is left"):
            exclusive(tmp_path / "lock").__enter__()
        said.append("refused")

    earlier = signal.signal(signal.SIGUSR1, handler)
    try:
        with exclusive(tmp_path / "lock"):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, earlier)
    assert said == ["refused"]
    with exclusive(tmp_path / "lock"):
        pass


def test_a_child_forked_meanwhile_keeps_nobody_out(tmp_path, python):
    done = python(FORK, str(tmp_path / "lock"))
    assert done.stdout == "entered\n"


FORK = """
import os, signal, sys
from pathlib import Path
from tracker.file_locks import exclusive
from tracker.journal.file import journal_paths, live_folder
lock = Path(sys.argv[1])
with exclusive(lock):
    child = os.fork()
    if child == 0:
        signal.pause()
with exclusive(lock):
    print("entered")
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""
