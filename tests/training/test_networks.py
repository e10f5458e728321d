"""Networks of one's own: by a dotted path, with mistakes in them, with chance in them."""

from __future__ import annotations

import random
import signal
import sys
import textwrap

import numpy as np
import pytest
import torch

from tracker import TrackingClient
from training.__main__ import main
from training.config import ModelConfig
from training.distributed import World
from training.errors import ConfigError
from training.model import check_model_config, find_builder
from training.seeds import GlobalGenerators

NETS = """
import random
import numpy as np
import torch
from torch import nn

def flat(*layers):
    return nn.Sequential(nn.Flatten(), *layers)

def make(config):
    return flat(nn.Linear(784, config.model_options.get("width", 8)), nn.ReLU(),
                nn.Dropout(config.model_options.get("dropout", 0.5)),
                nn.Linear(config.model_options.get("width", 8), 10))

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, 10)
        self.linear.weight.data += float(np.random.rand())

    def forward(self, images):
        noise = random.random() + np.random.rand() + torch.rand(1)
        return self.linear(images.flatten(1) + (noise if self.training else 0))

def noisy(config):
    return Noisy()

def batch_norm(config):
    return flat(nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))

def five_classes(config):
    return flat(nn.Linear(784, 5))

def wrong_shape(config):
    return flat(nn.Linear(100, 10))

class Typo(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, images):
        return self.lineal(images.flatten(1))

def typo(config):
    return Typo()

def broken_builder(config):
    return flat(nn.Linear(784, config.hidden))

def not_a_module(config):
    return "network"

def no_parameters(config):
    return nn.Flatten()
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The module `own_nets` in the working directory."""
    (tmp_path / "own_nets.py").write_text(textwrap.dedent(NETS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("own_nets", None)


def with_model(name, *more):
    sets = [f"model=own_nets:{name}", *more]
    return [part for each in sets for part in ("--set", f"model_configs.extra.{each}")]


def newest_run(study_file):
    return TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])[0]


@pytest.mark.usefixtures("nets")
def test_a_function_at_a_dotted_path_makes_the_network(study_file):
    options = ("model_options={width: 4, dropout: 0.1}",)
    here = ["--config", str(study_file), "--only", "extra", *with_model("make", *options)]
    assert main(here) == 0
    params = newest_run(study_file).data.params
    assert params["model"] == "own_nets:make"
    assert params["parameters"] == str(784 * 4 + 4 + 4 * 10 + 10)
    assert (params["model_options.width"], params["model_options.dropout"]) == ("4", "0.1")


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent_package.nets:make", "cannot be imported: ModuleNotFoundError: No module named"),
        ("own_nets:maek", "no function 'maek' in own_nets; did you mean 'make'?"),
        ("own_nets:", "no function '' in own_nets"),
        (":make", "cannot be imported: ValueError"),
        (
            "own_nets:broken_builder",
            "cannot be built: .*raises AttributeError: .* no attribute 'hidden'",
        ),
        ("own_nets:not_a_module", "returns a str instead of a torch.nn.Module"),
        ("own_nets:no_parameters", "has no parameters to train"),
    ],
)
def test_a_network_that_cannot_be_made_is_told_before_anything_is_recorded(name, message):
    with pytest.raises(ConfigError, match=f"model_configs.mine: .*{message}"):
        check_model_config("mine", ModelConfig(model=name))


def test_a_registered_network_takes_no_options():
    with pytest.raises(ConfigError, match=r"model_options is .* no effect with model: mlp"):
        check_model_config("mine", ModelConfig(model_options={"width": 3}))


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_shape", "failed on a batch of 64 images: RuntimeError: mat1 and mat2 shapes"),
        ("typo", "failed on a batch of 64 images: AttributeError: 'Typo' object has no attribute"),
        ("five_classes", "failed on a batch of 64 images: IndexError: Target"),
    ],
)
def test_an_error_in_a_network_names_its_configuration_and_spares_the_others(
    study_file, capsys, name, message
):
    here = ["--config", str(study_file), "--only", "extra", "blurred_dataset"]
    assert main([*here, *with_model(name)]) == 1
    assert f"error: extra: the network {message}" in capsys.readouterr().out
    found = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    runs = {run.data.tags["configuration"]: run for run in found}
    assert message in runs["extra"].data.tags["tracker.failure_reason"]
    assert runs["blurred_dataset"].info.status == "FINISHED"


@pytest.mark.usefixtures("nets")
def test_a_last_batch_of_one_image_and_batch_norm_is_one_clear_sentence(study_file, capsys):
    """320 images to train on: batches of 29 leave one."""
    here = ["--config", str(study_file), "--only", "extra"]
    assert main([*here, *with_model("batch_norm", "batch_size=29")]) == 1
    assert "BatchNorm cannot train on a batch of one image" in capsys.readouterr().out
    assert main([*here, *with_model("batch_norm", "batch_size=29", "drop_last=true")]) == 0


def test_drop_last_needs_a_whole_batch(study_file, capsys):
    sets = ["--set", "model_configs.extra.drop_last=true"]
    sets += ["--set", "model_configs.extra.batch_size=321"]
    assert main(["--config", str(study_file), "--only", "extra", *sets]) == 1
    assert (
        "model_configs.extra: drop_last leaves no batch: there are 320" in capsys.readouterr().err
    )


def weights(study_file, run):
    artifacts = TrackingClient(study_file.parent / "tracking.db").artifacts(run.info.run_id)
    return torch.load(artifacts.local_path("model/last.pt"), weights_only=True)["model_state"]


def same_weights(study_file, one, other):
    first, second = (weights(study_file, run) for run in (one, other))
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize("name", ["make", "noisy"])
def test_chance_within_a_network_is_governed_by_the_seed(study_file, name):
    here = ["--config", str(study_file), "--only", "extra", *with_model(name)]
    for seed in (1, 1, 2):
        random.seed()
        np.random.seed()  # noqa: NPY002
        torch.seed()
        assert main([*here, "--seed", str(seed)]) == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    other, second, first = client.search_runs(["1"])
    assert same_weights(study_file, first, second)
    assert first.data.metrics["test_loss"] == second.data.metrics["test_loss"]
    assert not same_weights(study_file, first, other)


@pytest.mark.slow
@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize("name", ["make", "noisy"])
def test_a_resumed_network_with_chance_in_it_equals_an_uninterrupted_one(
    study_file, interrupt, name
):
    here = ("--config", str(study_file))
    arguments = ("--only", "extra", *with_model(name, "max_epochs=60"))
    assert interrupt(study_file, signal.SIGINT, *arguments).returncode == 130
    run_id = newest_run(study_file).info.run_id
    assert main([*here, "--resume", run_id]) == 0
    assert main([*here, *arguments]) == 0
    second, first = TrackingClient(study_file.parent / "tracking.db").search_runs(["1"])
    assert same_weights(study_file, first, second)
    assert first.data.metrics["test_loss"] == second.data.metrics["test_loss"]


@pytest.mark.usefixtures("nets")
@pytest.mark.parametrize("name", ["make", "noisy"])
def test_more_epochs_of_a_finished_run_equal_a_longer_run(study_file, name):
    here = ["--config", str(study_file)]
    short, long = (with_model(name, f"max_epochs={epochs}") for epochs in (2, 4))
    assert main([*here, "--only", "extra", *short]) == 0
    run_id = newest_run(study_file).info.run_id
    assert main([*here, "--resume", run_id, "--set", "model_configs.extra.max_epochs=4"]) == 0
    assert main([*here, "--only", "extra", *long]) == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    whole, extended = client.search_runs(["1"])
    assert same_weights(study_file, whole, extended)
    assert extended.info.run_id == run_id
    assert extended.data.tags["extended"] == "max_epochs=4"
    assert extended.data.metrics["test_loss"] == whole.data.metrics["test_loss"]
    history = client.get_metric_history(run_id, "val_loss")
    assert [point.step for point in history] == [1, 2, 3, 4]
    assert [point.step for point in client.get_metric_history(run_id, "test_loss")] == [2, 4]


def test_more_epochs_of_several_seeds_train_each_of_them_further(study_file):
    here = ["--config", str(study_file)]
    assert main([*here, "--only", "extra", "--seeds", "2"]) == 0
    client = TrackingClient(study_file.parent / "tracking.db")
    (parent,) = client.search_runs(["1"], "tags.seeds LIKE '42%'")
    more = ["--set", "model_configs.extra.max_epochs=2"]
    assert main([*here, "--resume", parent.info.run_id, *more]) == 0
    children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    epochs = [len(client.get_metric_history(run.info.run_id, "val_loss")) for run in children]
    assert epochs == [2, 2]
    means = client.get_metric_history(parent.info.run_id, "test_loss_mean")
    assert [point.step for point in means] == [0, 2]


def test_a_process_that_joins_later_draws_from_its_own_seed():
    alone = GlobalGenerators(7)
    alone.gather()
    late = GlobalGenerators(7, World(rank=1, size=1))
    late.restore(alone.states)
    late.activate()
    drawn = torch.rand(3)
    again = GlobalGenerators(7, World(rank=1, size=1))
    again.activate()
    assert torch.equal(drawn, torch.rand(3))
    alone.activate()
    assert not torch.equal(drawn, torch.rand(3))


def test_a_registered_name_is_found_without_an_import():
    before = set(sys.modules)
    assert find_builder("mlp")
    assert set(sys.modules) == before
