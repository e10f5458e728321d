"""Small images, enlarged without blur, with a line of text each."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_SHOWN = 40


def data_address(pixels: NDArray[np.uint8]) -> str:
    """A PNG of (H, W) uint8 pixels, written into its own address."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def wall(pictures: Sequence[tuple[NDArray[np.uint8], str, str]], width: int = 64) -> None:
    """A wall of captioned images, forty at most, as wide as there is room.

    Args:
        pictures: Pixels (H, W) uint8, caption, and a CSS color for the caption or ''.
        width: Of one image at least, in CSS pixels.
    """
    cells = [
        '<div style="text-align:center;font-size:.75rem;line-height:1.35">'
        f'<img src="{data_address(pixels)}" alt="{escape(caption)}" style="width:100%;'
        'aspect-ratio:1;image-rendering:pixelated;border-radius:6px;display:block">'
        f'<span style="color:{tint or "inherit"}">{escape(caption)}</span></div>'
        for pixels, caption, tint in pictures[:MAX_SHOWN]
    ]
    style = f"display:grid;gap:.6rem;grid-template-columns:repeat(auto-fill,minmax({width}px,1fr))"
    st.html(f'<div style="{style}">{"".join(cells)}</div>')
