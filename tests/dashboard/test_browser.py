"""The dashboard in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = {
    "": 0,
    "curves": 2,
    "compare": 1,
    "evaluate": 3,
    "data": 1,
    "run": 0,
    "models": 0,
    "sql": 0,
}


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_every_page_renders_without_a_fault(server, visit, theme, width):
    visitor = visit(server, theme=theme, width=width)
    drawn = {path: visitor.open(path).charts() for path in PAGES}
    visitor.check()
    assert drawn == PAGES


def test_the_menu_leads_to_every_page_and_keeps_the_selection(server, visit):
    visitor = visit(server).open("?runs=x+00000001")
    for name in ("Curves", "Compare", "Evaluate", "Data", "Run", "Models", "SQL", "Overview"):
        visitor.page.get_by_role("link", name=name, exact=True).click()
        visitor.page.get_by_role("heading", level=1).or_(
            visitor.page.get_by_text("small_hidden_00000001")
        ).first.wait_for()
        visitor.settle()
    visitor.page.get_by_role("link", name="Curves", exact=True).click()
    results = visitor.page.locator("table.results").first
    expect(results).to_contain_text("small_hidden")
    expect(results).not_to_contain_text("blurred_dataset")
    visitor.check()


def test_a_link_reopens_the_same_runs(server, visit):
    visitor = visit(server).open("curves?runs=gone+%C2%B7+00000001")
    results = visitor.page.locator("table.results").first
    expect(results).to_contain_text("small_hidden")
    expect(results).not_to_contain_text("blurred_dataset")
    visitor.check()


def test_ticked_rows_of_the_table_are_shown_on_request(server, visit):
    visitor = visit(server).open("?runs=x+00000000")
    row = visitor.page.locator(".row").filter(has_text="blurred_dataset")
    row.hover()
    row.locator(".tick").click()
    visitor.page.get_by_role("button", name="Show in charts").click()
    visitor.page.wait_for_url("**/curves?**runs=**")
    results = visitor.page.locator("table.results").first
    expect(results).to_contain_text("blurred_dataset")
    expect(results).not_to_contain_text("small_hidden")
    visitor.check()


def test_a_checkpoint_downloads_with_its_name_and_size(server, visit, tmp_path):
    visitor = visit(server).open("run")
    visitor.page.get_by_role("tab", name="Files").click()
    with visitor.page.expect_download() as caught:
        visitor.page.get_by_role("link", name="best.pt").click()
    caught.value.save_as(tmp_path / "got.pt")
    assert caught.value.suggested_filename == "best.pt"
    assert (tmp_path / "got.pt").stat().st_size == 50_000
