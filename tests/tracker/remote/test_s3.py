"""Artifacts in a store that speaks S3, also behind a network that loses half of everything."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from tracker import TrackingClient
from tracker.exceptions import ArtifactError
from tracker.files import open_artifacts

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("s3")]

RUN = "0123456789abcdef" * 2
LOCATION = "s3://bucket/exp"


def store_of(run, tmp_path):
    uri = f"{LOCATION}/{run}/artifacts"
    return open_artifacts(uri, tmp_path, allowed_roots=["s3://bucket"])


def content(store, name):
    with store.open(name) as file:
        return file.read()


def test_a_thousand_small_files_arrive_each_whole(s3, tmp_path):
    contents = {f"small/{i}.txt": os.urandom(1000) for i in range(1000)}
    store = store_of(RUN, tmp_path)
    store.log_contents(contents)
    below = f"bucket/exp/{RUN}/artifacts"
    stored = s3.cat([f"{below}/{name}" for name in contents])
    assert {key.removeprefix(f"{below}/"): data for key, data in stored.items()} == contents


def test_a_large_file_comes_back_byte_for_byte(tmp_path):
    data = os.urandom(40_000_000)
    store_of(RUN, tmp_path).log_bytes(data, "model/large.bin")
    assert content(store_of(RUN, tmp_path), "model/large.bin") == data


def test_equal_large_files_of_two_runs_are_sent_once(s3, tmp_path, monkeypatch):
    data = os.urandom(9_000_000)
    store_of(RUN, tmp_path).log_bytes(data, "a.bin")
    other = store_of("f" * 32, tmp_path)
    sent = []
    monkeypatch.setattr(other.filesystem, "open", lambda *a, **_: sent.append(a))
    monkeypatch.setattr(other.filesystem, "pipe_file", lambda *a, **_: sent.append(a))
    other.log_bytes(data, "b.bin")
    assert s3.cat_file(f"bucket/exp/{'f' * 32}/artifacts/b.bin") == data
    assert sent == []


def test_a_content_whose_first_copy_was_deleted_is_sent_again(s3, tmp_path):
    data = os.urandom(2_000_000)
    store_of(RUN, tmp_path).log_bytes(data, "a.bin")
    store_of(RUN, tmp_path).delete()
    store_of("f" * 32, tmp_path).log_bytes(data, "b.bin")
    assert s3.cat_file(f"bucket/exp/{'f' * 32}/artifacts/b.bin") == data


def test_a_second_read_takes_the_file_from_the_cache(tmp_path, monkeypatch):
    store_of(RUN, tmp_path).log_bytes(b"one", "x.txt")
    assert content(store_of(RUN, tmp_path), "x.txt") == b"one"
    store = store_of(RUN, tmp_path)
    monkeypatch.setattr(store.filesystem, "get_file", lambda *_: pytest.fail("fetched again"))
    assert content(store, "x.txt") == b"one"


def test_a_changed_file_is_fetched_anew(tmp_path):
    store = store_of(RUN, tmp_path)
    for written in (b"one", b"two"):
        store.log_bytes(written, "x.txt")
        assert content(store, "x.txt") == written


def test_a_damaged_cached_file_is_fetched_anew(tmp_path):
    store = store_of(RUN, tmp_path)
    store.log_bytes(b"one", "x.txt")
    store.open("x.txt").close()
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"bad")
    assert content(store, "x.txt") == b"one"


def test_the_cache_keeps_within_its_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_CACHE_BYTES", "2500")
    store = store_of(RUN, tmp_path)
    store.log_contents({f"{i}.bin": os.urandom(1000) for i in range(5)})
    for i in range(5):
        store.open(f"{i}.bin").close()
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= 2500


def test_everything_arrives_over_a_network_that_loses_three_of_four_requests(
    unreliable_s3, tmp_path
):
    contents = {f"small/{i}.txt": os.urandom(1000) for i in range(10)}
    large = os.urandom(8_500_000)
    store = store_of(RUN, tmp_path)
    store.log_contents(contents)
    store.log_bytes(large, "large.bin")
    below = f"bucket/exp/{RUN}/artifacts"
    unreliable_s3.invalidate_cache()
    names = {name.removeprefix(f"{below}/") for name in unreliable_s3.find(below)}
    assert names == {*contents, "large.bin"}
    assert content(store, "large.bin") == large
    assert unreliable_s3.cat_file(f"{below}/small/7.txt") == contents["small/7.txt"]


def refused(tmp_path, uri):
    store = open_artifacts(uri, tmp_path, allowed_roots=[uri])
    with pytest.raises(ArtifactError) as caught:
        store.log_bytes(b"x", "x.txt")
    return str(caught.value)


def test_a_missing_bucket_is_one_sentence(tmp_path):
    assert "there is no such bucket; create it" in refused(tmp_path, f"s3://absent/{RUN}/artifacts")


def test_missing_credentials_are_one_sentence(tmp_path, monkeypatch):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    assert "no credentials were found; set them" in refused(
        tmp_path, f"s3://bucket/{RUN}/artifacts"
    )


def test_a_store_that_cannot_be_reached_is_one_sentence(tmp_path, monkeypatch):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("tracker.files.filesystems.ATTEMPTS", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    assert "the store cannot be reached" in refused(tmp_path, f"s3://bucket/{RUN}/artifacts")


@pytest.fixture
def project(s3, tmp_path, monkeypatch):
    """A database whose experiment keeps its files in the bucket."""
    assert s3.ls("bucket") == []
    monkeypatch.setenv("TRACKER_ALLOWED_ROOTS", "s3://bucket")
    client = TrackingClient(tmp_path / "tracking.db")
    experiment = client.create_experiment("far", artifact_location=LOCATION)
    run = client.create_run(experiment, run_name="there")
    client.log_text(run.info.run_id, "hello", "notes/hello.txt")
    client.set_terminated(run.info.run_id)
    return client, run.info.run_id


def command(tmp_path, *arguments, db="tracking.db", code=0):
    """What the command line prints on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "--db", db, *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.mark.usefixtures("project")
def test_the_command_line_exports_a_run_of_the_bucket(tmp_path):
    command(tmp_path, "export", "there", "-o", "there.zip")
    with zipfile.ZipFile(tmp_path / "there.zip") as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("hello.txt")]
        assert archive.read(name) == b"hello"


def test_gc_deletes_the_files_of_a_deleted_run_in_the_bucket(project, s3, tmp_path):
    client, run_id = project
    client.delete_run(run_id)
    command(tmp_path, "gc")
    s3.invalidate_cache()
    assert s3.find(f"bucket/exp/{run_id}") == []


def runs_of(path):
    return [run.info.run_name for run in TrackingClient(path).search_runs(["1"])]


def test_a_backup_in_the_bucket_can_be_imported_elsewhere(project, s3, tmp_path):
    client, run_id = project
    client.log_text(client.create_run("0", run_name="here").info.run_id, "local", "a.txt")
    command(tmp_path, "backup", "s3://bucket/copies/monday")
    assert s3.exists("bucket/copies/monday/tracking.db")
    command(tmp_path, "import", "s3://bucket/copies/monday", db="other.db")
    other = TrackingClient(tmp_path / "other.db")
    (here,) = other.search_runs(["0"])
    assert other.artifacts(here.info.run_id).local_path("a.txt").read_text() == "local"
    assert other.get_run(run_id).info.run_name == "there"


@pytest.mark.usefixtures("project")
def test_an_export_to_the_bucket_is_refused_where_there_is_one(tmp_path):
    url = "s3://bucket/zips/there.zip"
    command(tmp_path, "export", "there", "-o", url)
    assert "There is a file at" in command(tmp_path, "export", "there", "-o", url, code=1)
    command(tmp_path, "export", "there", "-o", url, "--force")
    command(tmp_path, "import", url, db="other.db")
    assert runs_of(tmp_path / "other.db") == ["there"]


def test_images_of_the_study_are_kept_at_a_url(s3, tmp_path):
    (tmp_path / "config.yaml").write_text(STUDY)
    arguments = [sys.executable, "-m", "training"]
    for _ in range(2):
        done = subprocess.run(
            arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
    s3.invalidate_cache()
    names = {name.rpartition("/")[2] for name in s3.find("bucket/images")}
    assert names == {
        "stroke_digits_train.pt", "stroke_digits_test.pt",
        "stroke_digits_train_blurred.pt", "stroke_digits_test_blurred.pt",
    }  # fmt: skip
    assert s3.find("bucket/runs")
    assert not (tmp_path / "artifacts").exists()


STUDY = """
paths: {root: "s3://bucket/images"}
data_prep: {source: stroke-digits, stroke_train_samples: 200, stroke_test_samples: 50}
tracking: {artifact_location: "s3://bucket/runs"}
model_configs:
  default: {hidden_size: 4, max_epochs: 1}
"""
