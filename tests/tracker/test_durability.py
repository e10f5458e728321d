"""What was acknowledged is in the file, whatever happened to the process afterwards."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from tracker.client import TrackingClient
from tracker.exceptions import DiskFullError, TrackerError
from tracker.tags import TRACKER_FAILURE_REASON

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 and flock are of Unix")

KILLS = int(os.environ.get("TRACKER_KILLS", "40"))
KILLS_A_FILE = 40  # The check of the whole file after each takes longer as the file grows.
STRESS_SECONDS = float(os.environ.get("TRACKER_STRESS_SECONDS", "5"))

# Logs in every way there is and says after each call what had been logged.
WRITER = """
import sys, tracker
tracker.set_tracking_uri(sys.argv[1])
run = tracker.start_run().info.run_id
print("run", run, flush=True)
for step in range(10**9):
    tracker.log_metric("one", step, step=step)
    print("one", step, flush=True)
    tracker.log_metrics({f"many{i}": step for i in range(10)}, step=step)
    print("many9", step, flush=True)
    tracker.log_history(f"bulk{step}", range(300))
    print(f"bulk{step}", 299, flush=True)
    tracker.log_param(f"p{step}", step)
    tracker.set_tag(f"t{step}", step)
    print("text", step, flush=True)
"""


def start(code, *arguments, cwd=None):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def kill_while_writing(path, chance):
    """Kill a writer at a random moment; return its run and the last thing it acknowledged."""
    process = start(WRITER, path)
    run_id = process.stdout.readline().split()[1]
    lines = chance.randrange(1, 60)
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(chance.random() * 0.002)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().rpartition("\n")[0].splitlines()  # The last may be torn.
    process.wait()
    process.stdout.close()
    return run_id, rest


def missing(client, run_id, acknowledged):
    data = client.get_run(run_id).data
    for line in acknowledged:
        key, number = line.split()
        if key == "text":
            if {f"p{number}", f"t{number}"} - (data.params.keys() | data.tags.keys()):
                yield line
        elif data.metrics.get(key, -1) < int(number):
            yield line


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, KILLS, KILLS_A_FILE))
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path, first):
    client = TrackingClient(tmp_path / "t.db")
    chance = random.Random(20_230_517 + first)
    for _ in range(min(KILLS_A_FILE, KILLS - first)):
        run_id, acknowledged = kill_while_writing(tmp_path / "t.db", chance)
        client._next_reap = 0.0
        run = client.get_run(run_id)
        assert list(missing(client, run_id, acknowledged)) == []
        assert (run.info.status, "ended without" in run.data.tags[TRACKER_FAILURE_REASON]) == (
            "FAILED",
            True,
        )
        check = client.store.database.connection.execute("PRAGMA integrity_check").fetchone()
        assert check == ("ok",)


def test_a_killed_run_becomes_failed_with_a_reason_and_can_be_resumed(tmp_path):
    process = start(WRITER, tmp_path / "t.db")
    run_id = process.stdout.readline().split()[1]
    client = TrackingClient(tmp_path / "t.db")
    assert client.get_run(run_id).info.status == "RUNNING"
    process.kill()
    process.communicate()
    client._next_reap = 0.0
    run = client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags[TRACKER_FAILURE_REASON].startswith(f"process {process.pid} on ")
    client.resume_run(run_id)
    resumed = client.get_run(run_id)
    assert (resumed.info.status, TRACKER_FAILURE_REASON in resumed.data.tags) == ("RUNNING", False)


def test_a_run_lives_as_long_as_one_of_its_processes(tmp_path):
    client = TrackingClient(tmp_path / "t.db")
    run_id = client.create_run("0").info.run_id
    worker = start(
        "import sys, tracker; c = tracker.TrackingClient(sys.argv[1]); c.resume_run(sys.argv[2]);"
        "print(flush=True); sys.stdin.read()",
        tmp_path / "t.db",
        run_id,
    )
    worker.stdout.readline()
    worker.kill()
    worker.communicate()
    client._next_reap = 0.0
    assert client.get_run(run_id).info.status == "RUNNING"
    client.set_terminated(run_id)
    assert client.store.journal.runs == {}


def test_a_run_that_another_program_started_is_left_alone(client):
    run_id = client.create_run("0").info.run_id
    client.set_terminated(run_id)
    client.store.update_run(run_id, status="RUNNING")
    client._next_reap = 0.0
    assert client.get_run(run_id).info.status == "RUNNING"


READER = """
import sys, time, tracker
client = tracker.TrackingClient(sys.argv[1])
end, worst = time.monotonic() + float(sys.argv[2]), 0.0
while time.monotonic() < end:
    start = time.monotonic()
    client.search_runs(["0"], "metrics.m > 1", order_by=["metrics.m DESC"], max_results=5)
    worst = max(worst, time.monotonic() - start)
    time.sleep(0.01)
print(worst)
"""
STRESS = """
import sys, time, tracker
client = tracker.TrackingClient(sys.argv[1])
run_id, end, step = client.create_run("0").info.run_id, time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    client.log_metric(run_id, "m", step, step=step)
    step += 1
client.set_terminated(run_id)
print(run_id, step)
"""


@pytest.mark.slow
def test_sixteen_writers_and_four_readers_never_meet_a_lock(tmp_path, record_property):
    path = tmp_path / "t.db"
    client = TrackingClient(path)
    writers = [start(STRESS, path, STRESS_SECONDS) for _ in range(16)]
    readers = [start(READER, path, STRESS_SECONDS) for _ in range(4)]
    written = [process.communicate()[0].split() for process in writers]
    record_property("slowest_read_seconds", max(float(r.communicate()[0]) for r in readers))
    assert [process.returncode for process in writers + readers] == [0] * 20
    for run_id, count in written:
        assert len(client.get_metric_history(run_id, "m")) == int(count)


@pytest.mark.slow
def test_eight_processes_started_at_once_in_an_empty_folder_make_eight_runs(tmp_path):
    code = (
        "import tracker; tracker.set_experiment('together')\n"
        "with tracker.start_run(): tracker.log_metric('m', 1); tracker.log_text('x', 'x.txt')"
    )
    processes = [start(code, cwd=tmp_path) for _ in range(8)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 8
    client = TrackingClient(tmp_path / "tracking.db")
    names = [experiment.name for experiment in client.search_experiments()]
    assert names == ["together", "Default"]
    assert [run.info.status for run in client.search_runs(["1"])] == ["FINISHED"] * 8


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB; only root can mount one."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_what_was_logged_stays(small_disk):
    client = TrackingClient(small_disk / "t.db")
    run_id = client.create_run("0").info.run_id
    logged = 0
    with pytest.raises(DiskFullError, match="no room left on the disk"):
        for block in range(10_000):
            client.log_history(run_id, "m", range(500), steps=range(block * 500, block * 500 + 500))
            logged += 500
    assert len(client.get_metric_history(run_id, "m")) == logged
    check = client.store.database.connection.execute("PRAGMA integrity_check").fetchone()
    assert check == ("ok",)


def test_a_clock_that_goes_backwards_loses_no_point(client, run_id):
    for step, moment in enumerate([3_000, 2_000, 1_000]):
        client.log_metric(run_id, "m", float(step), timestamp=moment, step=step)
    assert [m.value for m in client.get_metric_history(run_id, "m")] == [0.0, 1.0, 2.0]
    assert client.get_run(run_id).data.metrics["m"] == 2.0


def test_a_connection_from_before_a_fork_is_not_used_by_the_child(client, run_id):
    database = client.store.database
    parent = id(database.connection)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b"same" if id(database.connection) == parent else b"other")
        os._exit(0)
    os.wait()
    assert os.read(reader, 10) == b"other"
    client.log_metric(run_id, "m", 1.0)


def test_a_reader_of_a_file_in_use_by_plain_sqlite_is_not_disturbed(client, run_id):
    plain = sqlite3.connect(client.store.database.path)
    plain.execute("BEGIN")
    plain.execute("SELECT count(*) FROM runs").fetchone()
    done = threading.Thread(target=client.log_metric, args=(run_id, "m", 1.0))
    done.start()
    done.join(timeout=10)
    assert not done.is_alive()
    plain.close()


def test_a_reader_does_not_wait_for_the_lock_to_mark_an_abandoned_run(tmp_path):
    process = start(WRITER, tmp_path / "t.db")
    run_id = process.stdout.readline().split()[1]
    client = TrackingClient(tmp_path / "t.db")
    process.kill()
    process.communicate()
    client._next_reap = 0.0
    other = sqlite3.connect(tmp_path / "t.db")
    other.execute("BEGIN IMMEDIATE")
    seen = []
    reader = threading.Thread(target=lambda: seen.append(client.get_run(run_id).info.status))
    reader.start()
    reader.join(timeout=10)
    assert seen == ["RUNNING"]
    other.rollback()
    other.close()
    client._next_reap = 0.0
    assert client.get_run(run_id).info.status == "FAILED"


SIGNALLED = """
import itertools, signal, sys, tracker
tracker.set_tracking_uri(sys.argv[1])
ticks = itertools.count()
def tick(*_):
    global number
    number = next(ticks)
    tracker.log_metric("ticks", number, step=number)
    tracker.set_tag(f"tick{number}", number)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
with tracker.start_run() as run:
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    number = step = 0
    while number < 100 or step < 1000:
        tracker.log_metrics({"a": step, "b": step}, step=step)
        step += 1
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(run.info.run_id, step, next(ticks))
"""
LAST_WORDS = """
import signal, sys, tracker
tracker.set_tracking_uri(sys.argv[1])
def end(*_):
    tracker.log_metric("last_words", 1.0)
    tracker.end_run("KILLED")
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
print(tracker.start_run().info.run_id, flush=True)
for step in range(10**9):
    tracker.log_metrics({f"m{i}": step for i in range(10)}, step=step)
"""


@pytest.mark.slow
def test_what_a_signal_handler_logs_and_what_it_interrupts_are_both_kept(tmp_path):
    process = start(SIGNALLED, tmp_path / "t.db")
    run_id, steps, ticks = process.communicate()[0].split()
    client = TrackingClient(tmp_path / "t.db")
    found = {key: len(client.get_metric_history(run_id, key)) for key in ("a", "b", "ticks")}
    assert found == {"a": int(steps), "b": int(steps), "ticks": int(ticks)}


@pytest.mark.slow
def test_the_last_words_of_a_terminated_run_are_kept(tmp_path):
    chance = random.Random(7)
    for _ in range(20):
        process = start(LAST_WORDS, tmp_path / "t.db")
        run_id = process.stdout.readline().strip()
        time.sleep(chance.random() * 0.05)
        process.terminate()
        process.communicate()
        run = TrackingClient(tmp_path / "t.db").get_run(run_id)
        assert (run.info.status, run.data.metrics.get("last_words")) == ("KILLED", 1.0)


def test_the_error_of_a_full_disk_is_a_tracker_error():
    assert issubclass(DiskFullError, TrackerError)
