"""What the course of a metric looks like in small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.queries.indexes import BY_KEY, indexed_by
from dashboard.source import Source, placeholders, snapshot
from tracker.numbers import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

SPARK_POINTS = 40
SPARK_STEPS = 20_000
HEIGHT = 100


@st.cache_data(show_spinner=False, max_entries=16)
def courses(source: Source, run_ids: tuple[str, ...], key: str) -> dict[str, list[float]]:
    """The course of one metric in a few dozen points, for runs of up to 20,000 steps."""
    grouped: dict[str, list[float]] = {}
    with snapshot(source) as connection:
        found = connection.execute(
            f"""
            SELECT metrics.run_uuid, AVG(metrics.value) AS mean
            FROM latest_metrics AS ends
            CROSS JOIN metrics {indexed_by(connection, BY_KEY)}
                 ON metrics.run_uuid = ends.run_uuid AND metrics.key = ends.key
            WHERE ends.run_uuid IN ({placeholders(len(run_ids))}) AND ends.key = ?
                  AND ends.step BETWEEN 1 AND {SPARK_STEPS}
                  AND metrics.is_nan = 0 AND metrics.value < ? AND metrics.value > ?
            GROUP BY metrics.run_uuid, metrics.step * {SPARK_POINTS} / (ends.step + 1)
            """,
            (*run_ids, key, LARGEST, -LARGEST),
        )
        for row in found:
            grouped.setdefault(row["run_uuid"], []).append(row["mean"])
    return grouped


def heights(line: Sequence[float]) -> list[Any] | None:
    """Values as heights in [0, 100]; None for a single one."""
    low, high = min(line, default=0.0), max(line, default=0.0)
    spread = (high - low) or 1.0
    found = [round(HEIGHT * (value - low) / spread) for value in line]
    return found if len(found) > 1 else None
