"""A picture of a digit made into what a model trained on MNIST expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from dashboard import untrusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 28
INK_BOX = 20
FAINT = 24
BRIGHT = 127
MAX_PIXELS = 25_000_000
# More detail than 28 by 28 pixels can hold, and little enough to be copied a few times.
WORKING_SIDE = 1024


def from_upload(content: bytes) -> NDArray[np.uint8]:
    """Grey levels of a picture, white ink on black, (H, W).

    Raises:
        UnreadableFileError: If it is no picture, or too large a one.
    """
    what = "The picture"
    image = untrusted.picture(content, what, MAX_PIXELS)
    with untrusted.reading(what):
        image.thumbnail((WORKING_SIDE, WORKING_SIDE))
        upright = ImageOps.exif_transpose(image).convert("RGBA")
        opaque = Image.new("RGBA", upright.size, "white")
        opaque.alpha_composite(upright)
        gray = np.asarray(opaque.convert("L"), dtype=np.uint8)
    edge = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    return 255 - gray if np.median(edge) > BRIGHT else gray


def as_model_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The digit as MNIST has its digits, (28, 28) float32 in [0, 1]; None if there is no ink.

    LeCun et al. (1998): the ink fits a box of 20 by 20 pixels, its center of mass lies in the
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
    return _centered(np.clip(small, 0.0, 1.0))


def _centered(small: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = small.shape
    total = max(float(small.sum()), 1e-6)
    row = float((small.sum(axis=1) @ np.arange(height)) / total)
    column = float((small.sum(axis=0) @ np.arange(width)) / total)
    top = min(max(round(SIDE / 2 - 0.5 - row), 0), SIDE - height)
    left = min(max(round(SIDE / 2 - 0.5 - column), 0), SIDE - width)
    placed = np.zeros((SIDE, SIDE), dtype=np.float32)
    placed[top : top + height, left : left + width] = small
    return placed
