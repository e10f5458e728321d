"""The journal at work: what is visible when, to whom, and what raises."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tracker.client import TrackingClient
from tracker.exceptions import (
    DatabaseError,
    DiskFullError,
    InvalidStateError,
    NotFoundError,
    ReadOnlyError,
)
from tracker.journal import folding
from tracker.journal.file import live_folder
from tracker.store import upkeep


def journals(folder):
    return sorted(path.name for path in folder.glob("*.journal"))


def plain_count(client):
    """How many points a program with nothing but sqlite3 sees."""
    with closing(sqlite3.connect(client.store.database.path)) as connection:
        return connection.execute("SELECT count(*) FROM metrics").fetchone()[0]


def wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_a_point_is_in_the_journal_at_once_and_in_the_database_soon(client, run_id, folder):
    client.log_metric(run_id, "m", 1.0)
    (name,) = journals(folder)
    assert f"{run_id}\nm".encode() in (folder / name).read_bytes()
    wait_until(lambda: plain_count(client) == 1)


def test_a_process_reads_what_it_has_just_logged(client, run_id):
    for step in range(300):
        client.log_metrics(run_id, {"a": step, "b": -step}, step=step)
        assert len(client.get_metric_history(run_id, "b")) == step + 1


def test_another_client_of_the_process_reads_it_too(client, run_id, reopened):
    other = reopened()
    reader = TrackingClient(client.store.database.path, read_only=True)
    client.log_metric(run_id, "m", 1.0)
    assert other.get_run(run_id).data.metrics == {"m": 1.0}
    other.log_metric(run_id, "m", 2.0, step=1)
    assert reader.get_run(run_id).data.metrics == {"m": 2.0}


@pytest.mark.parametrize(
    "write",
    [
        lambda client, run: client.set_tag(run, "k", "v"),
        lambda client, run: client.log_param(run, "k", "v"),
        lambda client, run: client.log_history(run, "h", [1.0]),
        lambda client, run: client.set_terminated(run),
        lambda client, _: client.store.fold(),
    ],
    ids=["tag", "param", "history", "end", "fold"],
)
def test_whatever_else_a_process_writes_brings_its_points_first(client, run_id, write):
    client.log_metric(run_id, "m", 1.0)
    write(client, run_id)
    with closing(sqlite3.connect(client.store.database.path)) as connection:
        rows = connection.execute("SELECT key FROM metrics ORDER BY rowid").fetchall()
    assert rows[0] == ("m",)


def test_the_journal_is_rotated_and_never_truncated_while_the_loop_outruns_sqlite(
    client, run_id, folder
):
    seen, most = set(), 0
    for step in range(120_000):
        client.log_metric(run_id, "m", float(step), step=step)
        if step % 1_000 == 0:
            names = journals(folder)
            seen |= set(names)
            most = max(most, len(names))
    assert len(client.get_metric_history(run_id, "m")) == 120_000
    client.log_metric(run_id, "m", 1.0, step=-1)
    client.store.fold()
    assert (len(seen) > 1, most <= 2, len(journals(folder))) == (True, True, 1)
    size = (folder / journals(folder)[0]).stat().st_size
    assert size < folding.ROTATE_BYTES + 100_000


def test_sixteen_threads_lose_no_point(client, run_id):
    def log(thread):
        for step in range(500):
            client.log_metrics(run_id, {f"m{thread}": step, "all": thread}, step=step)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(log, range(16)))
    lengths = [len(client.get_metric_history(run_id, f"m{thread}")) for thread in range(16)]
    assert lengths == [500] * 16
    points = {(m.step, m.value) for m in client.get_metric_history(run_id, "all")}
    assert points == {(step, float(thread)) for step in range(500) for thread in range(16)}


def test_a_thousand_runs_of_a_process_need_one_file(client, folder):
    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    client.log_metric(client.create_run("0").info.run_id, "m", 1.0)
    client.store.fold()
    before = descriptors()
    run_ids = [client.create_run("0").info.run_id for _ in range(1_000)]
    for run_id in run_ids:
        client.log_metric(run_id, "m", 1.0)
    assert len(journals(folder)) == 1
    assert descriptors() <= before
    assert len(client.search_runs(["0"], "metrics.m = 1", max_results=2_000)) == 1_001


def test_a_journal_that_nobody_needs_goes_and_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "WATCH_SECONDS", 0.02)
    clients = [TrackingClient(tmp_path / f"{number}.db") for number in range(20)]
    for step in range(2):
        run_ids = [client.create_run("0").info.run_id for client in clients]
        for client, run_id in zip(clients, run_ids, strict=True):
            client.log_metric(run_id, "m", 1.0, step=step)
        wait_until(lambda n=step + 1: all(plain_count(client) == n for client in clients))
        assert len(list(tmp_path.glob("*-live/*.journal"))) == 20
        for client, run_id in zip(clients, run_ids, strict=True):
            client.set_terminated(run_id)
        wait_until(lambda: not list(tmp_path.glob("*-live/*.journal")))


def test_a_clock_that_goes_backwards_changes_neither_order_nor_latest_value(client, run_id):
    for value, timestamp, step in [(1.0, 10, 1), (2.0, 5, 1), (3.0, 4, 2), (4.0, 9, 0)]:
        client.log_metric(run_id, "m", value, timestamp=timestamp, step=step)
    history = client.get_metric_history(run_id, "m")
    assert [(m.step, m.timestamp) for m in history] == [(0, 9), (1, 5), (1, 10), (2, 4)]
    assert client.get_run(run_id).data.metrics == {"m": 3.0}


def test_a_fold_that_comes_before_the_thread_wakes_disturbs_nobody(client, run_id):
    for step in range(200):
        client.log_metric(run_id, "m", 1.0, step=step)
        client.store.fold()
    assert plain_count(client) == 200


def test_a_transaction_of_ones_own_is_not_waited_for(client, run_id, reopened):
    client.log_metric(run_id, "m", 1.0)
    with client.store.database.write() as connection:
        client.log_metric(run_id, "m", 2.0, step=1)
        assert client.store.get_run_info(run_id).run_id == run_id
        assert connection.execute("SELECT count(*) FROM metrics").fetchone() == (1,)
    other = reopened()
    with other.store.database.write():
        client.log_metric(run_id, "m", 3.0, step=2)
        other.store.fold()
    assert len(client.get_metric_history(run_id, "m")) == 3


def test_logging_does_not_wait_for_a_lock_that_another_process_holds(client, run_id):
    client.log_metric(run_id, "m", 0.0)
    with closing(sqlite3.connect(client.store.database.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        logged = threading.Thread(
            target=lambda: [client.log_metric(run_id, "m", 1.0, step=s) for s in range(1, 2_000)]
        )
        logged.start()
        logged.join(50)  # Whoever waits for the lock waits for 60 s.
        assert not logged.is_alive()
        other.rollback()
    assert len(client.get_metric_history(run_id, "m")) == 2_000


def test_a_reader_waits_for_the_fold_that_a_lock_keeps_waiting(client, run_id):
    client.log_metric(run_id, "m", 0.0)
    seen = []
    reader = threading.Thread(
        target=lambda: seen.append(len(client.get_metric_history(run_id, "m")))
    )
    with closing(sqlite3.connect(client.store.database.path)) as other:
        client.store.fold()
        other.execute("BEGIN IMMEDIATE")
        client.log_metric(run_id, "m", 1.0, step=1)
        reader.start()
        reader.join(0.3)
        assert (seen, reader.is_alive()) == ([], True)
        other.rollback()
    reader.join(30)
    assert seen == [2]


# Runs that are not there


def test_a_run_deleted_by_the_same_process_is_refused_at_the_next_call(client, run_id):
    client.log_metric(run_id, "m", 1.0)
    client.delete_run(run_id)
    with pytest.raises(InvalidStateError, match="is deleted"):
        client.log_metric(run_id, "m", 2.0, step=1)
    client.restore_run(run_id)
    client.log_metric(run_id, "m", 3.0, step=2)
    assert [m.value for m in client.get_metric_history(run_id, "m")] == [1.0, 3.0]


def test_a_run_of_a_deleted_experiment_is_refused_at_the_next_call(client):
    experiment = client.create_experiment("e")
    run_id = client.create_run(experiment).info.run_id
    client.log_metric(run_id, "m", 1.0)
    client.delete_experiment(experiment)
    with pytest.raises(InvalidStateError, match="is deleted"):
        client.log_metric(run_id, "m", 2.0, step=1)


OTHER = """
import sys
from tracker.client import TrackingClient
from tracker.store import upkeep
client = TrackingClient(sys.argv[1])
client.delete_run(sys.argv[2])
if sys.argv[3] == "purge":
    with client.store.database.write() as connection:
        upkeep.remove_run(connection, client.store.get_run_info(sys.argv[2]), 2**62)
"""


@pytest.mark.parametrize(
    ("how", "error"), [("delete", InvalidStateError), ("purge", NotFoundError)]
)
def test_a_run_deleted_by_another_process_is_refused_within_a_fold(
    client, run_id, python, how, error
):
    client.log_metric(run_id, "m", 1.0)
    client.store.fold()
    python(OTHER, str(client.store.database.path), run_id, how)
    with pytest.raises(error):
        for step in range(1_000_000):
            client.log_metric(run_id, "m", 1.0, step=step)
    with client.store.database.read() as connection:
        assert upkeep.broken_references(connection) == []
        assert upkeep.wrong_latest(connection) == []


def test_no_metrics_and_no_run_are_told_at_the_call(client, run_id):
    client.log_metrics(run_id, {})
    for log in (lambda: client.log_metrics("f" * 32, {}), lambda: client.log_metric("f", "m", 1)):
        with pytest.raises(NotFoundError):
            log()


# Where there is no journal


def test_synchronous_full_commits_at_the_call(tmp_path):
    client = TrackingClient(tmp_path / "t.db", synchronous="FULL")
    run_id = client.create_run("0").info.run_id
    client.log_metrics(run_id, {"a": 1.0, "b": 2.0})
    assert plain_count(client) == 2
    assert client.store.journal.runs.keys() == {run_id}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_without_a_live_folder_points_are_committed_at_the_call_and_one_warning_says_so(
    tmp_path, kind
):
    live = tmp_path / "t.db-live"
    if kind == "file":
        live.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        live.symlink_to(tmp_path / "elsewhere")
    client = TrackingClient(tmp_path / "t.db")
    with pytest.warns(UserWarning, match="every metric is committed by itself"):
        run_id = client.create_run("0").info.run_id
    for step in range(3):  # Another warning would be an error here.
        client.log_metric(run_id, "m", 1.0, step=step)
        assert plain_count(client) == step + 1
    client.set_terminated(run_id)
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_platform_without_flock_commits_at_the_call(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "SUPPORTED", False)
    other = TrackingClient(tmp_path / "other.db")
    run_id = other.create_run("0").info.run_id
    other.log_metric(run_id, "m", 1.0)
    assert plain_count(other) == 1
    assert not live_folder(tmp_path / "other.db").exists()


def test_a_read_only_client_refuses_although_its_process_has_a_journal(client, run_id):
    client.log_metric(run_id, "m", 1.0)
    reader = TrackingClient(client.store.database.path, read_only=True)
    with pytest.raises(ReadOnlyError):
        reader.log_metric(run_id, "m", 2.0)


# What breaks


def test_a_removed_database_is_told_at_every_call_and_by_every_thread(client, run_id):
    client.log_metric(run_id, "m", 1.0)
    client.store.fold()
    client.store.database.path.unlink()

    def log_until_told(_):
        with pytest.raises(DatabaseError, match="removed or replaced"):
            for step in range(10_000_000):
                client.log_metric(run_id, "m", 1.0, step=step)
        with pytest.raises(DatabaseError, match="removed or replaced"):
            client.log_metric(run_id, "m", 1.0)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(log_until_told, range(2)))


def test_a_database_made_anew_in_its_place_gets_a_journal_of_its_own(client, run_id, folder):
    client.log_metric(run_id, "m", 1.0)
    for path in folder.parent.glob("tracking.db*"):
        if path.is_file():
            path.unlink()
    other = TrackingClient(folder.parent / "tracking.db")
    mine = other.create_run("0").info.run_id
    other.log_metric(mine, "m", 2.0)
    assert other.get_run(mine).data.metrics == {"m": 2.0}
    assert [run.info.run_id for run in other.search_runs(["0"])] == [mine]


def test_a_live_folder_that_somebody_removes_is_made_anew(client, run_id, folder):
    client.log_metric(run_id, "m", 1.0)
    shutil.rmtree(folder)
    client.log_metric(run_id, "m", 2.0, step=1)
    client.store.fold()
    assert len(client.get_metric_history(run_id, "m")) == 2
    assert len(journals(folder)) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB; only root can mount one."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_the_call_raises_and_what_it_accepted_stays(small_disk):
    client = TrackingClient(small_disk / "t.db")
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "m", 0.0)
    filler = Path(small_disk, "filler")
    accepted = 1
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1_000))
    with pytest.raises(DiskFullError, match="no room left on the disk"):
        for step in range(1, 1_000_000):
            client.log_metrics(run_id, {"m": float(step), "n": 1.0}, step=step)
            accepted += 1
    filler.unlink()
    client.log_metric(run_id, "m", -1.0, step=-1)
    client.store.fold()
    history = client.get_metric_history(run_id, "m")
    assert [m.step for m in history] == list(range(-1, accepted))
    assert len(client.get_metric_history(run_id, "n")) == accepted - 1
    client.store.database.close()
