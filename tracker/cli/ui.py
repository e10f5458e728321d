"""`ui`: serve the dashboard."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracker import text
from tracker.cli.parser import port_number
from tracker.exceptions import TrackerError, UnsupportedError
from tracker.validation import LAST_PORT

if TYPE_CHECKING:
    from tracker.cli.parser import Verbs
    from tracker.cli.session import Session

HOST: Final = "127.0.0.1"
_FIRST_PORT: Final = 8501
_MAX_TRIES: Final = 100


def add_verbs(verbs: Verbs) -> None:
    """Add `ui`."""
    parser = verbs.add(
        "ui", "Serve the dashboard to this machine only and open it in a browser.", ui
    )
    parser.add_argument(
        "--port",
        metavar="N",
        type=port_number,
        default=_FIRST_PORT,
        help=f"the first port to try, 0 for any free one (default: {_FIRST_PORT})",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def ui(session: Session) -> int:
    """Serve the dashboard until Ctrl-C.

    Raises:
        NotFoundError: There is no database.
        TrackerError: Streamlit or the dashboard is not installed, or no port is free.
    """
    app = _app()
    session.reading.store.database.close()
    port = free_port(session.options.port)
    console = session.console
    console.line(f"Dashboard of {text.clean(session.path)}: http://{HOST}:{port}")
    console.line("Press Ctrl-C to stop it.")
    console.out.flush()
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(app)),
        *("--server.address", HOST, "--server.port", str(port)),
        *("--server.headless", "true" if session.options.no_browser else "false"),
        *("--browser.gatherUsageStats", "false"),
        # On a terminal Streamlit's first start asks for an address, and serves nothing meanwhile.
        *("--server.showEmailPrompt", "false"),
        *("--", "--db", str(session.path)),
    ]
    return _become(command)


def free_port(first: int) -> int:
    """The first free port from `first` on; any free one for 0.

    Raises:
        TrackerError: None of the hundred ports from there on is free.
    """
    for port in range(first, min(first + _MAX_TRIES, LAST_PORT + 1)):
        with socket.socket() as probe:
            # Servers bind with this option: a port whose last connection just closed is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise TrackerError(
        f"None of the {_MAX_TRIES} ports from {first} on is free: choose another one with --port."
    )


def _app() -> Path:
    missing = [name for name in ("streamlit", "altair", "pandas") if not _is_installed(name)]
    if missing:
        raise UnsupportedError(
            f"The dashboard needs {', '.join(missing)}: run `pip install 'ml-tracker[dashboard]'`."
        )
    found = importlib.util.find_spec("dashboard")
    for folder in (found and found.submodule_search_locations) or ():
        if (app := Path(folder, "app.py")).is_file():
            return app
    raise UnsupportedError(
        "The dashboard is not installed: run `pip install 'ml-tracker[dashboard]'`."
    )


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _become(command: list[str]) -> int:
    """Replace this process by the command, so that stopping it stops the server."""
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606
    return subprocess.run(command, check=False).returncode
