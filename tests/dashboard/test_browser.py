"""The dashboard in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

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


RUNS_DRAWN = """
  [...document.querySelectorAll('*')].find((node) => node.shadowRoot?.curves)
    ?.shadowRoot.curves.data.panels[0].lines.map((line) => line.run ?? line.of)
"""


class Wire:
    """The connection of a page that is not open yet to its server; it can be made slow."""

    def __init__(self, visitor):
        self.visitor = visitor
        self.held = None
        visitor.page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, socket):
        self.socket = socket
        socket.connect_to_server().on_message(self._take)

    def _take(self, message):
        if self.held is None:
            self.socket.send(message)
        else:
            self.held.append(message)

    def hold_what_follows(self, act):
        """Do something, and wait until the server has answered without the page hearing of it."""
        self.held = self.held or []
        before = len(self.held)
        act()
        self.visitor.until(
            lambda: any(
                ForwardMsg.FromString(one).HasField("script_finished") for one in self.held[before:]
            )
        )

    def release(self):
        held, self.held = self.held, None
        for message in held:
            self.socket.send(message)


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


def test_a_page_that_is_left_before_it_is_drawn_keeps_the_selection(server, visit):
    visitor = visit(server)
    wire = Wire(visitor)
    visitor.open("models?runs=x+00000001")
    wire.hold_what_follows(visitor.page.get_by_role("link", name="SQL", exact=True).click)
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    wire.release()
    visitor.page.get_by_role("heading", name="Class distribution").wait_for()
    visitor.page.wait_for_url("**/data?**runs=**")
    visitor.check()


def test_a_page_is_opened_again_though_the_browser_was_about_to_forget_it(server, visit):
    visitor = visit(server)
    wire = Wire(visitor)
    visitor.open("curves").charts()
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.get_by_role("heading", name="Class distribution").wait_for()
    visitor.settle()
    wire.hold_what_follows(visitor.page.get_by_role("link", name="SQL", exact=True).click)
    wire.hold_what_follows(visitor.page.get_by_role("link", name="Curves", exact=True).click)
    wire.release()
    visitor.page.get_by_role("heading", name="loss", exact=True).wait_for()
    visitor.check()


def test_an_address_that_the_browser_has_not_heard_of_yet_takes_no_choice_back(server, visit):
    visitor = visit(server)
    wire = Wire(visitor)
    visitor.open("curves?runs=x+00000000,x+00000002")
    for name in ("small_hidden", "blurred_dataset"):
        row = visitor.page.locator(".row").filter(has_text=name)
        wire.hold_what_follows(row.locator(".dot").click)
    wire.release()
    visitor.page.wait_for_function(f"() => new Set({RUNS_DRAWN}).size === 4")
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
