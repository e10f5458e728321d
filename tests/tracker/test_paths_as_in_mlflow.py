"""Names of artifacts, folders, downloads and URIs behave as in MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import tracker
from tracker import TrackingClient
from tracker.exceptions import InvalidValueError, MissingFileError, UnsafePathError

mpl.use("agg")
ROOT = Path(tracker.__file__).parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")


def names_below(folder):
    """Files and folders, folders with a slash at the end."""
    return sorted(
        path.relative_to(folder).as_posix() + ("/" if path.is_dir() else "")
        for path in Path(folder).rglob("*")
    )


@pytest.fixture
def root(client, run_id):
    """The folder of the run's artifacts."""
    return Path(client.get_run(run_id).info.artifact_uri)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("./a.json", "a.json"),
        ("dir/../b.json", "b.json"),
        ("d//e.json", "d/e.json"),
        ("d/./f.json", "d/f.json"),
        ("./x/y/../../g.json", "g.json"),
    ],
)
@pytest.mark.parametrize(
    "log",
    [
        lambda client, run_id, name: client.log_text(run_id, "{}", name),
        lambda client, run_id, name: client.log_dict(run_id, {}, name),
        lambda client, run_id, name: client.log_table(run_id, {"a": [1]}, name),
    ],
    ids=["text", "dict", "table"],
)
def test_a_name_is_normalized_before_it_is_judged(client, run_id, root, log, given, stored):
    log(client, run_id, given)
    assert root.joinpath(stored).is_file()
    assert client.download_artifacts(run_id, given) == str(root / stored)


@pytest.mark.parametrize("name", ["./f.png", "plots//f.png", "plots/../f.png"])
def test_pictures_are_normalized_too(client, run_id, root, name):
    client.log_image(run_id, np.zeros((2, 2), np.uint8), name)
    client.log_figure(run_id, Figure(), name)
    assert root.joinpath(os.path.normpath(name)).is_file()


@pytest.mark.parametrize("folder", ["./sub/", "sub//", "./a/../sub", "sub/."])
def test_a_folder_is_normalized_for_files_and_listings(client, run_id, root, folder, tmp_path):
    (tmp_path / "f.txt").write_text("f")
    client.log_artifact(run_id, tmp_path / "f.txt", folder)
    assert root.joinpath("sub/f.txt").is_file()
    assert [info.path for info in client.list_artifacts(run_id, folder)] == ["sub/f.txt"]


@pytest.mark.parametrize("name", ["../up.txt", "/abs.txt", "a/../../x", "", ".", "a/.."])
def test_a_name_that_leads_out_is_refused_all_the_same(client, run_id, name):
    with pytest.raises(UnsafePathError):
        client.log_text(run_id, "x", name)


@pytest.mark.parametrize("verb", ["log_artifact", "log_artifacts"])
def test_what_is_not_there_is_a_missing_file(client, run_id, verb, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such") as caught:
        getattr(client, verb)(run_id, tmp_path / "missing")
    assert isinstance(caught.value, MissingFileError)
    assert isinstance(caught.value, tracker.TrackerError)


@POSIX
@pytest.mark.parametrize("name", ["a:b.txt", "back\\slash.txt", "c:x", "t 12:30:00.log"])
def test_a_name_that_the_system_takes_is_taken(client, run_id, root, name, tmp_path):
    (tmp_path / "upload").mkdir()
    (tmp_path / "upload" / name).write_text("x")
    client.log_artifacts(run_id, tmp_path / "upload")
    client.log_artifact(run_id, tmp_path / "upload" / name, "one")
    assert root.joinpath(name).read_text() == "x"
    assert name in {info.path for info in client.list_artifacts(run_id)}
    assert Path(client.download_artifacts(run_id, f"one/{name}")).read_text() == "x"


def test_links_in_the_users_own_folder_are_followed(client, run_id, root, tmp_path):
    blobs = tmp_path / "hub" / "blobs"
    snapshot = tmp_path / "hub" / "snapshots" / "abc"
    for folder in (blobs / "weights", snapshot):
        folder.mkdir(parents=True)
    (blobs / "1f").write_text("config")
    (blobs / "weights" / "w").write_text("weights")
    (snapshot / "config.json").symlink_to("../../blobs/1f")
    (snapshot / "weights").symlink_to("../../blobs/weights")
    client.log_artifacts(run_id, snapshot, "model")
    assert names_below(root) == ["model/", "model/config.json", "model/weights/", "model/weights/w"]
    assert not root.joinpath("model/config.json").is_symlink()


def test_empty_folders_are_kept(client, run_id, root, tmp_path):
    (tmp_path / "upload" / "logs" / "empty").mkdir(parents=True)
    (tmp_path / "upload" / "also empty").mkdir()
    (tmp_path / "upload" / "f.txt").write_text("f")
    client.log_artifacts(run_id, tmp_path / "upload")
    expected = ["also empty/", "f.txt", "logs/", "logs/empty/"]
    assert names_below(root) == expected
    client.download_artifacts(run_id, "", tmp_path / "copy")
    assert names_below(tmp_path / "copy") == expected


@pytest.mark.parametrize(
    ("path", "found", "copied"),
    [
        ("f.txt", "f.txt", ["f.txt"]),
        ("sub/g.txt", "g.txt", ["g.txt"]),
        ("sub/deep", "deep", ["deep/", "deep/h.txt"]),
        ("sub/", "sub", ["sub/", "sub/deep/", "sub/deep/h.txt", "sub/g.txt"]),
        ("", "", ["f.txt", "sub/", "sub/deep/", "sub/deep/h.txt", "sub/g.txt"]),
    ],
)
def test_a_download_lays_files_out_as_mlflow_does(client, run_id, tmp_path, path, found, copied):
    client.log_text(run_id, "f", "f.txt")
    client.log_text(run_id, "g", "sub/g.txt")
    client.log_text(run_id, "h", "sub/deep/h.txt")
    place = client.download_artifacts(run_id, path, tmp_path / "out")
    assert Path(place) == tmp_path / "out" / found
    assert names_below(tmp_path / "out") == copied


@pytest.mark.usefixtures("database")
def test_an_artifact_uri_can_be_opened_from_any_working_directory(tmp_path, monkeypatch):
    with tracker.start_run() as run:
        tracker.log_text("x", "a/x.txt")
        uris = [
            tracker.get_artifact_uri(),
            run.info.artifact_uri,
            tracker.get_run(run.info.run_id).info.artifact_uri,
            tracker.search_runs().artifact_uri[0],
            tracker.search_runs(output_format="list")[0].info.artifact_uri,
        ]
        whole = tracker.get_artifact_uri("./a//x.txt")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert len(set(uris)) == 1
    assert Path(uris[0], "a", "x.txt").read_text() == Path(whole).read_text() == "x"
    stored = tracker.get_client().store.get_run_info(run.info.run_id).artifact_uri
    assert stored == f"artifacts/0/{run.info.run_id}/artifacts"


def test_a_tracking_uri_of_none_goes_back_to_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRACKER_URI", raising=False)
    tracker.set_tracking_uri("other.db")
    tracker.set_tracking_uri(None)
    assert tracker.get_tracking_uri() == "sqlite:///tracking.db"
    assert "TRACKER_URI" not in os.environ


MEMORY = """
import os, sys, tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment("in memory")
with tracker.start_run() as run:
    tracker.log_metric("m", 1)
    tracker.log_text("x", "x.txt")
client = tracker.TrackingClient(sys.argv[1])
print(client.get_run(run.info.run_id).data.metrics, os.listdir())
print(client.store.database.folder)
tracker.start_run()
"""


@pytest.mark.parametrize("uri", ["sqlite:///:memory:", ":memory:", "sqlite://"])
def test_a_database_in_memory_lasts_as_long_as_its_process(tmp_path, uri):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, uri],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    said, folder = done.stdout.splitlines()
    assert (said, done.stderr) == ("{'m': 1.0} []", "")
    assert not Path(folder).exists()


@pytest.mark.parametrize("form", ["file:{path}", "file://{path}", "{path}"])
def test_a_file_store_says_how_to_import_it(tmp_path, form):
    path = tmp_path / "mlruns"
    (path / "0").mkdir(parents=True)
    (path / "0" / "meta.yaml").write_text("name: Default\n")
    with pytest.raises(
        InvalidValueError, match=r"file store of MLflow.*python -m tracker .*import"
    ):
        tracker.set_tracking_uri(form.format(path=path))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (".", "is a folder: name a database file"),
        ("/dev/null", "is a device, pipe or socket: name a database file"),
        ("file.txt/t.db", "cannot be created|is not a folder"),
    ],
)
def test_a_place_that_cannot_hold_a_database_gets_a_sentence(tmp_path, monkeypatch, place, message):
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("x")
    with pytest.raises(tracker.TrackerError, match=message) as caught:
        TrackingClient(place).create_run("0")
    assert "Errno" not in str(caught.value)
    assert "disk I/O error" not in str(caught.value)
