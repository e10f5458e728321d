"""Views on their way out: CSV of every run, one HTML file that needs nothing else, a picture."""

from __future__ import annotations

from functools import cache, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard.palette import TOKENS
from dashboard.queries import records, run_lists
from dashboard.widgets import component, run_rows
from tracker.text import MISSING, local_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dashboard.source import Source
    from dashboard.view import View
    from dashboard.widgets.grid import Column, Row

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ background: white; font: 13px/1.5 system-ui, sans-serif;
  margin: 0; padding: 24px;
  color: {text};  font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 17px; }} p {{ color: {quiet}; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 4px 12px; border-bottom: 1px solid {line}; white-space: nowrap; }}
th, td {{ text-align: left; }} th {{ color: {quiet}; font-weight: 500; }}
.number {{ text-align: right; }} .best {{ color: {accent}; font-weight: 650; }}
.group, .strong {{ font-weight: 600; }} small, .muted {{ color: {quiet}; }}
.good {{ color: {good}; }} .bad {{ color: {bad}; }}
</style></head><body><h1>{title}</h1><p>{note}</p><table><thead><tr>{head}</tr></thead>
<tbody>{body}</tbody></table></body></html>
"""

CSS = """
button { padding: 0; border: 0; background: none; color: inherit; cursor: pointer;
  font: 400 12.5px/28px "Source Sans", sans-serif; }
button:hover { color: var(--accent); }
@media (max-width: 640px) { button { min-height: 40px; } }
"""
BUTTON = """
export default function ({ parentElement, data, setTriggerValue }) {
  const button = parentElement.querySelector('button');
  button.textContent = data.title;
  button.onclick = () => setTriggerValue('wanted', String(Date.now()));
  if (data.html && parentElement.saved !== data.turn) savePage(data.html, data.name);
  parentElement.saved = data.turn;
}
"""


def show(view: View) -> None:
    """The ways out of the Overview."""
    with st.popover("Export", icon=":material/download:"):
        _download("All runs that match, as CSV", partial(_all_that_match, view), "runs.csv")
        page_out("runs", partial(as_html, view))


def _all_that_match(view: View) -> bytes:
    """All runs that the filter finds, with the metrics and parameters of the table."""
    nodes = [node for node, _ in run_rows.flat(view.listing.tree)]
    names = [column.key for column in run_rows.columns(view, nodes)]
    names = [name for name in names if name.startswith(("metrics.", "params."))]
    return as_csv(view.source, view.listing.query, names)


def page_out(name: str, page: Callable[[], bytes]) -> None:
    """Buttons that save a table as one HTML file and as a picture.

    Args:
        name: Of the files.
        page: The HTML, which is made when it is asked for.
    """
    _download("This table, as one HTML file", page, f"{name}.html")
    key = f"picture-of-{name}"
    wanted = st.session_state.pop(f"{key}-wanted", None)
    draw = st.components.v2.component("picture", html="<button></button>", css=CSS, js=_script())
    draw(
        key=key,
        data={
            "title": "This table, as a picture (PNG)",
            "name": f"{name}.png",
            "html": page().decode() if wanted else None,
            "turn": wanted,
        },
        on_wanted_change=partial(_want, key),
    )


def _download(title: str, content: Callable[[], bytes], name: str) -> None:
    mime = "text/csv" if name.endswith(".csv") else "text/html"
    st.download_button(title, content, name, mime, on_click="ignore", type="tertiary")


def _want(key: str) -> None:
    st.session_state[f"{key}-wanted"] = component.told(key, "wanted")


@cache
def _script() -> str:
    return (Path(__file__).with_name("picture.js").read_text("utf-8")) + BUTTON


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
    name = run_lists.experiment_names(view.source).get(view.experiment_id or -1, "All experiments")
    filtered = f", filter: {view.state.filter}" if view.state.filter else ""
    return _page(
        name,
        f"{view.listing.total:,} runs, {local_time(view.now_ms)}{filtered}",
        [("Run", "text"), *((column.title, column.kind) for column in shown)],
        map(partial(_line, columns=shown), rows),
    )


def grid_as_html(
    title: str, note: str, lead: str, columns: Sequence[Column], rows: Iterable[Row]
) -> bytes:
    """A grid with all its sections open, as a page of its own."""
    heads = [(lead, "text"), *((column.title, column.kind) for column in columns)]
    return _page(title, note, heads, map(partial(_grid_row, count=len(columns)), rows))


def _grid_row(row: Row, count: int) -> str:
    if row.is_section:
        note = f"<small>{escape(row.note)}</small>"
        return f'<tr class="group"><td colspan="{count + 1}">{escape(row.name)} {note}</td></tr>\n'
    kind = "text" if row.is_text else "number"
    cells = [
        f'<td class="{kind}">{MISSING}</td>'
        if cell is None
        else f'<td class="{kind} {cell.emphasis}">{escape(cell.text)} <small>{escape(cell.small)}'
        f'</small> <small class="{cell.verdict}">{escape(cell.delta)}</small></td>'
        for cell in row.cells
    ]
    name = f"{escape(row.name)} <small>{escape(row.note)}</small>"
    return f"<tr><td>{name}</td>{''.join(cells)}</tr>\n"


def _page(title: str, note: str, heads: Iterable[tuple[str, str]], rows: Iterable[str]) -> bytes:
    tokens = TOKENS["light"]
    page = PAGE.format(
        title=escape(title),
        note=escape(note),
        head="".join(f'<th class="{kind}">{escape(name)}</th>' for name, kind in heads),
        body="".join(rows),
        text=tokens["text-1"],
        quiet=tokens["text-3"],
        line=tokens["line"],
        accent=tokens["accent"],
        good=tokens["good"],
        bad=tokens["bad"],
    )
    return page.encode()


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
