"""A button that saves the chart beneath it as an SVG file; the browser has drawn it already."""

from __future__ import annotations

import streamlit as st

HTML = '<button type="button" title="Save this chart as SVG">SVG</button>'
CSS = """
button { padding: 6px 0 4px; font: inherit; font-size: 0.87rem; cursor: pointer; border: 0;
         color: var(--st-text-color); background: transparent; }
button:hover, button:focus-visible { color: var(--st-primary-color); }
"""
JS = """
export default function({ parentElement, data }) {
  const page = parentElement.host ?? parentElement;
  parentElement.querySelector('button').onclick = () => {
    let block = page;
    while (block && !block.querySelector('svg.marks')) block = block.parentElement;
    if (!block) return;
    const drawn = block.querySelector('svg.marks').cloneNode(true);
    drawn.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    const text = new XMLSerializer().serializeToString(drawn);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
    link.download = data.name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
}
"""


def button(name: str, key: str) -> None:
    """The button; the chart is looked for in the smallest block that holds one.

    Args:
        name: Of the file it saves.
        key: Of the component.
    """
    mount = st.components.v2.component("svg_button", html=HTML, css=CSS, js=JS)
    mount(key=key, data={"name": name}, width="content")
