"""Times the dashboard in a real browser and prints a table.

    python tests/benchmarks/bench_dashboard.py [--database FILE] [--runs 10000] [--points 10000000]
        [--only scale live download]

Without --database a big one is made first (make_big_database.py, minutes and gigabytes). Then a
run logs 1,000 points a second while the Overview is open, and a file of 200 MB is downloaded.
Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
CHART = "section.panel .drawing"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ENTRIES = ("Curves", "Compare", "Evaluate", "Data", "Run", "Models", "SQL", "Overview")
REPEATS = 3
RATE = 1000
LIVE_SECONDS = 20
LARGE_BYTES = 200 * 2**20
WRITER = """
import sys, time
import tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment("live")
rate, seconds = int(sys.argv[2]), float(sys.argv[3])
with tracker.start_run():
    tracker.log_param("max_steps", int(rate * seconds))
    spent, began = 0.0, time.perf_counter()
    for step in range(int(rate * seconds)):
        call = time.perf_counter()
        tracker.log_metric("train_loss", 1 / (1 + step), step=step)
        spent += time.perf_counter() - call
        ahead = began + (step + 1) / rate - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
    print(time.perf_counter() - began, spent, flush=True)
"""


@dataclass
class Line:
    """One measurement and the bound it is held against."""

    what: str
    value: float
    unit: str
    bound: float

    def __str__(self) -> str:
        verdict = "" if self.value <= self.bound else "  ABOVE"
        return f"{self.what:<52}{self.value:>9.2f} {self.unit:<3} bound {self.bound:g}{verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=10_000_000)
    measures = ("scale", "live", "download")
    parser.add_argument("--only", nargs="+", choices=measures, default=measures)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _browser() as browser:
        folder = Path(name)
        if "scale" in options.only:
            database = options.database or _big(folder, options.runs, options.points)
            _print(scale(database, browser))
        if "live" in options.only:
            _print(live(folder, browser))
        if "download" in options.only:
            _print(download(folder))


def _print(lines: list[Line]) -> None:
    print("\n".join(map(str, lines)), flush=True)


def _big(folder: Path, runs: int, points: int) -> Path:
    script = Path(__file__).with_name("make_big_database.py")
    file = folder / "big.db"
    command = [sys.executable, script, file, "--runs", str(runs), "--points", str(points)]
    subprocess.run(command, check=True)
    return file


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def serving(database: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A dashboard's address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    command += [f"--server.port={port}", "--", "--db", str(database)]
    process = subprocess.Popen(
        command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await(port)
        yield f"http://localhost:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _await(port: int) -> None:
    while True:
        try:
            _get(port, "/_stcore/health")
        except OSError:
            time.sleep(0.1)
        else:
            return


def _get(port: int, path: str) -> int:
    """The number of bytes of an answer, read and thrown away."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    total = 0
    while block := answer.read(1 << 20):
        total += len(block)
    connection.close()
    return total


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def scale(database: Path, browser: Any) -> list[Line]:
    """A database of many runs: opening, moving about, choosing runs, grouping, memory."""
    with serving(database) as (address, process):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        _open(page, address)
        overview = statistics.median(timed(lambda: _open(page, address)) for _ in range(REPEATS))
        lines = [Line("Overview, warm server, to the table", overview, "s", 1.0)]
        for _ in range(2):  # The first round warms the pages.
            moves = {name: timed(lambda name=name: _go(page, name)) for name in ENTRIES}
        lines += [Line(f"to {name}", seconds, "s", 0.4) for name, seconds in moves.items()]
        _go(page, "Curves")
        page.wait_for_selector(CHART)
        lines.append(Line("a run less on Curves", timed(lambda: _drop(page)), "s", 0.35))
        lines.append(Line("500 runs in groups", timed(lambda: _group(page)), "s", 1.0))
        lines.append(Line("server memory", process.memory_info().rss / 2**20, "MB", 300))
        page.close()
    return lines


def _open(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".row")
    page.wait_for_selector(READY)


def _go(page: Any, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()
    page.wait_for_url(lambda url: f"/{name.lower()}" in url or name == "Overview")
    page.get_by_role("heading", level=1).first.wait_for()
    if name == "Curves":
        page.wait_for_selector(CHART)
    page.wait_for_selector(READY)


def _drop(page: Any) -> None:
    """Hide the first shown run, until the address of the next view says so."""
    before = page.url
    page.locator(".row:not(.hidden) .dot").first.click()
    page.wait_for_url(lambda url: url != before)
    page.wait_for_selector(READY)


def _group(page: Any) -> None:
    """Group the listed runs by a parameter, until the groups are drawn."""
    box = page.get_by_label("Group by")
    choices = box.locator("option").evaluate_all("all => all.map((one) => one.value)")
    box.select_option(next(value for value in choices if value.startswith("params.")))
    page.locator(".dot.square").first.wait_for()
    page.wait_for_selector(READY)


def live(folder: Path, browser: Any) -> list[Line]:
    """A run of 1,000 points a second, without a page and with the Overview open."""
    alone, alone_spent = _write(folder / "alone.db")
    database = folder / "live.db"
    writer = _writer(database)
    time.sleep(2)
    with serving(database) as (address, _):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        lag = max(_lag(page, writer) for _ in range(5))
        watched, spent = _finish(writer)
        page.close()
    return [
        Line("Overview behind a run of 1,000 points/s", lag, "s", 3),
        Line("run slowed by the Overview (wall)", 100 * (watched / alone - 1), "%", 2),
        Line("log_metric, no page open", 1e6 * alone_spent / RATE / LIVE_SECONDS, "µs", 1000),
        Line("log_metric, Overview open", 1e6 * spent / RATE / LIVE_SECONDS, "µs", 1000),
    ]


def _writer(database: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(database), str(RATE), str(LIVE_SECONDS)]
    return subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True)


def _write(database: Path) -> tuple[float, float]:
    return _finish(_writer(database))


def _finish(writer: subprocess.Popen[str]) -> tuple[float, float]:
    """Seconds of the whole run, and seconds spent in log calls."""
    elapsed, spent = writer.communicate()[0].split()
    return float(elapsed), float(spent)


def _lag(page: Any, writer: subprocess.Popen[str]) -> float:
    """Seconds between two changes of the step shown."""
    shown = page.get_by_text(" of 20,000").first
    before = shown.inner_text()
    began = time.perf_counter()
    while shown.inner_text() == before and writer.poll() is None:
        time.sleep(0.02)
    return time.perf_counter() - began


def download(folder: Path) -> list[Line]:
    """A large artifact: time, and how much the server grows."""
    sys.path.insert(0, str(ROOT))
    from tracker.client import TrackingClient

    client = TrackingClient(str(folder / "large.db"))
    run_id = client.create_run("0").info.run_id
    file = folder / "large.bin"
    with file.open("wb") as stream:
        stream.truncate(LARGE_BYTES)
    client.log_artifact(run_id, str(file))
    with serving(folder / "large.db") as (address, process):
        port = int(address.rpartition(":")[2])
        _get(port, f"/artifact/{run_id}/missing")
        before = process.memory_info().rss
        seconds = timed(lambda: _get(port, f"/artifact/{run_id}/large.bin"))
        grown = (process.memory_info().rss - before) / 2**20
    return [
        Line("download of 200 MB", seconds, "s", 10),
        Line("server grown by it", grown, "MB", 50),
    ]


if __name__ == "__main__":
    main()
