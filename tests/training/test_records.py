"""What a finished run holds: the contract with everything that reads runs."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tracker import TrackingClient
from training.__main__ import main
from training.config_file import load_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a small study that has run."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(
        "data_prep: {source: stroke-digits, stroke_train_samples: 400, stroke_test_samples: 100}\n"
        "model_configs:\n"
        "  default: {hidden_size: 16, max_epochs: 3, learning_rate: 0.1, max_samples: 200}\n"
        "  blurred_dataset: {hidden_size: 16, max_epochs: 1, train_on: blurred}\n"
        "  both: {model: cnn, channels: [4], optimizer: adam, max_epochs: 1, train_on: both}\n"
    )
    assert main(["--config", str(folder / "config.yaml")]) == 0
    return folder


@pytest.fixture
def runs(folder):
    """The runs of the study by configuration."""
    found = TrackingClient(folder / "tracking.db").search_runs(["1"])
    return {run.data.tags["configuration"]: run for run in found}


@pytest.fixture
def path_in(folder, runs):
    """The path of an artifact of the run of `default`."""
    client = TrackingClient(folder / "tracking.db")

    def find(path: str, name: str = "default"):
        return client.artifacts(runs[name].info.run_id).local_path(path)

    return find


def test_epochs_are_steps_from_one(folder, runs):
    client = TrackingClient(folder / "tracking.db")
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "images_per_second"):
        points = client.get_metric_history(runs["default"].info.run_id, key)
        assert [point.step for point in points] == [1, 2, 3]


def test_both_test_sets_are_measured_once(runs):
    metrics = runs["default"].data.metrics
    assert {"test_loss", "test_accuracy", "test_blurred_loss"} <= metrics.keys()
    assert 0 <= metrics["test_blurred_accuracy"] <= 1


def test_parameters_say_what_the_run_depends_on(runs):
    params = runs["default"].data.params
    expected = {"hidden_size": "16", "seed": "42", "max_samples": "200", "train_samples": "160"}
    assert expected.items() <= params.items()
    assert params["torch_version"] == torch.__version__


def test_images_are_inputs_with_their_purpose(runs):
    inputs = runs["blurred_dataset"].inputs.dataset_inputs
    found = {(used.dataset.name, used.tags[0].value) for used in inputs}
    assert found == {
        ("stroke-digits-train-blurred", "train"),
        ("stroke-digits-validation-blurred", "validation"),
        ("stroke-digits-test", "test"),
        ("stroke-digits-test-blurred", "test"),
    }


def test_an_input_says_how_many_images_of_each_digit_it_has(runs):
    (train,) = (
        used.dataset
        for used in runs["default"].inputs.dataset_inputs
        if used.dataset.name == "stroke-digits-train"
    )
    profile = json.loads(train.profile)
    assert profile["num_rows"] == sum(profile["class_counts"]) == 160
    assert json.loads(train.source)["uri"] == "datasets/stroke_digits_train.pt"


def test_the_split_gives_back_the_rows_that_were_trained_on(path_in):
    split = torch.load(path_in("datasets/split.pt"), weights_only=True)
    rows = torch.cat([split["train"], split["validation"]])
    assert (len(split["train"]), len(rows.unique())) == (160, 200)


def test_runs_share_their_image_files(path_in):
    name = "datasets/stroke_digits_test.pt"
    assert path_in(name).stat().st_ino == path_in(name, "blurred_dataset").stat().st_ino


def test_what_has_no_effect_is_not_recorded_as_decided(path_in, runs):
    assert "channels" not in runs["default"].data.params
    params = runs["both"].data.params
    assert params["channels"] == "[4]"
    card = json.loads(path_in("model/model_card.json", "both").read_text())["configuration"]
    config = yaml.safe_load(path_in("config/effective_config.yaml", "both").read_text())
    for recorded in (params, card, config["model_configs"]["both"]):
        assert {"hidden_size", "momentum"}.isdisjoint(recorded)


def test_the_samples_are_one_sprite_with_a_column_for_each_digit(path_in):
    labels = json.loads(path_in("datasets/samples.json").read_text())["labels"]
    assert labels == list(range(10)) * 4
    for name in ("sharp", "blurred"):
        with Image.open(path_in(f"datasets/samples/{name}.png")) as image:
            assert image.size == (280, 112)


def test_the_metadata_describe_each_set(path_in):
    metadata = json.loads(path_in("datasets/dataset_metadata.json").read_text())
    assert metadata["source"] == "stroke-digits"
    assert metadata["splits"]["stroke-digits-test-blurred"]["blur_sigma"] == 2.0
    assert metadata["splits"]["stroke-digits-train"]["shape"] == [160, 28, 28]


@pytest.mark.parametrize(
    ("name", "sigmas", "size"),
    [("default", [0.0], 200), ("blurred_dataset", [2.0], 400), ("both", [0.0, 2.0], 400)],
)
def test_the_metadata_say_what_holds_for_all_sets(path_in, name, sigmas, size):
    metadata = json.loads(path_in("datasets/dataset_metadata.json", name).read_text())
    assert metadata["blur_sigmas"] == {"train": sigmas, "validation": sigmas, "test": [0.0, 2.0]}
    assert metadata["subset_size"] == size
    assert metadata["digest"] not in {part["digest"] for part in metadata["splits"].values()}


@pytest.mark.parametrize("name", ["test", "test_blurred"])
def test_the_evaluation_s_files_agree_with_each_other(path_in, name):
    scores = json.loads(path_in("evaluation/summary.json").read_text())[name]
    counts = json.loads(path_in(f"evaluation/confusion_{name}.json").read_text())["counts"]
    table = gzip.decompress(path_in(f"evaluation/predictions_{name}.csv.gz").read_bytes())
    rows = [line.split(",") for line in table.decode().splitlines()[1:]]
    right = sum(row[1] == row[2] for row in rows)
    assert right == sum(counts[digit][digit] for digit in range(10))
    assert right / len(rows) == pytest.approx(scores["accuracy"])


def test_the_shown_images_are_those_of_the_test_set(path_in):
    shown = json.loads(path_in("evaluation/images_test.json").read_text())
    images = torch.load(path_in("datasets/stroke_digits_test.pt"), weights_only=True)["images"]
    row = shown[11]
    left, top = row["position"] % 10 * 28, row["position"] // 10 * 28
    with Image.open(path_in("evaluation/images_test.png")) as sprite:
        tile = np.asarray(sprite.crop((left, top, left + 28, top + 28)))
    assert np.array_equal(tile, images[row["index"]].numpy())


WITHOUT_OUR_CODE = """
import sys
sys.modules["training"] = sys.modules["tracker"] = None  # whoever imports them now fails
import torch
program = torch.export.load(sys.argv[1]).module()
test = torch.load(sys.argv[2], weights_only=True)
predicted = program(test["images"][:, None] / 255).argmax(dim=1)
print((predicted == test["labels"]).float().mean().item())
"""


def test_the_exported_model_gives_the_tested_accuracy_without_our_code(path_in, runs, python):
    files = (path_in("model/data/model.pt2"), path_in("datasets/stroke_digits_test.pt"))
    printed = python(WITHOUT_OUR_CODE, *map(str, files)).stdout
    assert float(printed) == pytest.approx(runs["default"].data.metrics["test_accuracy"])


def test_plain_arrays_compute_the_same_as_the_exported_model(path_in):
    weights = np.load(path_in("model/weights.npz"))
    images = np.random.default_rng(1).random((5, 784), dtype=np.float32)
    hidden = np.maximum(images @ weights["1.weight"].T + weights["1.bias"], 0)
    logits = hidden @ weights["3.weight"].T + weights["3.bias"]
    program = torch.export.load(path_in("model/data/model.pt2")).module()
    expected = program(torch.from_numpy(images).view(5, 1, 28, 28)).detach().numpy()
    assert np.allclose(logits, expected, atol=1e-5)


def test_the_model_card_names_input_output_data_and_versions(path_in):
    card = json.loads(path_in("model/model_card.json").read_text())
    assert card["input"]["shape"] == ["N", 1, 28, 28]
    assert card["configuration"]["hidden_size"] == 16
    assert card["data"][0]["digest"]
    assert card["versions"]["torch"] == torch.__version__


def test_the_model_card_says_how_well_the_network_did(path_in, runs):
    card = json.loads(path_in("model/model_card.json").read_text())
    logged = runs["default"].data.metrics
    assert card["epoch"] == logged["best_epoch"]
    assert card["test_metrics"] == {k: v for k, v in logged.items() if k.startswith("test_")}
    assert len(card["test_metrics"]) == 4


def test_the_effective_configuration_leaves_the_images_to_no_chance(tmp_path):
    """Where the study takes MNIST if it is there, and draws from the seed that governs the rest."""
    few = "stroke_train_samples: 40, stroke_test_samples: 10, download: false, source: auto"
    (tmp_path / "config.yaml").write_text(
        f"data_prep: {{{few}}}\nmodel_configs: {{default: {{max_epochs: 1}}}}\n"
    )
    assert main(["--config", str(tmp_path / "config.yaml"), "--seed", "5"]) == 0
    client = TrackingClient(tmp_path / "tracking.db")
    (run,) = client.search_runs(["1"])
    path = client.artifacts(run.info.run_id).local_path("config/effective_config.yaml")
    prep = yaml.safe_load(path.read_text())["data_prep"]
    assert (prep["source"], prep["stroke_seed"]) == ("stroke-digits", 5)


def test_the_effective_configuration_trains_the_same_weights_again(path_in, tmp_path):
    content = yaml.safe_load(path_in("config/effective_config.yaml").read_text())
    content["tracking"]["database"] = str(tmp_path / "again.db")
    again = tmp_path / "config.yaml"
    again.write_text(yaml.safe_dump(content))
    assert main(["--config", str(again)]) == 0
    (run,) = TrackingClient(tmp_path / "again.db").search_runs(["1"])
    twin = TrackingClient(tmp_path / "again.db").artifacts(run.info.run_id)
    first, second = (
        torch.load(path, weights_only=True)["model_state"]
        for path in (path_in("model/last.pt"), twin.local_path("model/last.pt"))
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert load_config(again).model_configs.keys() == {"default"}
