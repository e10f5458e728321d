"""The server: `streamlit run dashboard/app.py [-- --db FILE]` finds the ASGI application here.

Being an `st.App` rather than a script buys two things: downloads that are streamed from disk
instead of passing through the server's memory, and response headers.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from dashboard.menu import MENU, MOVED
from dashboard.server import Guard, moved_to, serve_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Serve = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def warm(app: st.App) -> AsyncIterator[None]:
    """Import the pages as soon as there is a server, and not before.

    Streamlit warns of each cached function that is defined without one.
    """
    del app
    for item in MENU:
        import_module(f"dashboard.pages.{item.address}")
    import_module("dashboard.artifacts.pictures")
    yield


def download(name: str, module: str = "downloads") -> Serve:
    """The function of that name in `dashboard.artifacts`, looked up when it is asked."""

    async def serve(request: Request) -> Response:
        function: Serve = getattr(import_module(f"dashboard.artifacts.{module}"), name)
        return await function(request)

    return serve


app = st.App(
    Path(__file__).with_name("entry") / "main.py",
    routes=[
        Route("/artifact/{run_id}/{path:path}", download("serve_file"), methods=["GET", "HEAD"]),
        Route("/picture/{run_id}/{path:path}", download("serve_picture", "pictures")),
        Route("/zip/{run_id}", download("serve_zip")),
        Route("/metrics.csv", download("serve_points")),
        *(Route(f"/{old}", moved_to(new)) for old, new in MOVED.items()),
        *(Route(f"/{address}", serve_page) for address in ["", *(m.address for m in MENU[1:])]),
    ],
    lifespan=warm,
    middleware=[Middleware(Guard)],
)
