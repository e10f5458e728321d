"""Configurations: what was set differently, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, literal, metrics
from dashboard.choice import ask_for_runs, choose_run
from dashboard.formats import MISSING, number
from dashboard.palette import MUTED_TEXTS, theme, verdict
from dashboard.queries import records

if TYPE_CHECKING:
    from dashboard.view import View

MAX_AXES = 8
MIN_RUNS = 2
ROWS_WITHOUT_SCROLL = 24
MIN_TREND = 3
LOG_FROM = 30


def show(view: View) -> None:
    """Differences, results against a baseline, parallel coordinates, one against another."""
    st.title("Configurations")
    if len(view.runs) < MIN_RUNS:
        sentence = "Choose two runs or more in the sidebar to compare them."
        ask_for_runs(view, "balance", sentence, MIN_RUNS)
        return
    params = _table(records.params_of(view.source, view.run_ids), view)
    latest = _table(records.latest_of(view.source, view.run_ids), view)
    baseline = choose_run(view, "Baseline", "baseline")
    literal.legend(list(zip(view.runs["label"], view.runs["colour"], strict=True)))
    _differences(params, view)
    _results(latest, view, baseline)
    _relations(params, latest, view)


def _table(long: pd.DataFrame, view: View) -> pd.DataFrame:
    """One row a key, one column a run id."""
    return long.pivot_table(
        index="key", columns="run_id", values="value", aggfunc="last", sort=True
    ).reindex(columns=list(view.run_ids))


def _differences(params: pd.DataFrame, view: View) -> None:
    texts = params.astype("object").where(params.notna(), MISSING)
    differs = _differing(texts)
    st.subheader("What differs")
    if differs.any():
        _show_table(texts[differs], view)
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
    st.subheader("What came of it")
    if latest.empty:
        st.caption("The selected runs have logged no metric.")
        return
    order = metrics.ranked(latest.index)
    latest = latest.loc[order]
    texts = pd.DataFrame(
        {
            run_id: [
                _with_delta(value, base, plain=run_id == baseline)
                for value, base in zip(latest[run_id], latest[baseline], strict=True)
            ]
            for run_id in latest.columns
        },
        index=latest.index,
    )
    _show_table(texts, view, _tints(latest, baseline))


def _tints(latest: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """CSS for each result: green where it beats the baseline, red where it falls behind."""
    signs = pd.Series({"more": 1.0, "less": -1.0, "": 0.0})
    direction = pd.Series([signs[metrics.better(key)] for key in latest.index], latest.index)
    gain = latest.sub(latest[baseline], axis=0).mul(direction, axis=0)
    better, worse = f"color: {verdict(good=True)}", f"color: {verdict(good=False)}"
    tints = pd.DataFrame("", index=latest.index, columns=latest.columns)
    return tints.mask(gain > 0, better).mask(gain < 0, worse)


def _with_delta(value: float, base: float, *, plain: bool) -> str:
    if pd.isna(value):
        return MISSING
    if plain or pd.isna(base) or value == base:
        return number(value)
    change = value - base
    sign = "+" if change > 0 else "-"
    return f"{number(value)}  ({sign}{number(abs(change))})"


def _show_table(texts: pd.DataFrame, view: View, tints: pd.DataFrame | None = None) -> None:
    shown: Any = texts.rename_axis(None, axis=1).reset_index(names=" ")
    rows = len(shown)
    if tints is not None:
        css = tints.reset_index(names=" ").assign(**{" ": ""})
        shown = shown.style.apply(lambda _: css, axis=None)
    config: dict[str, Any] = {" ": st.column_config.TextColumn(pinned=True)}
    config |= {run_id: st.column_config.TextColumn(text) for run_id, text in view.labels.items()}
    height: Any = "content" if rows <= ROWS_WITHOUT_SCROLL else 640
    st.dataframe(shown, hide_index=True, placeholder=MISSING, column_config=config, height=height)


def _relations(params: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    texts = params.astype("object").where(params.notna(), MISSING)
    varying = list(texts.index[_differing(texts)])
    if not varying or latest.empty:
        return
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Every run a line")
        _parallel(texts.loc[varying], latest, view)
    with right, st.container(border=True, height="stretch"):
        st.subheader("One against the other")
        _scatter(texts.loc[varying], latest, view)


def _parallel(texts: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    results = metrics.ranked(latest.index)[:2]
    dimensions = [*texts.index[: MAX_AXES - len(results)], *results]
    pieces = []
    for name in dimensions:
        row = texts.loc[name] if name in texts.index else latest.loc[name]
        position = _positions(row)
        pieces.append(
            pd.DataFrame(
                {
                    "run": row.index,
                    "label": [view.labels[run_id] for run_id in row.index],
                    "colour": [view.colours[run_id] for run_id in row.index],
                    "dimension": name,
                    "position": position,
                    "text": [v if isinstance(v, str) else number(v) for v in row],
                }
            )
        )
    table = pd.concat(pieces, ignore_index=True).dropna(subset=["position"])
    st.altair_chart(charts.parallel(table, dimensions, MUTED_TEXTS[theme()]), key="parallel")


def _positions(row: pd.Series[Any]) -> list[float]:
    """Values on [0, 1]: numbers by size, anything else by alphabetical place."""
    values = pd.to_numeric(row, errors="coerce").astype("float64")
    if values.isna().any():
        names = sorted({str(value) for value in row})
        values = pd.Series([float(names.index(str(value))) for value in row], index=row.index)
    spread = values.max() - values.min()
    if spread == 0:
        return [0.5] * len(values)
    return [float(value) for value in (values - values.min()) / spread]


def _scatter(texts: pd.DataFrame, latest: pd.DataFrame, view: View) -> None:
    left, right = st.columns(2)
    x = left.selectbox("Parameter", list(texts.index), key="x", bind="query-params")
    y = right.selectbox("Metric", metrics.ranked(latest.index), key="y", bind="query-params")
    table = pd.DataFrame(
        {
            "x": pd.to_numeric(texts.loc[x], errors="coerce"),
            "y": latest.loc[y],
            "run": list(texts.columns),
            "label": [view.labels[run_id] for run_id in texts.columns],
            "colour": [view.colours[run_id] for run_id in texts.columns],
        }
    ).dropna()
    if table.empty:
        st.caption("This parameter is not a number in any run that has this metric.")
        return
    wide = table["x"].min() > 0 and table["x"].max() / table["x"].min() > LOG_FROM
    trend = table["x"].nunique() >= MIN_TREND
    chart = charts.scatter(table, str(x), str(y), log_x=bool(wide), trend=trend)
    st.altair_chart(chart, key="scatter")
