from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.blur import blur_bytes, gaussian_blur


def blurred_by_definition(image, sigma):
    """A direct sum over a truncated Gaussian, edges reflected, in plain Python."""
    size, radius = len(image), int(4 * sigma + 0.5)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    total = sum(weights)

    def reflected(index):
        index %= 2 * size
        return min(index, 2 * size - 1 - index)

    def along(row):
        return [
            sum(weight * row[reflected(i + k - radius)] for k, weight in enumerate(weights)) / total
            for i in range(size)
        ]

    rows = [along(row) for row in image]
    columns = [along(column) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("sigma", [0.4, 2.0, 5.0])
def test_two_matrices_blur_like_a_gaussian_with_reflected_edges(sigma):
    image = torch.rand(28, 28, generator=torch.Generator().manual_seed(1))
    expected = torch.tensor(blurred_by_definition(image.tolist(), sigma))
    assert (gaussian_blur(image[None], sigma)[0] - expected).abs().max() < 1e-5


@given(st.integers(0, 255), st.floats(0.1, 14.0))
def test_an_even_image_stays_as_it_is(level, sigma):
    image = torch.full((1, 28, 28), level, dtype=torch.uint8)
    assert torch.equal(blur_bytes(image, sigma), image)


@given(st.floats(0.1, 14.0))
def test_blurring_keeps_the_amount_of_ink(sigma):
    image = torch.rand(1, 28, 28, dtype=torch.float64)
    assert torch.isclose(gaussian_blur(image, sigma).sum(), image.sum())
