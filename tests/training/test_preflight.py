"""Where runs are recorded is checked before any work."""

from __future__ import annotations

import pytest

import tracker
from tracker import TrackingClient
from training.__main__ import main
from training.config import Config, ModelConfig, Tracking
from training.errors import ConfigError, TrainingError
from training.preflight import check_tracking, open_database


def config_for(database, **tracking):
    keys = Tracking(database=str(database), **tracking)
    return Config(model_configs={"default": ModelConfig()}, tracking=keys)


def said_of(config):
    said = []
    check_tracking(config, said.append)
    return said


def test_a_check_leaves_nothing_behind(tmp_path):
    assert said_of(config_for(tmp_path / "new" / "a.db")) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.db", "new/deep/a.db"])
def test_a_new_database_in_a_folder_that_cannot_be_written_is_refused(locked, name):
    folder, lock = locked
    lock()
    with pytest.raises(TrainingError, match=r"database's folder, .* written: Permission denied"):
        said_of(config_for(folder / name))


def test_a_database_that_can_only_be_read_is_refused_and_not_touched(locked):
    folder, lock = locked
    open_database(config := config_for(folder / "a.db"))
    tracker.get_client().store.database.close()
    (folder / "a.db").chmod(0o444)
    before = sorted(folder.iterdir())
    lock(0o777)
    with pytest.raises(TrainingError, match=r"file .*a\.db cannot be written: Permission denied"):
        said_of(config)
    assert sorted(folder.iterdir()) == before


def test_a_folder_of_files_that_cannot_be_written_is_refused(locked):
    folder, lock = locked
    config = config_for(folder.parent / "a.db", artifact_location=str(folder / "files"))
    folder.parent.chmod(0o777)
    lock()
    with pytest.raises(TrainingError, match=r"artifact folder, .*folder/files, cannot be written"):
        said_of(config)


@pytest.mark.parametrize("location", ["..", "a/../b", "http://x/y", "..\\b"])
def test_a_place_that_can_hold_no_files_is_refused(tmp_path, location):
    config = config_for(tmp_path / "a.db", artifact_location=location)
    with pytest.raises(ConfigError, match=r"tracking.artifact_location is .*: \w+") as caught:
        said_of(config)
    assert "0000" not in str(caught.value)


def test_a_link_that_leads_the_files_elsewhere_is_found_before_the_first_run(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "artifacts").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match=r"artifact_location is 'artifacts': .*TRACKER_ALLOWED"):
        said_of(config_for(tmp_path / "study" / "a.db"))


def test_an_experiment_that_keeps_its_place_says_so(tmp_path):
    open_database(config_for(tmp_path / "a.db"))
    (sentence,) = said_of(config_for(tmp_path / "a.db", artifact_location="elsewhere"))
    assert f"keeps its artifacts in {str(tmp_path / 'artifacts' / '1')!r}" in sentence
    assert said_of(config_for(tmp_path / "a.db")) == []


def test_an_experiment_whose_files_lie_where_they_may_not_is_refused(tmp_path):
    location = str(tmp_path / "far")
    open_database(config_for(tmp_path / "study" / "a.db", artifact_location=location))
    with pytest.raises(ConfigError, match="TRACKER_ALLOWED_ROOTS"):
        said_of(config_for(tmp_path / "study" / "a.db"))


def test_a_deleted_experiment_is_refused_before_any_work(study_file, capsys):
    client = TrackingClient(study_file.parent / "tracking.db")
    client.delete_experiment(client.create_experiment("MNIST_Experiments"))
    assert main(["--config", str(study_file)]) == 1
    assert "is deleted: restore it" in capsys.readouterr().err
    assert not (study_file.parent / "data").exists()
