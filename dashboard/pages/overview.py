"""Overview: what was run, and how well it did."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import charts, editing, metrics, opening, watch
from dashboard.formats import ago, number, numbers
from dashboard.queries import records, run_lists, summaries
from dashboard.view import labels
from dashboard.widgets import columns, filters, html, run_table
from dashboard.widgets.run_choice import ask_for_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from dashboard.view import View
    from dashboard.widgets.columns import Column

PAGE_ROWS = 50
SPARK_RUNS = 40
BEST_CARDS = 2
DAYS = 14
# Letters of a code span that a card has room for on a phone.
LABEL_ON_CARD = 22
NO_BREAK_SPACE = "\u00a0"
# What a button has above its label, in pixels.
FOOT_SPACE = 8
NEWEST_FIRST = ("RUNNING", "SCHEDULED", "FAILED", "KILLED", "FINISHED")
COUNTS_ON_CARD = 24


def show(view: View) -> None:
    """Cards, filters, and the table of runs."""
    st.title("Overview")
    counts = run_lists.status_counts(view.source, view.experiment_id)
    if counts:
        _cards(view, counts)
    listing = filters.ask(view)
    opening.follow(view)
    total = run_lists.count_runs(view.source, listing.query)
    if total == 0:
        ask_for_runs(view, "search_off", "No run matches this filter.")
    elif listing.group_by:
        _groups(view, listing.query, listing.group_by.partition(".")[2])
    else:
        with listing.beside:
            page = _page_number(total, listing.query.stage)
        _table(view, listing.query, page, total)
    if "RUNNING" in counts:
        watch.follow(view)


def _cards(view: View, counts: dict[str, int]) -> None:
    query = run_lists.RunQuery(experiment_id=view.experiment_id)
    recent = run_lists.run_page(view.source, query, SPARK_RUNS)[::-1]
    newest = recent.iloc[-1]
    a_day = summaries.runs_a_day(view.source, view.experiment_id, DAYS)
    with st.container(horizontal=True):
        with _card("Runs", f"{sum(counts.values()):,}", a_day, "bar", f"By day, over {DAYS} days."):
            st.space(FOOT_SPACE)
            st.caption(_counted(counts))
        _best_cards(view, tuple(recent["run_id"]))
        lengths = [float(seconds) for seconds in recent["seconds"].dropna()]
        started = ago(int(newest["start_time"]), view.now)
        with _card("Last started", started, lengths, "bar", "How long the newest runs took."):
            _opener(view, str(newest["run_id"]), newest["name"], "newest")


def _counted(counts: dict[str, int]) -> str:
    """How many runs stand where: all of it, or what fits a card and matters.

    >>> _counted({"FINISHED": 5, "FAILED": 1}), _counted({"FINISHED": 8022, "FAILED": 996})
    ('1 failed · 5 finished', '88% finished')
    >>> _counted({"FINISHED": 8022, "FAILED": 996, "RUNNING": 2})
    '2 running · 88% finished'
    """
    parts = [f"{counts[status]:,} {status.lower()}" for status in NEWEST_FIRST if status in counts]
    if len(text := " · ".join(parts)) <= COUNTS_ON_CARD:
        return text
    share = f"{100 * counts.get('FINISHED', 0) // sum(counts.values())}% finished"
    return f"{parts[0]} · {share}" if "RUNNING" in counts else share


def _best_cards(view: View, recent: tuple[str, ...]) -> None:
    """The best of all runs by the two metrics that matter most, and how the last runs did."""
    known = records.known_keys(view.source, "latest_metrics", view.experiment_id)
    drawn = 0
    for key in metrics.ranked(known):
        direction = metrics.better(key)
        best = direction and summaries.best(view.source, view.experiment_id, key, direction)
        if not best:
            continue
        course = summaries.last_values(view.source, key, recent)
        with _card(f"Best {html.code_span(key, 40)}", number(best.value), course, "line"):
            about = f"The best of {best.runs:,} runs; the line shows the {len(course)} newest. "
            _opener(view, best.run_id, best.name, key, about)
        drawn += 1
        if drawn == BEST_CARDS:
            return


def _card(
    title: str, value: str, course: Sequence[float], kind: Any, about: str | None = None
) -> Any:
    """A card with a place for one line at its foot."""
    card = st.container(border=True, height="stretch", gap=None)
    card.metric(
        title,
        value,
        delta_color="off",
        help=about,
        chart_data=charts.spark(course) if len(course) > 1 else None,
        chart_type=kind,
    )
    return card


def _opener(view: View, run_id: str, name: str | None, key: str, about: str = "") -> None:
    """A run's label; a click leads to its page."""
    label = html.code_span(labels(view.source, {run_id: name})[run_id], LABEL_ON_CARD)
    st.button(
        label.replace(" ", NO_BREAK_SPACE),
        type="tertiary",
        key=f"open-{key}",
        on_click=opening.want,
        args=(run_id,),
        help=f"{about}To the run's page.",
    )


def _page_number(total: int, stage: str) -> int:
    pages = -(-total // PAGE_ROWS)
    noun = "run" if total == 1 else "runs"
    st.caption(f"{total:,} {'deleted ' * (stage == 'deleted')}{noun}", width="content")
    if pages == 1:
        return 0
    return st.pagination(pages, key="page", max_visible_pages=5, **filters.KEPT) - 1


def _table(view: View, query: run_lists.RunQuery, page: int, total: int) -> None:
    """The runs of one page; selecting rows changes the selection of every page."""
    runs = run_lists.run_page(view.source, query, PAGE_ROWS, page * PAGE_ROWS)
    ids = tuple(runs["run_id"])
    table = run_table.table(view, runs, partial(_open_clicked, ids))
    selected = set(view.run_ids)
    key = _table_key(ids, selected)
    columns.show(
        table,
        key=key,
        on_select=lambda: _take_selection(key, ids),
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [row for row, run_id in enumerate(ids) if run_id in selected]}
        },
    )
    shown = [name for name in table if name.startswith(("metrics.", "params."))]
    ticked = [run_id for run_id in ids if run_id in selected]
    _below(view, query, ticked, shown, is_paged=total > PAGE_ROWS)


def _open_clicked(ids: tuple[str, ...]) -> None:
    opening.want(ids[st.session_state["open_run"]["row"]])


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


def _below(
    view: View, query: run_lists.RunQuery, ticked: list[str], shown: list[str], *, is_paged: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        order = " Table sorts all pages." if is_paged else ""
        st.caption(f"A name leads to its run; ticked rows are what every page shows.{order}")
        _csv(partial(run_table.as_csv, view.source, query, shown), "runs.csv")
        if ticked:
            _menu(view, ticked)
        if ticked and query.stage == "deleted":
            if st.button(f"Restore {len(ticked)}", icon=":material/restore_from_trash:"):
                _change(partial(editing.restore, view.source, ticked), f"{len(ticked)} restored")
        elif ticked:
            with st.popover(f"Delete {len(ticked)}", icon=":material/delete:"):
                st.write("They leave every list. “Show deleted runs” in Table brings them back.")
                if st.button(f"Delete {len(ticked)} runs", type="primary"):
                    _change(partial(editing.delete, view.source, ticked), f"{len(ticked)} deleted")


def _menu(view: View, ticked: list[str]) -> None:
    """The way to a run's page for the keyboard: the names in a table can only be clicked."""
    st.menu_button(
        "Open run",
        ticked,
        format_func=lambda run_id: html.code_span(view.labels[run_id]),
        icon=":material/science:",
        key="open_ticked",
        on_click=lambda: opening.want(str(st.session_state["open_ticked"])),
    )


def _change(change: partial[None], done: str) -> None:
    if editing.attempt(change, done):
        st.rerun()


def _csv(content: Callable[[], bytes], name: str) -> None:
    """A download that is not made before it is asked for."""
    st.download_button(
        "CSV", content, name, "text/csv", icon=":material/download:", on_click="ignore"
    )


def _groups(view: View, query: run_lists.RunQuery, param: str) -> None:
    """Runs with the same value of a parameter, summed up."""
    known = records.known_keys(view.source, "latest_metrics", view.experiment_id)
    metric = st.selectbox(
        "Of each group", metrics.ranked(known), key="of", bind="query-params", width=360
    )
    if metric is None:
        html.empty("search_off", "No metric was logged yet.")
        return
    found = summaries.groups(view.source, query, param, metric)
    shown = found.head(summaries.MAX_GROUPS)
    measured = shown[["mean", "least", "greatest"]].to_numpy(dtype="float64").ravel()
    columns.show(_group_table(shown, param, numbers(measured)))
    with st.container(horizontal=True, vertical_alignment="center"):
        is_cut = len(found) > summaries.MAX_GROUPS
        st.caption(f"The first {summaries.MAX_GROUPS} values." if is_cut else "")
        named = shown.rename(columns={"value": param})
        _csv(lambda: named.to_csv(index=False).encode(), "groups.csv")


def _group_table(
    found: pd.DataFrame, param: str, write: Callable[[float | None], str]
) -> dict[str, Column]:
    return {
        "value": columns.text(param, found["value"]),
        "runs": columns.number("Runs", found["runs"]),
        "mean": columns.number("Mean", found["mean"], write),
        "least": columns.number("Least", found["least"], write),
        "greatest": columns.number("Greatest", found["greatest"], write),
    }
