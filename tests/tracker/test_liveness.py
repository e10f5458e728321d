"""Lock files: who works on a run, and what a folder from elsewhere must not lead to."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracker import liveness
from tracker.client import TrackingClient
from tracker.database import Database
from tracker.exceptions import InvalidStateError, NotFoundError
from tracker.journal.file import live_folder
from tracker.journal.records import pack_start
from tracker.tags import TRACKER_FAILURE_REASON

pytestmark = pytest.mark.skipif(os.name == "nt", reason="flock is of Unix")


@pytest.fixture
def journals(client):
    folder = live_folder(client.store.database.path)
    folder.mkdir(exist_ok=True)
    return folder


def write_abandoned(folder, process, runs):
    """Leave a journal as a process does that worked on some runs and was killed."""
    folder.mkdir(exist_ok=True)
    (folder / f"{os.urandom(8).hex()}.journal").write_bytes(pack_start(process, runs))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def look(client):
    client._next_reap = 0.0
    client.reap()


def held(client):
    return list(client.store.journal.runs)


def test_a_folder_of_journals_that_is_a_link_costs_nobody_a_file(client, tmp_path):
    home = tmp_path / "home"
    write_abandoned(home, "process 1 on nowhere", {"a" * 32: 0})
    live_folder(client.store.database.path).symlink_to(home)
    look(client)
    assert len(names(home)) == 1


def test_foreign_files_among_the_journals_stay(client, journals):
    (journals / "notes").write_text("mine")
    (journals / os.fsdecode(b"caf\xe9")).write_text("mine too")
    write_abandoned(journals, "process 1 on nowhere", {"a" * 32: 0})
    look(client)
    found = [os.fsencode(name) for name in names(journals)]
    assert found == [b"caf\xe9", b"notes", b"recovery.lock"]


def test_whoever_looks_removes_the_journal_of_a_process_that_ended_before_it_wrote(
    client, journals
):
    (journals / f"{'0' * 16}.journal").touch()
    look(client)
    assert names(journals) == ["recovery.lock"]


def test_a_journal_that_is_a_link_is_neither_followed_nor_removed(client, journals, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (journals / f"{'0' * 16}.journal").symlink_to(victim)
    look(client)
    assert names(journals) == [f"{'0' * 16}.journal"]
    assert victim.read_text() == "untouched"


def test_a_run_that_cannot_start_is_not_held(client):
    with pytest.raises(NotFoundError, match="no experiment"):
        client.create_run("77")
    with pytest.raises(NotFoundError, match="no run"):
        client.resume_run("0" * 32)
    assert held(client) == []


def test_a_run_that_cannot_be_resumed_stays_with_those_who_hold_it(client, run_id):
    client.delete_run(run_id)
    with pytest.raises(InvalidStateError, match="is deleted"):
        client.resume_run(run_id)
    assert held(client) == [run_id]


def test_of_those_who_want_a_run_for_themselves_one_gets_it(client, run_id):
    client.set_terminated(run_id, "KILLED")

    def claim():
        try:
            return client.resume_run(run_id, unless=("RUNNING", "FINISHED")).info.status
        except InvalidStateError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        answers = [asked.result() for asked in [threads.submit(claim) for _ in range(8)]]
    assert sorted(answers) == ["RUNNING"] + [f"The run {run_id!r} is RUNNING."] * 7


def test_threads_that_resume_one_run_hold_it_once(client, run_id):
    client.set_terminated(run_id)
    threads = [threading.Thread(target=client.resume_run, args=(run_id,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.set_terminated(run_id)
    assert held(client) == []


def abandon(client, run_id, journals, last_seen, process="process 1 on nowhere"):
    """Leave a run as a process does that took it at `last_seen` (ms) and was killed."""
    liveness.release(client.store, run_id)
    write_abandoned(journals, process, {run_id: last_seen})
    client._next_reap = 0.0


@pytest.mark.parametrize(
    ("logged", "last_seen", "end"),
    [
        ([], 10_500, 10_500),
        ([11_000, 12_000], 10_500, 12_000),
        ([11_000], 12_500, 12_500),
        ([7], 9, 10_000),
    ],
    ids=["nothing logged", "logged last", "resumed last", "before its start"],
)
def test_an_abandoned_run_ended_with_its_last_sign_of_life(
    client, journals, logged, last_seen, end
):
    run_id = client.create_run("0", start_time=10_000).info.run_id
    for moment in logged:
        client.log_metric(run_id, f"m{moment}", 1.0, timestamp=moment)
    abandon(client, run_id, journals, last_seen)
    info = client.get_run(run_id).info
    assert (info.status, info.end_time) == ("FAILED", end)


@pytest.mark.parametrize(("error", "stays"), [(SystemExit, True), (ValueError, False)])
def test_what_ends_the_program_leaves_the_run_to_its_end(client, error, stays):
    run_id = "c" * 32
    with pytest.raises(error), liveness.Held(client.store, run_id):
        raise error
    assert liveness.is_held(client.store, run_id) is stays
    liveness.release(client.store, run_id)


def reason(client, run_id):
    return client.get_run(run_id).data.tags[TRACKER_FAILURE_REASON]


def test_the_reason_names_the_process_that_worked_on_the_run(client, run_id, journals):
    abandon(client, run_id, journals, 0, "process 41 on ada")
    assert reason(client, run_id) == "process 41 on ada ended without closing the run"


def test_the_reason_of_a_journal_that_says_no_process_names_none(client, run_id, journals):
    abandon(client, run_id, journals, 0, "")
    assert reason(client, run_id) == "its process ended without closing the run"


def test_the_reason_names_the_process_that_took_the_run_over(tmp_path):
    client = TrackingClient(tmp_path / "t.db")
    run_id = client.create_run("0", tags={"tracker.pid": "41", "tracker.host": "ada"}).info.run_id
    client.set_terminated(run_id)
    code = (
        "import os, sys, tracker; c = tracker.TrackingClient(sys.argv[1]);"
        "c.resume_run(sys.argv[2]); print(os.getpid(), flush=True); os._exit(1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "t.db"), run_id],
        check=False,
        capture_output=True,
        text=True,
    )
    look(client)
    process = f"process {done.stdout.strip()} on {platform.node()}"
    assert reason(client, run_id) == f"{process} ended without closing the run"


def test_a_run_is_alive_as_long_as_one_journal_of_a_living_process_names_it(
    client, run_id, journals
):
    write_abandoned(journals, "process 1 on nowhere", {run_id: 0})
    look(client)
    assert client.get_run(run_id).info.status == "RUNNING"
    assert len([name for name in names(journals) if name.endswith(".journal")]) == 1


def test_an_abandoned_run_has_not_ended_in_the_future(client, run_id, journals):
    client.log_metric(run_id, "m", 1.0, timestamp=2**52)
    abandon(client, run_id, journals, 0)
    assert client.get_run(run_id).info.end_time <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    "end",
    [
        lambda client, run_id: client.set_terminated(run_id),
        lambda client, run_id: client.update_run(run_id, status="FINISHED"),
        lambda client, run_id: client.update_run(run_id, status="RUNNING"),
    ],
    ids=["ended", "updated", "said to run"],
)
def test_a_status_that_somebody_sets_needs_no_reason_why_the_run_failed(client, journals, end):
    run_id = client.create_run("0").info.run_id
    abandon(client, run_id, journals, 0)
    assert TRACKER_FAILURE_REASON in client.get_run(run_id).data.tags
    client.update_run(run_id, name="renamed")
    assert TRACKER_FAILURE_REASON in client.get_run(run_id).data.tags
    end(client, run_id)
    assert TRACKER_FAILURE_REASON not in client.get_run(run_id).data.tags


def test_a_deleted_run_that_was_abandoned_is_failed_when_it_comes_back(client, run_id, journals):
    client.delete_run(run_id)
    abandon(client, run_id, journals, 0)
    client.reap()
    client.restore_run(run_id)
    assert client.get_run(run_id).info.status == "FAILED"


HELD = """
import sys
import tracker
from tracker.journal import folding
folding.WATCH_SECONDS = 0.05
client = tracker.TrackingClient(sys.argv[1])
run_id = client.create_run("0").info.run_id
print(run_id, flush=True)
sys.stdin.readline()
client.log_metric(run_id, "m", 1.0)
client.store.fold()
print(flush=True)
sys.stdin.readline()
"""


def eventually(condition):
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.mark.parametrize("logs", [False, True], ids=["silent", "logging"])
def test_who_removes_the_folder_makes_no_run_immortal_and_none_dead(client, journals, logs):
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, client.store.database.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    run_id = process.stdout.readline().strip()
    for _ in range(2):
        shutil.rmtree(journals)
        eventually(lambda: liveness.owner(client.store, run_id))
        look(client)
        assert client.get_run(run_id).info.status == "RUNNING"
    if logs:
        shutil.rmtree(journals)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        assert str(process.pid) in liveness.owner(client.store, run_id)
        assert client.get_run(run_id).data.metrics == {"m": 1.0}
    process.kill()
    process.communicate(timeout=60)
    look(client)
    assert client.get_run(run_id).info.status == "FAILED"


def test_open_runs_leave_files_for_others(tmp_path):
    code = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from tracker.client import TrackingClient
client = TrackingClient(sys.argv[1])
for _ in range(100):
    run_id = client.create_run("0").info.run_id
client.log_text(run_id, "hello", "note.txt")
TrackingClient(sys.argv[1]).log_metric(run_id, "m", 1.0)
"""
    path = tmp_path / "tracking.db"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert len(TrackingClient(path).search_runs(["0"], "metrics.m = 1")) == 1


def test_a_reader_goes_on_where_an_abandoned_run_cannot_be_marked(client, run_id, journals):
    write_abandoned(journals, "process 1 on nowhere", {run_id: 0})
    path = client.store.database.path
    client.store.database = Database(path, busy_timeout_seconds=0.05)
    with Database(path).write():
        assert client.get_run(run_id).info.run_id == run_id
