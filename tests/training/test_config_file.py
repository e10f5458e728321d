from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("sqlite:///runs/a.db", "{folder}/runs/a.db"),
        ("sqlite:////runs/a.db", "/runs/a.db"),
        ("runs/a.db", "{folder}/runs/a.db"),
        ("~/a.db", "{home}/a.db"),
    ],
)
def test_a_database_may_be_named_by_its_tracking_uri(study_file, monkeypatch, named, path):
    home = study_file.parent / "home"
    monkeypatch.setenv("HOME", str(home))
    config = load_config(study_file, [f"tracking.database={named}"])
    assert config.tracking.database == path.format(folder=study_file.parent, home=home)


def test_a_section_without_keys_has_its_defaults(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model_configs:\n  default:\ndata_prep:\n  # seed: 3\n")
    assert load_config(path).model_configs["default"].hidden_size == 128
    assert load_config(path, ["data_prep.seed=4"]).data_prep.seed == 4


def test_what_looks_like_a_date_is_text(study_file):
    config = load_config(study_file, ["model_configs.default.description=2024-13-45"])
    assert config.model_configs["default"].description == "2024-13-45"


def test_what_a_merge_brings_along_may_be_changed(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_configs:\n  default: &base {hidden_size: 3, batch_size: 5}\n"
        "  other:\n    <<: *base\n    hidden_size: 4\n"
    )
    other = load_config(path).model_configs["other"]
    assert (other.hidden_size, other.batch_size) == (4, 5)


def test_aliases_of_aliases_do_not_multiply(tmp_path):
    """Two to the power of 60 lines, if each alias were followed."""
    path = tmp_path / "config.yaml"
    levels = [f"x{n}: &x{n} {{a: *x{n - 1}, b: *x{n - 1}}}" for n in range(1, 60)]
    path.write_text("\n".join(["x0: &x0 {c: 1}", *levels]))
    with pytest.raises(ConfigError, match="unknown key 'x0'"):
        load_config(path)


def test_a_misspelt_section_is_told_before_the_one_that_is_missing_for_it(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model_config:\n  default: {}\n")
    with pytest.raises(ConfigError, match=r"yaml:1: unknown key .* did you mean 'model_configs'"):
        load_config(path)


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
        ("    hidden_size: 8", r"config.yaml:4: .*hidden_size is already at config.yaml:3"),
        ("    batch_size: [", r"config.yaml is not valid YAML: .*line 5"),
        ("    batch_size: !!int many", r"not valid YAML: 'many' cannot be read as int, line 4"),
        ("    batch_size: !!float ''", r"not valid YAML: '' cannot be read as float, line 4"),
        ("    batch_size: !!bool 64", r"not valid YAML: '64' cannot be read as bool, line 4"),
        ("    batch_size: " + "9" * 5000, r"not valid YAML: '999+\.\.\.9+' cannot be read as int"),
        ("    batch_size: 0x" + "f" * 5000, r"batch_size is a number with thousands of digits: "),
        ("    weight_decay: .inf", r"config.yaml:4: .*weight_decay is inf: .*finite"),
        ('    description: "a\\0b"', r"config.yaml:4: .*description is .*: it holds a NUL"),
        ('    description: "\\ud800"', r"config.yaml:4: .*description is .*: .* not valid Unicode"),
        ("    channels: &a [*a]", r"config.yaml:4: model_configs.default.channels.0 is \[\["),
        ("data_prep: &a {seed: *a}", r"config.yaml:4: data_prep.seed is \{'seed': "),
        ("    channels: []", r"config.yaml:4: .*channels is \[\]: it may not be empty"),
        ("data_prep: 3", r"config.yaml:4: data_prep is 3: it must be a section"),
        ("x: " + "[" * 3000, r"config.yaml is not valid YAML: it is nested too deeply"),
        ("  '': {}", r"config.yaml:4: a name in model_configs is '': .*at least 1 character"),
        ('  "a\\nb": {}', r"config.yaml:4: a name in model_configs is 'a\\nb': .* printable"),
        ("  1: {}", r"config.yaml:4: a name in model_configs is 1: .*string"),
        ("paths: {root: ''}", r"config.yaml:4: paths.root is '': .*at least 1 character"),
        ("paths: {train_data: ''}", r"config.yaml:4: paths.train_data is '': it must"),
        ("paths: {train_data: ../a.pt}", r"config.yaml:4: paths.train_data is '../a.pt': it must"),
        ("paths: {train_data: /a.pt}", r"config.yaml:4: paths.train_data is '/a.pt': it must"),
        ("paths: {train_data: split.pt}", r"config.yaml:4: paths.train_data is 'split.pt': it"),
        ("paths: {test_data: mnist_train.pt}", r"train_data and test_data would share the file"),
        ("paths: {test_data: MNIST_Train.pt}", r"train_data and test_data would share the file"),
        (
            "paths: {test_data: stroke_digits_train.pt}",
            r"train_data and test_data would share the file 'stroke_digits_train.pt'",
        ),
        ("tracking: {database: 'http://x/y'}", r"config.yaml:4: .*database is 'http://x/y': the"),
        (
            "tracking: {database: 'sqlite:foo.db'}",
            r"config.yaml:4: .*database is .* does not name a file: write",
        ),
        ("tracking: {database: " + "x" * 300 + "}", r"config.yaml:4: .* longer than 255 bytes"),
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


@pytest.mark.parametrize(("name", "reason"), [("a\0b", "null byte"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told_in_one_sentence(name, reason):
    with pytest.raises(ConfigError, match=f"cannot be read: .*{reason}"):
        load_config(Path(name))


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
        ("data_prep.seed=!!int x", "not valid YAML: 'x' cannot be read as int"),
    ],
)
def test_an_override_that_cannot_be_understood_is_wrong_usage(study_file, override, message):
    study_file.write_text(study_file.read_text().replace("data_prep:", "data_prep:\n  seed: 1"))
    with pytest.raises(UsageError, match=message):
        load_config(study_file, [override])


def test_a_bad_value_of_an_override_names_the_override(study_file):
    with pytest.raises(ConfigError, match=r"^--set data_prep.blur_sigma=-1: .*greater than 0"):
        load_config(study_file, ["data_prep.blur_sigma=-1"])


@pytest.mark.parametrize(("metric", "mode"), [("val_loss", "min"), ("val_accuracy", "max")])
def test_the_best_epoch_is_the_one_with_the_least_loss_or_the_greatest_accuracy(
    study_file, metric, mode
):
    chosen = f"model_configs.default.best_metric={metric}"
    assert load_config(study_file, [chosen]).model_configs["default"].best_mode == mode
    worst = f"model_configs.default.best_mode={'max' if mode == 'min' else 'min'}"
    with pytest.raises(ConfigError, match=f"the best {metric} is its {mode}; leave best_mode out"):
        load_config(study_file, [chosen, worst])
