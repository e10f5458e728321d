"""The Overview's table and filters under a real mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONTROLS = ("stMultiSelect", "stButtonGroup", "stCheckbox")
# Of the table, in pixels: the column of ticks, that of the dots, the height of a row.
TICKS, DOTS, ROW = 33, 34, 33


def click_name(visitor, row):
    box = visitor.page.get_by_test_id("stDataFrame").bounding_box()
    visitor.page.mouse.click(box["x"] + TICKS + DOTS + 30, box["y"] + ROW * (row + 1.5))


def test_a_click_on_a_name_leads_to_the_page_of_its_run(server, visit):
    visitor = visit(server).open("?runs=x+00000002")
    click_name(visitor, 3)
    visitor.page.wait_for_url("**/run?*00000000*")
    visitor.page.get_by_text("default_00000000").wait_for()
    chips = visitor.page.get_by_test_id("stSidebar")
    assert "default · 00000000" in chips.inner_text()
    assert "small_dataset · 00000002" in chips.inner_text()
    visitor.page.reload()
    visitor.page.get_by_text("default_00000000").wait_for()
    visitor.check()


def test_the_keyboard_opens_a_ticked_run(server, visit):
    visitor = visit(server).open("?runs=x+00000002&runs=x+00000000")
    visitor.page.get_by_role("button", name="Open run").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("menu")).to_be_focused()
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/run?*")
    visitor.page.get_by_text("default_00000000").wait_for()
    visitor.check()


@pytest.mark.parametrize("width", [1280, 390])
def test_every_status_can_be_read_and_reached(server, visit, width):
    visitor = visit(server, width=width).open()
    last = visitor.page.get_by_role("button", name="Scheduled")
    group = visitor.page.get_by_role("toolbar", name="Status").bounding_box()
    box = last.bounding_box()
    assert box["x"] + box["width"] <= min(group["x"] + group["width"], width) + 1
    last.click()
    visitor.page.get_by_text("No run matches this filter.").wait_for()
    visitor.check()


def test_what_was_filtered_is_still_filtered_after_another_page(server, visit):
    visitor = visit(server).open()
    box = visitor.page.get_by_label("Filter", exact=True)
    box.fill("small")
    box.press("Enter")
    visitor.page.get_by_text("2 runs").wait_for()
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.get_by_role("heading", name="Class distribution").wait_for()
    visitor.page.get_by_role("link", name="Overview", exact=True).click()
    visitor.page.get_by_text("2 runs").wait_for()
    visitor.check()


def test_the_download_is_made_when_it_is_asked_for(server, visit, tmp_path):
    visitor = visit(server).open("?filter=small")
    visitor.page.get_by_text("2 runs").wait_for()
    with visitor.page.expect_download() as caught:
        visitor.page.get_by_role("button", name="CSV", exact=True).click()
    caught.value.save_as(tmp_path / "runs.csv")
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 3
    visitor.check()


@pytest.mark.parametrize(
    ("path", "selectors"),
    [
        ("", ("[data-testid=stButtonGroup]", "[data-testid=stCaptionContainer] p")),
        ("curves", tuple(f"[data-testid={name}]" for name in CONTROLS)),
    ],
)
def test_the_widgets_of_one_row_stand_on_one_line(server, visit, path, selectors):
    main = visit(server).open(path).page.get_by_test_id("stMain")
    main.locator("[data-testid=stButtonGroup]").first.wait_for()
    top = main.locator("[data-testid=stButtonGroup]").first.bounding_box()["y"]
    middles = []
    for selector in selectors:
        boxes = [found.bounding_box() for found in main.locator(selector).all()]
        nearest = min(boxes, key=lambda box: abs(box["y"] - top))
        middles.append(nearest["y"] + nearest["height"] / 2)
    assert max(middles) - min(middles) <= 2
