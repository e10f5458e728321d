"""Many small images as one PNG: a browser fetches one file, not two hundred."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 10


def sprite(images: Tensor) -> bytes:
    """A PNG of (N, H, W) uint8 images in rows of ten without gaps, the last row filled up black."""
    count, height, width = images.shape
    rows = max(1, -(-count // COLUMNS))
    canvas = torch.zeros(rows * COLUMNS, height, width, dtype=torch.uint8)
    canvas[:count] = images
    grid = canvas.view(rows, COLUMNS, height, width).transpose(1, 2)
    pixels = grid.reshape(rows * height, COLUMNS * width).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
