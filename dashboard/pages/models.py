"""Models: registered versions, the champion and why, what is in service, and a pad to try them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboard import editing, model_charts, serving
from dashboard.queries import registry
from dashboard.widgets import grid, html, run_list, service, try_it
from dashboard.widgets.grid import Cell, Column, Row
from tracker.promotion import CHAMPION, appoint, go_back
from tracker.tags import (
    KEPT_THE_CHAMPION,
    PROMOTION_DECISION,
    PROMOTION_DIGEST,
    PROMOTION_METRIC,
    PROMOTION_PREVIOUS,
    PROMOTION_RULE,
)
from tracker.text import ago, plural

if TYPE_CHECKING:
    from dashboard.queries.registry import Registered, Version
    from dashboard.serving import Service
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
    served = None
    if not found:
        html.empty("deployed_code", "No model is registered yet. Register a run's model:", REGISTER)
    else:
        name = _chosen(found)
        served = serving.service_of(name)
        _model(view, name, served)
    st.subheader("Try it")
    try_it.show(view, served)


def _chosen(models: list[Registered]) -> str:
    labels = {model.name: _label(model) for model in models}
    chosen = st.selectbox(
        "Model",
        list(labels),
        format_func=lambda name: labels.get(name, name),
        key="model",
        bind="query-params",
        width=480,
        label_visibility="collapsed",
    )
    return chosen or models[0].name


def _label(model: Registered) -> str:
    champion = "no champion yet" if model.champion is None else f"champion v{model.champion}"
    value = "" if model.value is None else f" · {model.value:.4f}"
    return f"{model.name} · {plural(model.versions, 'version')} · {champion}{value}"


def _model(view: View, name: str, served: Service | None) -> None:
    versions = registry.versions(view.source, name)
    if rule := _rule(versions):
        html.remark(rule)
    _confirm(view, name)
    _grid(view, name, versions, served)
    _back(view, name, versions)
    service.show(name)
    _commands(name, served)
    _history(versions)


def _rule(versions: list[Version]) -> str:
    """The rule of the last promotion as a sentence; empty where there was none."""
    text = next((v.tags[PROMOTION_RULE] for v in versions if PROMOTION_RULE in v.tags), "{}")
    try:
        rule = json.loads(text)
        way = {"max": "more is better", "min": "less is better"}[rule["direction"]]
        margin = float(rule["margin"])
        return f"Promoted by {rule['metric']}: {way}, by at least {margin:.4f}."
    except (ValueError, KeyError, TypeError):
        return ""  # Written by something else.


def _grid(view: View, name: str, versions: list[Version], served: Service | None) -> None:
    keys = _shown_metrics(versions)
    best = {key: max(v.metrics[key] for v in versions if key in v.metrics) for key in keys}
    columns = [
        Column("Alias", kind="tags", is_sortable=False),
        Column("From run", kind="text"),
        *(Column(key) for key in keys),
        Column("Test data", kind="text"),
        Column("Why", kind="text", width=520, is_sortable=False),
        Column("Registered", kind="text"),
    ]
    rows = [
        Row(
            str(version.version),
            f"v{version.version}",
            [
                _aliases(version),
                Cell(version.run_name or version.run_id[:8]),
                *(_metric(version, key, best[key]) for key in keys),
                _digest(version),
                Cell(version.why, title=version.why),
                Cell(ago(version.created_ms, view.now_ms), version.created_ms),
            ],
            run_id=version.run_id,
            color=view.colors.get(version.run_id, ""),
            note="in service" if served and served.version == str(version.version) else "",
        )
        for version in versions
    ]
    grid.show(
        columns,
        rows,
        "versions",
        lead="Version",
        height="40dvh",
        actions=[
            ("promote", "workspace_premium", "Make champion"),
            ("compare", "compare_arrows", "Compare with the champion"),
        ],
        on_action=partial(_act, name, versions),
    )


def _aliases(version: Version) -> Cell | None:
    """The champion's first: where there is little room, the others give way."""
    aliases = tuple(sorted(version.aliases, key=lambda alias: alias != CHAMPION))
    return Cell(", ".join(aliases), chips=aliases) if aliases else None


def _digest(version: Version) -> Cell | None:
    """The start of the digest of the test data that the version was judged on."""
    digest = version.tags.get(PROMOTION_DIGEST, "")
    return Cell(digest[:12], title=digest) if digest else None


def _shown_metrics(versions: list[Version]) -> list[str]:
    """The promoted metric first, then the usual ones."""
    promoted = [v.tags[PROMOTION_METRIC] for v in versions if PROMOTION_METRIC in v.tags]
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


def _act(name: str, versions: list[Version], action: str, key: str) -> None:
    """Ask before a version becomes champion, or compare its run with the champion's."""
    chosen = next((version for version in versions if str(version.version) == key), None)
    champion = _champion(versions)
    if chosen is None or champion is chosen:
        st.session_state["told"] = f"v{key} is the champion."
    elif action == "promote":
        st.session_state[ASKED] = (name, chosen.version)
    elif champion is None or not champion.run_id or not chosen.run_id:
        st.session_state["refused"] = "There is no champion, or no run, to compare it with."
    else:
        run_list.compare_with(champion.run_id, chosen.run_id)


def _champion(versions: list[Version]) -> Version | None:
    return next((version for version in versions if CHAMPION in version.aliases), None)


def _confirm(view: View, name: str) -> None:
    """Before the alias moves: whoever serves the champion follows at once."""
    asked, version = st.session_state.get(ASKED, ("", 0))
    if asked != name:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"Make version {version} the champion? Servers of the champion follow.")
        if st.button("Make champion", type="primary", key="appoint"):
            move = partial(_appointed, view, name, version)
            if editing.attempt(move, f"v{version} is the champion"):
                st.session_state.pop(ASKED)
                st.rerun()
        if st.button("Cancel", key="appoint_not"):
            st.session_state.pop(ASKED)
            st.rerun()


def _back(view: View, name: str, versions: list[Version]) -> None:
    champion = _champion(versions)
    before = champion.tags.get(PROMOTION_PREVIOUS) if champion else None
    if before is None:
        return
    with st.popover(f"Go back to v{before}", icon=":material/undo:"):
        st.markdown(f"Version {before} becomes the champion again.")
        if st.button("Go back", type="primary", key="go_back"):
            move = partial(_went_back, view, name)
            if editing.attempt(move, f"v{before} is the champion again"):
                st.rerun()


def _appointed(view: View, name: str, version: int) -> None:
    appoint(editing.writer(view.source), name, version)


def _went_back(view: View, name: str) -> None:
    go_back(editing.writer(view.source), name)


def _commands(name: str, served: Service | None) -> None:
    port = served.port if served else serving.PORTS.start
    commands = {"Serve the champion": service.command(name)} if served else {}
    commands |= {
        "Ask it": "curl -H 'Content-Type: image/png' --data-binary @7.png "
        f"127.0.0.1:{port}/invocations",
        "Load it in Python": f"tracker.pyfunc.load_model({f'models:/{name}@champion'!r})",
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
        if held is None or version.tags.get(PROMOTION_DECISION) != KEPT_THE_CHAMPION:
            held = value
        steps.append({"version": f"v{version.version}", "value": value, "champion": held})
    with st.container(border=True):
        st.markdown("**Champion over versions** :gray[the line is what was in service]")
        st.altair_chart(model_charts.champions(steps, key), key="champions", height=220)
