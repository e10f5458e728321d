"""A page with nothing but panels of curves, for tests: `streamlit run curves_page.py`.

The address says what is drawn: `runs`, `points`, `groups`, `log`, `logx`, `axis`, `spread`,
`resumed`.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard import frame
from dashboard.curves import component, zoom
from dashboard.curves.encoding import encoded
from dashboard.curves.payload import Best, Line, Look, Member, Odd, Panel, Results, Section

COLORS = ("#2a78d6", "#c4600a", "#12835c", "#c23b78", "#7a52d6", "#0b7f9c", "#8f6b00", "#c8402f")
GROUPS = 4
asked = st.query_params
count, points = int(asked.get("runs", 6)), int(asked.get("points", 101))
axis = asked.get("axis", "step")


def member(number: int) -> Member:
    group = f"g{number % GROUPS}" if asked.get("groups") else ""
    return Member(f"run {number}", COLORS[(number % GROUPS if group else number) % 8], group)


def line(number: int, part: str, *, rising: bool) -> Line:
    """From 1 down to 0, or up, a tenth higher for each run; run 1 logs a NaN at the tenth place."""
    x = np.arange(points, dtype="float64")
    fall = 1 - x / x[-1] + number / 10 + (0.05 if part == "train" else 0)
    y = 2 - fall if rising else fall
    best = Best(float(x[-1]), float(y[-1])) if part == "validation" else None
    odd = Odd(x[10:11], ["NaN"]) if (number, part) == (1, "validation") else None
    return Line(f"r{number}", part, x, y, best=best, odd=odd)


def panel(name: str, better: str, *, rising: bool) -> Panel:
    parts = ("validation", "train")
    lines = [line(number, part, rising=rising) for number in range(count) for part in parts]
    if asked.get("resumed"):
        x = np.arange(20.0, 60.0)
        lines.append(Line("r0", "validation", x, np.full(40, 1.4), is_superseded=True))
    note = f"train_{name}, val_{name}"
    return Panel(name, note, lines, parts, better, log=bool(asked.get("log")), csv="/metrics.csv")


def against() -> Panel:
    """Accuracy over loss: half circles."""
    angle = np.linspace(0, np.pi, points)
    arcs = [
        Line(f"r{number}", "", np.cos(angle) * (1 + number), np.sin(angle) * (1 + number))
        for number in range(count)
    ]
    return Panel("accuracy over loss", "", arcs, against="loss", csv="/metrics.csv")


def outlier() -> Panel:
    y = np.sin(np.arange(200.0))
    y[100] = 1e6
    return Panel("gradient norm", "", [Line("r0", "", np.arange(200.0) / 2, y)], csv="/metrics.csv")


results = [
    Results("test_accuracy", [(f"r{n}", 0.9 + n / 100) for n in range(count)], "more"),
    Results("test_loss", [(f"r{n}", 0.1 + n / 10) for n in range(count)], "less"),
]
sections = [
    Section("", "", [panel("loss", "less", rising=False), panel("accuracy", "more", rising=True)]),
    Section("Results", "2 metrics logged once", results),
    Section("More", "2 panels", [against(), outlier()]),
]
look = Look(
    axis=axis,
    smoothing=float(asked.get("smoothing", 0)),
    spread=asked.get("spread", "std"),
    log_x=bool(asked.get("logx")),
    zoom=zoom.current("grid", axis),
    legend=[("line", "validation"), ("thin", "train"), ("mark", "NaN or ∞")],
)
runs = {f"r{number}": member(number) for number in range(count)}
groups = {f"g{n}": Member(f"group {n}", COLORS[n]) for n in range(GROUPS)}
st.set_page_config(layout="wide")
frame.style()
st.title("Curves")
component.mount(encoded(sections, runs, groups, look), "grid")
zoom.to_link(look.zoom)
