from __future__ import annotations

import io

import pytest
import torch

from training import checkpoint
from training.checkpoint import Checkpoint
from training.config import ModelConfig
from training.errors import CheckpointError, ConfigError
from training.model import (
    MODELS,
    build_model,
    check_model_config,
    exported_program,
    parameter_count,
    unused_keys,
)
from training.outcome import EpochResult
from training.step import build_optimizer

RESULT = EpochResult(1, 0.5, 0.8, 0.6, 0.7, 0.1, 1000.0)


def state_of(model, optimizer=None, **changes):
    fields = {
        "epoch": 1,
        "model": "mlp",
        "model_state": model.state_dict(),
        "optimizer_state": optimizer.state_dict() if optimizer else {},
        "history": [RESULT],
        "best_epoch": 1,
        "seed": 7,
        "generators": [],
        "settings": {"hidden_size": 8},
    }
    return Checkpoint(**{**fields, **changes})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_network_takes_images_and_gives_ten_logits(name):
    model = build_model(ModelConfig(model=name), seed=1)
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_seed_alone_governs_the_first_weights(name):
    config = ModelConfig(model=name)
    torch.rand(5)  # the global state of chance plays no part
    first, second, other = (build_model(config, seed) for seed in (1, 1, 2))
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    assert all(torch.equal(one, same) for one, same in pairs)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_the_default_network_has_the_reference_s_size():
    assert parameter_count(build_model(ModelConfig(), 1)) == 784 * 128 + 128 + 128 * 10 + 10


def test_a_network_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match=r"no model 'cmn'; did you mean 'cnn'\?"):
        build_model(ModelConfig(model="cmn"), seed=1)


@pytest.mark.parametrize(
    ("keys", "unused"),
    [
        ({"model": "mlp"}, {"channels", "model_options"}),
        ({"model": "cnn"}, {"hidden_size", "model_options"}),
        ({"model": "cnn", "optimizer": "adam"}, {"hidden_size", "model_options", "momentum"}),
    ],
)
def test_keys_of_other_networks_and_optimizers_have_no_effect(keys, unused):
    assert set(unused_keys(ModelConfig(**keys))) == unused


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"model": "cnn", "hidden_size": 64}, r"hidden_size is 64, which has no .* model: cnn"),
        ({"channels": [8]}, r"model_configs.a.channels is \[8\], which has no .* model: mlp"),
        ({"optimizer": "adam", "momentum": 0.9}, r"momentum is 0.9, .* optimizer: adam"),
    ],
)
def test_a_choice_without_effect_is_refused(keys, message):
    with pytest.raises(ConfigError, match=message):
        check_model_config("a", ModelConfig(**keys))


def test_a_key_without_effect_may_stand_at_its_default():
    check_model_config(
        "a", ModelConfig(model="cnn", hidden_size=128, momentum=0.0, optimizer="adam")
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_exported_program_says_what_the_network_says_for_any_number_of_images(name):
    model = build_model(ModelConfig(model=name, hidden_size=8), seed=1)
    buffer = io.BytesIO()
    torch.export.save(exported_program(model), buffer)
    program = torch.export.load(buffer).module()
    for count in (1, 2, 7):
        images = torch.rand(count, 1, 28, 28)
        assert torch.equal(program(images), model(images))


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    model = build_model(ModelConfig(hidden_size=8), seed=1)
    path = tmp_path / "last.pt"
    path.write_bytes(checkpoint.dump(state_of(model)))
    loaded = checkpoint.load(path)
    assert loaded.history == [RESULT]
    assert all(torch.equal(loaded.model_state[k], v) for k, v in model.state_dict().items())


def test_equal_checkpoints_are_equal_bytes():
    first, second = (build_model(ModelConfig(hidden_size=8), seed=1) for _ in range(2))
    assert checkpoint.dump(state_of(first)) == checkpoint.dump(state_of(second))


def test_an_optimizer_s_state_is_restored(tmp_path):
    config = ModelConfig(hidden_size=8, optimizer="adam")
    model = build_model(config, seed=1)
    optimizer = build_optimizer(model, config)
    model(torch.rand(2, 1, 28, 28)).sum().backward()
    optimizer.step()
    path = tmp_path / "last.pt"
    path.write_bytes(checkpoint.dump(state_of(model, optimizer)))
    fresh = build_optimizer(model, config)
    checkpoint.load(path).restore(model, fresh)
    assert str(fresh.state_dict()) == str(optimizer.state_dict())


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 and no more"])
def test_a_damaged_checkpoint_is_told_in_one_sentence(tmp_path, content):
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^the checkpoint .*last.pt is damaged: [^\n]*$"):
        checkpoint.load(path)


class Intruder:
    """Would create a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_checkpoint_that_carries_code_is_refused_and_the_code_not_run(tmp_path):
    path, trace = tmp_path / "last.pt", tmp_path / "trace"
    torch.save({"format": 1, "model": Intruder(trace)}, path)
    with pytest.raises(CheckpointError, match=r"last\.pt is damaged"):
        checkpoint.load(path)
    assert not trace.exists()


def test_any_other_file_of_torch_is_no_checkpoint(tmp_path):
    path = tmp_path / "last.pt"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="is not a checkpoint of this release"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"history": None}, "it holds no history"),
        ({"model_state": {"1.weight": "heavy"}}, "model_state holds more than tensors"),
        ({"history": [{"epoch": 1}]}, "its history is not a list of epochs"),
        ({"epoch": 2}, "its history does not have 2 epochs"),
        ({"best_epoch": 5}, "its history does not have 1 epochs"),
        ({"colour": "red"}, "it holds 'colour' too"),
    ],
)
def test_a_checkpoint_whose_parts_do_not_belong_together_is_told(tmp_path, changes, flaw):
    model = build_model(ModelConfig(hidden_size=8), seed=1)
    whole = {**vars(state_of(model)), "format": 1, "history": [vars(RESULT)]}
    torch.save({**whole, **changes}, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match=f"last.pt is damaged: .*{flaw}"):
        checkpoint.load(tmp_path / "last.pt")


@pytest.mark.parametrize(
    ("kept", "wanted", "message"),
    [
        ("sgd", "adam", "not of this Adam: betas does not fit"),
        ("adam", "sgd", "not of this SGD: dampening does not fit"),
        (None, "adam", "optimizer state cannot be read"),
    ],
)
def test_the_state_of_another_optimizer_is_refused(kept, wanted, message):
    config = ModelConfig(hidden_size=8, optimizer=wanted)
    model = build_model(config, seed=1)
    other = build_optimizer(model, ModelConfig(optimizer=kept)) if kept else None
    with pytest.raises(CheckpointError, match=message):
        state_of(model, other).restore(model, build_optimizer(model, config))


def test_the_memory_of_other_weights_is_refused():
    config = ModelConfig(hidden_size=8, optimizer="adam")
    model = build_model(config, seed=1)
    optimizer = build_optimizer(model, config)
    model(torch.rand(2, 1, 28, 28)).sum().backward()
    optimizer.step()
    state = state_of(model, optimizer)
    state.optimizer_state["state"][0]["exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match="not of this Adam: exp_avg does not fit"):
        state.restore(model, build_optimizer(model, config))


def test_weights_of_another_shape_are_refused_by_name():
    small, large = (build_model(ModelConfig(hidden_size=size), 1) for size in (8, 16))
    with pytest.raises(CheckpointError, match=r"1\.bias has shape \(8,\), .* asks for \(16,\)"):
        state_of(small).restore(large)
