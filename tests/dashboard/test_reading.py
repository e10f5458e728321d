"""What a person reads and moves in a chart of curves, in a real browser."""

from __future__ import annotations

import math
import re

import pytest
from playwright.sync_api import expect

from dashboard.curves.spec import LEFT, RIGHT, STRIP

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = 200
RUNS = 12
SHORT = 4
READ = "g.reading text"


@pytest.fixture(scope="module")
def runs(tmp_path_factory, study):
    """Twelve runs of 200 steps; the loss of the first is 0 at step 150 and NaN at step 100."""
    path = tmp_path_factory.mktemp("reading") / "tracking.db"
    connection = study.connect(path)
    for number, name in enumerate(["long", "short"], 1):
        study.add_experiment(connection, number, name)
    for number in range(RUNS):
        name = f"a name of some length_{number:08x}"
        run_id = study.add_run(connection, name, begun=study.BEGUN - number)
        for part in ("train", "val"):
            values = [1 + number / 10 - step / 1000 for step in range(STEPS)]
            if (number, part) == (0, "val"):
                values[100], values[150] = math.nan, 0.0
            study.add_metric(connection, run_id, f"{part}_loss", values, 0)
    run_id = study.add_run(connection, "quick", experiment=2)
    study.add_metric(connection, run_id, "loss", [1.2, 0.9, 0.7, 0.6])
    connection.close()
    return path


def address(count):
    return "curves?experiment=long&" + "&".join(f"runs=x+{n:08x}" for n in range(count))


def point_at(visitor, step):
    """Move the pointer to a step of the first chart."""
    visitor.charts()
    box = visitor.page.locator("svg.marks").first.bounding_box()
    width = box["width"] - LEFT - RIGHT
    x = box["x"] + LEFT + width * step / (STEPS - 1)
    visitor.page.mouse.move(x - 3, box["y"] + 60)
    visitor.page.mouse.move(x, box["y"] + 60)
    visitor.page.locator("g.reading").get_by_text(f"step {step}", exact=True).wait_for()
    return box, visitor.page.locator(READ).all_text_contents()


def test_every_run_is_read_inside_the_chart_the_best_one_first(runs, serve, visit):
    visitor = visit(serve(runs)).open(address(RUNS))
    box, texts = point_at(visitor, 20)
    labels = [text for text in texts if "000000" in text]
    assert [label[-1] for label in labels] == list("0123456789ab")
    assert {"train", "validation", "0.9815", "2.0815"} <= set(texts)
    panel = visitor.page.locator("g.reading path.background").bounding_box()
    assert panel["x"] >= box["x"]
    assert panel["x"] + panel["width"] <= box["x"] + box["width"] + 1
    assert panel["y"] + panel["height"] <= box["y"] + box["height"]
    visitor.check()


@pytest.mark.parametrize(("step", "expected"), [(150, "best 0 at 150"), (100, "NaN")])
def test_a_best_value_and_nan_are_read_where_they_were_logged(runs, serve, visit, step, expected):
    visitor = visit(serve(runs), theme="dark").open(address(2))
    assert expected in point_at(visitor, step)[1]
    assert expected not in point_at(visitor, 50)[1]
    visitor.check()


def test_the_vertical_axis_follows_the_zoom(runs, serve, visit):
    visitor = visit(serve(runs)).open(address(1))
    visitor.charts()
    chart = visitor.page.locator("svg.marks").first
    box = chart.bounding_box()
    ticks = chart.locator("g.role-axis").nth(1).locator("g.role-axis-label text")
    assert "0.0" in ticks.all_text_contents()
    x, width = box["x"] + LEFT, box["width"] - LEFT - RIGHT
    y = box["y"] + box["height"] - STRIP / 2
    visitor.page.mouse.move(x + 0.1 * width, y)
    visitor.page.mouse.down()
    visitor.page.mouse.move(x + 0.4 * width, y, steps=3)
    visitor.page.mouse.up()
    chart.locator("g.role-axis-label").get_by_text("0.94").wait_for()
    visitor.page.mouse.dblclick(x + 0.2 * width, y)
    chart.locator("g.role-axis-label").get_by_text("0.0", exact=True).wait_for()
    visitor.check()


def test_the_keyboard_zooms_moves_and_shows_all(runs, serve, visit):
    visitor = visit(serve(runs)).open(address(1))
    visitor.charts()
    brush = visitor.page.locator("svg.marks").first.locator("g.strip g.mark-rect path")
    visitor.page.get_by_role("button", name="SVG").first.focus()
    visitor.page.keyboard.press("Tab")
    for key, part in {
        "Enter": (0.25, 0.75),
        "ArrowUp": (0.375, 0.625),
        "ArrowRight": (0.4375, 0.6875),
        "ArrowLeft": (0.375, 0.625),
        "ArrowDown": (0.25, 0.75),
        "Escape": (0, 0),
    }.items():
        visitor.page.keyboard.press(key)
        expect(brush).to_have_attribute("d", covering(part, visitor))
    assert visitor.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    visitor.check()


def covering(part, visitor):
    """How the path of the brush over a part of the strip is written, begin and width."""
    width = visitor.page.locator("svg.marks").first.bounding_box()["width"] - LEFT - RIGHT
    begin, length = part[0] * width, (part[1] - part[0]) * width
    return re.compile(rf"^M{begin:.10g}\d*,0h{length:.10g}")


def test_axes_fit_a_short_run(runs, serve, visit):
    visitor = visit(serve(runs)).open("curves?experiment=short&log=true")
    visitor.charts()
    axes = visitor.page.locator("svg.marks").first.locator("g.role-axis")
    x, y = (
        axes.nth(index).locator("g.role-axis-label text").all_text_contents() for index in (0, 1)
    )
    assert x == ["1", "2", "3", "4"]
    assert all(0.5 < float(label) < 1.5 for label in y if label)
    visitor.check()
