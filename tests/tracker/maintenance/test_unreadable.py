"""One folder or file that may not be read costs itself only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tracker.client import TrackingClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


def unprivileged():
    """A prefix for a command that may read what its permissions say, even if root starts it."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root reads everything here")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def cli(tmp_path):
    def run(*arguments):
        command = [*unprivileged(), sys.executable, "-m", "tracker"]
        command += ["--db", str(tmp_path / "tracking.db"), *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def two_runs(client, trained):
    return trained(client, name="readable"), trained(client, name="unreadable")


def lock(path, mode=0):
    path.chmod(mode)
    return path


@pytest.fixture(params=["run", "folder", "file", "no entry"])
def locked(request, client, two_runs, tmp_path):
    """A part of the second run that may not be read, unlocked at the end."""
    root = client.artifacts(two_runs[1]).local_path()
    path = {
        "run": root.parent,
        "folder": root / "model",
        "file": root / "model/weights.txt",
        "no entry": root / "model",
    }[request.param]
    yield lock(path, 0o444 if request.param == "no entry" else 0)
    path.chmod(0o755)
    if (tmp_path / "copy").exists():
        shutil.rmtree(tmp_path / "copy")


def test_a_backup_copies_the_rest_and_names_what_it_cannot_read(cli, two_runs, locked, tmp_path):
    said = cli("backup", tmp_path / "copy")
    assert said.returncode == 1
    assert f"warning: Files of run {two_runs[1]}: cannot " in said.stderr
    assert "permission denied" in said.stderr
    assert "Errno" not in said.stderr
    copy = TrackingClient(tmp_path / "copy/tracking.db")
    assert copy.artifacts(two_runs[0]).local_path("model/weights.txt").is_file()
    assert copy.get_run(two_runs[1]).info.run_name == "unreadable"
    if locked.name != two_runs[1]:
        assert copy.artifacts(two_runs[1]).local_path("data.txt").is_file()


def test_a_check_tests_the_rest_and_names_what_it_cannot_read(cli, two_runs, locked):
    assert locked
    said = cli("check")
    assert said.returncode == 1
    assert "permission denied" in said.stdout
    assert "Errno" not in said.stdout + said.stderr
    assert two_runs[0] not in said.stdout


@pytest.mark.parametrize("format", ["table", "json"])
def test_a_list_shows_the_rest_and_names_what_it_cannot_read(cli, two_runs, client, format):
    folder = lock(client.artifacts(two_runs[1]).local_path("model"))
    said = cli("artifacts", two_runs[1], "--format", format)
    shown = cli("show", two_runs[1])
    folder.chmod(0o755)
    assert (said.returncode, "data.txt" in said.stdout) == (1, True)
    assert "warning: cannot list 'model': permission denied" in said.stderr
    assert (shown.returncode, "data.txt" in shown.stdout) == (0, True)
    assert "cannot list 'model': permission denied" in shown.stdout


@pytest.mark.parametrize("part", ["", "model"])
def test_gc_frees_the_rest_and_names_what_it_cannot_remove(cli, two_runs, client, part):
    for run_id in two_runs:
        client.delete_run(run_id)
    gone = client.artifacts(two_runs[0]).local_path()
    folder = lock(client.artifacts(two_runs[1]).local_path() / part, 0o500)
    said = cli("gc")
    folder.chmod(0o755)
    assert said.returncode == 1
    assert f"warning: Files of removed run {two_runs[1]}: cannot delete" in said.stderr
    assert "the next gc tries again" in said.stderr
    assert not gone.exists()
    assert cli("gc").returncode == 0
    assert not folder.exists()


def test_blobs_that_cannot_be_read_are_named(cli, two_runs, client):
    blobs = client.store.database.folder / "artifacts/.blobs"
    folder = lock(next(path for path in blobs.iterdir() if path.is_dir()))
    said = cli("check"), cli("gc")
    folder.chmod(0o755)
    assert [each.returncode for each in said] == [1, 1]
    assert all(str(folder) in each.stdout + each.stderr for each in said)
    assert cli("show", two_runs[0]).returncode == 0


def test_a_database_that_may_not_be_read_is_one_sentence(cli, two_runs, client):
    assert two_runs
    lock(client.store.database.path)
    said = cli("runs")
    client.store.database.path.chmod(0o644)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("error: ")
    assert "Errno" not in said.stderr
    assert json.loads(cli("runs", "--format", "json").stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "readable", "-o", "/proc/1/x.zip"], "cannot write '/proc/1/x.zip'"),
        (["artifacts", "readable", "--download", "/proc/1/x"], "cannot download"),
        (["backup", "/proc/1/x"], "cannot make the folder '/proc/1/x'"),
        (["import", "/proc/1/mem/x"], "error: "),
    ],
)
def test_what_the_operating_system_refuses_is_one_sentence(cli, two_runs, arguments, says):
    assert two_runs
    said = cli(*arguments)
    assert said.returncode == 1
    assert says in said.stderr
    assert "Errno" not in said.stderr
