"""What a hand does to the curves, in a real browser, on a page that holds nothing else."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.curves import component
from tracker import text

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEFT, RIGHT, TOP, BOTTOM = 46, 18, 10, 24
FIND = """
[...document.querySelectorAll('*')].find((node) => node.shadowRoot?.curves)?.shadowRoot.curves
"""
DRAWN = f"() => ({FIND})?.data.panels[0].isDrawn"


class Curves:
    """The panels of a page."""

    def __init__(self, visitor):
        self.visitor = visitor
        self.page = visitor.page
        self.page.wait_for_function(DRAWN)

    def panel(self, name):
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return self.page.locator("section.panel").filter(has=heading)

    def drawing(self, name="loss"):
        return self.panel(name).locator(".drawing")

    def place(self, x, y=0.5, name="loss"):
        """A point of the window, from shares of the plot's width and height."""
        box = self.drawing(name).bounding_box()
        return (
            box["x"] + LEFT + x * (box["width"] - LEFT - RIGHT),
            box["y"] + TOP + y * (box["height"] - TOP - BOTTOM),
        )

    def move(self, x, y=0.5, name="loss"):
        self.page.mouse.move(*self.place(x, y, name))
        self.settle()

    def drag(self, start, end, name="loss"):
        self.page.mouse.move(*self.place(*start, name))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end, name), steps=4)
        self.page.mouse.up()
        self.settle()

    def settle(self):
        """Wait until what was asked for is drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def state(self, expression):
        """What the component says: `curves.zoom.x`."""
        return self.page.evaluate(f"(() => {{ const curves = {FIND}; return {expression}; }})()")

    def readout(self, name="loss"):
        """The rows of the box, their cells beside tabs; an empty cell is left out."""
        rows = self.panel(name).locator(".box").inner_text().split("\n")
        return ["\t".join(filter(None, row.split("\t"))) for row in rows]

    def range(self, panel=0):
        """The least and the greatest value on the y axis of a panel."""
        return self.state(
            f"(() => {{ const {{ y }} = curves.scale(curves.data.panels.at({panel}));"
            " return [y.low, y.high]; })()"
        )

    def pixel(self, x, y):
        """The color at a data point of the first panel."""
        left, top = self.state(
            "(() => { const scale = curves.scale(curves.data.panels[0]);"
            f" return [scale.x.place({x}), scale.y.place({y})]; }})()"
        )
        picture = Image.open(io.BytesIO(self.drawing().screenshot(animations="disabled")))
        return picture.convert("RGB").getpixel((round(left), round(top)))


@pytest.fixture(scope="module")
def page_server(serve_script):
    return serve_script(Path(__file__).with_name("curves_page.py"))


@pytest.fixture
def curves(page_server, visit):
    """Opens the page: `curves("runs=50&log=1", width=390)`; at the end nothing may be wrong."""
    opened = []

    def start(query="", **options):
        visitor = visit(page_server, **options).open(f"?{query}")
        opened.append(visitor)
        return Curves(visitor)

    yield start
    for visitor in opened:
        assert visitor.wrongs == []


def test_a_drag_zooms_every_panel_to_the_same_steps(curves):
    shown = curves()
    shown.drag((0.2, 0.5), (0.6, 0.5))
    assert shown.state("curves.zoom.x['']") == pytest.approx([20, 60], abs=0.5)
    for name in ("loss", "accuracy"):
        expect(shown.panel(name).locator(".chip")).to_have_text("steps 20 to 60 ×")
    assert shown.range()[1] < 1.6, "the y axis follows what is visible"


def test_a_tall_drag_zooms_both_axes_and_a_drag_beside_the_axis_only_y(curves):
    shown = curves()
    shown.drag((0.2, 0.2), (0.6, 0.8))
    assert len(shown.state("curves.zoom.y.loss")) == 2
    assert shown.state("Object.keys(curves.zoom.y)") == ["loss"]
    shown.page.keyboard.press("Tab")
    shown.drawing().dblclick()
    shown.drag((-0.02, 0.2), (-0.02, 0.5))
    assert shown.state("curves.zoom.x") == {}
    assert len(shown.state("curves.zoom.y.loss")) == 2


@pytest.mark.parametrize("how", ["double click", "Escape", "chip", "fit"])
def test_a_zoom_is_undone(curves, how):
    shown = curves()
    shown.drag((0.2, 0.5), (0.6, 0.5))
    if how == "double click":
        shown.drawing("accuracy").dblclick()
    elif how == "Escape":
        shown.drawing().focus()
        shown.page.keyboard.press("Escape")
    elif how == "chip":
        shown.panel("loss").locator(".chip").click()
    else:
        shown.panel("loss").get_by_role("button", name="Fit").click()
    assert shown.state("curves.zoom.x") == {}
    expect(shown.panel("accuracy").locator(".chip")).to_be_hidden()


def test_the_wheel_zooms_only_with_a_modifier_and_a_shift_drag_moves(curves):
    shown = curves()
    shown.move(0.5)
    shown.page.mouse.wheel(0, -200)
    assert shown.state("curves.zoom.x") == {}
    shown.page.keyboard.down("Control")
    shown.page.mouse.move(*shown.place(0.5))
    shown.page.mouse.wheel(0, -300)
    shown.page.keyboard.up("Control")
    shown.page.wait_for_function(f"() => ({FIND}).zoom.x['']")
    low, high = shown.state("curves.zoom.x['']")
    assert 0 < low < 50 < high < 100
    shown.page.keyboard.down("Shift")
    shown.drag((0.5, 0.5), (0.25, 0.5))
    shown.page.keyboard.up("Shift")
    moved = shown.state("curves.zoom.x['']")
    assert moved == pytest.approx([low + (high - low) / 4, high + (high - low) / 4], rel=0.02)


def test_a_line_under_the_pointer_is_lifted_and_the_others_fade(curves):
    shown = curves("runs=3&points=101")
    before = shown.pixel(50, 0.7)
    shown.page.evaluate(
        "window.heard = [];"
        "addEventListener('tracker:hover', ({ detail }) => heard.push(detail.ids))"
    )
    x, y = shown.state(
        "(() => { const [panel] = curves.data.panels, { x, y } = curves.scale(panel);"
        " const box = panel.drawing.getBoundingClientRect();"
        " return [box.x + x.place(40), box.y + y.place(0.6)]; })()"
    )
    shown.page.mouse.move(x, y)
    shown.settle()
    assert shown.state("[...curves.lifted]") == ["r0"]
    assert shown.page.evaluate("heard") == [["r0"]]
    front = shown.panel("loss").locator(".lines > g").last
    expect(front).to_have_attribute("data-ids", "r0")
    faded = shown.pixel(50, 0.7)
    assert sum(faded) > sum(before), "another run is lighter than it was"
    shown.page.mouse.move(2, 2)
    shown.settle()
    assert shown.page.evaluate("heard") == [["r0"], []]


def test_a_click_keeps_a_line_in_front_until_it_is_clicked_again(curves):
    shown = curves("runs=3")
    point = shown.state(
        "(() => { const [panel] = curves.data.panels, { x, y } = curves.scale(panel);"
        " const box = panel.drawing.getBoundingClientRect();"
        " return [box.x + x.place(40), box.y + y.place(0.6)]; })()"
    )
    shown.page.mouse.click(*point)
    shown.page.mouse.move(2, 2)
    shown.settle()
    assert shown.state("[...curves.lifted]") == ["r0"]
    shown.page.wait_for_timeout(600)
    shown.page.mouse.click(*point)
    shown.page.mouse.move(2, 2)
    shown.settle()
    assert shown.state("[...curves.lifted]") == []


def test_other_components_lift_and_hide_runs(curves):
    shown = curves("runs=3")
    shown.page.evaluate(
        "dispatchEvent(new CustomEvent('tracker:hover', { detail: { ids: ['r1'], from: 'list' } }))"
    )
    assert shown.state("[...curves.lifted]") == ["r1"]
    shown.page.evaluate(
        "dispatchEvent(new CustomEvent('tracker:visible', { detail: { ids: ['r2'], from: 'x' } }))"
    )
    shown.settle()
    assert set(shown.state("curves.lines(curves.data.panels[0]).map((l) => l.of)")) == {"r2"}
    shown.panel("loss").get_by_role("button", name="Values as a table").click()
    expect(shown.panel("loss").locator("tbody tr:visible")).to_have_count(2)
    expect(shown.panel("test_loss").locator("tbody tr:visible")).to_have_count(1)


def test_validation_is_a_bold_line_and_train_a_faint_one_and_the_legend_says_so(curves):
    shown = curves("runs=1")
    expect(shown.page.locator(".legend > span").first).to_have_text("validation")
    drawn = shown.state("curves.lines(curves.data.panels[0]).map((l) => [l.part, l.quiet])")
    assert sorted(drawn) == [["train", True], ["validation", False]]
    bold, faint = shown.pixel(50, 0.5), shown.pixel(50, 0.55)
    assert sum(bold) < sum(faint)


def test_the_readout_names_the_five_best_in_order_and_how_many_are_left(curves):
    shown = curves("runs=20")
    shown.move(0.5, 0.02)
    head, *rows, more = shown.readout()
    assert head.split("\t") == ["step 50", "validation", "train"]
    assert [row.split("\t")[0] for row in rows] == [f"run {n}" for n in range(5)] + ["run 19"]
    assert rows[0].split("\t")[1:] == ["0.5000", "0.5500"]
    assert more == "14 more"
    expect(shown.panel("accuracy").locator(".box")).to_be_hidden()


def test_only_the_panel_under_the_pointer_has_a_readout(curves):
    shown = curves()
    shown.panel("accuracy").get_by_role("button", name="Fit").click()
    shown.move(0.5)
    expect(shown.panel("loss").locator(".box")).to_be_visible()
    expect(shown.panel("accuracy").locator(".box")).to_be_hidden()


def test_figures_are_written_as_everywhere_else(browser):
    source = (Path(component.FOLDER).parents[1] / "widgets" / "figures.js").read_text()
    known = [0, 1, 128, 9_999, 12_345, 61_234.4, 0.92517, 0.0018, -3.5e-7, 12.5, 123.456, 2.5e9]
    known += [0.01, 9.99996, 1e6, float("inf"), -float("inf"), float("nan")]
    page = browser.new_page()
    found = page.evaluate(f"(values) => {{ {source}; return values.map(number); }}", known)
    page.close()
    assert found == [text.number(value) for value in known]


def test_the_readout_stands_on_the_other_side_of_the_crosshair(curves):
    shown = curves()
    for x, is_right in ((0.2, True), (0.8, False)):
        shown.move(x)
        box, crosshair = shown.panel("loss").locator(".box").bounding_box(), shown.place(x)[0]
        assert (box["x"] > crosshair) is is_right
        assert (box["x"] + box["width"] < crosshair) is not is_right


def test_nan_has_a_mark_and_is_read_where_it_was_logged(curves):
    shown = curves("runs=2")
    shown.move(0.1)
    assert [row.split("\t")[1] for row in shown.readout()[1:]] == ["0.9000", "NaN"]
    shown.move(0.12)
    assert "NaN" not in "".join(shown.readout())


def test_the_arrow_keys_move_the_crosshair_and_plus_zooms(curves):
    shown = curves("runs=2")
    shown.drawing().focus()
    for _ in range(3):
        shown.page.keyboard.press("ArrowRight")
    shown.page.keyboard.press("ArrowLeft")
    shown.settle()
    assert shown.readout()[0].startswith("step 2")
    shown.page.keyboard.press("+")
    low, high = shown.state("curves.zoom.x['']")
    assert high - low == pytest.approx(50)
    shown.page.keyboard.press("-")
    assert shown.state("curves.zoom.x['']") == pytest.approx([0, 100])


def test_the_zoom_is_in_the_link_and_survives_a_reload(curves):
    shown = curves()
    shown.drag((0.2, 0.2), (0.6, 0.8))
    shown.page.wait_for_url(re.compile(r"zoom=.*y=loss"))
    zoom = shown.state("curves.zoom")
    shown.page.reload()
    again = Curves(shown.visitor.settle())
    assert again.state("curves.zoom.x['']") == pytest.approx(zoom["x"][""], rel=1e-4)
    assert again.state("curves.zoom.y.loss") == pytest.approx(zoom["y"]["loss"], rel=1e-4)
    again.drawing().dblclick()
    again.page.wait_for_url(lambda address: "zoom" not in address)


def test_groups_are_a_mean_with_a_band_and_their_runs_are_faint(curves):
    shown = curves("runs=8&groups=1")
    is_mean = "(line) => line.role === 'mean' && !line.quiet"
    means = shown.state(f"curves.lines(curves.data.panels[0]).filter({is_mean})")
    assert [line["name"] for line in means] == [f"group {n}" for n in range(4)]
    first = shown.state(
        f"(() => {{ const l = curves.lines(curves.data.panels[0]).find({is_mean});"
        " return [l.y[50], l.high[50] - l.y[50]]; })()"
    )
    assert first == pytest.approx([0.5 + 0.2, (0.4**2 / 2) ** 0.5], rel=1e-5)
    shown.move(0.5, 0.02)
    assert "±0.2828" in "".join(shown.readout())


def test_above_ten_lines_the_one_under_the_pointer_is_in_the_color_of_text(curves):
    shown = curves("runs=12&groups=1")
    shown.page.evaluate(
        "dispatchEvent(new CustomEvent('tracker:hover', { detail: { ids: ['r3'], from: 'list' } }))"
    )
    shown.settle()
    assert shown.pixel(50, 0.8) == pytest.approx([20, 26, 38], abs=60)


def test_an_older_attempt_is_faint_and_not_read(curves):
    shown = curves("runs=1&resumed=1")
    assert 400 < sum(shown.pixel(40, 1.4)) < 3 * 255
    shown.move(0.4)
    assert shown.readout()[1].split("\t")[1] == "0.6000"


def test_outliers_are_cut_with_a_note_and_fit_shows_them(curves):
    shown = curves("runs=1")
    panel = shown.panel("gradient norm")
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_text("cut at the 99th percentile")).to_be_visible()
    assert shown.range(-1)[1] < 2
    heading = panel.get_by_role("heading").bounding_box()
    assert heading["y"] - panel.bounding_box()["y"] < 20, "nothing stands above the head"
    panel.get_by_role("button", name="Fit").click()
    expect(panel.get_by_text("cut at the 99th percentile")).to_be_hidden()
    assert shown.range(-1)[1] > 1e6
    panel.get_by_role("button", name="Fit").click()
    shown.drag((0.1, 0.5), (0.3, 0.5), "gradient norm")
    expect(panel.get_by_text("cut at the 99th percentile")).to_be_hidden()
    shown.drawing("gradient norm").dblclick()
    shown.drag((0.46, 0.5), (0.54, 0.5), "gradient norm")
    assert shown.range(-1)[1] > 1e6, "a peak that is zoomed to is seen"


def test_one_metric_against_another_has_a_zoom_and_a_readout_of_its_own(curves):
    shown = curves("runs=2&points=101")
    name = "accuracy over loss"
    shown.panel(name).scroll_into_view_if_needed()
    shown.move(0.5, 0.04, name)
    assert shown.readout(name)[0].startswith("loss ")
    shown.drag((0.5, 0.5), (0.9, 0.55), name)
    assert shown.state("curves.zoom.x['']") is None
    assert len(shown.state(f"curves.zoom.x['{name}']")) == 2


def test_a_logarithmic_axis_has_powers_of_ten(curves):
    shown = curves("runs=1&log=1")
    bottom, top = shown.range()
    assert 0.001 < bottom < 0.1
    assert 0.8 < top < 2


def test_zero_has_no_dot_on_a_logarithmic_axis(curves):
    shown = curves("runs=1&log=1")
    tall = shown.page.evaluate("document.querySelector('.stMain').scrollHeight")
    shown.move(0.999)
    assert shown.readout()[1].split("\t")[1:] == ["0", "0.0500"]
    expect(shown.panel("loss").locator(".cross i")).to_have_count(1)
    assert shown.page.evaluate("document.querySelector('.stMain').scrollHeight") == tall


def test_steps_on_a_logarithmic_axis_begin_at_one_and_are_zoomed_by_their_ratio(curves):
    shown = curves("runs=1&logx=1")
    low, middle, zeroth, first = shown.state(
        "(() => { const { x } = curves.scale(curves.data.panels[0]), to = x.place;"
        " return [x.low, x.at((to(1) + to(100)) / 2), to(0), to(1)]; })()"
    )
    assert (low, middle) == (1, pytest.approx(10))
    assert zeroth == first, "step 0 stands at the edge"
    shown.drawing().focus()
    shown.drag((0.25, 0.5), (0.75, 0.5))
    assert shown.state("curves.zoom.x['']") == pytest.approx([10**0.5, 10**1.5], rel=0.03)


@pytest.mark.parametrize(
    ("axis", "head"),
    [("relative", "50 s"), ("wall", "1 Jan 1970, 00:00:50"), ("share", "50 % of training")],
)
def test_the_readout_says_the_place_in_the_unit_of_the_axis(curves, axis, head):
    shown = curves(f"axis={axis}&runs=1")
    shown.move(0.5)
    assert shown.readout()[0].split("\t")[0] == head


def test_values_can_be_read_as_a_table(curves):
    shown = curves("runs=2")
    shown.panel("loss").get_by_role("button", name="Values as a table").click()
    table = shown.panel("loss").get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(["run", "part", "last", "best", "at"])
    expect(table.get_by_role("row").filter(has_text="validation").first).to_contain_text("step 100")
    expect(shown.drawing()).to_be_hidden()


def test_a_picture_and_a_drawing_can_be_saved(curves):
    shown = curves()
    for label, suffix in (("Picture (PNG)", ".png"), ("Drawing (SVG)", ".svg")):
        shown.panel("loss").locator("summary").click()
        with shown.page.expect_download() as caught:
            shown.panel("loss").get_by_role("button", name=label).click()
        content = Path(caught.value.path()).read_bytes()
        assert caught.value.suggested_filename == f"loss{suffix}"
        if suffix == ".png":
            assert Image.open(io.BytesIO(content)).size[0] > 800
        else:
            assert content.startswith(b"<svg")
            assert b"run 5</text>" in content
        shown.page.keyboard.press("Escape")


def test_a_panel_fills_the_window_and_goes_back(curves):
    shown = curves()
    shown.panel("loss").get_by_role("button", name="Enlarge").click()
    shown.settle()
    assert shown.drawing().bounding_box()["height"] > 700
    shown.page.keyboard.press("Escape")
    shown.settle()
    assert shown.drawing().bounding_box()["height"] < 300


def test_metrics_logged_once_are_bars_dots_or_strips(curves):
    few = curves("runs=6&groups=1")
    assert "dots" in few.panel("test_accuracy").locator(".note").inner_text()
    assert "bars from 0" in few.panel("test_loss").locator(".note").inner_text()
    expect(few.panel("test_loss").locator(".error")).to_have_count(2)
    many = curves("runs=20&groups=1")
    expect(many.panel("test_loss").locator(".tick")).to_have_count(4)
    expect(many.panel("test_loss").locator(".dot.faint")).to_have_count(20)


def test_on_a_phone_a_finger_moves_the_crosshair_and_two_zoom(curves):
    shown = curves("runs=2", width=390, touch=True)
    drawing = shown.drawing()
    assert shown.panel("loss").bounding_box()["width"] > 300
    box = drawing.bounding_box()
    shown.page.touchscreen.tap(*shown.place(0.5))
    shown.settle()
    assert shown.readout()[0].startswith("step 50")
    below = shown.panel("loss").locator(".box").bounding_box()
    assert below["y"] >= box["y"] + box["height"] - 1
    fingers(shown, [(0.4, 0.5), (0.6, 0.5)], [(0.2, 0.5), (0.8, 0.5)])
    low, high = shown.state("curves.zoom.x['']")
    assert (low, high) == (pytest.approx(33.3, abs=1.5), pytest.approx(66.7, abs=1.5))


def fingers(shown, start, end):
    """Two fingers that go from some places to others."""
    session = shown.page.context.new_cdp_session(shown.page)
    for kind, places in (("touchStart", start), ("touchMove", end), ("touchEnd", [])):
        points = [
            {"x": x, "y": y, "id": number}
            for number, (x, y) in enumerate(shown.place(*place) for place in places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    shown.settle()


def test_a_panel_says_what_it_shows_to_who_cannot_see_it(curves):
    shown = curves("runs=3")
    image = shown.page.get_by_role("img", name=re.compile("^loss over step: 3 runs"))
    expect(image).to_have_accessible_name("loss over step: 3 runs; best 0, run 0, step 100")
    for button in shown.panel("loss").get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text()


def test_a_theme_of_the_page_is_the_theme_of_the_panels(curves):
    shown = curves("runs=1", theme="dark")
    assert shown.state("getComputedStyle(curves.body).getPropertyValue('--ground')") == "#11141b"


def test_all_panels_leave_as_one_page_that_stands_alone_and_as_a_picture(curves, browser, tmp_path):
    shown = curves("runs=3&groups=1")
    saved = {}
    for label in ("One HTML file", "Picture (PNG)"):
        shown.page.get_by_label("Export all panels").click()
        with shown.page.expect_download() as caught:
            shown.page.locator(".legend").get_by_role("button", name=label).click()
        saved[caught.value.suggested_filename] = Path(caught.value.path()).read_bytes()
    picture = Image.open(io.BytesIO(saved["curves.png"]))
    assert picture.size[0] > 1500
    assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24)) > 50, "it is not blank"
    page_text = saved["curves.html"].decode()
    assert not re.search(r"<script|https?://(?!www\.w3\.org/)|src=", page_text)
    file = tmp_path / "curves.html"
    file.write_text(page_text)
    page = browser.new_page()
    page.goto(file.as_uri())
    expect(page.locator(".plot > svg")).to_have_count(4)
    expect(page.get_by_role("heading", name="test_loss")).to_be_visible()
    page.close()
