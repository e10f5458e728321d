"""What a server started with `python -m tracker serve` on this machine says of itself."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import ProxyHandler, build_opener

import streamlit as st

from dashboard.widgets import html
from tracker.text import MISSING, ago

# `serve` takes the first free port of these.
PORTS = range(5001, 5006)
SECONDS = 0.5
MAX_BYTES = 65_536
# A status without a proxy: the server is on this machine.
_opener = build_opener(ProxyHandler({}))


def status_of(name: str) -> tuple[int, dict[str, Any]] | None:
    """The port and the status of a server that serves this model; None if there is none."""
    for port in PORTS:
        try:
            with _opener.open(f"http://127.0.0.1:{port}/status", timeout=SECONDS) as answer:
                found = json.loads(answer.read(MAX_BYTES))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and found.get("model") == name:
            return port, found
    return None


@st.fragment(run_every=2)
def show(name: str, now_ms: int) -> None:
    """The card "In service": version, requests, latency, errors; or the command to start it."""
    found = status_of(name)
    with st.container(border=True):
        if found is None:
            st.markdown("**In service** :gray[no server answers on this machine]")
            st.code(f"python -m tracker serve models:/{name}@champion", language=None)
            return
        port, status = found
        latency = status.get("latency_ms") or {}
        st.markdown(f"**In service** :green-badge[:material/check: Up] :gray[127.0.0.1:{port}]")
        html.facts(
            [
                ("Version", str(status.get("version", MISSING))),
                ("Started", ago(int(status.get("started_ms") or 0), now_ms)),
                ("Requests", f"{int(status.get('requests') or 0):,}"),
                ("In the last minute", str(status.get("requests_last_minute", MISSING))),
                ("p50", _milliseconds(latency.get("p50"))),
                ("p99", _milliseconds(latency.get("p99"))),
                ("Errors", f"{int(status.get('errors') or 0):,}"),
            ]
        )
        if refused := status.get("refused"):
            st.warning(html.code_span(str(refused)), icon=":material/warning:")


def _milliseconds(value: Any) -> str:
    return f"{value:.1f} ms" if isinstance(value, int | float) else MISSING
