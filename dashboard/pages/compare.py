"""Compare: what was set differently, and what came of it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, comparison, metrics
from dashboard.comparison import Comparison
from dashboard.widgets import export, grid, html, parallel
from dashboard.widgets.parallel import Objective
from dashboard.widgets.run_choice import ask_for_runs
from tracker.text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.comparison import Entry
    from dashboard.view import View
    from dashboard.widgets.parallel import Axis

MAX_AXES, RESULT_AXES = 8, 2
CHOICES, NUMBERS, PATHS = range(3)
# Longer texts, all of them different, are names and paths rather than choices.
LONG_TEXT = 20
LONGEST_TEXT = 60
MIN_RUNS = 2
MIN_TREND = 3
PARALLEL = "parallel"
# One value a shown run by parameter or metric; None where it has none.
Table = dict[str, list[Any]]


def show(view: View) -> None:
    """One grid against a baseline, parallel coordinates, one parameter against one metric."""
    if len(view.runs) < MIN_RUNS:
        st.title("Compare")
        sentence = "Choose two runs or more in the run list to compare them."
        ask_for_runs(view, "balance", sentence, MIN_RUNS)
        return
    params, results = _tables(view)
    entries = comparison.entries(view)
    names, is_turned, chosen, out = _controls(view, entries, params, results)
    axes = _axes(params, results, chosen)
    left = parallel.within(axes, parallel.ranges(PARALLEL), len(view.runs))
    kept = [run_id for run_id, stays in zip(view.run_ids, left, strict=True) if stays]
    found = Comparison(view, names, comparison.with_runs(entries, kept))
    is_turned = is_turned or not comparison.columns_fit(entries)
    if is_turned:
        _parallel(view, axes, results)
    _grid(view, found, out, is_turned=is_turned)
    if not is_turned:
        _parallel(view, axes, results)
    if params and results:
        with st.container(border=True):
            st.subheader("Parameter vs metric")
            _scatter(params, results, view)


def _controls(
    view: View, entries: Sequence[Entry], params: Table, results: Table
) -> tuple[str, bool, list[str], DeltaGenerator]:
    """Filter of names, whether the entries are rows, axes, and the place of the export."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Compare", width="content")
        runs = plural(len(view.runs), "run")
        is_grouped = len(entries) < len(view.runs)
        groups = f"{plural(len(entries), 'group')}, " * is_grouped
        st.caption(f"{groups}{runs}", width="content")
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
        _choose_baseline(view, entries)
        with st.popover("Axes", icon=":material/tune:"):
            chosen = st.multiselect(
                "Axes of the parallel coordinates",
                [*_by_interest(params), *_result_names(params, results)],
                key="axes",
                bind="query-params",
                placeholder="The most telling ones",
            )
        out = st.container(width="content")
    return names or "", bool(is_turned), chosen, out


def _choose_baseline(view: View, entries: Sequence[Entry]) -> None:
    """The entry that the others are compared with; the first where none was chosen."""
    found = {entry.run_ids[0]: entry.label for entry in entries}
    key = "baseline_chosen"
    st.session_state[key] = next(iter(found))

    def take() -> None:
        view.state.baseline = str(st.session_state.get(key, view.state.baseline))

    st.selectbox(
        "Baseline",
        list(found),
        format_func=lambda run_id: f"Baseline: {found[run_id]}",
        key=key,
        on_change=take,
        label_visibility="collapsed",
        width=230,
    )


def _grid(view: View, found: Comparison, out: DeltaGenerator, *, is_turned: bool) -> None:
    columns, rows = found.by_row() if is_turned else found.by_column()
    if not found.metrics and not found.differing and not found.agreeing:
        st.caption("No metric or parameter has this name, or the shown runs recorded none.")
        return
    name = "turned" if is_turned else "plain"
    # Another baseline or other runs begin the grid anew: it keeps its own order otherwise.
    turn = hash((view.run_ids, view.state.baseline, tuple(row.key for row in rows), len(columns)))
    lead = "Run" if is_turned else "Metric or parameter"
    with out, st.popover("Export", icon=":material/download:"):
        title = f"Comparison with {found.entries[0].label}"
        note = plural(len(view.runs), "run")
        export.page_out(
            "comparison", partial(export.grid_as_html, title, note, lead, columns, rows)
        )
    grid.show(columns, rows, f"grid-{name}-{turn}", lead=lead, height="75dvh")


def _tables(view: View) -> tuple[Table, Table]:
    """Parameters with several values, and metrics: those that most runs have first."""
    runs = view.listing.runs
    params = _by_name(view.run_ids, runs.facts.params)
    results = _by_name(view.run_ids, runs.latest)
    differing = {name: row for name, row in params.items() if len(set(row) - {None}) > 1}
    ranked = sorted(metrics.ranked(results), key=lambda name: results[name].count(None))
    return differing, {name: results[name] for name in ranked}


def _by_name(run_ids: Sequence[str], values: Mapping[str, Mapping[str, Any]]) -> Table:
    each = [values.get(run_id, {}) for run_id in run_ids]
    names = sorted({name for own in each for name in own})
    return {name: [own.get(name) for own in each] for name in names}


def _by_interest(params: Table) -> list[str]:
    """Choices and numbers by turns, the most different values first; seeds, then paths last."""
    kinds: dict[int, list[tuple[int, int, str]]] = {CHOICES: [], NUMBERS: [], PATHS: []}
    for name, row in params.items():
        values = [value for value in row if value is not None]
        kinds[_kind(values)].append((len(row) - len(values), -len(set(values)), name))
    ranked = [
        (kind == PATHS, "seed" in name.lower(), place, kind, name)
        for kind, found in kinds.items()
        for place, (*_, name) in enumerate(sorted(found))
    ]
    return [name for *_, name in sorted(ranked)]


def _kind(values: Sequence[str]) -> int:
    if _is_numeric(values):
        return NUMBERS
    is_long = max(map(len, values), default=0) > LONG_TEXT
    return PATHS if is_long and len(set(values)) == len(values) else CHOICES


def _is_numeric(values: Sequence[str]) -> bool:
    try:
        return all(not math.isnan(float(value)) for value in values)
    except ValueError:
        return False


def _result_names(params: Table, results: Table) -> dict[str, str]:
    """What metrics are called beside parameters, and their names."""
    return {f"{name} (metric)" if name in params else name: name for name in results}


def _axes(params: Table, results: Table, chosen: Sequence[str]) -> list[Axis]:
    """The chosen axes, or the most telling ones."""
    named = _result_names(params, results)
    unasked = [*_by_interest(params)[: MAX_AXES - RESULT_AXES], *list(named)[:RESULT_AXES]]
    return [
        parallel.axis(name, results[named[name]], is_metric=True)
        if name in named
        else parallel.axis(name, params[name])
        for name in chosen or unasked
    ]


def _parallel(view: View, axes: Sequence[Axis], results: Table) -> None:
    """Every shown run a line, colored by the metric that the list is sorted by."""
    if len(axes) < 2 or not results:  # noqa: PLR2004
        return
    key, first = view.listing.sort.removeprefix("metrics."), next(iter(results))
    known = results.get(key, [None])
    key = key if 2 * known.count(None) < len(known) else first
    objective = Objective(key, results[key], metrics.better(key))
    labels = view.labels
    parallel.show(view.run_ids, [labels[i] for i in view.run_ids], axes, objective, PARALLEL)


def _scatter(params: Table, results: Table, view: View) -> None:
    left, right = st.columns(2)
    names = list(params)
    numeric = [n for n in _by_interest(params) if _is_numeric([v for v in params[n] if v])]
    first = names.index(numeric[0]) if numeric else 0
    x = str(left.selectbox("Parameter", names, first, key="x", bind="query-params"))
    y = str(right.selectbox("Metric", list(results), key="y", bind="query-params"))
    labels, colors = view.labels, view.colors
    table = pd.DataFrame(
        {
            "x": params[x],
            "y": results[y],
            "run": view.run_ids,
            "label": [labels[run_id] for run_id in view.run_ids],
            "color": [colors[run_id] for run_id in view.run_ids],
        }
    ).dropna()
    if table.empty:
        st.caption("No run has both this parameter and this metric.")
        return
    if x in numeric:
        chart = _over_numbers(table.astype({"x": "float64"}), x, y)
    else:
        cut = table.assign(x=[html.cut(str(text), LONGEST_TEXT) for text in table["x"]])
        chart = charts.strip(cut, x, y)
    st.altair_chart(chart, key="scatter")


def _over_numbers(table: pd.DataFrame, x: str, y: str) -> charts.Chart:
    wide = table["x"].min() > 0 and table["x"].max() / table["x"].min() > parallel.LOG_FROM
    trend = table["x"].nunique() >= MIN_TREND
    return charts.scatter(table, x, y, log_x=bool(wide), trend=trend)
