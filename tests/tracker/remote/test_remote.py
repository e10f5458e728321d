"""Remote stores: fsspec's memory, and a disk reached through fsspec as over sftp."""

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tracker
from tracker import TrackingClient
from tracker.entities import FileInfo
from tracker.exceptions import ArtifactError, NotFoundError, UnsafePathError
from tracker.files import open_artifacts
from tracker.files.cache import link_or_copy
from tracker.files.remote import RemoteArtifacts

RUN = "0123456789abcdef" * 2


def empty_memory():
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return memory


@pytest.fixture(params=["memory", "disk", "disk that publishes whole files"])
def store(request, tmp_path):
    if request.param == "memory":
        empty_memory()
        uri = f"memory://bucket/exp/{RUN}/artifacts"
        return open_artifacts(uri, tmp_path, allowed_roots=["memory://bucket/"])
    folder = tmp_path / "far" / RUN / "artifacts"
    whole = request.param != "disk"
    disk = LocalFileSystem(auto_mkdir=whole)
    return RemoteArtifacts(disk, folder.as_posix(), publishes_whole=whole)


def names_below(store):
    return [name.removeprefix(store.root) for name in store.filesystem.find(store.root)]


def test_files_bytes_and_folders_arrive_under_their_paths(store, tmp_path):
    (tmp_path / "up" / "sub").mkdir(parents=True)
    (tmp_path / "up" / "sub" / "100% a#b.txt").write_bytes(b"odd")
    store.log_folder(tmp_path / "up", "f")
    store.log_file(tmp_path / "up" / "sub" / "100% a#b.txt")
    store.log_bytes(b"bytes", "b/x.txt")
    assert names_below(store) == ["/100% a#b.txt", "/b/x.txt", "/f/sub/100% a#b.txt"]


def test_list_shows_one_level_as_a_local_store_does(store):
    store.log_bytes(b"xyz", "m/w.pt")
    store.log_bytes(b"", "m/sub/e.txt")
    assert store.list() == [FileInfo("m", is_dir=True)]
    assert store.list("m") == [
        FileInfo("m/sub", is_dir=True),
        FileInfo("m/w.pt", is_dir=False, file_size=3),
    ]
    assert store.list("m/w.pt") == store.list("nothing") == []


def test_a_local_path_is_a_downloaded_copy_that_outlives_the_store(store):
    store.log_bytes(b"xyz", "m/w.pt")
    path = store.local_path("m/w.pt")
    store.delete()
    assert path.read_bytes() == b"xyz"


DOWNLOAD = (
    "import os, sys; from pathlib import Path; from tracker.files import open_artifacts;"
    "s = open_artifacts('memory://b/r', Path(), allowed_roots=['memory://b']);"
    "s.log_bytes(b'x', 'x.txt'); path = s.local_path('x.txt');"
)


def printed_by(code, downloads):
    environment = {**os.environ, "TMPDIR": str(downloads)}
    command = [sys.executable, "-c", DOWNLOAD + code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_downloaded_copy_is_gone_when_the_process_ends(tmp_path):
    assert printed_by("print(path)", tmp_path).startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_leaves_its_parents_downloads_alone(tmp_path):
    code = "child = os.fork() or sys.exit(0); os.waitpid(child, 0); print(path.read_text())"
    assert printed_by(code, tmp_path) == "x"


def test_a_download_goes_where_it_is_asked_to(store, tmp_path):
    store.log_bytes(b"xyz", "m/w.pt")
    assert store.download("m", tmp_path / "copy") == tmp_path / "copy" / "m"
    assert (tmp_path / "copy" / "m" / "w.pt").read_bytes() == b"xyz"


@pytest.mark.parametrize("verb", ["open", "local_path", "download"])
def test_a_missing_file_is_named_with_the_closest_match(store, verb):
    store.log_bytes(b"xyz", "m/w.pt")
    with pytest.raises(NotFoundError, match=r"no artifact 'm/v\.pt'; did you mean 'm/w\.pt'"):
        getattr(store, verb)("m/v.pt")


def test_a_run_without_artifacts_says_so(store):
    assert store.list() == []
    with pytest.raises(NotFoundError, match="the run has no artifacts"):
        store.local_path()


def test_logging_again_replaces_and_leaves_no_other_name(store):
    store.log_bytes(b"first", "x.txt")
    store.log_bytes(b"second", "x.txt")
    assert names_below(store) == ["/x.txt"]
    assert store.open("x.txt").read() == b"second"


class BreaksOff(io.BytesIO):
    """A source that fails after the first block, as a disk that is pulled out does."""

    def readinto(self, buffer):
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


def test_an_upload_that_breaks_off_leaves_the_old_file_and_nothing_else(store):
    store.log_bytes(b"first", "x.txt")
    with pytest.raises(ArtifactError, match=r"cannot log 'x\.txt': the disk reports an error"):
        store.log_stream(BreaksOff(b"y" * (3 << 20)), "x.txt")
    assert store.open("x.txt").read() == b"first"
    assert names_below(store) == ["/x.txt"]


def test_an_upload_that_breaks_off_is_withdrawn(tmp_path, monkeypatch):
    (tmp_path / "staging").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "staging"))
    disk = LocalFileSystem(auto_mkdir=True)
    store = RemoteArtifacts(disk, (tmp_path / "far").as_posix(), publishes_whole=True)
    with pytest.raises(ArtifactError, match="the disk reports an error"):
        store.log_stream(BreaksOff(b"y" * (3 << 20)), "x.txt")
    assert list((tmp_path / "staging").iterdir()) == []


def test_delete_says_how_many_bytes_it_freed(store):
    store.log_bytes(b"12345", "a/x.txt")
    store.log_bytes(b"123", "y.txt")
    assert store.delete() == 8
    assert store.list() == []
    assert store.delete() == 0


def test_a_remote_folder_that_may_hold_other_runs_is_not_deleted(tmp_path):
    store = open_artifacts("memory://bucket", tmp_path, allowed_roots=["memory://bucket"])
    with pytest.raises(UnsafePathError, match="will not delete"):
        store.delete()


def test_a_zip_goes_out(store, tmp_path):
    store.log_bytes(b"xyz", "m/w.pt")
    with (tmp_path / "run.zip").open("wb") as archive:
        store.export_zip(archive)
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert archive.read("m/w.pt") == b"xyz"


UNSAFE = ["../x", "/etc/passwd", "..\\b", "%2e%2e/x", "%252e%252e/x", "C:/x", "a\0b", ".", "a//b"]


@pytest.mark.parametrize("path", UNSAFE, ids=ascii)
@pytest.mark.parametrize("verb", ["open", "local_path", "download", "list"])
def test_reading_from_outside_is_refused(store, verb, path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        getattr(store, verb)(path)


@pytest.mark.parametrize("path", UNSAFE, ids=ascii)
def test_writing_outside_is_refused(store, tmp_path, path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_bytes(b"x", path)
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_folder(tmp_path, path)


def test_a_hostile_name_in_a_listing_is_left_out(tmp_path):
    memory = empty_memory()
    memory.pipe({"/bucket/r/fine.txt": b"1", "/bucket/r/a\\..\\x": b"2", "/bucket/r/%2e%2e": b"3"})
    store = open_artifacts("memory://bucket/r", tmp_path, allowed_roots=["memory://bucket"])
    assert [info.path for info in store.walk()] == ["fine.txt"]


@pytest.mark.parametrize("root", ["memory://buck", "memory://bucket/r2", "memory://bucket/r/a"])
def test_a_url_beside_the_allowed_one_is_refused(tmp_path, root):
    with pytest.raises(UnsafePathError, match="TRACKER_ALLOWED_ROOTS"):
        open_artifacts("memory://bucket/r", tmp_path, allowed_roots=[root])


@pytest.mark.parametrize(
    "tail", ["x?y", "x#y", "x::file:///etc", "../x", "%2e%2e/x", "a//b", "..\\b"]
)
def test_a_trick_below_an_allowed_url_is_refused(tmp_path, tail):
    with pytest.raises(UnsafePathError, match="unsafe artifact"):
        open_artifacts(f"memory://bucket/{tail}", tmp_path, allowed_roots=["memory://bucket"])


def test_the_environment_allows_urls_and_folders_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_ALLOWED_ROOTS", f"memory://a/b:{tmp_path}:s3://c")
    client = TrackingClient(tmp_path / "tracking.db")
    assert client.allowed_roots == ["memory://a/b", str(tmp_path), "s3://c"]


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path):
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p];"
        "sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from tracker.files import open_artifacts\n"
        "open_artifacts('s3://b/r', Path(), allowed_roots=['s3://b'])"
    )
    source = Path(tracker.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(source)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 'fsspec is missing; run `pip install "ml-tracker[remote]"`' in done.stderr


def test_an_unknown_scheme_is_one_clear_sentence(tmp_path):
    with pytest.raises(ArtifactError, match="cannot open 'nosuch://b/r': Protocol not known"):
        open_artifacts("nosuch://b/r", tmp_path, allowed_roots=["nosuch://b"])


@given(data=st.binary(max_size=3_000_000))
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_come_back(store, data):
    store.log_bytes(data, "x.bin")
    assert store.open("x.bin").read() == data


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that breaks off")
def test_a_cached_file_whose_copy_breaks_off_leaves_nothing(tmp_path):
    target = tmp_path / "there" / "x.txt"
    with pytest.raises(OSError, match="Input/output error"):
        link_or_copy(Path("/proc/self/mem"), target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_cached_file_has_one_other_name_however_often_it_is_asked_for(tmp_path, times):
    source, target = tmp_path / "cached", tmp_path / "there" / "x.txt"
    source.write_text("x")
    for _ in range(times):
        link_or_copy(source, target)
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]
    assert target.read_text() == "x"
