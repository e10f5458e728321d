"""The card "In service": what a server of a model on this machine has done, and how fast."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import model_charts, serving
from dashboard.widgets import html
from tracker.numbers import now_ms
from tracker.text import MISSING, ago, duration

if TYPE_CHECKING:
    from dashboard.serving import Service

HOUR_MS = 3_600_000


@st.fragment(run_every=2)
def show(name: str) -> None:
    """Version, requests, latency, errors, each minute's; or the command that starts a server."""
    found = serving.service_of(name)
    now = now_ms()
    with st.container(border=True):
        if found is None:
            _not_served(name, now)
        else:
            st.session_state[_seen(name)] = now
            _served(found, now)


def command(name: str) -> str:
    """The command line that serves a model's champion."""
    return f"python -m tracker serve {shlex.quote(f'models:/{name}@champion')}"


def _seen(name: str) -> str:
    return f"served-{name}"


def _not_served(name: str, now_ms: int) -> None:
    seen = st.session_state.get(_seen(name))
    if seen is None:
        st.markdown("**In service** :gray[no server of it answers on this machine; start one:]")
    else:
        gone = f"last seen {ago(seen, now_ms)}; start it again:"
        st.markdown(f"**In service** :orange-badge[:material/warning: Gone] :gray[{gone}]")
    st.code(command(name), language=None, wrap_lines=True)


def _served(found: Service, now_ms: int) -> None:
    up = duration((now_ms - found.started_ms) / 1000)
    one = f", one of {found.workers} workers" if found.workers > 1 else ""
    st.markdown(
        f"**In service** :green-badge[:material/check: Up {up}] :gray[127.0.0.1:{found.port}{one}]"
    )
    if found.refused:
        st.warning(html.code_span(found.refused), icon=":material/warning:")
    left, right = st.columns(2)
    with left:
        st.caption("Requests a minute")
        st.altair_chart(model_charts.requests(found.minutes, now_ms), key="requests")
    with right:
        hour = [minute for minute in found.minutes if minute.start_ms > now_ms - HOUR_MS]
        html.facts(
            [
                ("Version", f"v{found.version}"),
                ("Requests", f"{found.requests:,}"),
                ("In the last hour", f"{sum(minute.requests for minute in hour):,}"),
                ("p50", _milliseconds(found.p50)),
                ("p99", _milliseconds(found.p99)),
                ("Errors", f"{found.errors:,}"),
            ]
        )
        st.caption("Milliseconds a request: p50 thick, p99 thin")
        st.altair_chart(model_charts.latencies(found.minutes, now_ms), key="latencies")


def _milliseconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f} ms"
