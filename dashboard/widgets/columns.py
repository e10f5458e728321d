"""Tables whose numbers are written for people and sort as the numbers they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import streamlit as st

from tracker import text as formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


# Writing more takes seconds, and pandas refuses a quarter of a million: Streamlit writes those.
MOST_CELLS = 50_000
ROWS_WITHOUT_SCROLL = 16
MOST_PIXELS = 640


class Column(NamedTuple):
    """One column: what it sorts by, Streamlit's configuration, and how a value is written."""

    cells: pd.Series[Any]
    config: Any
    write: Callable[[Any], str] | None = None


def number(
    title: str,
    values: Iterable[float | None],
    write: Callable[[Any], str] | None = None,
    **config: Any,
) -> Column:
    """A column of numbers, all written alike unless `write` says how."""
    series = pd.Series(list(values), dtype="float64")
    shown = st.column_config.NumberColumn(title, **config)
    return Column(series, shown, write or formats.numbers(series.dropna()))


def plain(title: str, values: Iterable[Any], **config: Any) -> Column:
    """A column of texts that sort as texts."""
    return Column(
        pd.Series(list(values), dtype="object"), st.column_config.TextColumn(title, **config)
    )


def text(title: str, values: Iterable[str | None], **config: Any) -> Column:
    """A column of texts; where each of them is a number, it sorts by these."""
    series = pd.Series(list(values), dtype="object")
    present = series.dropna()
    numbers = pd.to_numeric(present, errors="coerce")
    # Texts that would become the same number stay apart as texts.
    if present.empty or numbers.isna().any() or numbers.nunique() < present.nunique():
        return plain(title, series, **config)
    written = dict(zip(numbers.astype("float64"), present, strict=True))
    sortable = numbers.astype("float64").reindex(series.index)
    return Column(sortable, st.column_config.NumberColumn(title, **config), written.__getitem__)


def show(columns: Mapping[str, Column], **options: Any) -> Any:
    """The table, with `st.dataframe`'s options; what it returns, the event of a selection."""
    frame = pd.DataFrame({name: column.cells for name, column in columns.items()})
    written: dict[Any, Any] = {name: c.write for name, c in columns.items() if c.write}
    shown: dict[str, Any] = {
        "hide_index": True,
        "placeholder": formats.MISSING,
        "column_config": {name: column.config for name, column in columns.items()},
        "height": "content" if len(frame) <= ROWS_WITHOUT_SCROLL else MOST_PIXELS,
    }
    return st.dataframe(
        frame.style.format(written, na_rep=formats.MISSING) if frame.size <= MOST_CELLS else frame,
        **shown | options,
    )
