"""A grid of a page's own, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = Path(__file__).with_name("grid_page.py")


@pytest.fixture
def grid(serve_script, visit):
    visitor = visit(serve_script(PAGE)).open()
    visitor.page.locator(".row .name").first.wait_for()
    return visitor


def test_sections_are_open_unless_folded_and_text_is_text(grid):
    names = grid.page.locator(".row .name")
    assert names.all_text_contents() == [
        *("Results", "test_accuracy", "test_loss"),
        "Parameters that agree",
    ]
    grid.page.locator(".row", has_text="Parameters").locator(".fold").click()
    expect(names.last).to_have_text("<b>batch</b>")
    grid.check()


def test_a_column_sorts_the_rows_of_each_section(grid):
    names = grid.page.locator(".row:not(.section) .name")
    assert names.all_text_contents() == ["test_accuracy", "test_loss"]
    head = grid.page.get_by_role("columnheader", name="default")
    head.get_by_role("button").click()
    assert names.all_text_contents() == ["test_accuracy", "test_loss"]
    head.get_by_role("button").click()
    assert names.all_text_contents() == ["test_loss", "test_accuracy"]
    assert head.get_attribute("aria-sort") == "ascending"
    grid.check()


def test_an_action_is_told_its_row(grid):
    row = grid.page.locator(".row", has_text="test_loss")
    row.hover()
    row.get_by_title("Run again").click()
    grid.page.get_by_text("again loss").wait_for()
    grid.check()


def test_a_delta_says_better_or_worse_without_color_too(grid):
    assert grid.page.locator(".delta.good").inner_text() == "▲ 0.0543"
    assert grid.page.locator(".delta.bad").inner_text() == "△ 0.1932"
    grid.check()
