"""A page with a grid: a comparison of two runs, and what was done to it."""

import streamlit as st

from dashboard import frame
from dashboard.widgets import grid
from dashboard.widgets.grid import Cell, Column, Row

frame.style()
st.title("Grid")


def act(name: str, key: str) -> None:
    st.session_state["done"] = f"{name} {key}"


grid.show(
    [
        Column("default", "mean of 4 seeds", color="#2a78d6", is_square=True, is_tinted=True),
        Column("adam", "1 run", color="#c4600a"),
    ],
    [
        Row("results", "Results", note="▲▼ better than the baseline", is_section=True),
        Row(
            "acc",
            "test_accuracy",
            [
                Cell("0.9235", 0.9235, small="± 0.0002"),
                Cell("0.9778", 0.9778, emphasis="best", delta="▲ 0.0543", verdict="good"),
            ],
            parent="results",
        ),
        Row(
            "loss",
            "test_loss",
            [
                Cell("0.0764", 0.0764, small="± 0.0005"),
                Cell("0.2696", 0.2696, delta="△ 0.1932", verdict="bad", bar=0.5),
            ],
            parent="results",
        ),
        Row("same", "Parameters that agree", is_section=True, is_folded=True),
        Row("batch", "<b>batch</b>", [Cell("64", 64, emphasis="muted"), None], parent="same"),
    ],
    "grid",
    lead="Metric",
    actions=[("again", "replay", "Run again")],
    on_action=act,
)
st.text(st.session_state.get("done", "nothing done"))
