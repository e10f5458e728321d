"""What axe-core finds on every page, in both themes; the phone's frame; names and focus."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
PAGES = ("", "curves", "compare", "evaluate", "data", "run", "sweeps", "models", "sql")
# Of Streamlit's own making, and not to be mended from outside: the frame of its data grid, whose
# hidden table has no name, and the sidebar's and the header's landmarks.
RULES = """
    () => axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
      rules: { 'nested-interactive': { enabled: true } },
    }).then((found) => found.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(' ')}`)))
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(server, visit, theme, page):
    visitor = visit(server, theme=theme).open(page)
    visitor.charts()
    visitor.page.evaluate(AXE.read_text())
    assert visitor.page.evaluate(RULES) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_heading_of_the_first_level(server, visit, page):
    visitor = visit(server).open(page)
    assert visitor.page.locator("h1").count() == 1
    visitor.check()


def test_on_a_phone_the_pages_are_a_row_and_the_run_list_a_sheet(server, visit):
    visitor = visit(server, width=390, touch=True).open()
    visitor.page.get_by_role("link", name="Curves", exact=True).last.click()
    visitor.page.wait_for_url("**/curves**")
    visitor.settle()
    visitor.page.get_by_test_id("stExpandSidebarButton").click()
    row = visitor.page.locator(".row").filter(has_text="small_hidden")
    row.wait_for()
    assert row.bounding_box()["height"] >= 40
    assert row.locator(".dot").bounding_box()["height"] >= 40
    row.locator(".dot").click()
    visitor.page.wait_for_url("**runs=**")
    visitor.check()
