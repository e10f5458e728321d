"""Panels of curves, one a subject: what the pages that show curves have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard import metrics
from dashboard.artifacts import files
from dashboard.curves import component, lines, zoom
from dashboard.curves.encoding import encoded
from dashboard.curves.payload import Line, Look, Member, Panel, Results, Section
from dashboard.queries import histories, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.curves.payload import Axis, Spread
    from dashboard.view import View

# Metrics by subject.
Subjects = dict[str, list[str]]
SMOOTHING = 0.02


@dataclass(frozen=True)
class Options:
    """How the panels are drawn.

    Args:
        axis: What x is.
        smoothing: The part of a line that its exponential mean goes over, in [0, 1).
        spread: How groups are drawn.
        log: Whether y is logarithmic.
        log_x: Whether x is logarithmic, where it is no clock.
        against: A metric to draw the others against; empty for none.
        has_wide_first: Whether the first panel takes a row of its own.
    """

    axis: Axis = "step"
    smoothing: float = SMOOTHING
    spread: Spread = "std"
    log: bool = False
    log_x: bool = False
    against: str = ""
    has_wide_first: bool = False


def subjects(view: View) -> Subjects:
    """Metrics with a course, by subject, the telling ones first."""
    found = histories.spans(view.source, view.run_ids)
    keys = {key for (_, key), span in found.items() if span.has_course}
    return metrics.panels(sorted(keys, key=metrics.by_interest))


def logged_once(view: View) -> list[str]:
    """Metrics that no run has logged more than once, the telling ones first."""
    found = histories.spans(view.source, view.run_ids)
    courses = {key for (_, key), span in found.items() if span.has_course}
    return metrics.ranked({key for _, key in found} - courses)


def first_choice(found: Iterable[str], count: int) -> list[str]:
    """The subjects to show unasked: not times and speeds."""
    return [name for name in found if not is_speed(name)][:count]


def is_speed(subject: str) -> bool:
    """Whether a subject is a time or a speed."""
    return "second" in subject


def grid(
    view: View,
    shown: Subjects,
    key: str,
    options: Options | None = None,
    once: Sequence[str] = (),
) -> None:
    """The panels of the shown runs; zoom and y ranges are kept in the link.

    Args:
        view: The runs.
        shown: Subjects and their metrics.
        key: Tells the panels from those of other pages.
        options: How the panels are drawn.
        once: Metrics that were logged once.
    """
    options = options or Options()
    component_key = f"panels-{key}"
    zoomed = zoom.current(component_key, options.axis)
    frame = lines.Frame(
        view.source,
        histories.spans(view.source, view.run_ids),
        view.started,
        options.axis,
        zoomed["x"].get(zoom.SHARED),
    )
    sections = _sections(view, frame, shown, options, once)
    look = Look(
        axis=options.axis,
        width=frame.shown_width(name for names in shown.values() for name in names),
        smoothing=options.smoothing,
        spread=options.spread,
        log_x=options.log_x and options.axis != "wall",
        zoom=zoomed,
        legend=_legend(view, sections, options),
    )
    data = encoded(sections, _runs(view), _groups(view), look)
    component.mount(data, component_key)
    zoom.to_link(zoomed)


def _runs(view: View) -> dict[str, Member]:
    columns = (view.runs[name] for name in ("run_id", "label", "color", "group"))
    return {
        run: Member(label, color, group if isinstance(group, str) else "")
        for run, label, color, group in zip(*columns, strict=True)
    }


def _groups(view: View) -> dict[str, Member]:
    columns = (view.runs[name] for name in ("group", "group_label", "group_color"))
    return {
        group: Member(label, color)
        for group, label, color in zip(*columns, strict=True)
        if isinstance(group, str)
    }


def _sections(
    view: View, frame: lines.Frame, shown: Subjects, options: Options, once: Sequence[str]
) -> list[Section]:
    panels = {
        name: _panel(view, frame, name, keys, options, is_first=number == 0)
        for number, (name, keys) in enumerate(shown.items())
    }
    speeds = [panel for name, panel in panels.items() if is_speed(name)]
    found = [Section("", "", [panel for name, panel in panels.items() if not is_speed(name)])]
    if once:
        found.append(
            Section("Results", _count(len(once), "metric") + " logged once", _once(view, once))
        )
    if speeds:
        found.append(Section("Speed", _count(len(speeds), "panel"), speeds))
    return [section for section in found if section.panels]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _panel(
    view: View,
    frame: lines.Frame,
    subject: str,
    keys: list[str],
    options: Options,
    *,
    is_first: bool,
) -> Panel:
    found = lines.read(frame, view.run_ids, keys)
    if options.against:
        found = _against(frame, view.run_ids, options.against, found)
    present = {line.part for line in found}
    return Panel(
        name=subject,
        note=_note(subject, keys, options.against),
        lines=found,
        parts=[part for part in lines.JUDGED_BY if part in present],
        better=metrics.better(keys[0]),
        log=options.log,
        csv=files.points_url(view.run_ids, keys),
        is_wide=is_first and options.has_wide_first,
        against=options.against,
    )


def _note(subject: str, keys: Sequence[str], against: str) -> str:
    named = ", ".join(keys) if list(keys) != [subject] else ""
    return f"{named} over {against}".strip() if against else named


def _against(
    frame: lines.Frame, run_ids: Sequence[str], key: str, found: Sequence[Line]
) -> list[Line]:
    """The same lines over the values that another metric had at the same places."""
    others = {
        line.run_id: line for line in lines.read(frame, run_ids, [key]) if not line.is_superseded
    }
    return [
        Line(line.run_id, line.part, np.interp(line.x[here], other.x, other.y), line.y[here])
        for line in found
        if not line.is_superseded and (other := others.get(line.run_id)) and len(other.x)
        for here in [(line.x >= other.x[0]) & (line.x <= other.x[-1])]
    ]


def _once(view: View, keys: Sequence[str]) -> list[Results]:
    latest = records.latest_of(view.source, view.run_ids)
    return [
        Results(
            key,
            [
                (str(run), float(value))
                for run, name, value in zip(
                    latest["run_id"], latest["key"], latest["value"], strict=True
                )
                if name == key and np.isfinite(value)
            ],
            metrics.better(key),
            files.points_url(view.run_ids, [key]),
        )
        for key in keys
    ]


def _legend(view: View, sections: Sequence[Section], options: Options) -> list[tuple[str, str]]:
    """The signs that these panels have, with their meaning."""
    drawn = [panel for section in sections for panel in section.panels if isinstance(panel, Panel)]
    all_lines: list[Line] = [line for panel in drawn for line in panel.lines]
    leads = {panel.parts[0] for panel in drawn if len(panel.parts) > 1}
    has_groups = bool(view.runs["group"].dropna().duplicated().any())
    signs: list[tuple[Any, str, str]] = [
        (leads, "line", " or ".join(sorted(leads))),
        (any(panel.parts[1:2] == ["train"] for panel in drawn), "thin", "train"),
        (
            has_groups and options.spread == "std" and not options.against,
            "band",
            "mean ± std of a group",
        ),
        (any(line.band for line in all_lines), "range", "least to greatest"),
        (any(line.best for line in all_lines), "dot", "best"),
        (any(line.odd and len(line.odd.x) for line in all_lines), "mark", "NaN or ∞"),
        (any(line.is_superseded for line in all_lines), "faint", "before a restart"),
    ]
    return [(sign, text) for is_there, sign, text in signs if is_there]
