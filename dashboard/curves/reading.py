"""What every line says where the pointer is: a small table inside the chart, the best run first.

The data and marks are pieces of the Vega specification in `curve_spec`, whose signals and data
(`pointer`, `level`, `lines`, `cells`) they go by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.palette import Theme

Json = dict[str, Any]

GROUNDS: dict[Theme, str] = {"light": "#ffffff", "dark": "#1a1f2a"}
WORDS: dict[Theme, str] = {"light": "#141a26", "dark": "#e6e9f0"}
QUIET: dict[Theme, str] = {"light": "#656d84", "dark": "#9aa3b8"}
EDGES: dict[Theme, str] = {"light": "#d5d9e2", "dark": "#39415a"}
FONT = '"Source Sans", sans-serif'
SIZE = 11
ROW, HEAD, FOOT, MARGIN = 15, 22, 6, 9
DOT, COLUMN, LETTER = 13, 50, 5.4
SHORTEST, LONGEST = 40, 124
DIGITS = 11
BESTS_SHOWN = 3
LAST = 1e300
HIT = "(length(data('near')) ? data('near')[0].hit : null)"
VALUE = "(datum.y0 + toNumber(split(datum['s' + (+level || 0)], ' ')[2 * datum.point + 1]))"


def data(better: str, *, log: bool) -> list[Json]:
    """The cell nearest to the pointer, what the lines say there, and the runs in order.

    Args:
        better: 'less', 'more' or '': which values come first.
        log: Whether the lines are in powers of ten.
    """
    order = "datum.value" if better == "less" else "-datum.value"
    return [
        _dataset(
            "near",
            "cells",
            _filter("pointer !== null"),
            _formula("gap", "abs(datum.x - toNumber(invert('x', pointer)))"),
            _aggregate([], "gap", "argmin", "hit"),
        ),
        _read(f"pow(10, {VALUE})" if log else VALUE, order),
        _dataset(
            "parts",
            "lines",
            _filter("datum.column >= 0"),
            _formula("letters", "length(datum.label)"),
            _aggregate(["column", "part"], "letters", "max", "letters"),
        ),
        *_rows(),
    ]


def _read(value: str, order: str) -> Json:
    """What each line says at the nearest cell: an expression over the line, and one to sort by."""
    return _dataset(
        "read",
        "lines",
        _formula("now", f"{HIT} ? {HIT}.index : -1"),
        _filter("datum.now >= 0 && datum.column >= 0"),
        _formula("point", "split(datum.at, ' ')[datum.now]"),
        _formula("other", "datum.odd ? split(datum.odd, ' ')[datum.now] : ''"),
        _filter("datum.point !== '' || datum.other !== ''"),
        _formula("value", f"datum.point === '' ? null : {value}"),
        _formula("text", f"datum.point === '' ? '' : {_number('datum.value')} + ' '"),
        _formula("text", "trim(datum.text + datum.other)"),
        _formula("order", f"datum.lead && datum.point !== '' ? {order} : {LAST}"),
    )


def _rows() -> list[Json]:
    """The table's rows: runs as many as there is room for, their values, their best points."""
    return [
        _dataset(
            "ranked",
            "read",
            _aggregate(["run", "label", "colour"], "order", "min", "order"),
            *_numbered("order", "rank"),
            _filter(f"datum.rank <= floor((plot_height - {HEAD + FOOT}) / {ROW})"),
        ),
        _dataset(
            "values",
            "read",
            {"type": "lookup", "from": "ranked", "key": "run", "fields": ["run"]}
            | {"values": ["rank"], "as": ["rank"]},
            _filter("datum.rank > 0"),
        ),
        _dataset(
            "bests",
            "values",
            _filter("isValid(datum.best_x) && datum.best_cell === datum.now"),
            *_numbered("rank", "place"),
            _filter(f"datum.place <= {BESTS_SHOWN}"),
        ),
    ]


def signals() -> list[Json]:
    """How large the table is."""
    letters = f"(length(data('parts')) ? extent(pluck(data('parts'), 'letters'))[1] : 0) * {LETTER}"
    label = f"clamp({letters}, {SHORTEST}, min({LONGEST}, plot_width / 2 - {COLUMN}))"
    return [
        {"name": "panel_rows", "update": "length(data('ranked'))"},
        {"name": "panel_columns", "update": "length(data('parts'))"},
        {"name": "label_width", "update": label},
        {
            "name": "panel_width",
            "update": f"{2 * MARGIN + DOT} + label_width + panel_columns * {COLUMN}",
        },
        {
            "name": "panel_height",
            "update": f"{HEAD + FOOT} + {ROW} * (panel_rows + length(data('bests')))",
        },
    ]


def marks(better: str, theme: Theme, title: str, best: str) -> list[Json]:
    """A rule at the place, and the table: on the side of the plot where the pointer is not.

    Args:
        better: Losses fall and leave the top free, accuracies rise and leave the bottom free.
        theme: Whose colours words and ground have.
        title: What is said of the place: an expression over the cell `c`.
        best: What is said of where the best value is: an expression over `datum`.
    """
    place = {
        "x": {"signal": "pointer < plot_width / 2 ? plot_width - panel_width : 0"},
        "y": {"signal": "max(0, plot_height - panel_height)" if better == "more" else "0"},
        "width": {"signal": "panel_width"},
        "height": {"signal": "panel_height"},
        "fill": {"value": GROUNDS[theme]},
        "fillOpacity": {"value": 0.94},
        "stroke": {"value": EDGES[theme]},
        "cornerRadius": {"value": 6},
        "opacity": {"signal": "panel_rows ? 1 : 0"},
    }
    table = {
        "type": "group",
        "name": "reading",
        "interactive": False,
        "encode": {"update": place},
        "marks": _cells(theme, title.replace("c.", f"{HIT}."), best),
    }
    return [_rule(theme), table]


def _cells(theme: Theme, head: str, best: str) -> list[Json]:
    """The words and dots of the table; what its head says is an expression."""
    quiet, words = QUIET[theme], WORDS[theme]
    column = f"panel_width - {MARGIN} - (panel_columns - 1 - datum.column) * {COLUMN}"
    row = f"{HEAD} + {ROW} * (datum.rank - 0.5)"
    best_row = f"{HEAD} + {ROW} * (panel_rows + datum.place - 0.5)"
    part = "panel_columns > 1 && panel_rows ? datum.part : ''"
    found = f"'best ' + {_number('datum.best')} + ' at ' + {best}"
    after_dot = str(MARGIN + DOT)
    return [
        _text(f"{HIT} ? {head} : ''", quiet, str(MARGIN), "12", limit="panel_width - 16"),
        _text(part, quiet, column, "12", data="parts", align="right"),
        _dot("ranked", "circle", row),
        _text(_cut("datum.label"), words, after_dot, row, data="ranked"),
        _text("datum.text", words, column, row, data="values", align="right"),
        _dot("bests", "diamond", best_row),
        _text(found, quiet, after_dot, best_row, data="bests", limit="panel_width - 30"),
    ]


def _rule(theme: Theme) -> Json:
    place = f"{HIT} ? scale('x', {HIT}.x) : 0"
    return {
        "type": "rule",
        "interactive": False,
        "encode": {
            "update": {
                "x": {"signal": place},
                "y": {"value": 0},
                "y2": {"signal": "plot_height"},
                "stroke": {"value": QUIET[theme]},
                "strokeOpacity": {"signal": f"{HIT} ? 0.7 : 0"},
            }
        },
    }


def _text(
    words: str,
    colour: str,
    x: str,
    y: str,
    *,
    data: str = "",
    align: str = "left",
    limit: str = "0",
) -> Json:
    """A text mark, or one for each row of `data`; words, x, y and limit are expressions."""
    source = {"from": {"data": data}} if data else {}
    return source | {
        "type": "text",
        "interactive": False,
        "encode": {
            "update": {
                "text": {"signal": words},
                "x": {"signal": x},
                "y": {"signal": y},
                "limit": {"signal": limit},
                "align": {"value": align},
                "baseline": {"value": "middle"},
                "fill": {"value": colour},
                "font": {"value": FONT},
                "fontSize": {"value": SIZE},
            }
        },
    }


def _dot(data: str, form: str, y: str) -> Json:
    return {
        "type": "symbol",
        "from": {"data": data},
        "interactive": False,
        "encode": {
            "update": {
                "shape": {"value": form},
                "x": {"value": MARGIN + 4},
                "y": {"signal": y},
                "size": {"value": 48},
                "fill": {"field": "colour"},
            }
        },
    }


def _cut(label: str) -> str:
    """An expression: a label cut in its middle, for what tells runs apart stands at its end."""
    letters = f"floor(label_width / {LETTER})"
    start = f"slice({label}, 0, max(0, {letters} - {DIGITS + 1}))"
    return f"length({label}) > {letters} ? {start} + '…' + slice({label}, -{DIGITS}) : {label}"


def _number(value: str) -> str:
    """An expression: a number as text, as `formats.number` writes it."""
    size = f"abs({value})"
    forms = (
        f"{value} === floor({value}) && {size} < 1e9 ? ',.0f' : {size} < 0.01 ? '.2e' :"
        f" {size} < 10 ? '.4f' : {size} < 1e4 ? '.2f' : {size} < 1e9 ? ',.0f' : '.3e'"
    )
    return f"format({value}, {forms})"


def _dataset(name: str, source: str, *transforms: Json) -> Json:
    return {"name": name, "source": source, "transform": list(transforms)}


def _filter(expression: str) -> Json:
    return {"type": "filter", "expr": expression}


def _formula(name: str, expression: str) -> Json:
    return {"type": "formula", "as": name, "expr": expression}


def _aggregate(by: list[str], field: str, operation: str, name: str) -> Json:
    how = {"fields": [field], "ops": [operation], "as": [name]}
    return {"type": "aggregate", "groupby": by} | how


def _numbered(by: str, name: str) -> list[Json]:
    """Sorted, and numbered from 1."""
    return [
        {"type": "collect", "sort": {"field": by}},
        {"type": "window", "ops": ["row_number"], "as": [name]},
    ]
