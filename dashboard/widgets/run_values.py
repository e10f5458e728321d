"""Metrics, parameters and tags of a run as tables that one field narrows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard import editing, metrics
from dashboard.queries import extremes, records
from dashboard.queries.courses import courses, heights
from dashboard.widgets import component
from tracker.tags import MLFLOW_RUN_NAME
from tracker.text import MISSING, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboard.view import View

# Reading the course of each of a thousand metrics would take seconds.
COURSES = 12
SHOWN_ABOVE = (editing.NOTE, MLFLOW_RUN_NAME)


def show(view: View, run_id: str, tags: Mapping[str, str]) -> None:
    """The tables.

    Args:
        view: Its baseline is what parameters are compared with.
        run_id: The run.
        tags: The run's.
    """
    shown = {key: value for key, value in tags.items() if key not in SHOWN_ABOVE}
    tables = [
        _metrics(view, run_id),
        _params(view, run_id),
        {"title": "Tags", "heads": ["Name", "Value"], "rows": list(shown.items())},
    ]
    component.part("values", f"run-values-{run_id}", {"tables": tables})


def _metrics(view: View, run_id: str) -> dict[str, Any]:
    """The last and the best value of each metric, the telling metrics first."""
    found = records.latest_of(view.source, (run_id,))
    latest = {key: (value, step) for _, key, value, step, _ in found.itertuples(index=False)}
    best = extremes.best_of(view.source, run_id)
    rows: list[list[Any]] = []
    for place, key in enumerate(metrics.ranked(latest)):
        course = _course(view, run_id, key) if place < COURSES else None
        ideal = (best[key].value, best[key].step) if key in best else (None, None)
        rows.append([key, course, *_figure(*latest[key]), *_figure(*ideal)])
    heads = ["Name", "Course", "Last", "Step", "Best", "At step"]
    return {"title": "Metrics", "heads": heads, "rows": rows, "numbers": True, "right": True}


def _course(view: View, run_id: str, key: str) -> dict[str, Any] | None:
    drawn = heights(courses(view.source, (run_id,), key).get(run_id, ()))
    return {"course": drawn} if drawn else None


def _figure(value: float | None, step: int | None) -> list[dict[str, Any]]:
    """A value and its step, as they are read and what they are sorted by."""
    if value is None or step is None:
        return [{"text": MISSING}] * 2
    known = {"value": float(value)} if math.isfinite(value) else {}
    said = {"text": number(value), "title": repr(float(value))}
    return [said | known, {"text": f"{int(step):,}", "value": int(step)}]


def _params(view: View, run_id: str) -> dict[str, Any]:
    own = _of(records.params_of(view.source, (run_id,)))
    baseline = view.state.baseline
    differs: list[str] = []
    if baseline and baseline != run_id:
        other = _of(records.params_of(view.source, (baseline,)))
        differs = [key for key, value in own.items() if other.get(key) != value]
    rows = list(zip(own, _sortable(own.values()), strict=True))
    return {"title": "Parameters", "heads": ["Name", "Value"], "rows": rows, "right": True} | {
        "differs": differs
    }


def _of(found: pd.DataFrame) -> dict[str, str]:
    return dict(zip(found["key"], found["value"], strict=True))


def _sortable(values: Iterable[str]) -> list[dict[str, Any]]:
    """Texts; where each of them is a number, sorted by these."""
    texts = list(values)
    numbers = pd.to_numeric(pd.Series(texts, dtype="object"), errors="coerce")
    if numbers.isna().any() or not all(map(math.isfinite, numbers)):
        return [{"text": text, "value": text} for text in texts]
    return [
        {"text": text, "value": float(value)} for text, value in zip(texts, numbers, strict=True)
    ]
