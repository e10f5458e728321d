"""Takes a picture of every page, light and dark, and on a phone.

python tests/dashboard/take_screenshots.py DATABASE FOLDER [--themes light dark] [--width 1280]
"""

from __future__ import annotations

import argparse
import importlib.util
import re
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {
    "overview": "",
    "curves": "curves",
    "compare": "compare",
    "evaluate": "evaluate",
    "data": "data",
    "run": "run",
    "sweeps": "sweeps",
    "models": "models",
    "sql": "sql",
}
TALLEST = 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tools = _conftest()
    with (
        tools.serving(options.database.absolute(), options.folder) as server,
        sync_playwright() as p,
    ):
        browser = p.chromium.launch(executable_path=tools._chromium(), args=tools.FLAGS)
        for theme in options.themes:
            size = {"width": options.width, "height": 900}
            page = browser.new_context(viewport=size, color_scheme=theme).new_page()
            visitor = tools.Visitor(page, server.address)
            for name, address in PAGES.items():
                _take(visitor, address, options.folder / f"{name}-{theme}-{options.width}.png")
        browser.close()
    (options.folder / "server.log").unlink()


def _take(visitor, address, file):
    """Photograph the whole page: the window is made as high as its content."""
    visitor.open(address).charts()
    page, width = visitor.page, visitor.page.viewport_size["width"]
    if address == "models":
        _draw_a_seven(visitor)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": max(900, min(height, TALLEST))})
    visitor.settle().charts()
    page.mouse.move(0, 0)
    page.screenshot(path=file)
    page.set_viewport_size({"width": width, "height": 900})
    visitor.check()


def _draw_a_seven(visitor):
    page = visitor.page
    pad = page.get_by_label("Drawing pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    side = box["width"]
    corners = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]
    path = [(box["x"] + x * side, box["y"] + y * side) for x, y in corners]
    page.mouse.move(*path[0])
    page.mouse.down()
    for point in path[1:]:
        page.mouse.move(*point, steps=10)
    page.mouse.up()
    page.get_by_text(re.compile("% sure|keeps no")).first.wait_for()
    visitor.charts()


def _conftest():
    spec = importlib.util.spec_from_file_location("tools", Path(__file__).with_name("conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
