from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile

import pytest

from tracker.client import TrackingClient
from tracker.exceptions import ArtifactError, InvalidValueError, UnsafePathError
from tracker.maintenance.bundle import export_bundle
from tracker.maintenance.merge import Merge
from tracker.maintenance.sources import open_source


@pytest.fixture
def bundle(client, trained, tmp_path):
    """A run and the zip file it was exported to."""
    run_id = trained(client)
    trained(client, name="not exported")
    export_bundle(client, [run_id], tmp_path / "run.zip", now=0)
    return run_id, tmp_path / "run.zip"


def test_an_exported_run_arrives_whole_elsewhere(client, bundle, tmp_path):
    run_id, path = bundle
    elsewhere = TrackingClient(tmp_path / "elsewhere/tracking.db")
    with open_source(path) as source:
        merged = Merge(source, elsewhere, now=0).run()
    assert merged.runs_new == 1
    assert elsewhere.get_run(run_id).data == client.get_run(run_id).data
    assert elsewhere.artifacts(run_id).local_path("model/weights.txt").is_file()


def test_an_unpacked_export_is_a_folder_like_any_other(bundle, tmp_path):
    run_id, path = bundle
    shutil.unpack_archive(path, tmp_path / "unpacked")
    opened = TrackingClient(tmp_path / "unpacked/tracking.db")
    assert opened.download_artifacts(run_id, "data.txt").startswith(str(tmp_path / "unpacked"))


def test_importing_where_it_came_from_changes_nothing(client, bundle):
    _, path = bundle
    with open_source(path) as source:
        merged = Merge(source, client, now=0).run()
    assert (merged.runs_unchanged, merged.runs_new) == (1, 0)


def test_an_export_that_fails_leaves_the_older_file(client, bundle):
    run_id, path = bundle
    before = path.read_bytes()
    with client.store.database.write() as connection:
        connection.execute("UPDATE runs SET artifact_uri = '/etc' WHERE run_uuid = ?", (run_id,))
    with pytest.raises(ArtifactError, match=f"run {run_id}: .*/etc"):
        export_bundle(client, [run_id], path, now=0)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/evil",
        "artifacts/../../evil",
        "artifacts\\..\\evil",
        "C:/evil",
        "artifacts/%2e%2e/x",
    ],
)
def test_a_member_that_leads_out_is_refused(bundle, merge, name, tmp_path):
    _, path = bundle
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "evil")
    with pytest.raises(UnsafePathError, match="unsafe"):
        merge(path)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_in_an_archive_is_refused(bundle, merge):
    _, path = bundle
    link = zipfile.ZipInfo("artifacts/1/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(UnsafePathError, match="is a link"):
        merge(path)


def test_a_zip_that_is_no_export_is_refused(merge, tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.writestr("beach.jpg", b"")
    with pytest.raises(InvalidValueError, match="only zip files written by `export`"):
        merge(tmp_path / "holiday.zip")


def test_a_damaged_zip_is_refused(bundle, merge):
    _, path = bundle
    content = bytearray(path.read_bytes())
    content[200:2000] = bytes(1800)
    path.write_bytes(content)
    with pytest.raises(InvalidValueError, match="damaged"):
        merge(path)


def test_a_database_in_a_zip_cannot_reach_out(bundle, merge, tmp_path):
    run_id, path = bundle
    shutil.unpack_archive(path, tmp_path / "unpacked")
    with sqlite3.connect(tmp_path / "unpacked/tracking.db") as connection:
        connection.execute("UPDATE runs SET artifact_uri = ?, run_uuid = ?", ("/etc", run_id))
    connection.close()
    shutil.make_archive(str(tmp_path / "evil"), "zip", tmp_path / "unpacked")
    merged = merge(tmp_path / "evil.zip")
    assert merged.copied.files == 0


def bombed(path, target, zeros, members=1):
    """A copy of an export with files of zeros in it."""
    shutil.copy(path, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"artifacts/1/zeros-{number}", bytes(zeros))
    return target


@pytest.mark.parametrize("members", [1, 6])
def test_a_zip_that_unpacks_to_a_multiple_of_its_size_is_refused_unless_allowed(
    bundle, tmp_path, members
):
    _, path = bundle
    bomb = bombed(path, tmp_path / "bomb.zip", 120_000_000 // members, members)
    refused = pytest.raises(InvalidValueError, match=r"would unpack to 120\.\d MB.*--max-size")
    with refused, open_source(bomb):
        pass
    with open_source(bomb, max_unpacked_bytes=200_000_000) as source:
        assert list(source.experiments())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["artifacts/x", "artifacts/x"], "holds 'artifacts/x' twice"),
        (["tracking.db"], "holds 'tracking.db' twice"),
        (["artifacts/x", "artifacts/x/y"], "'artifacts/x' is a file and a folder"),
        (["artifacts/x/y/z", "artifacts/x"], "'artifacts/x' is a file and a folder"),
    ],
)
def test_members_that_get_in_each_others_way_are_refused_in_a_sentence(
    bundle, merge, names, message
):
    _, path = bundle
    with zipfile.ZipFile(path, "a") as archive:
        for name in names:
            archive.writestr(name, b"x")
    with pytest.raises(InvalidValueError, match=message):
        merge(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
def test_the_temporary_folder_of_a_killed_import_goes_with_the_next(
    bundle, merge, tmp_path, monkeypatch
):
    _, path = bundle
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = (
        "import sys; from pathlib import Path\n"
        "from tracker.maintenance.sources import open_source\n"
        "with open_source(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    )
    importing = subprocess.Popen(
        [sys.executable, "-c", code, path],
        env=os.environ | {"TMPDIR": str(scratch)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    importing.stdout.readline()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    merge(path)
    assert len(list(scratch.iterdir())) == 1, "that of a living process stays"
    importing.kill()
    importing.communicate()
    merge(path)
    assert list(scratch.iterdir()) == []
