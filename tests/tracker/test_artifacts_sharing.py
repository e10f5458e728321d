"""Equal files are stored once, and what is stored stays right."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from tracker.files import blobs, open_artifacts
from tracker.files.atomic import leftovers, link_over
from tracker.files.blobs import blob_root

LARGE = 9 << 20


def store_of(folder, number, location="artifacts/0"):
    return open_artifacts(f"{location}/{number:032x}/artifacts", folder)


def bytes_on_disk(folder):
    files = {
        path.stat().st_ino: path.stat().st_size for path in folder.rglob("*") if path.is_file()
    }
    return sum(files.values())


@pytest.mark.parametrize("location", ["artifacts/0", "artifacts/12", "my/own place", "0"])
def test_runs_share_equal_files(tmp_path, location):
    for number in range(4):
        store_of(tmp_path, number, location).log_bytes(b"data" * 1000, f"set {number}.pt")
    assert bytes_on_disk(tmp_path) == 4000


def test_experiments_share_equal_files(tmp_path):
    for number in range(4):
        store_of(tmp_path, number, f"artifacts/{number}").log_bytes(b"data" * 1000, "set.pt")
    assert bytes_on_disk(tmp_path) == 4000


def test_large_files_are_shared_across_processes_lives(tmp_path):
    source = tmp_path / "set.pt"
    source.write_bytes(os.urandom(LARGE))
    for number in range(3):
        store_of(tmp_path, number).log_file(source)
    assert bytes_on_disk(tmp_path / "artifacts") == LARGE


def test_large_files_that_differ_in_the_last_byte_are_both_kept(tmp_path):
    store = store_of(tmp_path, 1)
    for last in b"ab":
        store.log_bytes(b"x" * LARGE + bytes([last]), f"{last}.bin")
    assert store.local_path(f"{ord('a')}.bin").read_bytes()[-1:] == b"a"
    assert store.local_path(f"{ord('b')}.bin").read_bytes()[-1:] == b"b"


def test_a_blob_is_named_by_its_sha256(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"hello", "x.txt")
    digest = hashlib.sha256(b"hello").hexdigest()
    assert [blob.path for blob in store.blobs] == [
        tmp_path / "artifacts" / ".blobs" / digest[:2] / digest
    ]


def test_a_blob_lives_as_long_as_the_last_run_that_uses_it(tmp_path):
    first, second = store_of(tmp_path, 1), store_of(tmp_path, 2)
    first.log_bytes(b"shared", "x.txt")
    second.log_bytes(b"shared", "y.txt")
    assert first.delete() == 0
    assert second.local_path("y.txt").read_bytes() == b"shared"
    assert second.delete() == 6
    assert list(second.blobs) == []


def test_deleting_a_run_touches_no_blob_of_another(tmp_path):
    first, second = store_of(tmp_path, 1), store_of(tmp_path, 2)
    second.log_bytes(b"overwritten", "y.txt")
    second.log_bytes(b"newer", "y.txt")
    first.log_bytes(b"mine", "x.txt")
    assert first.delete() == 4
    assert {blob.size for blob in first.blobs} == {11, 5}


def test_an_overwritten_artifact_leaves_a_blob_for_the_sweep(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"old!", "x.txt")
    store.log_bytes(b"newer", "x.txt")
    assert [blob.size for blob in store.blobs.unreferenced()] == [4]
    assert store.blobs.delete_unreferenced() == 4
    assert store.local_path("x.txt").read_bytes() == b"newer"


def test_a_damaged_blob_is_found(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"good", "x.txt")
    store.log_bytes(b"fine", "y.txt")
    damage(store.local_path("x.txt"), b"baad")
    digest = hashlib.sha256(b"good").hexdigest()
    assert [blob.digest for blob in store.blobs.damaged()] == [digest]


@pytest.mark.parametrize("planted", [b"bad!", b"g" * LARGE + b"!"], ids=["changed", "longer"])
@pytest.mark.parametrize("size", [4, LARGE], ids=["small", "large"])
def test_a_damaged_blob_is_never_shared_again(tmp_path, size, planted):
    first, second = store_of(tmp_path, 1), store_of(tmp_path, 2)
    source = tmp_path / "x.bin"
    source.write_bytes(b"g" * size)
    first.log_file(source)
    damage(first.local_path("x.bin"), planted)
    second.log_file(source)
    assert second.local_path("x.bin").read_bytes() == b"g" * size
    assert list(second.blobs.damaged()) == []


def damage(path, data):
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
    path.chmod(0o444)


def test_foreign_files_among_the_blobs_are_left_alone(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"x", "x.txt")
    (store.blobs.folder / "note.txt").write_text("mine")
    next(iter(store.blobs)).path.with_name("README").write_text("mine")
    assert len(list(store.blobs)) == 1


def test_an_old_temporary_file_is_a_leftover_and_a_young_one_is_not(tmp_path):
    old = tmp_path / "sub" / ".tracker-tmp-1-ab"
    old.parent.mkdir()
    old.write_bytes(b"half")
    (tmp_path / "sub" / "real.txt").write_bytes(b"whole")
    later = old.stat().st_ctime + 3600
    assert list(leftovers(tmp_path, 3600, now=later)) == [old]
    assert list(leftovers(tmp_path, 3600, now=later - 1)) == []


def test_a_link_just_made_to_an_old_file_is_no_leftover(tmp_path):
    (tmp_path / "old").write_bytes(b"x")
    os.utime(tmp_path / "old", (0, 0))
    os.link(tmp_path / "old", tmp_path / ".tracker-tmp-2-cd")
    assert list(leftovers(tmp_path, 60)) == []


def test_linking_to_a_file_that_is_gone_says_so(tmp_path):
    assert not link_over(tmp_path / "gone", tmp_path / "new")


@pytest.mark.parametrize(
    ("run_root", "expected"),
    [
        ("/d/artifacts/0/" + "a" * 32 + "/artifacts", "/d/artifacts"),
        ("/d/place/" + "a" * 32 + "/artifacts", "/d/place"),
        ("/d/7/" + "a" * 32 + "/artifacts", "/d"),
        ("/7/" + "a" * 32 + "/artifacts", None),
        ("/d/0/short/artifacts", None),
        ("/d/0/" + "a" * 32 + "/other", None),
    ],
)
def test_blobs_are_shared_by_all_runs_of_a_root_and_never_above_the_boundary(run_root, expected):
    root = blob_root(Path(run_root), Path("/d"))
    assert (root and root.as_posix()) == expected


def aged(path, content):
    """A file as it lies on the disk some time after it was written."""
    path.write_bytes(content)
    before = path.stat().st_mtime - 60
    os.utime(path, (before, before))
    return path


def test_a_file_that_changed_is_stored_anew_however_alike_it_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)
    for number, content in enumerate([b"first", b"other"]):
        store_of(tmp_path, number).log_file(aged(tmp_path / "model.bin", content))
    found = [store_of(tmp_path, number).local_path("model.bin").read_bytes() for number in (0, 1)]
    assert found == [b"first", b"other"]


def test_an_unchanged_file_is_not_read_again_but_a_damaged_blob_is_not_shared(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(time, "time_ns", lambda: 1 << 62)
    source = aged(tmp_path / "model.bin", b"first")
    store_of(tmp_path, 1).log_file(source)
    monkeypatch.setattr(blobs, "copy", None)
    store_of(tmp_path, 2).log_file(source)
    monkeypatch.undo()
    (blob,) = [path for path in (tmp_path / "artifacts/.blobs").rglob("*") if path.is_file()]
    blob.chmod(0o644)
    blob.write_bytes(b"wrong")
    store_of(tmp_path, 3).log_file(source)
    assert store_of(tmp_path, 3).local_path("model.bin").read_bytes() == b"first"
