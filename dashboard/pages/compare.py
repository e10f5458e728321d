"""Compare: what was set differently, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, metrics
from dashboard.palette import token, verdict
from dashboard.queries import records
from dashboard.widgets import html
from dashboard.widgets.run_choice import ask_for_runs
from tracker.text import MISSING, number, numbers

if TYPE_CHECKING:
    from dashboard.view import View

MAX_AXES, RESULT_AXES = 8, 2
CHOICES, NUMBERS, PATHS = range(3)
# Longer texts, all of them different, are names and paths rather than choices.
LONG_TEXT = 20
LONGEST_TEXT = 60
MIN_RUNS = 2
ROWS_WITHOUT_SCROLL = 24
MIN_TREND = 3
LOG_FROM = 30


def show(view: View) -> None:
    """Differences, results against a baseline, parallel coordinates, one against another."""
    st.title("Compare")
    if len(view.runs) < MIN_RUNS:
        sentence = "Choose two runs or more in the run list to compare them."
        ask_for_runs(view, "balance", sentence, MIN_RUNS)
        return
    params = _table(records.params_of(view.source, view.run_ids), view)
    latest = _table(records.latest_of(view.source, view.run_ids), view)
    baseline = _choose_baseline(view)
    html.legend(list(zip(view.runs["label"], view.runs["color"], strict=True)))
    _differences(params, view, baseline)
    _results(latest, view, baseline)
    _relations(params, latest, view)


def _choose_baseline(view: View) -> str:
    """The run that the others are compared with: the run list's, else the first."""
    options = list(view.run_ids)
    key = "baseline_chosen"
    state = view.state
    st.session_state[key] = state.baseline if state.baseline in options else options[0]

    def take() -> None:
        state.baseline = str(st.session_state[key])

    labels = view.labels
    st.selectbox(
        "Baseline", options, format_func=labels.__getitem__, key=key, on_change=take, width=360
    )
    return str(st.session_state[key])


def _table(long: pd.DataFrame, view: View) -> pd.DataFrame:
    """One row a key, one column a run id."""
    return long.pivot_table(
        index="key", columns="run_id", values="value", aggfunc="last", sort=True
    ).reindex(columns=list(view.run_ids))


def _differences(params: pd.DataFrame, view: View, baseline: str) -> None:
    texts = params.astype("object").where(params.notna(), MISSING)
    differs = _differing(texts)
    st.subheader("What differs")
    if differs.any():
        _show_table(texts[differs], view, baseline)
    else:
        st.caption("All parameters of the selected runs are equal.")
    same = texts[~differs]
    if not same.empty:
        with st.expander(f"The same in every run ({len(same)})"):
            first = same.iloc[:, [0]].reset_index()
            first.columns = ["Parameter", "Value"]
            st.dataframe(first, hide_index=True, placeholder=MISSING)


def _differing(texts: pd.DataFrame) -> pd.Series[bool]:
    return texts.ne(texts.iloc[:, 0], axis=0).any(axis=1)


def _results(latest: pd.DataFrame, view: View, baseline: str) -> None:
    st.subheader("Results")
    if latest.empty:
        st.caption("The selected runs have logged no metric.")
        return
    order = metrics.ranked(latest.index)
    latest = latest.loc[order]
    texts = pd.DataFrame.from_dict(
        {key: _with_deltas(row, baseline) for key, row in _rows(latest).items()},
        orient="index",
        columns=latest.columns,
    )
    _show_table(texts, view, baseline, _tints(latest, baseline))


def _tints(latest: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """CSS for each result: green where it beats the baseline, red where it falls behind."""
    signs = pd.Series({"more": 1.0, "less": -1.0, "": 0.0})
    direction = pd.Series([signs[metrics.better(key)] for key in latest.index], latest.index)
    gain = latest.sub(latest[baseline], axis=0).mul(direction, axis=0)
    better, worse = f"color: {verdict(good=True)}", f"color: {verdict(good=False)}"
    tints = pd.DataFrame("", index=latest.index, columns=latest.columns)
    return tints.mask(gain > 0, better).mask(gain < 0, worse)


def _with_deltas(row: pd.Series[float], baseline: str) -> list[str]:
    """A metric of each run with its difference from the baseline's, all with as many decimals."""
    base = row[baseline]
    write = numbers(row.dropna())
    texts = []
    for run_id, value in row.items():
        text = MISSING if pd.isna(value) else write(value)
        if run_id != baseline and pd.notna(value) and pd.notna(base) and value != base:
            size = abs(value - base)
            shown = number(size) if write(size) == write(0.0) else write(size)
            text += f"  ({'+' if value > base else '-'}{shown})"
        texts.append(text)
    return texts


def _show_table(
    texts: pd.DataFrame, view: View, baseline: str, tints: pd.DataFrame | None = None
) -> None:
    """One column a run, the baseline's first."""
    order = [baseline, *(run_id for run_id in texts.columns if run_id != baseline)]
    shown: Any = texts[order].rename_axis(None, axis=1).reset_index(names=" ")
    rows = len(shown)
    if tints is not None:
        css = tints[order].reset_index(names=" ").assign(**{" ": ""})
        shown = shown.style.apply(lambda _: css, axis=None)
    config: dict[str, Any] = {" ": st.column_config.TextColumn(pinned=True)}
    titles = view.labels | {baseline: f"{view.labels[baseline]} (baseline)"}
    config |= {run_id: st.column_config.TextColumn(text) for run_id, text in titles.items()}
    height: Any = "content" if rows <= ROWS_WITHOUT_SCROLL else 640
    st.dataframe(shown, hide_index=True, placeholder=MISSING, column_config=config, height=height)


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
