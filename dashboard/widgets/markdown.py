"""Markdown of strangers: rendered, but nothing in it is fetched, run or followed."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

MAX_LENGTH = 100_000
# The page has the first level, its parts the second.
LEVELS_BELOW = 2
LOWEST = 6


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    renderer.add_render_rule("link_open", _open)
    renderer.add_render_rule("link_close", _close)
    return renderer


def _open(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    del renderer, options
    env.setdefault("addresses", []).append(str(tokens[place].attrGet("href") or ""))
    return "<u>"


def _close(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """A link is its text with the address behind it: whoever trusts it may copy it."""
    del renderer, options
    address = env["addresses"].pop()
    is_said = place and tokens[place - 1].content == address
    return "</u>" if is_said else f"</u> ({escape(address)})"


def rendered(text: str) -> str:
    r"""HTML of a text in Markdown: its own HTML is shown as text, links and images are not there.

    >>> rendered("**a** <b> [c](http://d)")
    '<p><strong>a</strong> &lt;b&gt; <u>c</u> (http://d)</p>\n'
    """
    renderer = _renderer()
    env: dict[str, Any] = {}
    tokens = renderer.parse(text[:MAX_LENGTH], env)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(LOWEST, int(token.tag[1]) + LEVELS_BELOW)}"
    return str(renderer.renderer.render(tokens, renderer.options, env))


def show(text: str) -> None:
    """Show a text in Markdown."""
    st.html(f'<div class="markdown" dir="auto">{rendered(text)}</div>')
