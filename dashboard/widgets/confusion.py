"""The confusion matrix, the pairs most confused, and the images of the cell chosen in either.

The address holds the chosen cell. Matrix and table each begin with it, and begin anew only when
the other one, or a link, chose: a widget that begins anew loses the keyboard's focus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.artifacts import evaluation
from dashboard.palette import theme, verdict
from dashboard.widgets import component, html, images
from tracker.text import MISSING

if TYPE_CHECKING:
    from dashboard.charts import Cell
    from tracker.files import ArtifactStore

WORST_PAIRS = 8
IMAGE_WIDTH, LABEL_WIDTH = 52, 120


def show(
    store: ArtifactStore, run_id: str, split: str, counts: pd.DataFrame, *, rates: bool
) -> None:
    """Everything about where one model goes wrong.

    Args:
        store: The run's artifacts.
        run_id: The run.
        split: Which test images.
        counts: See `evaluation.confusion`.
        rates: Whether the matrix shows shares instead of counts.
    """
    cell = _addressed(set(counts["label"]))
    name = f"{run_id}-{split}"
    left, right = st.columns([5, 4])
    with left, st.container(border=True, height="stretch"):
        _matrix(counts, f"{name}-{rates}", cell, rates=rates)
    with right, st.container(border=True, height="stretch"):
        _pairs(counts, name, cell)
    if cell is not None:
        with st.container(border=True):
            _images(store, split, cell)


def _addressed(labels: set[str]) -> Cell | None:
    named = st.query_params.get_all("cell")
    if len(named) != len(charts.CELL) or not labels.issuperset(named):
        return None
    return named[0], named[1]


def _begun(widget: str, name: str, cell: Cell | None) -> Cell | None:
    """The cell a widget begins with: the address's, unless that came from the widget itself."""
    state = st.session_state
    if state.get(f"{widget}_knows") != (name, cell):
        state[f"{widget}_knows"] = (name, cell)
        state[f"{widget}_begun"] = cell
    begun: Cell | None = state[f"{widget}_begun"]
    return begun


def _take(widget: str, name: str, cell: Cell | None) -> None:
    """Write what was chosen in a widget into the address."""
    st.query_params["cell"] = list(cell or ())
    st.session_state[f"{widget}_knows"] = (name, cell)


def _matrix(counts: pd.DataFrame, name: str, cell: Cell | None, *, rates: bool) -> None:
    """A click on a cell chooses it, a click beside the cells none."""
    begun = _begun("matrix", name, cell)
    key = f"confusion-{name}-{begun}"

    def take() -> None:
        picked = component.told(key, "selection").get("cell") or []
        chosen = (str(picked[0]["label"]), str(picked[0]["prediction"])) if picked else None
        _take("matrix", name, chosen)

    st.altair_chart(
        charts.confusion(counts, begun, rates=rates, dark=theme() == "dark"),
        key=key,
        on_select=take,
        selection_mode="cell",
    )


def _pairs(counts: pd.DataFrame, name: str, cell: Cell | None) -> None:
    """The most frequent mistakes; a click on a row or the arrow keys choose one."""
    st.markdown("**Most confused**")
    wrong = counts[(counts["label"] != counts["prediction"]) & (counts["count"] > 0)]
    worst = wrong.sort_values("count", ascending=False, kind="stable").head(WORST_PAIRS)
    if worst.empty:
        st.caption("Not one mistake.")
        return
    cells = list(zip(worst["label"], worst["prediction"], strict=True))
    begun = _begun("pairs", name, cell)
    key = f"pairs-{name}-{begun}"

    def take() -> None:
        picked = component.told(key, "selection").get("cells")
        _take("pairs", name, cells[picked[0][0]] if picked else None)

    row = cells.index(begun) if begun in cells else None
    default: Any = {"selection": {"cells": [] if row is None else [(row, "True")]}}
    st.dataframe(
        pd.DataFrame(
            {
                "True": worst["label"],
                "Predicted": worst["prediction"],
                "Images": worst["count"],
                "Share": 100 * worst["rate"],
            }
        ),
        hide_index=True,
        placeholder=MISSING,
        column_config={
            "True": st.column_config.TextColumn(width=LABEL_WIDTH),
            "Predicted": st.column_config.TextColumn(width=LABEL_WIDTH),
            "Share": percent_column(100 * float(worst["rate"].max())),
        },
        key=key,
        on_select=take,
        selection_mode="single-cell",
        selection_default=default,
    )
    st.caption("Click a row, or a cell of the matrix, to see its images; arrow keys move on.")


def percent_column(largest: float = 100.0) -> Any:
    """A table's column of percentages: bars, and numbers with as many decimals each.

    Args:
        largest: The percentage whose bar is full.
    """
    return st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=largest)


def _images(store: ArtifactStore, split: str, cell: Cell) -> None:
    label, prediction = cell
    st.markdown(f"**{html.code_span(label)} predicted as {html.code_span(prediction)}**")
    table = evaluation.predictions(store, split)
    pictures = evaluation.image_set(store, split)
    if table is None or pictures is None:
        st.caption("The predictions or the images are not among this run's artifacts.")
        return
    found = table[(table["label"] == label) & (table["prediction"] == prediction)]
    found = found[found["index"].between(0, len(pictures) - 1)]
    found = found.sort_values("confidence", ascending=False)
    tint = verdict(good=label == prediction)
    shown = zip(found["index"], found["confidence"], strict=True)
    images.wall([(pictures[index], f"{sure:.0%}", tint) for index, sure in shown], IMAGE_WIDTH)
    most = f"{images.MAX_SHOWN} shown" if len(found) > images.MAX_SHOWN else "first"
    st.caption(f"{len(found):,} pictures, most confident {most}")
