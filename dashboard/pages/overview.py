"""Overview: what was run, and how well it did."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import charts, editing, filters, literal, metrics, runtable
from dashboard.formats import MISSING, ago, duration, number
from dashboard.queries import records, run_lists
from tracker.validation import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from dashboard.view import View

PAGE_ROWS = 50
ROWS_WITHOUT_SCROLL = 16
SPARK_RUNS = 40


def show(view: View) -> None:
    """Cards, filters, and the table of runs."""
    st.title("Overview")
    counts = run_lists.status_counts(view.source, view.experiment_id)
    if counts:
        _cards(view, counts)
    listing = filters.ask(view)
    total = run_lists.count_runs(view.source, listing.query)
    if total == 0 and not counts:
        literal.empty(
            "potted_plant", "No run yet. Start the four of the study:", "python -m training"
        )
    elif total == 0:
        literal.empty("search_off", "No run matches this filter.")
    elif listing.group_by:
        _groups(view, listing.query, listing.group_by.partition(".")[2])
    else:
        page = _page_number(total)
        _table(view, listing.query, page)


def _cards(view: View, counts: dict[str, int]) -> None:
    query = run_lists.RunQuery(experiment_id=view.experiment_id)
    recent = run_lists.run_page(view.source, query, SPARK_RUNS)[::-1]
    latest = records.latest_of(view.source, tuple(recent["run_id"]))
    slots = st.columns(4)
    detail = " · ".join(f"{n:,} {status.lower()}" for status, n in counts.items())
    with slots[0]:
        growth = list(range(1, len(recent) + 1))
        _card("Runs", f"{sum(counts.values()):,}", detail, growth, "area")
    _best_cards(slots[1:3], latest, list(recent["run_id"]))
    newest = recent.iloc[-1]
    took = f"took {duration(newest['seconds'])}" if newest["seconds"] >= 0 else "still open"
    with slots[3]:
        started = ago(int(newest["start_time"]), view.now)
        _card("Last started", started, took, [float(s) for s in recent["seconds"].dropna()], "bar")


def _best_cards(slots: Sequence[Any], latest: pd.DataFrame, order: list[str]) -> None:
    """The best value of the two metrics that matter most, and how the last runs did."""
    finite = latest[latest["value"].abs() < LARGEST]
    ranked = metrics.ranked(set(finite["key"]))
    for slot, key in zip(slots, ranked, strict=False):
        values = finite[finite["key"] == key].set_index("run_id")["value"].reindex(order).dropna()
        best = values.min() if metrics.better(key) == "less" else values.max()
        with slot:
            title = f"Best {literal.code_span(key, 40)}"
            _card(title, number(best), f"last {len(values)} runs", list(values), "line")


def _card(title: str, value: str, detail: str, course: Sequence[float], kind: Any) -> None:
    st.metric(
        title,
        value,
        detail,
        "off",
        border=True,
        height="stretch",
        delta_arrow="off",
        chart_data=charts.spark(course) if len(course) > 1 else None,
        chart_type=kind,
    )


def _page_number(total: int) -> int:
    pages = -(-total // PAGE_ROWS)
    if pages == 1:
        return 0
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.caption(f"{total:,} runs, {PAGE_ROWS} a page")
    chosen = right.number_input(f"Page of {pages:,}", 1, pages, key="page", bind="query-params")
    return int(chosen) - 1


def _table(view: View, query: run_lists.RunQuery, page: int) -> None:
    """The runs of one page; selecting rows changes the selection of every page."""
    runs = run_lists.run_page(view.source, query, PAGE_ROWS, page * PAGE_ROWS)
    ids = tuple(runs["run_id"])
    frame = runtable.table(view.source, runs)
    selected = set(view.run_ids)
    key = _table_key(ids, selected)
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_config=runtable.column_config(frame),
        on_select=lambda: _take_selection(key, ids),
        selection_mode="multi-row",
        placeholder=MISSING,
        selection_default={
            "selection": {"rows": [row for row, run_id in enumerate(ids) if run_id in selected]}
        },
        height="content" if len(frame) <= ROWS_WITHOUT_SCROLL else 640,
    )
    _below(view, frame, [run_id for run_id in ids if run_id in selected], query.stage)


def _table_key(ids: tuple[str, ...], selected: set[str]) -> str:
    """A new key, and so a fresh selection, whenever the selection was changed elsewhere."""
    state = st.session_state
    if state.get("table_knows") != selected:
        state["table_knows"] = selected
        state["table_turn"] = state.get("table_turn", 0) + 1
    return f"table-{state['table_turn']}-{hash(ids)}"


def _take_selection(key: str, ids: tuple[str, ...]) -> None:
    state = st.session_state
    ticked = [ids[row] for row in state[key]["selection"]["rows"] if row < len(ids)]
    kept = [run_id for run_id in state["runs"] if run_id in ticked or run_id not in ids]
    chosen = kept + [run_id for run_id in ticked if run_id not in kept]
    state["runs"] = chosen
    state["table_knows"] = set(chosen)


def _below(view: View, frame: pd.DataFrame, ticked: list[str], stage: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Tick rows to choose the runs that every page shows.")
        st.download_button(
            "CSV",
            frame.assign(Status=frame["Status"].str[0]).to_csv(index=False).encode(),
            "runs.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if ticked and stage == "deleted":
            if st.button(f"Restore {len(ticked)}", icon=":material/restore_from_trash:"):
                _change(partial(editing.restore, view.source, ticked), f"{len(ticked)} restored")
        elif ticked:
            with st.popover(f"Delete {len(ticked)}", icon=":material/delete:"):
                st.write("They leave every list. “Show deleted runs” in Table brings them back.")
                if st.button(f"Delete {len(ticked)} runs", type="primary"):
                    _change(partial(editing.delete, view.source, ticked), f"{len(ticked)} deleted")


def _change(change: partial[None], done: str) -> None:
    if editing.attempt(change, done):
        st.rerun()


def _groups(view: View, query: run_lists.RunQuery, param: str) -> None:
    """Runs with the same value of a parameter, summed up."""
    names = metrics.ranked(records.known_keys(view.source, "latest_metrics"))
    metric = st.selectbox("Of each group", names, key="of", bind="query-params", width=360)
    if metric is None:
        literal.empty("search_off", "No metric was logged yet.")
        return
    found = run_lists.groups(view.source, query, param, metric)
    shown = found.rename(columns={"value": param, "runs": "Runs"}).fillna({param: MISSING})
    decimals = {name: st.column_config.NumberColumn(format="%.4f") for name in shown.columns[2:]}
    st.dataframe(shown, hide_index=True, column_config=decimals, placeholder=MISSING)
