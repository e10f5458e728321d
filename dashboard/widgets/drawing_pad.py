"""A pad to draw a digit on: a canvas in the browser that sends its pixels after every stroke."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The pad is 280 CSS pixels wide; its picture travels at 84, three times a model's 28.
SIDE = 84
HTML = """
<canvas width="280" height="280" tabindex="0" role="img" aria-label="Drawing pad"></canvas>
<button type="button">Clear</button>
"""
CSS = """
canvas { display: block; width: 280px; max-width: 100%; border-radius: 10px; background: #000;
         touch-action: none; cursor: crosshair; }
button { margin-top: 10px; padding: 6px 14px; min-height: 40px; font: inherit; cursor: pointer;
         color: var(--st-text-color); background: transparent;
         border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
"""
JS = """
export default function({ parentElement, setStateValue }) {
  const canvas = parentElement.querySelector('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const small = Object.assign(document.createElement('canvas'), { width: 84, height: 84 });
  const shrunk = small.getContext('2d', { willReadFrequently: true });
  let drawing = false;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  const send = () => {
    shrunk.fillStyle = '#000';
    shrunk.fillRect(0, 0, 84, 84);
    shrunk.drawImage(canvas, 0, 0, 84, 84);
    const pixels = shrunk.getImageData(0, 0, 84, 84).data;
    let text = '';
    for (let i = 0; i < pixels.length; i += 4) text += String.fromCharCode(pixels[i]);
    setStateValue('pixels', btoa(text));
  };
  canvas.onpointerdown = (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    Object.assign(pen, { lineWidth: 22, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff' });
    pen.beginPath();
    pen.moveTo(...place(event));
    pen.lineTo(...place(event));
    pen.stroke();
  };
  canvas.onpointermove = (event) => {
    if (!drawing) return;
    pen.lineTo(...place(event));
    pen.stroke();
  };
  canvas.onpointerup = () => { drawing = false; send(); };
  parentElement.querySelector('button').onclick = () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    setStateValue('pixels', '');
  };
}
"""


def pad(key: str) -> NDArray[np.uint8] | None:
    """What is drawn, (84, 84) uint8, white on black; None while the pad is empty."""
    mount = st.components.v2.component("drawing_pad", html=HTML, css=CSS, js=JS)
    result = mount(key=key, on_pixels_change=_nothing, default={"pixels": ""})
    return decoded(str(result.pixels or ""))


def _nothing() -> None:
    """A state without a callback is not reported."""


def decoded(text: str) -> NDArray[np.uint8] | None:
    """The pixels the browser sent; None if they are none, or not a picture of the pad's size."""
    try:
        pixels = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    except ValueError:
        return None
    if pixels.size != SIDE * SIDE or not pixels.any():
        return None
    return pixels.reshape(SIDE, SIDE)
