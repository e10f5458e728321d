"""Models: registered versions, the champion and why, what is in service, and a pad to try them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import altair as alt
import pandas as pd
import streamlit as st

from dashboard import editing
from dashboard.palette import token
from dashboard.queries import registry
from dashboard.widgets import grid, html, service, try_it
from dashboard.widgets.grid import Cell, Column, Row
from tracker.promotion import CHAMPION, appoint, go_back
from tracker.tags import PROMOTION_PREVIOUS
from tracker.text import ago

if TYPE_CHECKING:
    from dashboard.queries.registry import Version
    from dashboard.view import View

# The metrics of a version's run that are shown, if there are any of the name.
METRICS = ("test_accuracy", "test_blurred_accuracy")
MOST_METRICS = 3
REGISTER = "python -m tracker models register RUN NAME"
ASKED = "models_asked"


def show(view: View) -> None:
    """The chosen model's versions, its server, the commands, its history, and the pad."""
    st.title("Models")
    found = registry.models(view.source)
    if not found:
        html.empty("deployed_code", "No model is registered yet. Register a run's model:", REGISTER)
    else:
        _model(view, _chosen([model.name for model in found]))
    st.subheader("Try it")
    try_it.show(view)


def _chosen(names: list[str]) -> str:
    if len(names) == 1:
        st.header(html.code_span(names[0]), anchor=False)
        return names[0]
    chosen = st.selectbox("Model", names, key="model", bind="query-params", width=320)
    return chosen or names[0]


def _model(view: View, name: str) -> None:
    versions = registry.versions(view.source, name)
    _confirm(view, name)
    _grid(view, versions)
    _back(view, name, versions)
    service.show(name, view.now_ms)
    _commands(name)
    _history(versions)


def _grid(view: View, versions: list[Version]) -> None:
    keys = _shown_metrics(versions)
    best = {key: max(v.metrics[key] for v in versions if key in v.metrics) for key in keys}
    columns = [
        Column("Alias", kind="text"),
        Column("From run", kind="text"),
        *(Column(key) for key in keys),
        Column("Registered", kind="text"),
        Column("Why", kind="text", width=360, is_sortable=False),
    ]
    rows = [
        Row(
            str(version.version),
            f"v{version.version}",
            [
                Cell(
                    ", ".join(version.aliases),
                    emphasis="best" if CHAMPION in version.aliases else "",
                ),
                Cell(version.run_name or version.run_id[:8]),
                *(_metric(version, key, best[key]) for key in keys),
                Cell(ago(version.created_ms, view.now_ms), version.created_ms),
                Cell(version.why, title=version.why),
            ],
            run_id=version.run_id,
        )
        for version in versions
    ]
    grid.show(
        columns,
        rows,
        "versions",
        lead="Version",
        height="40dvh",
        actions=[("promote", "workspace_premium", "Make champion")],
        on_action=_ask,
    )


def _shown_metrics(versions: list[Version]) -> list[str]:
    """The promoted metric first, then the usual ones."""
    promoted = [v.tags["promotion.metric"] for v in versions if "promotion.metric" in v.tags]
    known = {key for version in versions for key in version.metrics}
    wanted = dict.fromkeys([*promoted, *METRICS])
    return [key for key in wanted if key in known][:MOST_METRICS]


def _metric(version: Version, key: str, best: float) -> Cell | None:
    value = version.metrics.get(key)
    if value is None:
        return None
    return Cell(f"{value:.4f}", value, emphasis=_emphasis(value == best))


def _emphasis(is_best: bool) -> Literal["", "best"]:  # noqa: FBT001 -- of one cell
    return "best" if is_best else ""


def _ask(action: str, key: str) -> None:
    del action
    st.session_state[ASKED] = key


def _confirm(view: View, name: str) -> None:
    """Before the alias moves: whoever serves the champion follows at once."""
    version = st.session_state.get(ASKED)
    if version is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Make version {int(version)} the champion? Servers of the champion follow.")
        if st.button("Make champion", type="primary", key="appoint"):
            move = partial(_appointed, view, name, version)
            editing.attempt(move, f"v{version} is the champion")
            st.session_state.pop(ASKED)
            st.rerun()
        if st.button("Cancel", key="appoint_not"):
            st.session_state.pop(ASKED)
            st.rerun()


def _back(view: View, name: str, versions: list[Version]) -> None:
    champion = next((v for v in versions if CHAMPION in v.aliases), None)
    before = champion.tags.get(PROMOTION_PREVIOUS) if champion else None
    if before is None:
        return
    with st.popover(f"Go back to v{before}", icon=":material/undo:"):
        st.markdown(f"Version {before} becomes the champion again.")
        if st.button("Go back", type="primary", key="go_back"):
            editing.attempt(partial(_went_back, view, name), f"v{before} is the champion again")
            st.rerun()


def _appointed(view: View, name: str, version: str) -> None:
    appoint(editing.writer(view.source), name, version)


def _went_back(view: View, name: str) -> None:
    go_back(editing.writer(view.source), name)


def _commands(name: str) -> None:
    commands = {
        "Serve the champion": f"python -m tracker serve models:/{name}@champion",
        "Ask it": "curl -H 'Content-Type: image/png' --data-binary @7.png "
        "127.0.0.1:5001/invocations",
        "Load it in Python": f'tracker.pyfunc.load_model("models:/{name}@champion")',
    }
    for slot, (title, command) in zip(
        st.columns(len(commands), vertical_alignment="top"), commands.items(), strict=True
    ):
        with slot:
            st.caption(title)
            st.code(command, language=None, wrap_lines=True)


def _history(versions: list[Version]) -> None:
    """What was in service: the value of the champion over the versions."""
    keys = _shown_metrics(versions)
    if not keys:
        return
    key, steps, held = keys[0], [], None
    for version in reversed(versions):
        value = version.metrics.get(key)
        if value is None:
            continue
        if held is None or version.tags.get("promotion.decision") != "kept the champion":
            held = value
        steps.append({"version": f"v{version.version}", "value": value, "champion": held})
    base = alt.Chart(pd.DataFrame(steps)).encode(
        x=alt.X("version:N", sort=None, title=None, axis=alt.Axis(labelAngle=0))
    )
    scale = alt.Scale(zero=False)
    line = base.mark_line(interpolate="step-after", color=token("fill")).encode(
        y=alt.Y("champion:Q", scale=scale, title=key)
    )
    dots = base.mark_point(filled=True, size=50, color=token("text-3")).encode(
        y=alt.Y("value:Q", scale=scale), tooltip=["version:N", alt.Tooltip("value:Q", format=".4f")]
    )
    with st.container(border=True):
        st.markdown("**Champion over versions** :gray[the line is what was in service]")
        st.altair_chart(line + dots, key="champions", height=220)
