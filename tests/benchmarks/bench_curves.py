"""Times the curves, on the server and in a real browser, and prints a table.

    python tests/benchmarks/bench_curves.py

Twelve runs of 50,000 steps change their axis and are zoomed, fifty runs of 400 steps are pointed
at, and a run of 3,000,000 points gains 1,000 at a time. Needs Chromium and playwright.
"""

from __future__ import annotations

import logging
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_dashboard import READY, ROOT, Line, _browser, serving, timed

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_RUNS, LONG_STEPS = 12, 50_000
MANY_RUNS, MANY_STEPS = 50, 400
LIVE_POINTS = 3_000_000
MORE, TICKS, REPEATS = 1_000, 7, 5
KEYS = ("train_loss", "val_loss")
CURVES = """
[...document.querySelectorAll('*')].find((node) => node.shadowRoot?.curves)?.shadowRoot.curves
"""
# Milliseconds until what something asks for is drawn.
TIMED = f"""
async () => {{
  const curves = {CURVES}, begun = performance.now();
  %s;
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  return performance.now() - begun;
}}
"""


def main() -> None:
    logging.disable(logging.WARNING)  # Streamlit's, that there is no server around it.
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long, many = folder / "long.db", folder / "many.db"
        _write(long, LONG_RUNS, LONG_STEPS)
        _write(many, MANY_RUNS, MANY_STEPS)
        for measure in (lambda: axes(long), lambda: live(folder / "live.db")):
            print("\n".join(map(str, measure())), flush=True)
        for measure in (lambda: switches(long), lambda: hand(many)):
            print("\n".join(map(str, measure())), flush=True)


def _write(file: Path, runs: int, steps: int) -> None:
    from tracker.client import TrackingClient

    client = TrackingClient(str(file))
    for run in range(runs):
        run_id = client.create_run("0", run_name=f"run {run}").info.run_id
        for number, key in enumerate(KEYS):
            fall = [1 / (1 + step * (run + 1) / steps) + number for step in range(steps)]
            wave = [value + math.sin(step) / 50 for step, value in enumerate(fall)]
            client.log_history(run_id, key, wave, range(steps))
        client.set_terminated(run_id)


def _reading(file: Path, run_ids: tuple[str, ...] | None = None) -> Callable[[str], object]:
    """What reads the losses of all runs on some axis."""
    from dashboard.curves import lines
    from dashboard.queries import histories
    from dashboard.source import open_source
    from tracker.client import TrackingClient

    if run_ids is None:
        found = TrackingClient(str(file), read_only=True).search_runs(["0"])
        run_ids = tuple(run.info.run_id for run in found)

    def read(axis: Any) -> object:
        source = open_source(file)
        spans = histories.spans(source, run_ids)
        frame = lines.Frame(source, spans, dict.fromkeys(run_ids, 0), axis)
        return lines.read(frame, run_ids, KEYS)

    return read


def axes(file: Path) -> list[Line]:
    """What the server does for twelve long runs: the first look, and the first on other axes."""
    read = _reading(file)
    first = timed(lambda: read("step"))
    others = max(timed(lambda axis=axis: read(axis)) for axis in ("relative", "wall", "share"))
    return [
        Line("twelve runs of 50,000 steps, first look", first, "s", 2),
        Line("the same on another axis for the first time", 1e3 * others, "ms", 100),
    ]


def live(file: Path) -> list[Line]:
    """What a chart of a long live run costs the server when it is opened, and at each tick."""
    from tracker.client import TrackingClient

    client = TrackingClient(str(file))
    run_id = client.create_run("0").info.run_id

    def log(first: int, count: int) -> None:
        steps = range(first, first + count)
        client.log_history(run_id, "train_loss", [1 / (1 + step) for step in steps], steps)

    log(0, LIVE_POINTS)
    read = _reading(file, (run_id,))
    first, ticks = timed(lambda: read("step")), []
    for number in range(TICKS):
        log(LIVE_POINTS + number * MORE, MORE)
        ticks.append(timed(lambda: read("step")))
    return [
        Line("a live run of 3,000,000 points, first look", first, "s", 10),
        Line("a tick of it, 1,000 points later", 1e3 * statistics.median(ticks), "ms", 50),
    ]


def _open(browser: Any, address: str) -> Any:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/curves?smooth=Smooth+off&group=none")
    page.wait_for_selector(READY)
    page.wait_for_function(f"() => ({CURVES})?.data.panels[0].isDrawn")
    every = page.get_by_role("button", name="all", exact=True)
    if every.count():
        every.first.click()
    return page


def switches(file: Path) -> list[Line]:
    """Twelve long runs in the browser: other axes, and the steps between after a zoom."""
    runs = f"Object.keys(({CURVES}).data.entries).length"
    with serving(file) as (address, _), _browser() as browser:
        page = _open(browser, address)
        page.wait_for_function(f"() => {runs} === {LONG_RUNS}")
        seconds = []
        for name, axis in (("Time", "relative"), ("Clock", "wall"), ("Share", "share")):
            page.wait_for_selector(READY)
            begun = time.perf_counter()
            page.get_by_text(name, exact=True).first.click()
            page.wait_for_function(f"() => ({CURVES}).data.axis === '{axis}'", polling=10)
            seconds.append(time.perf_counter() - begun)
        return [Line("the slowest first switch of them in the page", max(seconds), "s", 0.5)]


def hand(file: Path) -> list[Line]:
    """Fifty runs under the pointer: what is drawn and how soon."""
    with serving(file) as (address, _), _browser() as browser:
        page = _open(browser, address)
        page.wait_for_function(f"() => Object.keys(({CURVES}).data.entries).length === {MANY_RUNS}")
        page.wait_for_selector(READY)
        ids = page.evaluate(f"Object.keys(({CURVES}).data.entries)")
        hover = [f"curves.lift(['{run_id}'])" for run_id in ids[:REPEATS]]
        drag = [f"curves.show(curves.data.panels[0], [{n}, {n + 150}])" for n in range(REPEATS)]
        hide = [
            "dispatchEvent(new CustomEvent('tracker:visible',"
            f" {{ detail: {{ ids: {ids[number:]}, from: 'bench' }} }}))"
            for number in range(1, 1 + REPEATS)
        ]
        named = {"a run lifted among fifty": (hover, 50), "a range of x dragged": (drag, 100)}
        named["a run hidden by the run list"] = (hide, 100)
        return [
            Line(what, statistics.median(page.evaluate(TIMED % act) for act in acts), "ms", bound)
            for what, (acts, bound) in named.items()
        ]


if __name__ == "__main__":
    main()
