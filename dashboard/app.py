"""The server: `streamlit run dashboard/app.py [-- --db FILE]` finds the ASGI application here.

Being an `st.App` rather than a script buys two things: downloads that are streamed from disk
instead of passing through the server's memory, and response headers.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from dashboard.downloads import serve_file, serve_points, serve_zip
from dashboard.navigation import ADDRESSES
from dashboard.security import Guard
from dashboard.shell import serve_page

app = st.App(
    Path(__file__).with_name("entry") / "main.py",
    routes=[
        Route("/artifact/{run_id}/{path:path}", serve_file, methods=["GET", "HEAD"]),
        Route("/zip/{run_id}", serve_zip),
        Route("/metrics.csv", serve_points),
        *(Route(f"/{address}", serve_page) for address in ["", *ADDRESSES]),
    ],
    middleware=[Middleware(Guard)],
)
