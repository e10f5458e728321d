from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tracker.client import TrackingClient
from tracker.exceptions import AlreadyExistsError
from tracker.maintenance.backup import back_up
from tracker.maintenance.check import Checkup


def test_a_backup_can_be_used_like_the_original(client, trained, tmp_path):
    run_id = trained(client)
    back_up(client, tmp_path / "copy")
    copy = TrackingClient(tmp_path / "copy" / client.store.database.path.name)
    assert copy.get_run(run_id).data == client.get_run(run_id).data
    found = copy.artifacts(run_id).local_path("model/weights.txt")
    assert found.is_relative_to(tmp_path / "copy")
    assert not found.samefile(client.artifacts(run_id).local_path("model/weights.txt"))


def test_a_backup_while_runs_go_on_is_sound(client, trained, tmp_path):
    run_id = trained(client)
    client.resume_run(run_id)
    stop = threading.Event()
    writer = threading.Thread(target=_write_until, args=(client, run_id, stop))
    writer.start()
    try:
        result = back_up(client, tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    copy = TrackingClient(tmp_path / "copy/tracking.db", read_only=True)
    assert result.troubles == []
    assert [finding.problems for finding in Checkup(copy).run()] == [[]] * 8


def test_a_run_at_work_during_the_backup_does_not_run_for_ever_in_it(client, tmp_path):
    run_id = client.create_run("0").info.run_id
    back_up(client, tmp_path / "copy")
    run = TrackingClient(tmp_path / "copy/tracking.db").get_run(run_id)
    assert run.info.status == "FAILED"
    assert "when this copy was made" in run.data.tags["tracker.failure_reason"]
    assert client.get_run(run_id).info.status == "RUNNING"


def test_equal_files_are_stored_once_in_the_backup_too(client, trained, tmp_path):
    run_ids = [trained(client, name="first"), trained(client, name="second")]
    back_up(client, tmp_path / "copy")
    copy = TrackingClient(tmp_path / "copy/tracking.db")
    paths = [copy.artifacts(run_id).local_path("data.txt") for run_id in run_ids]
    assert paths[0].samefile(paths[1])


def test_files_outside_the_folder_are_counted_not_copied(client, tmp_path):
    elsewhere = client.create_experiment("elsewhere", artifact_location=str(tmp_path.parent / "x"))
    client.create_run(elsewhere)
    assert back_up(client, tmp_path / "copy").elsewhere == 1


def test_an_older_backup_is_not_overwritten(client, tmp_path):
    back_up(client, tmp_path / "copy")
    with pytest.raises(AlreadyExistsError, match="not an empty folder"):
        back_up(client, tmp_path / "copy")


def _write_until(client, run_id, stop):
    step = 0
    while not stop.is_set():
        step += 1
        client.log_metric(run_id, "loss", step, step=step)
        client.log_text(run_id, f"step {step}", "last.txt")


@pytest.mark.parametrize("done", [0, 1, 30])
def test_a_killed_backup_is_not_taken_for_a_whole_one(client, trained, tmp_path, done):
    for number in range(40):
        trained(client, name=f"run {number}")
    folder = tmp_path / "copy"
    command = [sys.executable, "-m", "tracker", "--db", client.store.database.path]
    copying = subprocess.Popen([*command, "backup", folder], stdout=subprocess.DEVNULL)
    while len(list(folder.glob("artifacts/*/*"))) < done and copying.poll() is None:
        pass
    copying.kill()
    if copying.wait(timeout=60) == 0:
        pytest.skip("it was faster")
    checked = subprocess.run(
        [*command[:-1], folder / "tracking.db", "check"], check=False, capture_output=True
    )
    assert (checked.returncode, b"no tracking database" in checked.stderr) == (1, True)
    if done:
        with pytest.raises(AlreadyExistsError, match="was interrupted: remove the folder"):
            back_up(client, folder)
