"""Compare: what was set differently, and what came of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, comparison, metrics
from dashboard.comparison import Comparison
from dashboard.palette import token
from dashboard.queries import records
from dashboard.widgets import grid, html
from dashboard.widgets.run_choice import ask_for_runs
from tracker.text import MISSING, number, plural

if TYPE_CHECKING:
    from dashboard.view import View

MAX_AXES, RESULT_AXES = 8, 2
CHOICES, NUMBERS, PATHS = range(3)
# Longer texts, all of them different, are names and paths rather than choices.
LONG_TEXT = 20
LONGEST_TEXT = 60
MIN_RUNS = 2
MIN_TREND = 3
LOG_FROM = 30


def show(view: View) -> None:
    """One grid against a baseline, parallel coordinates, one parameter against one metric."""
    if len(view.runs) < MIN_RUNS:
        st.title("Compare")
        sentence = "Choose two runs or more in the run list to compare them."
        ask_for_runs(view, "balance", sentence, MIN_RUNS)
        return
    found, is_turned = _controls(view)
    _grid(view, found, is_turned=is_turned)
    params = _table(records.params_of(view.source, view.run_ids), view)
    latest = _table(records.latest_of(view.source, view.run_ids), view)
    _relations(params, latest, view)


def _controls(view: View) -> tuple[Comparison, bool]:
    """Title, filter of rows, baseline; whether the entries are rows."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Compare", width="content")
        count = len(comparison.entries(view))
        st.caption(f"{count} of {plural(len(view.runs), 'run')}", width="content")
        st.space("stretch")
        names = st.text_input(
            "Filter rows",
            key="names",
            bind="query-params",
            placeholder="Filter metrics and parameters",
            label_visibility="collapsed",
            icon=":material/filter_list:",
            width=240,
        )
        is_turned = st.toggle("Runs as rows", key="turned", bind="query-params")
        _choose_baseline(view)
    found = Comparison(view, names or "")
    return found, bool(is_turned) or not comparison.columns_fit(found.entries)


def _choose_baseline(view: View) -> None:
    """The entry that the others are compared with; the first where none was chosen."""
    found = {entry.run_ids[0]: entry.label for entry in comparison.entries(view)}
    key = "baseline_chosen"
    st.session_state[key] = next(iter(found))

    def take() -> None:
        view.state.baseline = str(st.session_state[key])

    st.selectbox(
        "Baseline",
        list(found),
        format_func=lambda run_id: f"Baseline: {found[run_id]}",
        key=key,
        on_change=take,
        label_visibility="collapsed",
        width=230,
    )


def _grid(view: View, found: Comparison, *, is_turned: bool) -> None:
    columns, rows = found.by_row() if is_turned else found.by_column()
    if not found.metrics and not found.differing and not found.agreeing:
        st.caption("No metric or parameter has this name, or the shown runs recorded none.")
        return
    name = "turned" if is_turned else "plain"
    # Another baseline or other runs begin the grid anew: it keeps its own order otherwise.
    turn = hash((view.run_ids, view.state.baseline, tuple(row.key for row in rows)))
    lead = "Run" if is_turned else "Metric or parameter"
    grid.show(columns, rows, f"grid-{name}-{turn}", lead=lead, height="75dvh")


def _table(long: pd.DataFrame, view: View) -> pd.DataFrame:
    """One row a key, one column a run id."""
    return long.pivot_table(
        index="key", columns="run_id", values="value", aggfunc="last", sort=True
    ).reindex(columns=list(view.run_ids))


def _differing(texts: pd.DataFrame) -> pd.Series[bool]:
    return texts.ne(texts.iloc[:, 0], axis=0).any(axis=1)


def _relations(params: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    texts = params.astype("object").where(params.notna(), MISSING)
    varying = list(texts.index[_differing(texts)])
    if not varying or latest.empty:
        return
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Parallel coordinates")
        _parallel(texts.loc[varying], latest, view)
    with right, st.container(border=True, height="stretch"):
        st.subheader("Parameter vs metric")
        _scatter(texts.loc[varying], latest, view)


def _parallel(texts: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    params = _by_interest(_rows(texts))
    found = _rows(latest)
    results = {
        f"{name} (metric)" if name in params else name: found[name]
        for name in metrics.ranked(found)
    }
    axes = params | results
    default = [*list(params)[: MAX_AXES - RESULT_AXES], *list(results)[:RESULT_AXES]]
    chosen = st.multiselect(
        "Axes",
        list(axes),
        key="axes",
        bind="query-params",
        placeholder="The most telling ones",
    )
    shown = [str(name) for name in chosen or default]
    pieces = [_axis(name, axes[name], view) for name in shown]
    table = pd.concat(pieces, ignore_index=True).dropna(subset=["position"])
    st.altair_chart(charts.parallel(table, shown, token("text-3")), key="parallel")


def _rows(table: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    return {str(name): row for name, row in table.iterrows()}


def _by_interest(params: dict[str, pd.Series[Any]]) -> dict[str, pd.Series[Any]]:
    """Choices and numbers by turns, the most different values first; seeds, then paths last."""
    kinds: dict[int, list[tuple[int, int, str]]] = {CHOICES: [], NUMBERS: [], PATHS: []}
    for name, row in params.items():
        values = row[row != MISSING]
        kinds[_kind(values)].append((len(row) - len(values), -values.nunique(), name))
    ranked = [
        (kind == PATHS, "seed" in name.lower(), place, kind, name)
        for kind, found in kinds.items()
        for place, (*_, name) in enumerate(sorted(found))
    ]
    return {name: params[name] for *_, name in sorted(ranked)}


def _kind(values: pd.Series[Any]) -> int:
    if _is_numeric(values):
        return NUMBERS
    is_long = values.str.len().max() > LONG_TEXT
    return PATHS if is_long and values.is_unique else CHOICES


def _is_numeric(values: pd.Series[Any]) -> bool:
    return bool(pd.to_numeric(values, errors="coerce").notna().all())


def _axis(name: str, row: pd.Series[Any], view: View) -> pd.DataFrame:
    """What one axis of the parallel coordinates shows: see `charts.parallel`."""
    texts = [value if isinstance(value, str) else number(value) for value in row]
    return pd.DataFrame(
        {
            "run": row.index,
            "label": [view.labels[run_id] for run_id in row.index],
            "color": [view.colors[run_id] for run_id in row.index],
            "dimension": name,
            "position": _positions(row),
            "text": [html.cut(text, LONGEST_TEXT) for text in texts],
        }
    )


def _positions(row: pd.Series[Any]) -> pd.Series[float]:
    """Values on [0, 1]: numbers by size, anything else by alphabetical place; gaps are NaN."""
    present = row[row != MISSING].dropna()
    places = pd.to_numeric(present, errors="coerce").astype("float64")
    if places.isna().any():
        places = present.astype("str").rank(method="dense")
    if places.min() > 0 and places.max() / places.min() > LOG_FROM:
        places = places.map(math.log10)
    spread = places.max() - places.min()
    scaled = (places - places.min()) / spread if spread > 0 else places * 0 + 0.5
    return scaled.reindex(row.index)


def _scatter(texts: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    left, right = st.columns(2)
    params = _rows(texts.where(texts != MISSING))
    names = list(params)
    numeric = [name for name in _by_interest(_rows(texts)) if _is_numeric(params[name].dropna())]
    first = names.index(numeric[0]) if numeric else 0
    x = str(left.selectbox("Parameter", names, first, key="x", bind="query-params"))
    y = right.selectbox("Metric", metrics.ranked(latest.index), key="y", bind="query-params")
    table = pd.DataFrame(
        {
            "x": params[x],
            "y": latest.loc[y],
            "run": list(texts.columns),
            "label": [view.labels[run_id] for run_id in texts.columns],
            "color": [view.colors[run_id] for run_id in texts.columns],
        }
    ).dropna()
    if table.empty:
        st.caption("No run has both this parameter and this metric.")
        return
    if x in numeric:
        chart = _over_numbers(table.astype({"x": "float64"}), x, str(y))
    else:
        cut = table.assign(x=[html.cut(str(text), LONGEST_TEXT) for text in table["x"]])
        chart = charts.strip(cut, x, str(y))
    st.altair_chart(chart, key="scatter")


def _over_numbers(table: pd.DataFrame, x: str, y: str) -> charts.Chart:
    wide = table["x"].min() > 0 and table["x"].max() / table["x"].min() > LOG_FROM
    trend = table["x"].nunique() >= MIN_TREND
    return charts.scatter(table, x, y, log_x=bool(wide), trend=trend)
