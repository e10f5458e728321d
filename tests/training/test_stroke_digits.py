from __future__ import annotations

import pytest
import torch

from training.config import ModelConfig, substitute_name
from training.distributed import World
from training.loop import Task, train_epochs, validate
from training.mnist import load_split
from training.model import build_model
from training.seeds import GlobalGenerators
from training.split import Examples
from training.step import build_optimizer, build_step
from training.stroke_digits import TEMPLATES, spline_matrix, stroke_digits


def trained_on(images, labels, config):
    model = build_model(config, seed=1)
    train = Examples(images, labels)
    step = build_step(model, build_optimizer(model, config), config, World())
    few = Examples(images[:10], labels[:10])
    task = Task(model, step, train, few, config, 1, World(), GlobalGenerators(1))
    list(train_epochs(task, []))
    return model


def test_the_same_seed_draws_the_same_digits():
    (first, labels), (second, again) = (stroke_digits(200, seed=3) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(labels, again)


def test_another_seed_or_split_draws_other_digits():
    first, _ = stroke_digits(50, seed=3)
    assert not torch.equal(first, stroke_digits(50, seed=4)[0])
    assert not torch.equal(first, stroke_digits(50, seed=3, split="test")[0])


def test_digits_fill_mnist_s_box_around_their_center_of_mass():
    images, _ = stroke_digits(300, seed=1, jitter=0.0)
    ink = images.double()
    rows = (ink.sum(2) * torch.arange(28)).sum(1) / ink.sum((1, 2))
    columns = (ink.sum(1) * torch.arange(28)).sum(1) / ink.sum((1, 2))
    height = (images.amax(2) > 100).sum(1).double()
    assert (rows - 13.5).abs().max() < 1
    assert (columns - 13.5).abs().max() < 1
    assert 17 < height.mean() < 22


def test_every_way_of_writing_every_digit_is_drawn():
    _, labels = stroke_digits(500, seed=1)
    assert labels.unique().tolist() == sorted(TEMPLATES)


def test_a_spline_passes_through_its_knots():
    knots = torch.tensor([[0.0, 1.0], [0.5, 0.2], [1.0, 0.9], [0.3, 0.3]])
    drawn = spline_matrix(4, 31) @ knots
    assert torch.allclose(drawn[::10], knots, atol=1e-6)


@pytest.mark.parametrize("name", ["mnist_train.pt", "train.pt", "MNIST_train.pt"])
def test_a_file_of_the_substitute_is_never_called_mnist(name):
    assert "mnist" not in substitute_name(name).lower()
    assert substitute_name(name) != name


@pytest.mark.slow
def test_a_model_of_varied_drawn_digits_reads_real_mnist(mnist_root):
    images, labels = stroke_digits(60_000, seed=1, jitter=1.2)
    config = ModelConfig(optimizer="adam", schedule="one_cycle", learning_rate=0.003, max_epochs=4)
    model = trained_on(images, labels, config)
    _, accuracy = validate(model, Examples(*load_split(mnist_root, "test")))
    assert accuracy >= 0.85
