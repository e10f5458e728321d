"""A study on disk, the dashboard serving it, and a browser that notices what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from tracker.files import open_artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from tracker.files import ArtifactStore

ROOT = Path(__file__).parents[2]
APP = ROOT / "dashboard" / "app.py"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (  # noqa: SIM905
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
).split()
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
START_SECONDS = 60
IN_HIDDEN_TAB = "e => e.closest('[data-testid=stTabPanel]')?.checkVisibility() === false"


def load_study() -> ModuleType:
    """The module beside this one: tests are no package."""
    spec = importlib.util.spec_from_file_location("study", Path(__file__).with_name("study.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def study() -> ModuleType:
    """Functions that write databases and studies."""
    return load_study()


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory, study: ModuleType) -> Path:
    """The four configurations, finished; not to be changed."""
    return study.build_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def written(tmp_path: Path, study: ModuleType) -> Iterator[tuple[Path, Any]]:
    """A database with the experiment `one`, number 1, and a connection that writes it."""
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    study.add_experiment(connection, 1, "one")
    yield path, connection
    connection.close()


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Runs the whole dashboard without a browser, at some address: `look(path, sort="Name")`."""

    def run(database: object, **query: str) -> AppTest:
        monkeypatch.setattr("sys.argv", ["app.py", "--db", str(database)])
        test = AppTest.from_file(str(ROOT / "dashboard/entry/main.py"), default_timeout=30)
        for key, value in query.items():
            test.query_params[key] = value
        return test.run()

    return run


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """Artifacts without a run."""
    return open_artifacts("artifacts", tmp_path)


@pytest.fixture
def previewed(store: ArtifactStore) -> Callable[[str, bytes], AppTest]:
    """Writes an artifact and runs its preview without a browser: `previewed(path, content)`."""

    def script(folder: str, path: str) -> None:
        from pathlib import Path

        from dashboard.widgets import preview
        from tracker.files import open_artifacts

        store = open_artifacts("artifacts", Path(folder))
        preview.show(store, next(info for info in store.walk() if info.path == path))

    def run(path: str, content: bytes) -> AppTest:
        store.log_bytes(content, path)
        asked = (str(store.root.parent), path)
        test = AppTest.from_function(script, default_timeout=30, args=asked).run()
        assert not test.exception
        return test

    return run


def listed(test: AppTest) -> dict[str, Any]:
    """What the run list, or the table of the Overview, was given."""
    (found,) = [
        element.proto
        for element in test.get("bidi_component")
        if element.proto.component_name == "run_list"
    ]
    data: dict[str, Any] = json.loads(found.json)
    return data


@pytest.fixture(name="listed")
def _listed() -> Callable[[AppTest], dict[str, Any]]:
    """Reads the data of the run list from a page that was run without a browser."""
    return listed


@pytest.fixture
def table_of(listed: Callable[[AppTest], dict[str, Any]]) -> Callable[[AppTest], dict[str, Any]]:
    """The table of the Overview as texts: names of rows under 'Run', one entry a column."""

    def read(test: AppTest) -> dict[str, Any]:
        data = listed(test)
        table = {"Run": [row["name"] for row in data["rows"]]}
        for place, column in enumerate(data["columns"]):
            cells = [row["cells"][place] for row in data["rows"]]
            is_text = column["kind"] in {"number", "text"}
            table[column["key"]] = [c[0] if is_text and isinstance(c, list) else c for c in cells]
        return table

    return read


class Server:
    """A dashboard in a process of its own."""

    def __init__(self, database: Path | None, log: Path, script: Path = APP) -> None:
        self.port = _free_port()
        self.address = f"http://localhost:{self.port}"
        self.log = log
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += [f"--server.port={self.port}", "--server.headless=true"]
        command += ["--browser.gatherUsageStats=false"]
        command += ["--", "--db", str(database)] if database else []
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                command, stdout=sink, stderr=sink, env=environment, cwd=log.parent
            )

    def wait(self) -> None:
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5):  # noqa: S310
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"the dashboard did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(database: Path, folder: Path) -> Iterator[Server]:
    server = Server(database, folder / "server.log")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(name="serving")
def _serving() -> Callable[[Path, Path], AbstractContextManager[Server]]:
    """Blocks with a dashboard of their own: `with serving(database, folder) as server`."""
    return serving


@pytest.fixture(scope="session")
def server(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard on the finished study."""
    with serving(database, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts dashboards on other databases, one a database, and ends them afterwards."""
    started: dict[Path, Server] = {}
    folder = tmp_path_factory.mktemp("servers")

    def start(database: Path) -> Server:
        if database not in started:
            started[database] = Server(database, folder / f"{len(started)}.log")
            started[database].wait()
        return started[database]

    yield start
    for server in started.values():
        server.stop()


@pytest.fixture(scope="module")
def serve_script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Server]]:
    """Starts servers of other Streamlit scripts, and ends them afterwards."""
    started = []

    def start(script: Path) -> Server:
        started.append(Server(None, tmp_path_factory.mktemp("script") / "server.log", script))
        started[-1].wait()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _missing() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if _chromium() else "Chromium is not installed"


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return str(CHROMIUM) if CHROMIUM.exists() else next(filter(None, found), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; its absence skips the test, or fails it where REQUIRE_BROWSER is set."""
    if reason := _missing():
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"REQUIRE_BROWSER is set, but {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


class Visitor:
    """A browser tab that keeps a list of everything that should not have happened."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.wrongs: list[str] = []
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.wrongs.append(f"page error: {error}"))
        page.on("console", self._hear)
        page.on("request", self._watch)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.wrongs.append(f"console: {message.text}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrongs.append(f"request to another host: {request.url}")

    def open(self, path: str = "") -> Visitor:
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def settle(self) -> Visitor:
        """Wait until the script has run and its charts are drawn."""
        self.page.wait_for_selector(READY, timeout=30_000)
        self.page.wait_for_function(
            "() => !document.querySelector('[data-testid=stSkeleton]')", timeout=30_000
        )
        return self

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for something that the page does not show, as what is in the database."""
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, "waited in vain"
            self.page.wait_for_timeout(50)

    def text(self) -> str:
        return str(self.page.locator("[data-testid=stMain]").inner_text())

    def charts(self) -> int:
        """How many charts are drawn, hidden tabs apart; every one must have a size."""
        self.settle()
        chart = self.page.locator("[data-testid=stVegaLiteChart], section.panel:has(.drawing)")
        shown = [i for i in range(chart.count()) if not chart.nth(i).evaluate(IN_HIDDEN_TAB)]
        for index in shown:
            drawing = chart.nth(index).locator("svg.marks, .drawing").first
            drawing.wait_for(timeout=15_000)
            box = drawing.bounding_box()
            if box is None or min(box["width"], box["height"]) <= 40:
                self.wrongs.append(f"chart {index} is empty: {box}")
        return len(shown)

    def check(self) -> None:
        """Fail on anything that went wrong so far."""
        self.charts()
        if count := self.page.locator("[data-testid=stException]").count():
            self.wrongs.append(f"{count} exception boxes")
        assert self.wrongs == []


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visitor]]:
    """Opens tabs: `visit(server, theme='dark', width=400)`."""
    contexts = []

    def open_tab(
        server: Server, *, theme: str = "light", width: int = 1280, touch: bool = False
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            accept_downloads=True,
            has_touch=touch,
            timezone_id="UTC",
        )
        contexts.append(context)
        return Visitor(context.new_page(), server.address)

    yield open_tab
    for context in contexts:
        context.close()
