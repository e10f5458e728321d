"""Curves with bands, smoothing, a reading of every line, best points and a strip to zoom by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.curves import table
from dashboard.curves.spec import Style, specification

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from dashboard.curves.table import Series


@dataclass(frozen=True)
class Drawing:
    """A chart: its Vega specification, and the table that it draws."""

    spec: dict[str, Any]
    table: pd.DataFrame


def draw(series: Sequence[Series], style: Style) -> Drawing:
    """One panel.

    Args:
        series: At least one, with at least one point between them.
        style: How to draw them.
    """
    spec = specification(style, table.density(series))
    return Drawing(spec, table.table(series, log=style.log))
