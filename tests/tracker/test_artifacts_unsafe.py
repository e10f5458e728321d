"""Each way out of a run's folder, on the way in and on the way out."""

import os

import pytest

from tracker.exceptions import (
    AbsentFilesError,
    ArtifactError,
    MissingFileError,
    NotFoundError,
    UnsafePathError,
    UnsupportedError,
)
from tracker.files import open_artifacts

RUN = "0123456789abcdef" * 2
URI = f"artifacts/0/{RUN}/artifacts"

WAYS_OUT = {
    "dot-dot": "../secret.txt",
    "dot-dot inside": "a/../../secret.txt",
    "encoded": "%2e%2e/secret.txt",
    "double-encoded": "%252e%252e%252fsecret.txt",
    "backslash": "..\\secret.txt",
    "absolute": "/etc/passwd",
    "proc": "//proc/self/root/etc/passwd",
    "drive": "C:/secret.txt",
    "nul": "a.txt\0.png",
    "newline": "a\nb",
    "file uri": "file:///etc/passwd",
    "query": "x?/../../secret.txt",
    "fragment": "x#/../../secret.txt",
    "dot": ".",
    "empty segment": "a//b",
    "blob folder": ".blobs/x",
    "temporary": ".tracker-tmp-1",
    "long": "a" * 256,
}
ways_out = pytest.mark.parametrize("path", WAYS_OUT.values(), ids=WAYS_OUT)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "home").mkdir()
    store = open_artifacts(URI, tmp_path / "home")
    store.log_bytes(b"fine", "fine.txt")
    return store


def everything_below(folder):
    return sorted(folder.rglob("*"))


@ways_out
def test_writing_bytes_out_is_refused_and_writes_nothing(store, tmp_path, path):
    before = everything_below(tmp_path)
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_bytes(b"x", path)
    assert everything_below(tmp_path) == before


@ways_out
def test_logging_a_file_or_folder_out_is_refused(store, tmp_path, path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_file(tmp_path / "secret.txt", path)
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_folder(tmp_path, path)


@ways_out
@pytest.mark.parametrize("verb", ["list", "open", "local_path", "download"])
def test_reading_from_outside_is_refused(store, verb, path):
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        getattr(store, verb)(path)


@ways_out
def test_exporting_from_outside_is_refused(store, tmp_path, path):
    with (
        (tmp_path / "out.zip").open("wb") as target,
        pytest.raises(UnsafePathError, match="unsafe artifact path"),
    ):
        store.export_zip(target, path)


@pytest.fixture(params=["file", "folder"])
def link(request, store, tmp_path):
    """A link among a run's artifacts that leads out: its path, and the path to read through it."""
    if request.param == "file":
        (store.root / "link").symlink_to(tmp_path / "secret.txt")
        return "link"
    (store.root / "link").symlink_to(tmp_path)
    return "link/secret.txt"


@pytest.mark.parametrize("verb", ["open", "local_path", "download", "list"])
def test_a_link_that_leads_out_of_the_store_is_not_read(store, link, verb):
    with pytest.raises(UnsafePathError, match="a link leads out of the run's folder"):
        getattr(store, verb)(link)


@pytest.mark.usefixtures("link")
def test_a_link_that_leads_out_is_neither_listed_nor_walked(store):
    assert [info.path for info in store.list()] == ["fine.txt"]
    assert [info.path for info in store.walk()] == ["fine.txt"]


def test_writing_through_a_link_to_a_folder_is_refused(store, tmp_path):
    (store.root / "link").symlink_to(tmp_path)
    with pytest.raises(UnsafePathError, match="a link leads out"):
        store.log_bytes(b"x", "link/sub/new.txt")
    assert not (tmp_path / "sub").exists()


def test_writing_over_a_link_replaces_the_link_not_its_target(store, tmp_path):
    (store.root / "link.txt").symlink_to(tmp_path / "secret.txt")
    store.log_bytes(b"mine", "link.txt")
    assert (tmp_path / "secret.txt").read_text() == "secret"
    assert store.local_path("link.txt").read_bytes() == b"mine"


def test_a_run_folder_swapped_for_a_link_is_refused(store, tmp_path):
    store.delete()
    store.root.parent.mkdir()
    store.root.symlink_to(tmp_path)
    with pytest.raises(UnsafePathError, match="a link leads out"):
        store.log_bytes(b"x", "new.txt")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        store.delete()


def test_a_blob_folder_that_is_a_link_is_refused(store, tmp_path):
    blobs = store.blobs.folder
    blobs.rename(tmp_path / "moved")
    blobs.symlink_to(tmp_path / "moved")
    with pytest.raises(UnsafePathError, match=r"unsafe blob folder .*it is a link"):
        store.log_bytes(b"x", "new.txt")


def test_a_blob_that_is_a_link_is_replaced_not_shared(store, tmp_path):
    blob = next(iter(store.blobs)).path
    blob.unlink()
    (tmp_path / "trap").write_bytes(b"fine")
    blob.symlink_to(tmp_path / "trap")
    store.log_bytes(b"fine", "again.txt")
    assert not blob.is_symlink()
    assert store.local_path("again.txt").stat().st_ino != (tmp_path / "trap").stat().st_ino


def test_uploading_a_folder_with_a_link_to_nothing_stores_nothing(store, tmp_path):
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "z.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(MissingFileError, match=r"z\.txt': there is no such file"):
        store.log_folder(folder, "up")
    assert store.list("up") == []


def test_uploading_a_folder_with_links_round_over_another_folder_is_refused(store, tmp_path):
    for name, target in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "over").symlink_to(tmp_path / target)
    with pytest.raises(UnsafePathError, match="round in a circle"):
        store.log_folder(tmp_path / "one")


def test_uploading_a_folder_with_a_circle_of_links_is_refused(store, tmp_path):
    folder = tmp_path / "upload"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "back").symlink_to(folder)
    with pytest.raises(UnsafePathError, match="round in a circle"):
        store.log_folder(folder)


def test_uploading_a_folder_follows_a_link_that_stays_in_it(store, tmp_path):
    folder = tmp_path / "upload"
    (folder / "v1").mkdir(parents=True)
    (folder / "v1" / "model.txt").write_text("weights")
    (folder / "latest").symlink_to("v1")
    store.log_folder(folder)
    assert store.local_path("latest/model.txt").read_text() == "weights"


@pytest.mark.parametrize("name", ["..\\b.txt", "a\nb.txt", ".blobs", "%2e%2e%2fx"], ids=ascii)
def test_uploading_a_folder_with_an_unsafe_name_stores_nothing(store, tmp_path, name):
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "0.txt").write_text("fine")
    (folder / name).write_text("x")
    with pytest.raises(UnsafePathError, match="unsafe artifact path"):
        store.log_folder(folder, "up")
    assert store.list("up") == []


def test_a_foreign_file_whose_name_cannot_be_read_back_is_not_listed(store):
    (store.root / "..\\b").write_text("x")
    assert [info.path for info in store.list()] == ["fine.txt"]


def test_a_link_round_in_a_circle_is_not_walked(store):
    (store.root / "a").mkdir()
    (store.root / "a" / "back").symlink_to(store.root)
    assert [info.path for info in store.walk()] == ["fine.txt"]


HOSTILE_URIS = {
    "climbs": "..",
    "climbs later": "artifacts/../..",
    "encoded": f"%2e%2e/{RUN}/artifacts",
    "absolute": "/etc",
    "proc": "/proc/self/root/etc",
    "two slashes": "//proc/self/root/etc",
    "file": "file:///etc",
    "file query": f"file:///x?/../{RUN}/artifacts",
    "file fragment": f"file:///x#/../{RUN}/artifacts",
    "file host": "file://host/share",
    "empty": "",
    "dot": ".",
    "chain": "simplecache::file:///etc",
    "remote": "s3://somebody/bucket",
    "remote climbs": "memory://a/../../b",
    "remote query": "memory://a?b",
    "remote fragment": "memory://a#b",
    "remote chain": "memory://a::file:///etc",
}


@pytest.mark.parametrize("uri", HOSTILE_URIS.values(), ids=HOSTILE_URIS)
def test_a_hostile_artifact_uri_is_refused(tmp_path, uri):
    (tmp_path / "artifacts").mkdir()
    with pytest.raises(UnsafePathError, match="unsafe artifact"):
        open_artifacts(uri, tmp_path)


@pytest.mark.parametrize(
    "uri", ["local:///etc", "dir:///etc", "git:///repo", "http://169.254.1.1/"]
)
def test_a_uri_that_means_files_or_pages_by_another_name_is_no_storage(tmp_path, uri):
    with pytest.raises(UnsupportedError, match="is no storage"):
        open_artifacts(uri, tmp_path, allowed_roots=[uri])


def test_an_mlflow_server_location_says_whose_it_is(tmp_path):
    with pytest.raises(AbsentFilesError, match="only the MLflow server that wrote it"):
        open_artifacts("mlflow-artifacts:/0/abc/artifacts", tmp_path)


def test_an_artifact_root_that_links_out_is_refused_until_it_is_allowed(tmp_path):
    database, disk = tmp_path / "db", tmp_path / "disk"
    database.mkdir()
    disk.mkdir()
    (database / "artifacts").symlink_to(disk)
    with pytest.raises(UnsafePathError, match="TRACKER_ALLOWED_ROOTS"):
        open_artifacts(URI, database)
    open_artifacts(URI, database, allowed_roots=[disk]).log_bytes(b"x", "x.txt")
    assert (disk / "0" / RUN / "artifacts" / "x.txt").read_bytes() == b"x"


@pytest.mark.parametrize(
    "form", ["{}/0/" + RUN + "/artifacts", "file://{}/0/" + RUN + "/artifacts"]
)
def test_an_absolute_uri_works_below_an_allowed_root(tmp_path, form):
    database, disk = tmp_path / "db", tmp_path / "disk"
    database.mkdir()
    store = open_artifacts(form.format(disk), database, allowed_roots=[disk.as_uri()])
    store.log_bytes(b"x", "x.txt")
    assert (disk / "0" / RUN / "artifacts" / "x.txt").read_bytes() == b"x"


def test_a_folder_that_may_hold_other_runs_is_not_deleted(tmp_path):
    open_artifacts(URI, tmp_path).log_bytes(b"x", "x.txt")
    with pytest.raises(UnsafePathError, match="will not delete"):
        open_artifacts("artifacts", tmp_path).delete()
    assert open_artifacts(URI, tmp_path).list()


def test_deleting_a_run_removes_a_link_and_not_what_it_leads_to(store, tmp_path):
    (store.root / "link").symlink_to(tmp_path)
    store.delete()
    assert (tmp_path / "secret.txt").read_text() == "secret"
    assert not store.root.exists()


def test_a_pipe_is_refused_instead_of_waited_for(store, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArtifactError, match="not a regular file"):
        store.log_file(tmp_path / "pipe")
    os.mkfifo(store.root / "pipe")
    with pytest.raises((ArtifactError, NotFoundError), match="not a regular file"):
        store.open("pipe")
