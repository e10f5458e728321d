"""SQL: ask the database itself; nothing asked here can change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import charts, sandbox
from dashboard.formats import MISSING, duration
from dashboard.queries import schema
from dashboard.recipes import RECIPES
from dashboard.source import SourceError
from dashboard.widgets import html

if TYPE_CHECKING:
    from dashboard.view import View

MIN_CHARTED = 2
# The editor's key, and its name in a link.
STATEMENT = "q"
MONOSPACED = f"<style>.st-key-{STATEMENT} textarea {{ font-family: monospace }}</style>"


def show(view: View) -> None:
    """Recipes, editor with the schema beside it, and the result as table, chart and CSV."""
    st.title("SQL")
    st.pills(
        "Recipes",
        list(RECIPES),
        key="recipe",
        on_change=_take_recipe,
        label_visibility="collapsed",
    )
    left, right = st.columns([5, 2])
    with left:
        statement = st.text_area(
            "Statement",
            next(iter(RECIPES.values())),
            key=STATEMENT,
            bind="query-params",
            persist_state="session",
            height=230,
            label_visibility="collapsed",
        )
        st.html(MONOSPACED)
        st.caption(
            f"Read-only, {sandbox.SECONDS:g} seconds, {sandbox.ROWS:,} rows and"
            f" {sandbox.RESULT_BYTES / 1e6:g} MB at most. Ctrl+Enter runs it."
        )
    with right:
        _schema(view)
    _result(view, statement)


def _take_recipe() -> None:
    chosen = st.session_state.get("recipe")
    if chosen:
        st.session_state[STATEMENT] = RECIPES[chosen]


def _schema(view: View) -> None:
    with st.container(border=True, height=270):
        for table, columns in schema.tables(view.source).items():
            with st.expander(table):
                st.code("\n".join(columns), language=None)


def _result(view: View, statement: str) -> None:
    try:
        answer = sandbox.ask(view.source, statement)
    except SourceError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return
    many = "+ rows" if answer.is_cut else " row" if len(answer.table) == 1 else " rows"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(answer.table):,}{many} in {duration(answer.seconds)}")
        st.download_button(
            "CSV",
            answer.table.to_csv(index=False).encode(),
            "result.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    chart = _chart(answer.table)
    if chart is None:
        st.dataframe(answer.table, hide_index=True, placeholder=MISSING)
        return
    table, drawing = st.tabs(
        ["Table", "Chart"], key="result", bind="query-params", on_change="rerun"
    )
    with table:
        st.dataframe(answer.table, hide_index=True, placeholder=MISSING)
    with drawing:
        if drawing.open:
            st.altair_chart(chart, key="result_chart")


def _chart(table: pd.DataFrame) -> charts.Chart | None:
    """The numeric columns over the first column, where that makes sense."""
    numeric = [name for name in table.columns[1:] if pd.api.types.is_numeric_dtype(table[name])]
    if len(table) < MIN_CHARTED or not numeric:
        return None
    return charts.over_first(table, str(table.columns[0]), numeric)
