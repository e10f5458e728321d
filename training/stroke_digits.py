"""Stroke digits: a drawn substitute for MNIST, for machines that cannot download it.

A template's points are jittered, joined by a smooth line, slanted, bent, fitted into MNIST's
20x20 box with the center of mass in the middle of 28x28, and inked. A dot of ink is a Gaussian,
which is a product of a function of x and one of y: the ink of a whole line is one matrix product
of its points' rows and columns, so that 70,000 images take a few seconds of one core.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from training.image_sets import SIZE
from training.seeds import generator

BOX = 20.0
POINTS = 64
CHUNK = 2_000

# The effect of jitter 1, as standard deviations. Tuned so that models trained on it read MNIST.
KNOTS = 0.09  # of a template's points, as a fraction of the digit's size
TURN = 0.19  # radians
SLANT = 0.45  # shear
STRETCH = 0.32  # of width against height, natural logarithm
BEND = 0.065  # amplitude of the waves, as a fraction of the digit's size
SHIFT = 1.1  # pixels
WIDTH = 0.9  # standard deviation of a line's cross-section, in pixels
WIDTH_SPREAD = 0.3  # natural logarithm


def stroke_digits(
    count: int, seed: int, split: str = "train", jitter: float = 0.6
) -> tuple[Tensor, Tensor]:
    """Drawn digits and their labels.

    Args:
        count: Images.
        seed: The same seed gives the same images.
        split: Part of the seed, so that test images are not training images.
        jitter: 0 to 3; 0 draws all alike, 0.6 is about as hard as MNIST, 1.2 about as varied.

    Returns:
        (count, 28, 28) uint8 and (count,) int64 in 0..9.
    """
    rng = generator(seed, "stroke-digits", split)
    labels = torch.randint(0, 10, (count,), generator=rng)
    images = torch.empty(count, SIZE, SIZE, dtype=torch.uint8)
    for digit, templates in TEMPLATES.items():
        places = (labels == digit).nonzero().flatten()
        for template, part in zip(templates, places.tensor_split(len(templates)), strict=True):
            for chunk in torch.split(part, CHUNK):
                images[chunk] = _draw(template, len(chunk), jitter, rng)
    order = torch.randperm(count, generator=rng)
    return images[order], labels[order]


def _draw(template: Template, count: int, jitter: float, rng: torch.Generator) -> Tensor:
    points, ends = _written(template, count, jitter, rng)
    points = _bent(_slanted(points, jitter, rng), jitter, rng)
    spread = WIDTH_SPREAD * min(jitter, 1.2) * _normal(count, 1, rng=rng)
    width = WIDTH * torch.exp(spread)
    points = _fitted(points, ends, width)
    points = points + SHIFT * jitter * _normal(count, 1, 2, rng=rng)
    return _inked(points, ends, width, rng)


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)


def _written(
    template: Template, count: int, jitter: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Points along jittered strokes (count, P, 2), and 0 where a stroke begins, else 1 (P,)."""
    lengths = torch.tensor([_length(stroke) for stroke in template])
    shares = (POINTS * lengths / lengths.sum()).round().int().clamp(min=4).tolist()
    parts = []
    for stroke, share in zip(template, shares, strict=True):
        noise = KNOTS * jitter * _normal(count, len(stroke), 2, rng=rng)
        parts.append(spline_matrix(len(stroke), share) @ (torch.tensor(stroke) + noise))
    ends = torch.cat([(torch.arange(share) > 0).float() for share in shares])
    return torch.cat(parts, dim=1), ends


def _length(stroke: Stroke) -> float:
    return sum(math.dist(start, end) for start, end in pairwise(stroke))


def spline_matrix(knots: int, samples: int) -> Tensor:
    """The matrix (samples, knots) that takes knots to points on their Catmull-Rom spline."""
    position = torch.linspace(0, knots - 1, samples)
    segment = position.floor().clamp(max=knots - 2).long()
    t = (position - segment)[:, None]
    basis = torch.cat(
        [
            -0.5 * t**3 + t**2 - 0.5 * t,
            1.5 * t**3 - 2.5 * t**2 + 1,
            -1.5 * t**3 + 2 * t**2 + 0.5 * t,
            0.5 * t**3 - 0.5 * t**2,
        ],
        dim=1,
    )
    columns = (segment[:, None] + torch.arange(-1, 3)).clamp(0, knots - 1)
    return torch.zeros(samples, knots).scatter_add_(1, columns, basis)


def _slanted(points: Tensor, jitter: float, rng: torch.Generator) -> Tensor:
    """A random affine map of each image: turned, slanted, stretched."""
    turn, slant, stretch = _normal(3, len(points), rng=rng) * jitter
    turn, slant, stretch = TURN * turn, SLANT * (slant + 0.4), torch.exp(STRETCH * stretch)
    cos, sin = turn.cos(), turn.sin()
    across = torch.stack([cos * stretch, -sin - slant * cos], dim=1)
    down = torch.stack([sin * stretch, cos - slant * sin], dim=1)
    return (points - 0.5) @ torch.stack([across, down], dim=1).mT


def _bent(points: Tensor, jitter: float, rng: torch.Generator) -> Tensor:
    """A smooth displacement of each image: two sine waves in random directions."""
    count = len(points)
    for _ in range(2):
        waves = 2.5 * _normal(count, 2, 2, rng=rng)
        phase = 2 * math.pi * torch.rand(count, 1, 2, generator=rng)
        points = points + BEND * jitter * torch.sin(points @ waves + phase)
    return points


def _steps(points: Tensor, ends: Tensor) -> Tensor:
    """The length of line that each point stands for, (count, P); 0 where a stroke begins."""
    steps = torch.zeros_like(points[:, :, 0])
    steps[:, 1:] = (points[:, 1:] - points[:, :-1]).norm(dim=2)
    return steps * ends


def _fitted(points: Tensor, ends: Tensor, width: Tensor) -> Tensor:
    """Points in pixels: MNIST's box of 20 pixels, the center of mass in the middle."""
    low, high = points.amin(dim=1, keepdim=True), points.amax(dim=1, keepdim=True)
    extent = (high - low).amax(dim=2, keepdim=True).clamp(min=0.1)
    points = (points - low) * ((BOX - 2 * width[:, :, None]) / extent)
    mass = _steps(points, ends)[:, :, None]
    center = (points * mass).sum(dim=1, keepdim=True) / mass.sum(dim=1, keepdim=True)
    return points - center + (SIZE - 1) / 2


def _inked(points: Tensor, ends: Tensor, width: Tensor, rng: torch.Generator) -> Tensor:
    """Gray levels (count, 28, 28) of lines through the points, `width` pixels wide."""
    dots = _steps(points, ends) / (width * math.sqrt(2 * math.pi))
    pixels = torch.arange(SIZE, dtype=torch.float32)[:, None]
    spread = -0.5 / width[:, :, None] ** 2
    columns = torch.exp((pixels - points[:, None, :, 0]) ** 2 * spread)
    rows = torch.exp((pixels - points[:, None, :, 1]) ** 2 * spread) * dots[:, None, :]
    pressure = 1.7 + 0.3 * torch.rand(len(points), 1, 1, generator=rng)
    ink = (rows @ columns.mT - 0.12) * pressure
    return (255 * ink.clamp_(0, 1)).round_().to(torch.uint8)


Point = tuple[float, float]
Stroke = list[Point]
Template = list[Stroke]

_ZERO_ROUND: Template = [
    [(0.55, 0.0), (0.2, 0.15), (0.05, 0.5), (0.2, 0.87), (0.5, 1.0), (0.82, 0.85), (0.95, 0.5),
     (0.8, 0.13), (0.5, 0.0)],
]  # fmt: skip
_ZERO_NARROW: Template = [
    [(0.6, 0.03), (0.35, 0.15), (0.22, 0.5), (0.3, 0.85), (0.5, 1.0), (0.7, 0.85), (0.8, 0.5),
     (0.7, 0.15), (0.48, 0.02)],
]  # fmt: skip
_ONE_BAR: Template = [[(0.5, 0.0), (0.5, 0.35), (0.5, 0.7), (0.5, 1.0)]]
_ONE_SLANTED: Template = [[(0.72, 0.0), (0.57, 0.35), (0.42, 0.7), (0.28, 1.0)]]
_ONE_FLAG: Template = [
    [(0.32, 0.2), (0.44, 0.1), (0.54, 0.0)],
    [(0.54, 0.0), (0.53, 0.5), (0.52, 1.0)],
]
_TWO_ANGLE: Template = [
    [(0.1, 0.22), (0.3, 0.03), (0.62, 0.02), (0.82, 0.22), (0.72, 0.48), (0.42, 0.76), (0.1, 0.98)],
    [(0.1, 0.98), (0.5, 0.97), (0.95, 0.96)],
]  # fmt: skip
_TWO_LOOP: Template = [
    [(0.15, 0.15), (0.42, 0.0), (0.72, 0.12), (0.74, 0.42), (0.5, 0.75), (0.22, 0.95), (0.07, 0.85),
     (0.22, 0.72), (0.5, 0.85), (0.75, 0.96), (0.98, 0.86)],
]  # fmt: skip
_THREE_ROUND: Template = [
    [(0.15, 0.1), (0.45, 0.0), (0.78, 0.1), (0.8, 0.32), (0.6, 0.46), (0.36, 0.5)],
    [(0.36, 0.5), (0.7, 0.54), (0.88, 0.72), (0.72, 0.94), (0.4, 1.0), (0.1, 0.9)],
]
_THREE_FLAT: Template = [
    [(0.15, 0.04), (0.45, 0.02), (0.8, 0.02), (0.66, 0.22), (0.45, 0.43)],
    [(0.45, 0.43), (0.74, 0.5), (0.86, 0.7), (0.7, 0.93), (0.4, 1.0), (0.12, 0.92)],
]
_FOUR_OPEN: Template = [
    [(0.2, 0.02), (0.12, 0.28), (0.1, 0.5), (0.4, 0.55), (0.86, 0.5)],
    [(0.82, 0.0), (0.77, 0.33), (0.73, 0.66), (0.7, 1.0)],
]
_FOUR_CLOSED: Template = [
    [(0.64, 0.0), (0.36, 0.32), (0.06, 0.62), (0.5, 0.63), (0.98, 0.6)],
    [(0.66, 0.0), (0.66, 0.35), (0.66, 0.7), (0.66, 1.0)],
]
_FIVE_TWO_STROKES: Template = [
    [(0.25, 0.04), (0.22, 0.25), (0.2, 0.45)],
    [(0.2, 0.45), (0.5, 0.36), (0.8, 0.5), (0.83, 0.75), (0.6, 0.96), (0.3, 1.0), (0.08, 0.88)],
    [(0.25, 0.04), (0.55, 0.03), (0.92, 0.0)],
]
_FIVE_SLANTED: Template = [
    [(0.98, 0.03), (0.72, 0.02), (0.46, 0.08), (0.36, 0.26), (0.3, 0.42), (0.55, 0.5), (0.7, 0.66),
     (0.6, 0.88), (0.35, 1.0), (0.04, 0.95)],
]  # fmt: skip
_SIX_UPRIGHT: Template = [
    [(0.58, 0.0), (0.4, 0.25), (0.28, 0.55), (0.27, 0.82), (0.44, 1.0), (0.67, 0.95), (0.74, 0.76),
     (0.6, 0.6), (0.42, 0.66), (0.3, 0.84)],
]  # fmt: skip
_SIX_SLANTED: Template = [
    [(0.76, 0.0), (0.48, 0.28), (0.27, 0.6), (0.25, 0.88), (0.44, 1.0), (0.66, 0.9), (0.72, 0.7),
     (0.58, 0.6), (0.4, 0.72), (0.3, 0.92)],
]  # fmt: skip
_SIX_STRAIGHT: Template = [
    [(0.44, 0.0), (0.33, 0.3), (0.26, 0.65), (0.32, 0.94), (0.54, 1.0), (0.76, 0.88), (0.74, 0.66),
     (0.52, 0.56), (0.3, 0.7)],
]  # fmt: skip
_SEVEN_PLAIN: Template = [
    [(0.08, 0.08), (0.45, 0.05), (0.9, 0.02)],
    [(0.9, 0.02), (0.7, 0.36), (0.55, 0.68), (0.45, 1.0)],
]
_SEVEN_HOOKED: Template = [
    [(0.08, 0.22), (0.12, 0.06), (0.45, 0.08), (0.86, 0.04)],
    [(0.86, 0.04), (0.78, 0.35), (0.66, 0.68), (0.58, 1.0)],
]
_SEVEN_CROSSED: Template = [
    [(0.1, 0.08), (0.45, 0.04), (0.88, 0.04)],
    [(0.88, 0.04), (0.68, 0.36), (0.5, 0.68), (0.36, 1.0)],
    [(0.28, 0.54), (0.55, 0.52), (0.85, 0.48)],
]
_EIGHT_ROUND: Template = [
    [(0.7, 0.14), (0.5, 0.0), (0.3, 0.14), (0.32, 0.34), (0.52, 0.48), (0.72, 0.66), (0.7, 0.9),
     (0.48, 1.0), (0.27, 0.89), (0.29, 0.66), (0.5, 0.48), (0.69, 0.32), (0.7, 0.13)],
]  # fmt: skip
_EIGHT_FLICKED: Template = [
    [(0.74, 0.14), (0.54, 0.02), (0.34, 0.13), (0.38, 0.33), (0.55, 0.5), (0.65, 0.7), (0.58, 0.92),
     (0.39, 1.0), (0.25, 0.88), (0.33, 0.66), (0.52, 0.45), (0.7, 0.24), (0.84, 0.04)],
]  # fmt: skip
_EIGHT_SLANTED: Template = [
    [(0.8, 0.12), (0.62, 0.0), (0.43, 0.12), (0.42, 0.32), (0.52, 0.5), (0.56, 0.74), (0.42, 0.95),
     (0.24, 0.97), (0.2, 0.8), (0.34, 0.62), (0.55, 0.45), (0.76, 0.28), (0.82, 0.1)],
]  # fmt: skip
_EIGHT_SMALL_HEAD: Template = [
    [(0.62, 0.1), (0.48, 0.0), (0.36, 0.12), (0.42, 0.3), (0.6, 0.46), (0.72, 0.68), (0.62, 0.93),
     (0.4, 1.0), (0.24, 0.84), (0.36, 0.6), (0.54, 0.4), (0.66, 0.22), (0.64, 0.1)],
]  # fmt: skip
_NINE_STRAIGHT: Template = [
    [(0.7, 0.13), (0.53, 0.01), (0.34, 0.11), (0.3, 0.31), (0.45, 0.43), (0.62, 0.34), (0.7, 0.13)],
    [(0.7, 0.13), (0.67, 0.42), (0.62, 0.7), (0.57, 1.0)],
]
_NINE_CURVED: Template = [
    [(0.74, 0.18), (0.56, 0.0), (0.33, 0.12), (0.28, 0.34), (0.46, 0.44), (0.68, 0.32),
     (0.74, 0.14), (0.76, 0.48), (0.7, 0.82), (0.52, 1.0), (0.32, 0.93)],
]  # fmt: skip
_NINE_SLANTED: Template = [
    [(0.84, 0.12), (0.64, 0.0), (0.4, 0.14), (0.32, 0.36), (0.46, 0.45), (0.68, 0.32), (0.84, 0.1)],
    [(0.84, 0.1), (0.7, 0.42), (0.54, 0.72), (0.38, 1.0)],
]
_NINE_OPEN: Template = [
    [(0.42, 0.02), (0.28, 0.18), (0.3, 0.38), (0.5, 0.42), (0.72, 0.3)],
    [(0.42, 0.02), (0.6, 0.03), (0.74, 0.12), (0.72, 0.4), (0.66, 0.7), (0.6, 1.0)],
]

TEMPLATES: dict[int, list[Template]] = {
    0: [_ZERO_ROUND, _ZERO_NARROW],
    1: [_ONE_BAR, _ONE_SLANTED, _ONE_FLAG],
    2: [_TWO_ANGLE, _TWO_LOOP],
    3: [_THREE_ROUND, _THREE_FLAT],
    4: [_FOUR_OPEN, _FOUR_CLOSED],
    5: [_FIVE_TWO_STROKES, _FIVE_SLANTED],
    6: [_SIX_UPRIGHT, _SIX_SLANTED, _SIX_STRAIGHT],
    7: [_SEVEN_PLAIN, _SEVEN_HOOKED, _SEVEN_CROSSED],
    8: [_EIGHT_ROUND, _EIGHT_FLICKED, _EIGHT_SLANTED, _EIGHT_SMALL_HEAD],
    9: [_NINE_STRAIGHT, _NINE_CURVED, _NINE_SLANTED, _NINE_OPEN],
}
"""The ways of writing each digit, equally likely."""
