"""Pieces of HTML around user text, which is always escaped: it shows, it never acts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

import streamlit as st

from dashboard.palette import STATUS_TOKENS, token

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SHOWN = 300
SIGNS = {
    "diamond": "width:.5rem;height:.5rem;transform:rotate(45deg);background:currentColor",
    "band": "width:1.5rem;height:.7rem;background:currentColor;opacity:.3;border-radius:2px",
    "disc": "width:.7rem;height:.7rem;border-radius:50%;background:currentColor",
    "ring": "width:.7rem;height:.7rem;border-radius:50%;border:.15rem solid currentColor",
    "triangle": "border:.3rem solid transparent;border-top:.5rem solid;border-bottom:0",
}


def cut(text: str, limit: int) -> str:
    """Text of so many characters at most."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """Text escaped for HTML, isolated from the reading direction of what surrounds it."""
    return f"<bdi>{escape(cut(text, limit))}</bdi>"


def code_span(text: str, limit: int = MAX_SHOWN) -> str:
    """Markdown that shows the text literally, on one line.

    >>> code_span("a`b")
    '`` a`b ``'
    """
    line = cut(" ".join(text.split()) or " ", limit)
    fence = "`"
    while fence in line:
        fence += "`"
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def heading(text: str, pill: str = "", under: str = "") -> None:
    """A title made of user text, with a status pill and a gray line beneath."""
    badge = status_pill(pill) if pill else ""
    note = f'<div style="opacity:.65;font-size:.9rem;margin-top:.25rem">{escape(under)}</div>'
    st.html(
        '<div style="display:flex;gap:.7rem;align-items:center;flex-wrap:wrap">'
        f'<h1 style="font-size:17px;font-weight:650;margin:0;overflow-wrap:anywhere">'
        f"{shown(text)}</h1>{badge}</div>{note if under else ''}"
    )


def remark(text: str) -> None:
    """A gray line made of user text."""
    st.html(f'<div style="opacity:.75;overflow-wrap:anywhere">{shown(text)}</div>')


def status_pill(status: str) -> str:
    """A status as a small colored pill (HTML)."""
    name = STATUS_TOKENS.get(status, "text-2")
    ground = token(f"{name}-ground") if status in STATUS_TOKENS else token("hover")
    return (
        f'<span style="background:{ground};color:{token(name)};border-radius:99px;'
        f'padding:.1rem .6rem;font-size:.75rem;font-weight:600;white-space:nowrap">'
        f"{escape(status.capitalize())}</span>"
    )


def legend(
    entries: Sequence[tuple[str, str]],
    dashes: Sequence[tuple[str, str]] = (),
    *,
    stacked: bool = False,
    signs: Sequence[tuple[str, str]] = (),
) -> None:
    """Which color is which run, which stroke which part, and what signs mean.

    Args:
        entries: Label and color.
        dashes: Label and CSS border style ('solid', 'dashed', 'dotted').
        stacked: One entry a line.
        signs: Label and sign, a key of `SIGNS`.
    """
    direction = "column" if stacked else "row"
    dots = [
        f'<span style="display:inline-flex;align-items:center;gap:.4rem">'
        f'<span style="width:.7rem;height:.7rem;border-radius:50%;background:{tint}"></span>'
        f"{shown(label, 60)}</span>"
        for label, tint in entries
    ]
    drawn = [
        (label, f"width:1.5rem;border-top:2px {style} currentColor") for label, style in dashes
    ]
    quiet = [
        f'<span style="display:inline-flex;align-items:center;gap:.4rem;opacity:.75">'
        f'<span style="{style}"></span>{shown(label, 60)}</span>'
        for label, style in [*drawn, *((label, SIGNS[sign]) for label, sign in signs)]
    ]
    st.html(
        f'<div style="display:flex;flex-flow:{direction} wrap;gap:.3rem 1.1rem;font-size:.87rem">'
        f"{''.join(dots + quiet)}</div>"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values in a quiet grid."""
    cells = "".join(
        f'<div style="min-width:0"><div style="opacity:.68;font-size:.78rem">{escape(name)}</div>'
        f'<div style="overflow-wrap:anywhere">{shown(value)}</div></div>'
        for name, value in pairs
    )
    st.html(
        '<div style="display:grid;gap:.8rem 1.4rem;'
        f'grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))">{cells}</div>'
    )


class StripFact(NamedTuple):
    """A fact in the strip at the head of a page.

    Args:
        title: What it is.
        value: In large letters.
        note: In a small line beneath.
        look: "bad" for a red note, "long" for a value of several words, in smaller letters.
    """

    title: str
    value: str
    note: str = ""
    look: Literal["", "bad", "long"] = ""


def strip_facts(facts: Sequence[StripFact]) -> str:
    """Facts side by side in a strip (HTML)."""
    cells = "".join(
        f'<div class="{fact.look}"><span>{escape(fact.title)}</span>'
        f"<strong>{shown(fact.value)}</strong><span>{shown(fact.note)}</span></div>"
        for fact in facts
    )
    return f'<div class="facts">{cells}</div>'


def empty(icon: str, sentence: str, command: str = "") -> None:
    """An empty state: an icon, one sentence, and the next command to type.

    Args:
        icon: The name of a Material symbol; they come with Streamlit, emoji may be missing.
        sentence: What is missing, and what to do.
        command: What to type in a shell, if anything.
    """
    with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
        st.space("small")
        st.header(f":gray[:material/{icon}:]", anchor=False, width="content")
        st.html(f'<div style="text-align:center;opacity:.75">{shown(sentence)}</div>')
        if command:
            st.code(command, language=None, wrap_lines=True, width="content")
        st.space("small")


def big(text: str, under: str) -> None:
    """One large answer with a gray line beneath."""
    st.html(
        f'<div style="font-size:3rem;font-weight:700;line-height:1">{shown(text)}</div>'
        f'<div style="opacity:.65;font-size:.9rem;margin-top:.2rem">{escape(under)}</div>'
    )
