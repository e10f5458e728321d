"""SQL: ask the database itself; nothing asked here can change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.queries import records
from dashboard.widgets import html
from tracker.exceptions import TrackerError
from tracker.sandbox import Answer, Limits, select, unique_names
from tracker.tags import TRACKER_FAILURE_REASON
from tracker.text import MISSING, duration

if TYPE_CHECKING:
    from dashboard.source import Source
    from dashboard.view import View

RECIPES = {
    "Newest runs": """\
SELECT name, status,
       datetime(start_time / 1000, 'unixepoch', 'localtime') AS started,
       round((end_time - start_time) / 1000.0, 1) AS seconds
FROM runs
WHERE lifecycle_stage = 'active'
ORDER BY start_time DESC
LIMIT 20""",
    "Best by accuracy": """\
SELECT runs.name, latest_metrics.key AS metric, round(latest_metrics.value, 4) AS value
FROM latest_metrics
JOIN runs ON runs.run_uuid = latest_metrics.run_uuid
WHERE latest_metrics.key LIKE '%accuracy'
      AND latest_metrics.is_nan = 0 AND runs.lifecycle_stage = 'active'
ORDER BY latest_metrics.value DESC
LIMIT 20""",
    "Best epoch of every run": """\
SELECT runs.name, metrics.step AS epoch, MIN(metrics.value) AS val_loss
FROM metrics
JOIN runs ON runs.run_uuid = metrics.run_uuid
WHERE metrics.key = 'val_loss' AND metrics.is_nan = 0
GROUP BY metrics.run_uuid
ORDER BY val_loss
LIMIT 20""",
    "Sharp against blurred": """\
SELECT runs.name, round(sharp.value, 4) AS sharp, round(blurred.value, 4) AS blurred
FROM runs
JOIN latest_metrics AS sharp
     ON sharp.run_uuid = runs.run_uuid AND sharp.key = 'test_accuracy'
JOIN latest_metrics AS blurred
     ON blurred.run_uuid = runs.run_uuid AND blurred.key = 'test_blurred_accuracy'
WHERE runs.lifecycle_stage = 'active'
ORDER BY blurred.value DESC
LIMIT 200""",
    "Parameters side by side": """\
SELECT params.key, group_concat(DISTINCT params.value) AS "values", COUNT(*) AS runs
FROM params
JOIN runs ON runs.run_uuid = params.run_uuid
WHERE runs.lifecycle_stage = 'active'
GROUP BY params.key
HAVING COUNT(DISTINCT params.value) > 1""",
    "One learning curve": """\
SELECT step, MAX(CASE WHEN key = 'train_loss' THEN value END) AS train_loss,
       MAX(CASE WHEN key = 'val_loss' THEN value END) AS val_loss
FROM metrics
WHERE run_uuid = (SELECT run_uuid FROM runs ORDER BY start_time DESC LIMIT 1)
      AND key IN ('train_loss', 'val_loss')
GROUP BY step
ORDER BY step""",
    "Who used which data": """\
SELECT datasets.name AS data_set, datasets.digest, input_tags.value AS used_for, runs.name AS run
FROM inputs
JOIN datasets ON datasets.dataset_uuid = inputs.source_id
JOIN runs ON runs.run_uuid = inputs.destination_id
LEFT JOIN input_tags ON input_tags.input_uuid = inputs.input_uuid
WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN'
ORDER BY datasets.name, runs.start_time""",
    "Runs that failed": f"""\
SELECT runs.name, datetime(runs.start_time / 1000, 'unixepoch', 'localtime') AS started,
       tags.value AS why
FROM runs
LEFT JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = '{TRACKER_FAILURE_REASON}'
WHERE runs.status IN ('FAILED', 'KILLED')
ORDER BY runs.start_time DESC""",
}
LIMITS = Limits()
MIN_CHARTED = 2
# The editor's key, and its name in a link.
STATEMENT = "q"
# The statement that the person asked to run.
ASKED = "asked_statement"
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
            on_change=_take_statement,
        )
        st.html(MONOSPACED)
        st.caption(
            f"Read-only, {LIMITS.seconds:g} seconds, {LIMITS.rows:,} rows and"
            f" {LIMITS.result_bytes / 1e6:g} MB at most. Ctrl+Enter runs it."
        )
    with right:
        _schema(view)
    if _is_asked(statement):
        _result(view, statement)


def _is_asked(statement: str) -> bool:
    """Whether a person asked for the statement, which a link may have brought."""
    if statement in RECIPES.values() or statement == st.session_state.get(ASKED):
        return True
    st.info("This statement came with a link. Read it, then run it.", icon=":material/link:")
    st.button("Run", type="primary", on_click=_take_statement)
    return False


def _take_statement() -> None:
    st.session_state[ASKED] = st.session_state[STATEMENT]


def _take_recipe() -> None:
    chosen = st.session_state.get("recipe")
    if chosen:
        st.session_state[STATEMENT] = RECIPES[chosen]


def _schema(view: View) -> None:
    with st.container(border=True, height=270):
        for table, columns in records.tables(view.source).items():
            with st.expander(table):
                st.code("\n".join(columns), language=None)


def _result(view: View, statement: str) -> None:
    try:
        answer = _answer(view.source, statement)
    except TrackerError as error:
        st.error(html.code_span(str(error)), icon=":material/error:")
        return
    found = pd.DataFrame(answer.rows, columns=unique_names(answer.columns))
    many = "+ rows" if answer.is_cut else " row" if len(found) == 1 else " rows"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(found):,}{many} in {duration(answer.seconds)}")
        st.download_button(
            "CSV",
            found.to_csv(index=False).encode(),
            "result.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    chart = _chart(found)
    if chart is None:
        st.dataframe(found, hide_index=True, placeholder=MISSING)
        return
    table, drawing = st.tabs(
        ["Table", "Chart"], key="result", bind="query-params", on_change="rerun"
    )
    with table:
        st.dataframe(found, hide_index=True, placeholder=MISSING)
    with drawing:
        if drawing.open:
            st.altair_chart(chart, key="result_chart")


@st.cache_data(show_spinner=False, max_entries=4)
def _answer(source: Source, statement: str) -> Answer:
    """What a statement finds in this state of the database; a process of its own looks it up."""
    return select(source.path, statement, LIMITS)


def _chart(table: pd.DataFrame) -> charts.Chart | None:
    """The numeric columns over the first column, where that makes sense."""
    numeric = [name for name in table.columns[1:] if pd.api.types.is_numeric_dtype(table[name])]
    if len(table) < MIN_CHARTED or not numeric:
        return None
    return charts.over_first(table, str(table.columns[0]), numeric)
