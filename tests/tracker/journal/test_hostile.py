"""A received folder of journals: a stranger's files cost nothing but the points they may add."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tracker.client import TrackingClient
from tracker.journal import records
from tracker.maintenance.check import Checkup

NAME = f"{'0' * 16}.journal"
OPEN = records.pack_start("process 1 on mars", {})


def frame(kind, names=b"", step=0, timestamp=1, values=()):
    numbers = struct.pack(f"<qq{len(values)}d", step, timestamp, *values)
    head = struct.pack("<III", 16 + len(names) + len(numbers), kind, len(names))
    return records.sealed(head + names + numbers)


def row(run_id, value=1.0, key="m", step=0, timestamp=1):
    return frame(records.ROW, f"{run_id}\n{key}".encode(), step, timestamp, [value])


def write(content):
    return lambda path, _: path.write_bytes(content)


def write_sparse(path, _):
    path.write_bytes(OPEN)
    os.truncate(path, 1 << 40)


def link_to_secret(path, _):
    (path.parent.parent / "secret").write_text("secret")
    path.symlink_to(path.parent.parent / "secret")


def listen(path, _):
    here = Path.cwd()
    os.chdir(path.parent)  # The path of a socket is at most 107 bytes long.
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


KINDS = {
    "nothing": write(b""),
    "a start cut off": write(OPEN[:20]),
    "garbage": write(bytes(range(256)) * 400),
    "text": write(b"hello\n" * 100),
    "zeros": write(bytes(100_000)),
    "another version": write(b"ml-tracker journal 1\n" + OPEN),
    "no start": lambda path, run: path.write_bytes(row(run)),
    "length of 4 GiB": write(OPEN + struct.pack("<IIIIqq", 0, 2**32 - 1, 1, 0, 0, 0)),
    "names of 4 GiB": write(OPEN + struct.pack("<IIIIqq", 0, 32, 1, 2**32 - 1, 0, 0)),
    "a TiB of nothing": write_sparse,
    "100,000 sets of metrics": lambda path, run: path.write_bytes(
        OPEN + b"".join(frame(records.ROW, f"{run}\nk{n}".encode()) for n in range(100_000))
    ),
    "rows without values": lambda path, run: path.write_bytes(
        OPEN + frame(records.ROW, f"{run}\nm".encode()) * 100
    ),
    "a negative time": lambda path, run: path.write_bytes(OPEN + row(run, timestamp=-1)),
    "a key that leads up": lambda path, run: path.write_bytes(OPEN + row(run, key="../x")),
    "a key of 10,000 letters": lambda path, run: path.write_bytes(
        OPEN + row(run, key="k" * 10_000)
    ),
    "a run that is a path": write(OPEN + row("../../etc/passwd")),
    "a run that is not there": write(OPEN + row("f" * 32)),
    "holds of runs that are not there": write(
        records.pack_start("p", {f"{n:032x}": 2**62 for n in range(1_000)})
    ),
    "an unknown kind": write(OPEN + frame(99)),
    "a link": link_to_secret,
    "a link to itself": lambda path, _: path.symlink_to(path),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a socket": listen,
    "a folder": lambda path, _: path.mkdir(),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_strangers_file_adds_nothing_and_stops_nobody(run_id, folder, make, reopened):
    make(folder / NAME, run_id)
    began = time.process_time()
    other = reopened()
    other.log_metric(run_id, "own", 1.0)
    found = other.get_run(run_id)
    assert (found.info.status, found.data.metrics) == ("RUNNING", {"own": 1.0})
    assert other.waiting_points() == 0
    assert time.process_time() - began < 30
    secret = folder.parent / "secret"
    assert not secret.exists() or secret.read_text() == "secret"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, 5e-324])
def test_any_number_is_a_point(run_id, folder, value, reopened):
    (folder / NAME).write_bytes(OPEN + row(run_id, value, step=-5))
    (metric,) = reopened().get_metric_history(run_id, "m")
    assert (repr(metric.value), metric.step) == (repr(value), -5)


def test_what_is_damaged_in_the_middle_is_set_aside_and_named_by_check(run_id, folder, reopened):
    content = bytearray(OPEN + row(run_id, 1.0, step=1) + row(run_id, 2.0, step=2))
    content[len(OPEN) + 40] ^= 1  # In the first row.
    (folder / NAME).write_bytes(content)
    other = reopened()
    assert other.get_metric_history(run_id, "m") == []
    assert (folder / f"{NAME}.damaged").read_bytes() == content
    (problem,) = [p for finding in Checkup(other).run() for p in finding.problems]
    assert NAME in problem
    assert "is damaged" in problem


def test_a_journal_of_an_earlier_version_is_set_aside_and_named_by_check(folder, reopened):
    text = b"ml-tracker journal 1\nprocess 1 on mars"
    content = records.sealed(struct.pack("<IIIqq", 32 + len(text), 1, 0, 0, 0) + text)
    (folder / NAME).write_bytes(content)
    problems = [p for finding in Checkup(reopened()).run() for p in finding.problems]
    assert (folder / f"{NAME}.damaged").read_bytes() == content
    assert len(problems) == 1
    assert f"{NAME}.damaged" in problems[0]


@pytest.mark.parametrize("content", [b"", OPEN[:10], OPEN], ids=["nothing", "10", "start"])
def test_a_file_shorter_than_its_start_is_removed(folder, content, reopened):
    (folder / NAME).write_bytes(content)
    reopened()
    assert list(folder.iterdir()) == [folder / "recovery.lock"]


def test_a_live_folder_that_is_a_link_is_not_read(tmp_path):
    client = TrackingClient(tmp_path / "t.db")
    run_id = client.create_run("0").info.run_id
    client.set_terminated(run_id)
    path = tmp_path / "other.db"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / NAME).write_bytes(records.pack_start("process 1 on mars", {run_id: 0}))
    (tmp_path / "other.db-live").symlink_to(elsewhere)
    with pytest.warns(UserWarning, match="is a link"):
        TrackingClient(path).create_run("0")
    assert len(list(elsewhere.iterdir())) == 1


def test_check_names_nothing_behind_a_live_folder_that_is_a_link(tmp_path):
    client = TrackingClient(tmp_path / "t.db")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{NAME}.damaged").touch()
    (tmp_path / "t.db-live").symlink_to(elsewhere)
    assert [problem for finding in Checkup(client).run() for problem in finding.problems] == []


def test_a_reader_says_how_many_points_wait_and_changes_nothing(client, run_id, folder):
    (folder / NAME).write_bytes(OPEN + row(run_id) * 3)
    reader = TrackingClient(client.store.database.path, read_only=True)
    assert reader.waiting_points() == 3
    assert (folder / NAME).exists()
    with suppress(OSError):
        (folder / NAME).unlink()
