"""Killed processes, crowds of them, full disks and file systems that can do less."""

import ctypes
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracker.exceptions import ArtifactError
from tracker.files import open_artifacts
from tracker.files.atomic import leftovers

LARGE = 160 << 20
PRELUDE = (
    "import sys; from pathlib import Path; from tracker.files import open_artifacts;"
    "folder = Path(sys.argv[1]); number = int(sys.argv[2]);"
    "store = open_artifacts(f'artifacts/0/{number:032x}/artifacts', folder);"
)


def store_of(folder, number):
    return open_artifacts(f"artifacts/0/{number:032x}/artifacts", folder)


def process(code, folder, number=1):
    return subprocess.Popen([sys.executable, "-c", PRELUDE + code, str(folder), str(number)])


def mount(*arguments):
    command = shutil.which("mount") or pytest.skip("there is no mount command")
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)


@contextmanager
def mounted(folder, *arguments):
    """A file system at this folder, where this user may mount one."""
    folder.mkdir()
    done = mount(*arguments, str(folder))
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount"), str(folder)], check=True)


def small_disk(folder, megabytes=1):
    return mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "none")


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    return path


def temporary_of(folder):
    """The bytes of the first temporary file to be seen below a folder; None if there is none."""
    for path in folder.rglob(".tracker-tmp-*"):
        try:
            return path.stat().st_size
        except FileNotFoundError:
            continue
    return None


@pytest.mark.slow
def test_kill_in_the_middle_leaves_the_old_file_or_the_new_one_whole(tmp_path, large):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"old", "large.bin")
    killed_in_the_middle = 0
    for megabytes in (0, 16, 64, 128, 159):
        child = process(f"store.log_file({str(large)!r})", tmp_path)
        while child.poll() is None and (temporary_of(tmp_path) or -1) < megabytes << 20:
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if store.local_path("large.bin").read_bytes() == b"old":
            killed_in_the_middle += len(list(leftovers(tmp_path, 0)))
            remove(leftovers(tmp_path, 0))
    assert killed_in_the_middle >= 3
    assert [info.path for info in store.walk()] == ["large.bin"]


def remove(paths):
    for path in list(paths):
        path.unlink()


@pytest.mark.slow
def test_a_log_that_returned_survives_kill_whole(tmp_path, large):
    code = f"store.log_file({str(large)!r}); print(flush=True); store.log_bytes(b'x' * 10**8, 'y')"
    command = [sys.executable, "-c", PRELUDE + code, str(tmp_path), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        child.kill()
    stored = store_of(tmp_path, 1).local_path("large.bin")
    assert (
        hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(large.read_bytes()).digest()
    )


def test_many_processes_store_the_same_files_once(tmp_path):
    code = "[store.log_bytes(b'content %d' % i * 50, f'f/{i}.txt') for i in range(40)]"
    children = [process(code, tmp_path, number) for number in range(6)]
    assert [child.wait() for child in children] == [0] * 6
    assert {blob.links for blob in store_of(tmp_path, 0).blobs} == {7}
    assert list(leftovers(tmp_path, 0)) == []
    for number in range(6):
        data = [store_of(tmp_path, number).local_path(f"f/{i}.txt").read_bytes() for i in range(40)]
        assert data == [b"content %d" % i * 50 for i in range(40)]


def test_many_processes_replace_one_file_and_readers_see_whole_ones(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"0" * 200_000, "x.bin")
    code = "[store.log_bytes(b'%d' % (i % 10) * 200_000, 'x.bin') for i in range(60)]"
    children = [process(code, tmp_path) for _ in range(3)]
    while any(child.poll() is None for child in children):
        data = store.local_path("x.bin").read_bytes()
        assert data == data[:1] * 200_000
    assert [child.wait() for child in children] == [0] * 3


def test_sweeping_while_others_write_loses_nothing(tmp_path):
    code = (
        "[(store.log_bytes(b'shared %d' % (i % 3), f'{i}.txt'), store.local_path(f'{i}.txt')"
        ".read_bytes() == b'shared %d' % (i % 3) or sys.exit(9), i % 10 or store.delete())"
        " for i in range(150)]"
    )
    children = [process(code, tmp_path, number) for number in range(2)]
    blobs = store_of(tmp_path, 0).blobs
    while any(child.poll() is None for child in children):
        blobs.delete_unreferenced()
    assert [child.wait() for child in children] == [0] * 2


def test_a_full_disk_is_one_clear_sentence_and_keeps_the_old_file(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        store = store_of(folder, 1)
        store.log_bytes(b"old", "model.pt")
        with pytest.raises(ArtifactError, match=r"cannot log 'model\.pt': no room is left"):
            store.log_bytes(os.urandom(2 << 20), "model.pt")
        assert store.local_path("model.pt").read_bytes() == b"old"
        assert list(leftovers(folder, 0)) == []


def test_a_disk_that_fills_up_among_several_contents_keeps_every_old_file(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        store = store_of(folder, 1)
        store.log_contents({"best.pt": b"old best", "last.pt": b"old last"})
        with pytest.raises(ArtifactError, match=r"cannot log 'last\.pt': no room is left"):
            store.log_contents({"best.pt": b"new best", "last.pt": os.urandom(2 << 20)})
        assert store.local_path("best.pt").read_bytes() == b"old best"
        assert list(leftovers(folder, 0)) == []


def test_a_full_disk_still_takes_what_is_stored_already(tmp_path):
    with small_disk(tmp_path / "small", 12) as folder:
        large = tmp_path / "large.bin"
        large.write_bytes(os.urandom(10 << 20))
        store_of(folder, 1).log_file(large)
        store_of(folder, 2).log_file(large)
        assert store_of(folder, 2).local_path("large.bin").read_bytes() == large.read_bytes()


def test_a_download_to_a_full_disk_leaves_nothing_half_written(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(os.urandom(2 << 20), "model.pt")
    with small_disk(tmp_path / "small") as folder:
        with pytest.raises(ArtifactError, match=r"cannot download 'model\.pt' .*no room is left"):
            store.download("model.pt", folder)
        assert list(folder.iterdir()) == []


def test_a_read_only_file_system_is_one_clear_sentence_and_can_be_read(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        store = store_of(folder, 1)
        store.log_bytes(b"old", "model.pt")
        assert mount("-o", "remount,ro", str(folder)).returncode == 0
        with pytest.raises(ArtifactError, match=r"cannot log 'new\.pt': the file system is read-"):
            store.log_bytes(b"new", "new.pt")
        with pytest.raises(ArtifactError, match=r"cannot delete .*: the file system is read-only"):
            store.delete()
        assert store.local_path("model.pt").read_bytes() == b"old"


def test_a_run_on_another_file_system_gets_its_own_copy(tmp_path):
    store = store_of(tmp_path, 1)
    store.root.parent.mkdir(parents=True)
    with small_disk(store.root):
        store.log_bytes(b"copied", "x.txt")
        assert store.local_path("x.txt").read_bytes() == b"copied"
        assert list(leftovers(tmp_path, 0)) == []


def test_a_file_system_with_reflinks_shares_even_the_callers_own_file(tmp_path):
    make = shutil.which("mkfs.xfs") or pytest.skip("there is no mkfs.xfs")
    with (tmp_path / "image").open("wb") as image:
        image.truncate(400 << 20)
    subprocess.run([make, "-q", "-m", "reflink=1", tmp_path / "image"], check=True)
    with mounted(tmp_path / "xfs", "-o", "loop", str(tmp_path / "image")) as disk:
        mine = disk / "mine.bin"
        mine.write_bytes(b"mine" * (4 << 20))
        os.sync()
        before = os.statvfs(disk).f_bfree
        store_of(disk, 1).log_file(mine)
        os.sync()
        assert (before - os.statvfs(disk).f_bfree) * os.statvfs(disk).f_frsize < 1 << 20
        mine.write_bytes(b"else" * 8)
        assert store_of(disk, 1).local_path("mine.bin").read_bytes() == b"mine" * (4 << 20)


def run_in_child(work):
    """Runs a function in a forked process, which may give up rights; its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def become_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
def test_a_user_who_may_not_link_to_anothers_blob_gets_a_copy():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store_of(folder, 1).log_bytes(b"shared", "x.txt")
        for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
            path.chmod(0o777)

        def write_as_nobody():
            become_nobody()
            store_of(folder, 2).log_bytes(b"shared", "x.txt")

        assert run_in_child(write_as_nobody) == 0
        assert store_of(folder, 2).local_path("x.txt").read_bytes() == b"shared"


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
def test_a_folder_without_rights_is_one_clear_sentence(tmp_path):
    store = store_of(tmp_path, 1)

    def write_as_nobody():
        become_nobody()
        with pytest.raises(ArtifactError, match="permission denied"):
            store.log_bytes(b"x", "x.txt")

    assert run_in_child(write_as_nobody) == 0


# System call numbers of link and linkat, by machine.
LINK_CALLS = {"x86_64": (86, 265), "aarch64": (37,)}


def forbid_links():
    """Makes the kernel answer this process's link calls as a file system without links does."""
    load_number, equal, answer = 0x20, 0x15, 0x06
    refuse_with_eperm, allow = 0x00050001, 0x7FFF0000
    calls = LINK_CALLS[platform.machine()]
    steps = [(load_number, 0, 0, 0)]
    steps += [(equal, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    steps += [(answer, 0, 0, allow), (answer, 0, 0, refuse_with_eperm)]
    code = b"".join(
        op.to_bytes(2, "little") + bytes([yes, no]) + value.to_bytes(4, "little")
        for op, yes, no, value in steps
    )
    buffer = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)
    program = Program(len(steps), ctypes.addressof(buffer))
    assert libc.prctl(22, 2, ctypes.byref(program)) == 0


@pytest.mark.skipif(platform.machine() not in LINK_CALLS or sys.platform != "linux", reason="Linux")
def test_a_file_system_without_links_gets_one_whole_copy(tmp_path):
    def write_without_links():
        forbid_links()
        with pytest.raises(PermissionError):
            os.link(__file__, tmp_path / "link")
        store_of(tmp_path, 1).log_bytes(b"copied", "x.txt")
        store_of(tmp_path, 1).log_bytes(b"again", "x.txt")

    assert run_in_child(write_without_links) == 0
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert [(path.name, path.read_bytes()) for path in files] == [("x.txt", b"again")]


@pytest.mark.slow
def test_a_blob_with_as_many_links_as_there_can_be_is_copied(tmp_path):
    store = store_of(tmp_path, 1)
    store.log_bytes(b"popular", "x.txt")
    blob = next(iter(store.blobs)).path
    try:
        for number in range(70_000):
            os.link(blob, tmp_path / str(number))
    except OSError:
        store.log_bytes(b"popular", "y.txt")
        assert store.local_path("y.txt").read_bytes() == b"popular"
        assert store.local_path("y.txt").stat().st_nlink == 1
    else:
        pytest.skip("this file system takes more links than the test can make")
