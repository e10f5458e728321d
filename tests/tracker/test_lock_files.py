"""Lock files themselves: kept as spares, renamed, and never taken for what they no longer are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tracker import lock_files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="flock is of Unix")

# Holds and gives back a lock, then says so and waits.
GIVE_BACK = """
import sys
from tracker import lock_files
lock_files.give_back(sys.argv[1], lock_files.take(sys.argv[1], is_new=True))
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of locks, without what this process still keeps there."""
    yield tmp_path / "locks"
    lock_files._remove_spares()


def names(folder):
    return [path.name for path in folder.iterdir()]


def take(folder, name, *, is_new=True):
    return lock_files.take(f"{folder}/{name}", is_new=is_new)


def is_held(folder, name):
    descriptor = lock_files.open_exclusive(f"{folder}/{name}")
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def start_giving_back(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", GIVE_BACK, f"{folder}/a"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    return process


def test_a_lock_that_is_given_back_becomes_the_next_one(folder):
    first = take(folder, "a")
    inode = os.fstat(first).st_ino
    lock_files.give_back(f"{folder}/a", first)
    (spare,) = names(folder)
    assert spare.startswith(lock_files.SPARE_PREFIX)
    second = take(folder, "b")
    assert (os.fstat(second).st_ino, names(folder)) == (inode, ["b"])
    assert is_held(folder, "b")
    lock_files.give_back(f"{folder}/b", second)


def test_what_was_written_into_a_lock_does_not_go_over_to_the_next(folder):
    first = take(folder, "a")
    os.write(first, b"process 1")
    lock_files.give_back(f"{folder}/a", first)
    second = take(folder, "b")
    assert (folder / "b").read_bytes() == b""
    lock_files.give_back(f"{folder}/b", second)


def test_a_lock_that_others_may_know_of_is_not_replaced_by_a_spare(folder):
    lock_files.give_back(f"{folder}/a", take(folder, "a"))
    (folder / "b").write_text("process 1")
    second = take(folder, "b", is_new=False)
    assert (folder / "b").read_text() == "process 1"
    lock_files.give_back(f"{folder}/b", second)


def test_there_is_one_spare(folder):
    held = [(name, take(folder, name)) for name in "abc"]
    for name, descriptor in held:
        lock_files.give_back(f"{folder}/{name}", descriptor)
    assert len(names(folder)) == 1


def test_a_lock_that_another_holds_too_stays_where_it_is(folder):
    first, second = take(folder, "a"), take(folder, "a", is_new=False)
    lock_files.give_back(f"{folder}/a", first)
    assert names(folder) == ["a"]
    assert is_held(folder, "a")
    lock_files.give_back(f"{folder}/a", second)


def test_whoever_waits_for_a_lock_that_is_renamed_meanwhile_gets_one_of_that_name(folder):
    first = take(folder, "a")
    assert lock_files.try_exclusive(first)
    got = []
    waiting = threading.Thread(target=lambda: got.append(take(folder, "a", is_new=False)))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    lock_files.give_back(f"{folder}/a", first)
    waiting.join(10)
    assert os.path.samestat(os.fstat(got[0]), (folder / "a").stat())
    assert os.fstat(got[0]).st_ino != os.fstat(first).st_ino
    os.close(got[0])


def test_a_spare_that_was_removed_with_its_folder_is_done_without(folder):
    lock_files.give_back(f"{folder}/a", take(folder, "a"))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    second = take(folder, "b")
    assert names(folder) == ["b"]
    lock_files.give_back(f"{folder}/b", second)


def test_a_renamed_spare_is_as_new_as_the_lock_it_becomes(folder):
    lock_files.give_back(f"{folder}/a", take(folder, "a"))
    (spare,) = folder.iterdir()
    os.utime(spare, (1_000, 1_000))
    second = take(folder, "b")
    assert os.fstat(second).st_mtime > 1_000_000
    lock_files.give_back(f"{folder}/b", second)


def test_few_spares_are_kept_however_many_the_folders(tmp_path):
    lock_files._remove_spares()
    folders = [tmp_path / str(number) for number in range(lock_files.MOST_SPARES + 5)]
    for folder in folders:
        lock_files.give_back(f"{folder}/a", take(folder, "a"))
    kept = [len(names(folder)) for folder in folders]
    assert kept == [0] * 5 + [1] * lock_files.MOST_SPARES
    lock_files._remove_spares()
    assert [len(names(folder)) for folder in folders] == [0] * len(folders)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_lock(tmp_path, make):
    make(tmp_path / "a")
    assert lock_files.open_exclusive(f"{tmp_path}/a") is None


def test_a_process_takes_its_spare_with_it(folder):
    process = start_giving_back(folder)
    assert len(names(folder)) == 1
    process.communicate()
    assert (process.returncode, names(folder)) == (0, [])


def test_the_spare_of_a_killed_process_is_removed_and_that_of_a_living_one_stays(folder):
    process = start_giving_back(folder)
    (spare,) = names(folder)
    lock_files.remove_stale_spare(f"{folder}/{spare}")
    assert names(folder) == [spare]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lock_files.remove_stale_spare(f"{folder}/{spare}")
    assert names(folder) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_the_spare_to_its_parent(folder):
    lock_files.give_back(f"{folder}/a", take(folder, "a"))
    (spare,) = names(folder)
    child = os.fork()
    if child == 0:
        os._exit(len(lock_files._spares))
    assert os.waitpid(child, 0)[1] == 0
    assert is_held(folder, spare)
