"""What axe-core finds on every page, in both themes; the phone's frame; names and focus."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest

from tracker.client import TrackingClient

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
def test_axe_finds_nothing_serious_and_one_heading_of_the_first_level(server, visit, theme, page):
    visitor = visit(server, theme=theme).open(page)
    visitor.charts()
    visitor.page.evaluate(AXE.read_text())
    assert visitor.page.evaluate(RULES) == []
    assert visitor.page.locator("h1").count() == 1
    visitor.check()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A run that failed, with a note, its traceback, images by step and files; its database."""
    path = tmp_path_factory.mktemp("told") / "tracking.db"
    client = TrackingClient(str(path))
    run_id = client.create_run("0", run_name="broken").info.run_id
    client.log_params(run_id, {f"p{number}": number for number in range(20)})
    client.set_tag(run_id, "mlflow.note.content", "# Tried\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    client.set_tag(run_id, "tracker.failure_reason", "RuntimeError: CUDA out of memory")
    client.log_text(run_id, "Traceback (most recent call last):\n", "exception.txt")
    client.log_text(run_id, "<h1>Report</h1>", "page.html")
    for step in range(3):
        gray = np.full((8, 8, 3), 20 * step, dtype="uint8")
        client.log_image(run_id, gray, key="samples", step=step)
        client.log_metric(run_id, "val_loss", 1.0, step=step)
    client.set_terminated(run_id, "FAILED")
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_part_of_a_failed_run(told, serve, visit, theme):
    visitor = visit(serve(told), theme=theme)
    for part in ("Overview", "Curves", "Files&file=page.html", "Output", "Code+and+diff"):
        visitor.open(f"run?part={part}").charts()
        visitor.page.evaluate(AXE.read_text())
        assert visitor.page.evaluate(RULES) == [], part
        assert visitor.page.locator("h1").count() == 1


# Whether what has the keyboard's focus shows it: by an outline, a shadow or a colored border, its
# own or that of what holds it. A data grid draws its own ring on its canvas.
SHOWS_FOCUS = """
() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  if (!one || one === document.body || one.dataset.testid === 'data-grid-canvas') return null;
  const name = `${one.tagName} ${one.ariaLabel || one.textContent.trim().slice(0, 30)}`;
  const isMarked = (element) => {
    const style = getComputedStyle(element);
    const border = style.borderColor.match(/\\d+/g).map(Number);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
      || style.boxShadow !== 'none' || (border[2] > border[0] + 60 && border[3] !== 0);
  };
  for (let place = one, up = 0; place && up < 4; place = place.parentElement, up += 1)
    if (isMarked(place)) return null;
  return [...one.querySelectorAll('.focused')].some(isMarked) ? null : name;
}
"""


@pytest.mark.parametrize(("page", "theme"), [("", "light"), ("run", "dark"), ("sweeps", "light")])
def test_whatever_has_the_focus_shows_it(server, visit, page, theme):
    visitor = visit(server, theme=theme).open(page)
    hidden = set()
    for _ in range(45):
        visitor.page.keyboard.press("Tab")
        hidden.add(visitor.page.evaluate(SHOWS_FOCUS))
    assert hidden == {None}


def test_on_a_phone_the_pages_are_a_row_and_the_run_list_a_sheet(server, visit):
    visitor = visit(server, width=390, touch=True).open()
    visitor.page.get_by_role("link", name="Curves", exact=True).last.click()
    visitor.page.wait_for_url("**/curves**")
    visitor.settle()
    visitor.page.get_by_test_id("stExpandSidebarButton").click()
    row = visitor.page.locator(".row").filter(has_text="small_hidden")
    for target in (row, row.locator(".dot"), row.locator(".tick")):
        visitor.until(
            lambda target=target: (target.bounding_box() or {"height": 0})["height"] >= 40
        )
    row.locator(".dot").click()
    visitor.page.wait_for_url("**runs=**")
    visitor.check()
