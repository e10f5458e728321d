"""Overview: what was run, and how well it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, literal, metrics, queries
from dashboard.formats import ago, duration, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.view import View

PAGE_ROWS = 50
ROWS_WITHOUT_SCROLL = 16
SPARK_RUNS = 40
DEFAULT_COLUMNS = 4
STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"]
STATUS_TINTS = ["blue", "green", "red", "orange", "gray"]


def show(view: View) -> None:
    """Cards, filters, and the table of runs."""
    st.title("Overview")
    counts = queries.status_counts(view.source, view.experiment_id)
    if not counts:
        literal.empty("🌱", "No run yet. Start the four of the study:", "python -m training")
        return
    _cards(view, counts)
    query = _filters(view)
    total = queries.count_runs(view.source, query)
    if total == 0:
        literal.empty("🔍", "No run matches this filter.")
        return
    page = _page_number(total)
    runs = queries.run_page(view.source, query, PAGE_ROWS, page * PAGE_ROWS)
    _table(view, runs)


def _cards(view: View, counts: dict[str, int]) -> None:
    query = queries.RunQuery(experiment_id=view.experiment_id)
    recent = queries.run_page(view.source, query, SPARK_RUNS)[::-1]
    latest = queries.latest_of(view.source, tuple(recent["run_id"]))
    cards = st.columns(4)
    detail = " · ".join(f"{n} {status.lower()}" for status, n in counts.items())
    with cards[0]:
        st.metric(
            "Runs",
            f"{sum(counts.values()):,}",
            detail,
            "off",
            border=True,
            height="stretch",
            delta_arrow="off",
            chart_data=charts.spark(list(range(1, len(recent) + 1))),
            chart_type="area",
        )
    _best_cards(cards[1:3], latest, list(recent["run_id"]))
    newest = recent.iloc[-1]
    with cards[3]:
        st.metric(
            "Last started",
            ago(int(newest["start_time"]), view.now),
            f"took {duration(newest['seconds'])}" if newest["seconds"] > 0 else "still open",
            "off",
            border=True,
            height="stretch",
            delta_arrow="off",
            chart_data=charts.spark([float(s) for s in recent["seconds"].dropna()]) or None,
            chart_type="bar",
        )


def _best_cards(slots: Sequence[Any], latest: pd.DataFrame, order: list[str]) -> None:
    """The best value of the two metrics that matter most, with those of the last runs."""
    finite = latest[latest["value"].abs() < queries.INFINITY]
    ranked = metrics.ranked(set(finite["key"]))
    for slot, key in zip(slots, ranked, strict=False):
        values = finite[finite["key"] == key].set_index("run_id")["value"].reindex(order).dropna()
        best = values.min() if metrics.better(key) == "less" else values.max()
        with slot:
            st.metric(
                f"Best {literal.code_span(key, 40)}",
                number(best),
                f"last {len(values)} runs",
                "off",
                border=True,
                height="stretch",
                delta_arrow="off",
                chart_data=charts.spark(list(values)) if len(values) > 1 else None,
            )


def _filters(view: View) -> queries.RunQuery:
    left, middle, right = st.columns([5, 4, 3], vertical_alignment="bottom")
    text = left.text_input(
        "Filter",
        key="filter",
        bind="query-params",
        placeholder="Part of a name",
        icon=":material/search:",
    )
    statuses = middle.pills(
        "Status",
        STATUSES,
        selection_mode="multi",
        format_func=str.capitalize,
        key="status",
        bind="query-params",
    )
    with right.popover("Sort and columns", icon=":material/tune:", width="stretch"):
        order, descending = _sorting(view)
        _column_choice(view)
    return queries.RunQuery(
        experiment_id=view.experiment_id,
        statuses=tuple(statuses),
        text=text or "",
        order=order,
        descending=descending,
    )


def _sorting(view: View) -> tuple[str, bool]:
    keys = [f"metrics.{key}" for key in queries.known_keys(view.source, "latest_metrics")]
    keys += [f"params.{key}" for key in queries.known_keys(view.source, "params")]
    order = st.selectbox("Sort by", [*queries.SORTS, *keys], key="sort", bind="query-params")
    descending = st.toggle("Greatest or newest first", value=True, key="desc", bind="query-params")
    return str(order), bool(descending)


def _column_choice(view: View) -> None:
    names = [f"metrics.{key}" for key in queries.known_keys(view.source, "latest_metrics")]
    names += [f"params.{key}" for key in queries.known_keys(view.source, "params")]
    st.multiselect(
        "Columns",
        names,
        key="columns",
        persist_state="session",
        placeholder="Chosen by what differs",
    )


def _page_number(total: int) -> int:
    pages = -(-total // PAGE_ROWS)
    if pages == 1:
        return 0
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.caption(f"{total:,} runs, {PAGE_ROWS} a page")
    chosen = right.number_input(
        f"Page of {pages:,}", 1, pages, key="page", bind="query-params", width="stretch"
    )
    return int(chosen) - 1


def _table(view: View, runs: pd.DataFrame) -> None:
    """The runs of one page; selecting rows changes the selection of every page."""
    ids = tuple(runs["run_id"])
    latest = queries.latest_of(view.source, ids)
    params = queries.params_of(view.source, ids)
    frame = _wide(runs, latest, params)
    selected = set(view.run_ids)
    if st.session_state.get("table_knows") != selected:
        st.session_state["table_knows"] = selected
        st.session_state["table_turn"] = st.session_state.get("table_turn", 0) + 1
    key = f"table-{st.session_state['table_turn']}-{hash(ids)}"
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_config=_column_config(frame),
        on_select=lambda: _take_selection(key, ids),
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [row for row, run_id in enumerate(ids) if run_id in selected]}
        },
        height="content" if len(frame) <= ROWS_WITHOUT_SCROLL else 640,
    )
    st.caption("Tick rows to choose the runs that every page shows.")


def _take_selection(key: str, ids: tuple[str, ...]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    ticked = [ids[row] for row in rows]
    others = [run_id for run_id in st.session_state["runs"] if run_id not in ids]
    kept = [run_id for run_id in st.session_state["runs"] if run_id in ticked]
    added = [run_id for run_id in ticked if run_id not in kept]
    chosen = others + kept + added
    st.session_state["runs"] = chosen
    st.session_state["table_knows"] = set(chosen)


def _wide(runs: pd.DataFrame, latest: pd.DataFrame, params: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "Run": runs["name"].fillna(""),
            "Status": [[status] for status in runs["status"]],
            "Started": pd.to_datetime(runs["start_time"], unit="ms", utc=True),
            "Duration": [duration(seconds) for seconds in runs["seconds"]],
        }
    )
    for name in _columns(latest, params):
        kind, _, key = name.partition(".")
        table = latest if kind == "metrics" else params
        values = table[table["key"] == key].set_index("run_id")["value"]
        frame[name] = values.reindex(runs["run_id"]).to_numpy()
    return frame


def _columns(latest: pd.DataFrame, params: pd.DataFrame) -> list[str]:
    chosen = st.session_state.get("columns")
    if chosen:
        return list(chosen)
    best = [f"metrics.{key}" for key in metrics.ranked(set(latest["key"]))[:DEFAULT_COLUMNS]]
    spread = params.groupby("key")["value"].nunique()
    varying = [f"params.{key}" for key in spread[spread > 1].index[:DEFAULT_COLUMNS]]
    return best + varying


def _column_config(frame: pd.DataFrame) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Run": st.column_config.TextColumn(pinned=True),
        "Status": st.column_config.MultiselectColumn(
            options=STATUSES, color=STATUS_TINTS, format_func=str.lower
        ),
        "Started": st.column_config.DatetimeColumn(format="distance"),
    }
    for name in frame.columns[4:]:
        kind, _, key = name.partition(".")
        if kind == "metrics":
            config[name] = st.column_config.NumberColumn(key, format="%.4f")
        else:
            config[name] = st.column_config.TextColumn(key)
    return config
