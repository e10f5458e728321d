"""The strip above the Overview's table: the best so far over the starts of runs, and four facts."""

from __future__ import annotations

import math
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import quote

import streamlit as st

from dashboard import metrics
from dashboard.palette import token
from dashboard.queries import run_lists, summaries
from dashboard.widgets import html
from dashboard.widgets.html import StripFact
from tracker import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

# So many of the newest runs are dots.
MOST_DOTS = 400
# Of the drawing, in pixels.
WIDTH, HEIGHT, EDGE = 560, 52, 5


def show(view: View) -> None:
    """Draw the strip."""
    st.html(
        f'<section class="strip" aria-label="Best so far">{_best(view)}'
        f"{html.strip_facts(_facts(view))}</section>"
    )


def _best(view: View) -> str:
    """The metric that the table is sorted by, if its name says which way is better."""
    kind, _, key = view.listing.sort.partition(".")
    better = metrics.better(key) if kind == "metrics" else ""
    if not better:
        return "<div></div>"
    best = _first_listed(view, key, better) or summaries.best(
        view.source, view.experiment_id, key, better
    )
    if best is None:
        return "<div></div>"
    values = summaries.by_start(view.source, view.experiment_id, key, MOST_DOTS)
    write = text.numbers([best.value])
    said = f"Best {key} {write(best.value)}, by {best.name or best.run_id}"
    return (
        f'<div class="what"><span>Best so far</span><strong>{html.shown(key, 40)}</strong>'
        "<span>by start of run</span></div>"
        f'<div class="drawing" role="img" aria-label="{escape(said)}">'
        f"{_drawing(values, best.value, is_less=better == 'less')}"
        f"<strong>{write(best.value)}</strong> <span>{html.shown(best.name or '', 40)}</span></div>"
    )


def _first_listed(view: View, key: str, better: str) -> summaries.Best | None:
    """The first run of the table, where it is the best of all: nothing is left out or turned."""
    state, found = view.state, view.listing
    is_narrowed = bool(state.filter.strip() or state.statuses or state.deleted)
    if is_narrowed or not found.listed or found.descending != (better == "more"):
        return None
    run_id = found.listed[0]
    value = found.runs.latest.get(run_id, {}).get(key)
    if value is None or not math.isfinite(value):
        return None
    return summaries.Best(run_id, found.runs.by_id[run_id]["name"], value)


def _drawing(values: Sequence[float], best: float, *, is_less: bool) -> str:
    """A dot a run, and the line of the best so far as an SVG drawing."""
    low, high = min(*values, best), max(*values, best)
    spread = (high - low) or 1.0
    step = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
    places = [
        (EDGE + step * place, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / spread)
        for place, value in enumerate(values)
    ]
    # In pixels, upwards is less.
    record = list(accumulate((y for _, y in places), max if is_less else min))
    line = "".join(f"H{x:.1f}V{y:.1f}" for (x, _), y in zip(places, record, strict=True))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>' for x, y in places)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<g fill="{token("text-3")}" fill-opacity=".8">{dots}</g><path fill="none"'
        f' stroke="{token("accent")}" stroke-width="1.8"'
        f' d="M{places[0][0]:.1f} {record[0]:.1f}{line}H{WIDTH}"/></svg>'
    )
    return f'<img alt="" src="data:image/svg+xml,{quote(drawing)}">'


def _facts(view: View) -> list[StripFact]:
    found = summaries.totals(view.source, view.experiment_id)
    counts = run_lists.status_counts(view.source, view.experiment_id)
    rows, listed = len(view.listing.tree), view.listing.listed
    grouped = rows != len(listed) and len(listed) == found.runs
    finished = counts.get("FINISHED", 0)
    broken = counts.get("FAILED", 0) + counts.get("KILLED", 0)
    facts = [
        StripFact("Runs", f"{found.runs:,}", f"{rows:,} rows" if grouped else "in this experiment"),
        StripFact("Finished", f"{finished:,}", f"{broken:,} failed", "bad" if broken else ""),
        StripFact("Compute", text.duration(found.seconds), _since(view, found.first)),
    ]
    if found.newest:
        _, name, begun = found.newest
        facts.append(StripFact("Last run", text.ago(begun, view.now_ms), html.cut(name or "", 30)))
    return facts


def _since(view: View, first: int | None) -> str:
    return "" if first is None else f"since {text.ago(first, view.now_ms)}"
