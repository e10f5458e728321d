"""The Overview on its way out: CSV of every run, and one HTML file that needs nothing else."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard.palette import TOKENS
from dashboard.queries import records, run_lists
from dashboard.widgets import run_rows
from tracker.text import MISSING, local_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.source import Source
    from dashboard.view import View

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 13px/1.5 "Source Sans 3", system-ui, sans-serif; margin: 24px; color: {text};
  font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 17px; }} p {{ color: {quiet}; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 4px 12px; border-bottom: 1px solid {line}; white-space: nowrap; }}
th {{ color: {quiet}; font-weight: 500; text-align: left; }}
.number {{ text-align: right; }} .best {{ color: {accent}; font-weight: 650; }}
.group {{ font-weight: 600; }} small {{ color: {quiet}; }}
</style></head><body><h1>{title}</h1><p>{note}</p><table><thead><tr>{head}</tr></thead>
<tbody>{body}</tbody></table></body></html>
"""


def show(view: View) -> None:
    """A popover with the ways out."""
    nodes = [node for node, _ in run_rows.flat(view.listing.tree)]
    names = [
        column.key
        for column in run_rows.columns(view, nodes)
        if column.key.startswith(("metrics.", "params."))
    ]
    with st.popover("Export", icon=":material/download:"):
        st.download_button(
            "All runs that match, as CSV",
            partial(as_csv, view.source, view.listing.query, names),
            "runs.csv",
            "text/csv",
            on_click="ignore",
            type="tertiary",
        )
        st.download_button(
            "This table, as one HTML file",
            partial(as_html, view),
            "runs.html",
            "text/html",
            on_click="ignore",
            type="tertiary",
        )


def as_csv(source: Source, query: run_lists.RunQuery, names: Sequence[str]) -> bytes:
    """All runs that a query finds, each with its id, and some metrics and parameters."""
    runs = run_lists.all_runs(source, query)
    experiments = run_lists.experiment_names(source)
    frame = pd.DataFrame(
        {
            "run_id": runs["run_id"],
            "name": runs["name"],
            "experiment": runs["experiment_id"].map(experiments),
            "status": runs["status"],
            "started": pd.to_datetime(runs["start_time"], unit="ms", utc=True),
            "seconds": runs["seconds"],
        }
    )
    for name in names:
        kind, _, key = name.partition(".")
        values: Mapping[str, Any] = records.by_run(
            source, "latest_metrics" if kind == "metrics" else "params", key
        )
        frame[name] = runs["run_id"].map(values)
    return frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ").encode()


def as_html(view: View) -> bytes:
    """The table as it is listed, groups and their runs, as a page of its own."""
    nodes = run_rows.flat(view.listing.tree)
    plain = [node for node, _ in nodes]
    shown = [c for c in run_rows.columns(view, plain) if c.kind in {"number", "text"}]
    rows = run_rows.rows(view, nodes, shown)
    tokens = TOKENS["light"]
    name = run_lists.experiment_names(view.source).get(view.experiment_id or -1, "All experiments")
    filtered = f", filter: {view.state.filter}" if view.state.filter else ""
    page = PAGE.format(
        title=escape(name),
        note=escape(f"{view.listing.total:,} runs, {local_time(view.now_ms)}{filtered}"),
        head="".join(f'<th class="{c.kind}">{escape(c.title)}</th>' for c in _with_name(shown)),
        body="".join(map(partial(_line, columns=shown), rows)),
        text=tokens["text-1"],
        quiet=tokens["text-3"],
        line=tokens["line"],
        accent=tokens["accent"],
    )
    return page.encode()


def _with_name(columns: Sequence[run_rows.Column]) -> list[run_rows.Column]:
    return [run_rows.Column("name", "Run", "text", []), *columns]


def _line(row: dict[str, Any], columns: Sequence[run_rows.Column]) -> str:
    indent = "" if row["parent"] < 0 else "&emsp;"
    mark = "group" if row.get("group") else ""
    notes = " ".join(filter(None, [row.get("count"), row["note"]]))
    name = f"{indent}{escape(row['title'])} <small>{escape(notes)}</small>"
    cells = [_cell(c, cell) for c, cell in zip(columns, row["cells"], strict=True)]
    return f'<tr class="{mark}"><td>{name}</td>{"".join(cells)}</tr>\n'


def _cell(column: run_rows.Column, cell: run_rows.Cell) -> str:
    text, value, small = ([*cell, "", ""] if isinstance(cell, list) else [cell, cell, ""])[:3]
    best = " best" if column.best is not None and value == column.best else ""
    shown = MISSING if cell is None else escape(str(text))
    return f'<td class="{column.kind}{best}">{shown} <small>{escape(str(small or ""))}</small></td>'
