"""Artifacts in a store that speaks S3, also behind a network that loses half of everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.artifacts import files
from dashboard.source import open_source
from tracker import TrackingClient
from tracker.__main__ import main
from tracker.exceptions import ArtifactError
from tracker.files import open_artifacts

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("s3")]

RUN = "0123456789abcdef" * 2
LOCATION = "s3://bucket/exp"
LARGE_BYTES = int(os.environ.get("TRACKER_LARGE_BYTES", "40_000_000"))
DASHBOARD = Path(__file__).parents[3] / "dashboard" / "entry" / "main.py"


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


def test_small_files_arrive_over_a_network_that_loses_three_of_four_requests(
    unreliable_s3, tmp_path
):
    contents = {f"small/{i}.txt": os.urandom(1000) for i in range(10)}
    store_of(RUN, tmp_path).log_contents(contents)
    below = f"bucket/exp/{RUN}/artifacts"
    unreliable_s3.invalidate_cache()
    names = {name.removeprefix(f"{below}/") for name in unreliable_s3.find(below)}
    assert names == set(contents)
    assert unreliable_s3.cat_file(f"{below}/small/7.txt") == contents["small/7.txt"]


def test_a_large_file_comes_back_byte_for_byte_over_the_same_network(unreliable_s3, tmp_path):
    data = os.urandom(LARGE_BYTES)
    store_of(RUN, tmp_path).log_bytes(data, "model/large.bin")
    assert content(store_of(RUN, tmp_path), "model/large.bin") == data
    assert unreliable_s3.list_multipart_uploads("bucket") == []  # They would be billed.


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
def project(unreliable_s3, tmp_path, monkeypatch):
    """A database whose experiment keeps its files in the bucket, and the id of its run."""
    assert unreliable_s3.ls("bucket") == []
    monkeypatch.setenv("TRACKER_ALLOWED_ROOTS", "s3://bucket")
    client = TrackingClient(tmp_path / "tracking.db")
    experiment = client.create_experiment("far", artifact_location=LOCATION)
    run = client.create_run(experiment, run_name="there")
    client.log_text(run.info.run_id, "hello", "notes/hello.txt")
    client.set_terminated(run.info.run_id)
    return client, run.info.run_id


@pytest.fixture
def command(capfd, tmp_path):
    """Runs the command line; what it prints on both streams."""

    def run(*arguments, db="tracking.db", code=0):
        capfd.readouterr()
        found = main(["--db", str(tmp_path / db), *arguments])
        said = "".join(capfd.readouterr())
        assert found == code, said
        return said

    return run


def text_of(client, experiment_id, name):
    (run,) = client.search_runs([experiment_id])
    return client.artifacts(run.info.run_id).local_path(name).read_text()


def test_gc_deletes_the_files_of_a_deleted_run_in_the_bucket(project, s3, command):
    client, run_id = project
    client.delete_run(run_id)
    command("gc")
    s3.invalidate_cache()
    assert s3.find(f"bucket/exp/{run_id}") == []


def test_a_backup_in_the_bucket_can_be_imported_elsewhere(project, s3, tmp_path, command):
    client, run_id = project
    client.log_text(client.create_run("0", run_name="here").info.run_id, "local", "a.txt")
    command("backup", "s3://bucket/copies/monday")
    assert s3.exists("bucket/copies/monday/tracking.db")
    command("import", "s3://bucket/copies/monday", db="other.db")
    other = TrackingClient(tmp_path / "other.db")
    assert text_of(other, "0", "a.txt") == "local"
    assert other.get_run(run_id).info.run_name == "there"


@pytest.mark.usefixtures("project")
def test_an_export_to_the_bucket_is_refused_where_there_is_one(tmp_path, command):
    url = "s3://bucket/zips/there.zip"
    command("export", "there", "-o", url)
    assert "There is a file at" in command("export", "there", "-o", url, code=1)
    command("export", "there", "-o", url, "--force")
    command("import", url, db="other.db")
    assert text_of(TrackingClient(tmp_path / "other.db"), "1", "notes/hello.txt") == "hello"


def test_a_page_of_the_dashboard_fetches_a_file_of_the_bucket_once(project, tmp_path, monkeypatch):
    _, run_id = project
    monkeypatch.setattr("sys.argv", ["app.py", "--db", str(tmp_path / "tracking.db")])
    fetched = fetches(monkeypatch)
    for _ in range(2):
        st.cache_data.clear()
        page = AppTest.from_file(str(DASHBOARD), default_timeout=60).run()
        for key, value in (("page_wanted", "run"), ("part", "Files")):
            page.session_state[key] = value
            page.run()
        assert not page.exception
        assert "hello" in [code.value for code in page.code]
    assert fetched == [f"bucket/exp/{run_id}/artifacts/notes/hello.txt"]


def test_what_the_dashboard_downloads_lies_in_one_place(project, tmp_path):
    client, run_id = project
    source = open_source(tmp_path / "tracking.db")
    uri = client.get_run(run_id).info.artifact_uri
    stores = [files.open_store(source, uri) for _ in range(2)]
    one, other = (store.local_path("notes/hello.txt") for store in stores)
    assert one == other
    assert [path.name for path in one.parent.iterdir()] == ["hello.txt"]
    assert one.read_text() == "hello"


def fetches(monkeypatch):
    """The keys of what is downloaded from now on."""
    import s3fs

    fetched, original = [], s3fs.S3FileSystem._get_file

    async def get_file(self, key, *arguments, **options):
        found = await original(self, key, *arguments, **options)
        fetched.append(key)
        return found

    monkeypatch.setattr(s3fs.S3FileSystem, "_get_file", get_file)
    s3fs.S3FileSystem.clear_instance_cache()
    return fetched


def test_images_of_the_study_are_kept_at_a_url(unreliable_s3, tmp_path, monkeypatch):
    from training.__main__ import main as train

    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(STUDY)
    fetched = fetches(monkeypatch)
    assert [train([]), train([])] == [0, 0]
    assert fetched == []  # What this machine has sent, it has.
    unreliable_s3.invalidate_cache()
    names = {name.rpartition("/")[2] for name in unreliable_s3.find("bucket/images")}
    assert names == {
        "stroke_digits_train.pt", "stroke_digits_test.pt",
        "stroke_digits_train_blurred.pt", "stroke_digits_test_blurred.pt",
    }  # fmt: skip
    assert unreliable_s3.find("bucket/runs")
    assert not (tmp_path / "artifacts").exists()


STUDY = """
paths: {root: "s3://bucket/images"}
data_prep: {source: stroke-digits, stroke_train_samples: 200, stroke_test_samples: 50}
tracking: {artifact_location: "s3://bucket/runs"}
model_configs:
  default: {hidden_size: 4, max_epochs: 1}
"""
