"""Signals, forks, exits and kills, each at a moment that the journal was not made for."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tracker.client import TrackingClient
from tracker.journal.file import live_folder
from tracker.journal.recovery import recovered
from tracker.store import upkeep
from tracker.tags import TRACKER_FAILURE_REASON

KILLS = int(os.environ.get("TRACKER_JOURNAL_KILLS", "20"))
KILLS_A_FILE = 20
POINTS_OF_A_DAY = int(os.environ.get("TRACKER_DAY_POINTS", "200000"))


def journals(path):
    return sorted(found.name for found in live_folder(path).glob("*.journal"))


def steps(client, run_id, key):
    return [metric.step for metric in client.get_metric_history(run_id, key)]


# A handler that logs, reads and writes every 300 µs, whatever it interrupts, itself included. What
# it interrupts by a write is written again: three times, however slow the machine is.
SIGNALLED = """
import itertools, os, signal, sys, tracker
tracker.set_tracking_uri(sys.argv[1])
ticks, depth, tags = itertools.count(), 0, 0
client = tracker.get_client()
def tick(*_):
    global depth, tags
    depth += 1
    if depth < 3:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
    number = next(ticks)
    client.log_metric(run_id, "ticks", number, step=number)
    if number % 7 == 0 and tags < 3:
        tags += 1
        client.set_tag(run_id, "tick", number)
    if number % 5 == 0:
        client.get_run(run_id)
    depth -= 1
    if depth == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
with tracker.start_run() as run:
    run_id = run.info.run_id
    signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
    for step in range(int(sys.argv[2])):
        tracker.log_metrics({"a": step, "b": step}, step=step)
        tags = 0
        if step % 10 == 0:
            tracker.log_param(f"p{step}", step)
            tags = 0
            assert len(client.get_metric_history(run_id, "a")) == step + 1
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    print(run_id, next(ticks), flush=True)
    if sys.argv[3] == "die":
        os._exit(1)
"""


@pytest.mark.parametrize("end", ["end", "die"])
def test_a_handler_that_logs_reads_and_writes_loses_nothing_and_never_hangs(tmp_path, end):
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(tmp_path / "t.db"), "2000", end],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == (end == "die"), done.stderr
    run_id, ticks = done.stdout.split()
    client = TrackingClient(tmp_path / "t.db")
    assert steps(client, run_id, "a") == steps(client, run_id, "b") == list(range(2_000))
    assert steps(client, run_id, "ticks") == list(range(int(ticks)))
    assert int(ticks) > 100
    assert len(client.get_run(run_id).data.params) == 200


# The handler comes first in the middle of the fold, and writes faster than SQLite can fold.
WRITES_ALWAYS = """
import itertools, signal, sys, tracker
from tracker.journal import folding
folding.FOLD_SECONDS = 60.0
client = tracker.TrackingClient(sys.argv[1])
ticks = itertools.count()
def tick(*_):
    client.set_tag(sys.argv[2], "tick", next(ticks))
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
for step in range(20_000):
    client.log_metric(sys.argv[2], "m", step, step=step)
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.02)
found = len(client.get_metric_history(sys.argv[2], "m"))
signal.signal(signal.SIGALRM, signal.SIG_IGN)
print(found)
"""


def test_a_handler_that_writes_all_the_time_does_not_keep_a_fold_from_its_end(client, run_id):
    path = client.store.database.path
    done = subprocess.run(
        [sys.executable, "-c", WRITES_ALWAYS, path, run_id],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["20000"]


OPENING = """
import itertools, signal, sys, tracker
ticks = itertools.count()
client = run_id = None
def tick(*_):
    if run_id is not None:
        number = next(ticks)
        client.log_metric(run_id, "ticks", number, step=number)
    signal.setitimer(signal.ITIMER_REAL, 0.0003)
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.0003)
for number in range(15):
    ticks = itertools.count()
    run_id, client = None, tracker.TrackingClient(f"{sys.argv[1]}{number}.db")
    run_id = client.create_run("0").info.run_id
    for step in range(200):
        client.log_metric(run_id, "m", step, step=step)
    last, run_id = run_id, None
    client.set_terminated(last)
    print(number, last, next(ticks), flush=True)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
"""


def test_a_handler_may_log_while_a_journal_and_its_thread_are_being_made(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OPENING, str(tmp_path / "t")],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    for line in done.stdout.splitlines():
        number, run_id, ticks = line.split()
        client = TrackingClient(tmp_path / f"t{number}.db")
        assert steps(client, run_id, "m") == list(range(200))
        assert steps(client, run_id, "ticks") == list(range(int(ticks)))


START = """
import atexit, os, signal, sys, threading, time, tracker
client = tracker.TrackingClient(sys.argv[1])
run_id = sys.argv[2]
def log(start, stop):
    for step in range(start, stop):
        client.log_metric(run_id, "m", step, step=step)
"""
ENDS = {
    "return": "log(0, 100)",
    "sys.exit": "log(0, 100); sys.exit(3)",
    "exception": "log(0, 100); raise RuntimeError",
    "thread that outlives main": """
thread = threading.Thread(target=lambda: (time.sleep(0.3), log(50, 100)))
log(0, 50)
thread.start()
""",
    "atexit hooks": """
atexit.register(log, 50, 75)
log(0, 50)
import multiprocessing.util
atexit.register(log, 75, 100)
""",
    "__del__ at shutdown": """
class Logs:
    def __del__(self):
        log(50, 100)
log(0, 50)
sys.modules["kept"] = Logs()
""",
    "worker of multiprocessing": """
import multiprocessing
log(0, 50)
worker = multiprocessing.get_context("fork").Process(target=log, args=(50, 100))
worker.start()
worker.join()
""",
}
CUT_SHORT = {
    "os._exit": "log(0, 100); os._exit(1)",
    "SIGTERM": "log(0, 100); os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "log(0, 100); os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_a_process_that_ends_brings_every_point_into_the_database(client, run_id, code):
    path = client.store.database.path
    subprocess.run(
        [sys.executable, "-c", START + code, path, run_id],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert client.waiting_points() == 0
    assert steps(client, run_id, "m") == list(range(100))


@pytest.mark.parametrize("code", CUT_SHORT.values(), ids=CUT_SHORT)
def test_what_a_process_that_was_cut_short_logged_is_recovered(client, run_id, reopened, code):
    path = client.store.database.path
    subprocess.run([sys.executable, "-c", START + code, path, run_id], check=False, timeout=60)
    other = reopened()
    assert steps(other, run_id, "m") == list(range(100))
    assert len(journals(path)) == 1  # This process's own.


FORKED = """
import os, signal, sys, tracker
client = tracker.TrackingClient(sys.argv[1])
run_id = client.create_run("0").info.run_id
for step in range(100):
    client.log_metric(run_id, "parent", step, step=step)
ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    for step in range(100):
        client.log_metric(run_id, "child", step, step=step)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os._exit(0)
os.read(ready[0], 1)
print(run_id, child, flush=True)
os._exit(1)
"""


def test_a_forked_child_does_not_keep_its_dead_parents_run_alive(tmp_path):
    done = subprocess.Popen(
        [sys.executable, "-c", FORKED, str(tmp_path / "t.db")], stdout=subprocess.PIPE, text=True
    )
    run_id, child = done.stdout.readline().split()
    done.wait()
    try:
        client = TrackingClient(tmp_path / "t.db")
        assert client.get_run(run_id).info.status == "FAILED"
        assert steps(client, run_id, "parent") == list(range(100))
        assert len(journals(tmp_path / "t.db")) == 1  # The child's: it is alive.
    finally:
        os.kill(int(child), signal.SIGKILL)
    done.communicate()
    deadline = time.monotonic() + 60
    while steps(client, run_id, "child") != list(range(100)):
        assert time.monotonic() < deadline
        client._next_reap = 0.0
        client.reap()


FORKED_MEANWHILE = """
import os, sys, threading, tracker
client = tracker.TrackingClient(sys.argv[1])
client.log_metric(sys.argv[2], "parent", 1.0)
journal, is_held = client.store.journal, threading.Event()
def hold():
    with journal.lock:
        is_held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
is_held.wait()
if (child := os.fork()) == 0:
    client.log_metric(sys.argv[2], "child", 2.0)
    os._exit(len(client.get_metric_history(sys.argv[2], "child")))
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent(client, run_id):
    path = client.store.database.path
    command = [sys.executable, "-W", "ignore", "-c", FORKED_MEANWHILE, path, run_id]
    assert subprocess.run(command, check=False, timeout=120).returncode == 1
    client._next_reap = 0.0
    assert client.get_run(run_id).data.metrics == {"parent": 1.0, "child": 2.0}


def test_openers_wait_for_the_one_that_recovers(tmp_path):
    path = tmp_path / "t.db"
    code = START.replace("run_id = sys.argv[2]", 'run_id = client.create_run("0").info.run_id')
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}\nprint(run_id, flush=True)\nlog(0, 60_000)\nos._exit(1)",
            path,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    run_id, found = done.stdout.strip(), []

    def open_and_look():
        client = TrackingClient(path)
        run = client.get_run(run_id)
        found.append((run.info.status, run.data.metrics["m"]))

    threads = [threading.Thread(target=open_and_look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [("FAILED", 59_999.0)] * 4


def test_a_recovery_that_fails_leaves_everything_for_the_next(client, run_id):
    path = client.store.database.path
    code = START + "log(0, 100); os._exit(1)"
    subprocess.run([sys.executable, "-c", code, path, run_id], check=False)
    with pytest.raises(KeyboardInterrupt), recovered(client.store):
        raise KeyboardInterrupt
    assert len(journals(path)) == 2
    client._next_reap = 0.0
    client.reap()
    assert steps(client, run_id, "m") == list(range(100))
    assert len(journals(path)) == 1


# Says after each call in a file of its own what had been logged: a pipe would slow it down.
WRITER = """
import os, struct, sys, tracker
client = tracker.TrackingClient(sys.argv[1])
said = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
run_id = client.create_run("0").info.run_id
os.pwrite(said, run_id.encode(), 16)
for step in range(10**9):
    client.log_metric(run_id, "one", step, step=step, timestamp=step)
    os.pwrite(said, struct.pack("<q", step + 1), 0)
    client.log_metrics(run_id, {f"ten{i}": step for i in range(10)}, step=step, timestamp=step)
    os.pwrite(said, struct.pack("<q", step + 1), 8)
"""
OPENER = "import sys, tracker; tracker.TrackingClient(sys.argv[1])"


def run_python(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])


def kill_writer(path, said, chance):
    """Kill a writer at a random moment of its work; its run and what it had acknowledged."""
    writer = run_python(WRITER, path, said)
    while not (said.exists() and said.stat().st_size == 48 and said.read_bytes()[:8].strip(b"\0")):
        assert writer.poll() is None
    time.sleep(chance.random() * 0.3)
    writer.kill()
    writer.wait()
    one, ten, run_id = struct.unpack("<qq32s", said.read_bytes())
    return run_id.decode(), one, ten


def disturb(path, chance):
    """Damage the tail now and then, and let recoverers be killed, or come by twos."""
    if chance.random() < 0.3:
        for journal in live_folder(path).glob("*.journal"):
            with journal.open("ab") as file:
                file.write(chance.randbytes(chance.randint(1, 70)))
    for _ in range(chance.choice([0, 0, 1, 2])):
        openers = [run_python(OPENER, path) for _ in range(chance.choice([1, 2]))]
        time.sleep(chance.uniform(0.05, 0.25))
        for opener in openers:
            opener.kill()
            opener.wait()


def unbroken(client, run_id, key):
    """How many points a metric has, whose steps and values are all that count up to there."""
    with client.store.database.read() as connection:
        found = connection.execute(
            """
            SELECT count(*), count(DISTINCT step), min(step), max(step), sum(value <> step)
            FROM metrics WHERE run_uuid = ? AND key = ?
            """,
            (run_id, key),
        ).fetchone()
    count = found[0]
    assert found == (count, count, 0, count - 1, 0)
    assert client.get_run(run_id).data.metrics[key] == count - 1
    return count


def check(client, run_id, one, ten):
    run = client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert "ended without closing the run" in run.data.tags[TRACKER_FAILURE_REASON]
    lengths = {key: unbroken(client, run_id, key) for key in run.data.metrics}
    assert lengths.pop("one", 0) >= one
    assert len(lengths) in {0, 10}
    assert len(set(lengths.values())) <= 1  # No half `log_metrics`.
    assert max(lengths.values(), default=0) >= ten
    assert run.info.end_time >= run.info.start_time


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, KILLS, KILLS_A_FILE))
def test_a_kill_at_any_moment_loses_nothing_and_leaves_nothing(tmp_path, first):
    path, chance = tmp_path / "t.db", random.Random(20_261_130 + first)
    TrackingClient(path)
    for number in range(min(KILLS_A_FILE, KILLS - first)):
        acknowledged = kill_writer(path, tmp_path / f"said{number}", chance)
        disturb(path, chance)
        check(TrackingClient(path), *acknowledged)
        assert journals(path) == []
    client = TrackingClient(path)
    with client.store.database.read() as connection:
        assert upkeep.damage(connection) == []
        assert upkeep.wrong_latest(connection) == []


DAY = """
import os, sys, tracker
client = tracker.TrackingClient(sys.argv[1])
run_id = client.create_run("0").info.run_id
keys, calls = [f"m{i}" for i in range(10)], int(sys.argv[2]) // 10
def state():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096, len(os.listdir("/proc/self/fd"))
for step in range(calls):
    client.log_metrics(run_id, dict.fromkeys(keys, float(step)), step=step)
    if step == calls // 5:
        early = state()
late = state()
client.store.fold()
print(run_id, late[0] - early[0], late[1] - early[1], len(os.listdir(sys.argv[1] + "-live")))
"""


@pytest.mark.slow
def test_memory_and_descriptors_stay_flat_over_a_days_points(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DAY, str(tmp_path / "t.db"), str(POINTS_OF_A_DAY)],
        check=True,
        capture_output=True,
        text=True,
    )
    run_id, grown, opened, files = done.stdout.split()
    assert int(grown) < 32 << 20
    assert int(opened) <= 4  # A file that is being folded, and the connection that folds it.
    assert int(files) <= 2
    client = TrackingClient(tmp_path / "t.db")
    assert client.get_run(run_id).data.metrics["m9"] == POINTS_OF_A_DAY // 10 - 1
    with client.store.database.read() as connection:
        (found,) = connection.execute("SELECT count(*) FROM metrics").fetchone()
    assert found == POINTS_OF_A_DAY // 10 * 10
    assert Path(f"{tmp_path}/t.db-live").is_dir()
