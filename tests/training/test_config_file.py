from __future__ import annotations

import pytest

from training.config_file import load_config
from training.errors import ConfigError, UsageError


def test_the_project_s_own_configuration_has_the_four_of_the_study(pytestconfig):
    config = load_config(pytestconfig.rootpath / "config.yaml")
    default = [name for name, model in config.model_configs.items() if not model.on_request]
    assert default == ["default", "small_hidden", "small_dataset", "blurred_dataset"]


def test_paths_start_from_the_folder_of_the_file(study_file):
    config = load_config(study_file)
    assert config.paths.root == str(study_file.parent / "data")
    assert config.tracking.database == str(study_file.parent / "tracking.db")


def test_an_override_changes_one_key(study_file):
    config = load_config(study_file, ["model_configs.default.hidden_size=64"])
    assert config.model_configs["default"].hidden_size == 64
    assert config.model_configs["default"].max_epochs == 2


def test_a_number_that_yaml_takes_for_text_is_a_number(study_file):
    config = load_config(study_file, ["model_configs.default.learning_rate=1e-3"])
    assert config.model_configs["default"].learning_rate == 0.001


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("    batch_sise: 64", r"config.yaml:4: .*batch_sise.*did you mean 'batch_size'"),
        ("    batch_size: -4", r"config.yaml:4: model_configs.default.batch_size is -4: .*"),
        ("    batch_size: 6.5", r"config.yaml:4: .*batch_size is 6.5: .*integer"),
        ("    batch_size: yes", r"config.yaml:4: .*batch_size is True: .*integer"),
        ("    batch_size: many", r"config.yaml:4: .*batch_size is 'many': .*integer"),
        ("    data_split_ratio: 1.0", r"config.yaml:4: .*data_split_ratio is 1.0: .*less than 1"),
        ("    learning_rate: .nan", r"config.yaml:4: .*learning_rate is nan"),
        ("    train_on: dark", r"config.yaml:4: .*train_on is 'dark': .*'sharp'"),
        ("    hidden_size: 8", r"config.yaml:4: .*hidden_size already stands at config.yaml:3"),
        ("    batch_size: [", r"config.yaml is not valid YAML: .*line 5"),
        ("data_perp: {}", r"config.yaml:4: unknown key 'data_perp'; did you mean 'data_prep'"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, line, message):
    path = tmp_path / "config.yaml"
    path.write_text(f"model_configs:\n  default:\n    hidden_size: 16\n{line}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no configuration file .*absent.yaml"):
        load_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["", "just words", "- a list"])
def test_a_file_without_sections_is_refused(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="holds no sections"):
        load_config(path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model_configs.defualt.hidden_size=3", "no configuration 'defualt'; did you mean"),
        ("model_configs.default=3", "names no key of a configuration"),
        ("nonsense", "not of the form"),
        ("data_prep.seed.x=3", "'seed' is a value, not a section"),
        ("data_prep.seed=[", "not valid YAML"),
    ],
)
def test_an_override_that_cannot_be_understood_is_wrong_usage(study_file, override, message):
    study_file.write_text(study_file.read_text().replace("data_prep:", "data_prep:\n  seed: 1"))
    with pytest.raises(UsageError, match=message):
        load_config(study_file, [override])


def test_a_bad_value_of_an_override_names_the_override(study_file):
    with pytest.raises(ConfigError, match=r"^--set data_prep.blur_sigma=-1: .*greater than 0"):
        load_config(study_file, ["data_prep.blur_sigma=-1"])
