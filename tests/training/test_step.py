"""The hand-made parts of training against the textbook's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training.config import ModelConfig
from training.distributed import World
from training.loop import Task, train_epochs, validate
from training.model import build_model
from training.outcome import EpochResult
from training.seeds import GlobalGenerators
from training.split import Examples
from training.step import (
    autograd_step,
    build_optimizer,
    build_step,
    is_two_layer_sgd,
    learning_rate,
    two_layer_step,
)

RESULT = EpochResult(1, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0)


def trained(config, train, step_for=build_step, after=0, model=None):
    model = model or build_model(config, seed=1)
    optimizer = build_optimizer(model, config)
    step = step_for(model, optimizer, config, World())
    task = Task(model, step, train, train, config, 1, World(), GlobalGenerators(1))
    list(train_epochs(task, [RESULT] * after))
    return model


def tutorial_loop(model, train, config, epochs_of_batches):
    """What a tutorial writes: a loss, its gradients, one step of torch's own SGD."""
    optimizer = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
    for batch in epochs_of_batches:
        optimizer.zero_grad()
        images = train.images[batch][:, None] / 255
        functional.cross_entropy(model(images), train.labels[batch]).backward()
        optimizer.step()


def test_a_step_by_hand_is_the_step_of_torch(make_examples):
    train, config = make_examples(64), ModelConfig(hidden_size=32, learning_rate=0.1)
    by_hand, by_torch = (build_model(config, seed=1) for _ in range(2))
    step = two_layer_step(by_hand)
    for batch in torch.arange(64).split(20):
        step(train.images[batch], train.labels[batch], 0.1, len(batch))
    tutorial_loop(by_torch, train, config, torch.arange(64).split(20))
    for ours, theirs in zip(by_hand.parameters(), by_torch.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_an_autograd_step_is_the_step_of_torch(make_examples, model):
    train, config = make_examples(50), ModelConfig(model=model, hidden_size=32)
    ours, theirs = (build_model(config, seed=1) for _ in range(2))
    step = autograd_step(ours, build_optimizer(ours, config), config)
    for batch in torch.arange(50).split(20):
        step(train.images[batch], train.labels[batch], config.learning_rate, len(batch))
    tutorial_loop(theirs, train, config, torch.arange(50).split(20))
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_step_by_hand_is_taken_for_plain_descent_on_one_hidden_layer_only():
    assert is_two_layer_sgd(ModelConfig())
    others = {"model": "cnn", "optimizer": "adam", "momentum": 0.9, "weight_decay": 0.1}
    others["mixed_precision"] = True
    assert not any(is_two_layer_sgd(ModelConfig(**{key: value})) for key, value in others.items())


@pytest.mark.parametrize("settings", [{}, {"model": "cnn"}, {"optimizer": "adam"}])
def test_the_same_seed_gives_the_same_bits(make_examples, settings):
    config = ModelConfig(hidden_size=16, max_epochs=2, **settings)
    first, second = (trained(config, make_examples(200)) for _ in range(2))
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_every_image_is_seen_once_an_epoch(make_examples):
    train, seen = make_examples(103), []
    config = ModelConfig(batch_size=10, max_epochs=1)
    train = Examples(train.images, torch.arange(103) % 10)
    train.images[:, 0, 0] = torch.arange(103, dtype=torch.uint8)

    def watching(images, labels, _rate, _total):
        seen.extend(images[:, 0, 0].tolist())
        return functional.one_hot(labels, 10).float()

    trained(config, train, lambda *_: watching)
    assert sorted(seen) == list(range(103))
    assert seen != list(range(103))


def test_training_learns(make_examples):
    config = ModelConfig(hidden_size=32, max_epochs=8, learning_rate=0.1)
    model, test = trained(config, make_examples(600)), make_examples(200, seed=5)
    predicted = model(test.images[:, None] / 255).argmax(dim=1)
    assert (predicted == test.labels).float().mean() > 0.95


def test_the_share_read_right_is_a_share_of_whole_images(make_examples):
    config, images = ModelConfig(hidden_size=8), make_examples(1_100)
    model = build_model(config, seed=1)
    right = int((model(images.images[:, None] / 255).argmax(dim=1) == images.labels).sum())
    assert validate(model, images)[1] == right / 1_100


def test_one_cycle_rises_to_the_peak_and_falls_to_almost_nothing():
    config = ModelConfig(schedule="one_cycle", learning_rate=0.01)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.01 / 25)
    assert max(rates) == rates[25] == pytest.approx(0.01)
    assert rates[-1] < 0.01 / 100


def test_mixed_precision_trains_a_network_that_reads_float32(make_examples):
    config = ModelConfig(hidden_size=32, max_epochs=4, learning_rate=0.1, mixed_precision=True)
    train = make_examples(400)
    model = trained(config, train)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert (model(train.images[:, None] / 255).argmax(1) == train.labels).float().mean() > 0.9
