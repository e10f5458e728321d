"""A picture of a digit made into what a model trained on MNIST expects."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 28
INK_BOX = 20
FAINT = 24
BRIGHT = 127
MAX_PIXELS = 25_000_000


def from_upload(content: bytes) -> NDArray[np.uint8]:
    """Grey levels of a picture, white ink on black, (H, W).

    Raises:
        ValueError: If it is no picture, or too large a one.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("The picture has more than 25 million pixels.")
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(ImageOps.exif_transpose(image).convert("RGBA"))
            grey = np.asarray(opaque.convert("L"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError("The file is not a picture that can be read.") from error
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 - grey if np.median(edge) > BRIGHT else grey


def as_model_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The digit as MNIST has its digits, (28, 28) float32 in [0, 1]; None if there is no ink.

    LeCun et al. (1998): the ink fits a box of 20 by 20 pixels, its centre of mass lies in the
    middle of 28 by 28.
    """
    ink = pixels > FAINT
    if not ink.any():
        return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit = Image.fromarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = INK_BOX / max(digit.size)
    size = (max(1, round(digit.width * scale)), max(1, round(digit.height * scale)))
    small = np.asarray(digit.resize(size, Image.Resampling.LANCZOS), dtype=np.float32) / 255
    return _centred(np.clip(small, 0.0, 1.0))


def _centred(small: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = small.shape
    total = max(float(small.sum()), 1e-6)
    row = float((small.sum(axis=1) @ np.arange(height)) / total)
    column = float((small.sum(axis=0) @ np.arange(width)) / total)
    top = min(max(round(SIDE / 2 - 0.5 - row), 0), SIDE - height)
    left = min(max(round(SIDE / 2 - 0.5 - column), 0), SIDE - width)
    placed = np.zeros((SIDE, SIDE), dtype=np.float32)
    placed[top : top + height, left : left + width] = small
    return placed
