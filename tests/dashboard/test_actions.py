"""What a person does with mouse and keyboard, in a real browser."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tracker.client import TrackingClient

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
TRAINER = """
import sys, time
import tracker
tracker.set_tracking_uri(sys.argv[1])
tracker.set_experiment("live")
with tracker.start_run(run_name="going on"):
    tracker.log_param("max_steps", 100_000)
    for step in range(300):
        tracker.log_metrics({"train_loss": 1 / (1 + step), "val_loss": 2 / (1 + step)}, step=step)
    print("ready", flush=True)
    while True:
        step += 1
        tracker.log_metrics({"train_loss": 1 / (1 + step), "val_loss": 2 / (1 + step)}, step=step)
        time.sleep(0.02)
"""


@pytest.fixture
def training(tmp_path):
    """A database that another process is writing, and that process."""
    database = tmp_path / "tracking.db"
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(database)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    yield database, process
    process.kill()
    process.wait()


def step_shown(visitor):
    text = visitor.page.get_by_text("of 100,000").first.inner_text()
    return int(text.split()[0].replace(",", ""))


def wait_until(condition, seconds=15):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.1)


def stop(process, sign=signal.SIGKILL):
    process.send_signal(sign)
    process.wait()


def test_a_running_run_says_in_its_row_how_far_it_is_and_then_how_it_ended(training, serve, visit):
    database, process = training
    visitor = visit(serve(database)).open()
    first = step_shown(visitor)
    wait_until(lambda: step_shown(visitor) > first)
    visitor.check()
    stop(process)
    visitor.page.get_by_role("img", name="failed").wait_for(timeout=15_000)
    assert TrackingClient(str(database)).search_runs(["1"])[0].info.status == "FAILED"
    visitor.check()


def test_the_chip_in_the_bar_leads_from_any_page_to_the_running_runs(training, serve, visit):
    database, process = training
    visitor = visit(serve(database)).open("sql")
    visitor.page.get_by_role("button", name="1 running").click()
    visitor.page.wait_for_url("**status=RUNNING**")
    visitor.page.locator(".row").filter(has_text="going on").wait_for()
    stop(process)
    visitor.check()


@pytest.mark.parametrize("path", ["", "run", "compare"])
def test_a_page_follows_a_run_to_its_end_and_then_falls_silent(training, serve, visit, path):
    database, process = training
    visitor = visit(serve(database))
    heard = listening(visitor)
    visitor.open(path)
    visitor.page.get_by_role("img", name="running").first.wait_for()
    stop(process)
    visitor.page.get_by_role("img", name="failed").first.wait_for(timeout=15_000)
    visitor.settle()
    assert_silent(visitor, heard)


def test_curves_fall_silent_when_their_run_has_ended(training, serve, visit):
    database, process = training
    visitor = visit(serve(database))
    heard = listening(visitor)
    visitor.open("curves").charts()
    before = drawing(visitor)
    wait_until(lambda: drawing(visitor) != before)
    stop(process)
    client = TrackingClient(str(database), read_only=True)
    wait_until(lambda: client.search_runs(["1"])[0].info.status == "FAILED")
    visitor.page.get_by_role("img", name="failed").first.wait_for()
    visitor.settle()
    assert_silent(visitor, heard)


def drawing(visitor):
    """The first panel of curves as it is drawn now."""
    return visitor.page.locator("section.panel .drawing").first.inner_html()


def listening(visitor):
    """What goes over the page's web sockets from now on."""
    heard = []

    def listen(socket):
        socket.on("framesent", lambda frame: heard.append(frame))  # noqa: PLW0108
        socket.on("framereceived", lambda frame: heard.append(frame))  # noqa: PLW0108

    visitor.page.on("websocket", listen)
    return heard


def assert_silent(visitor, heard):
    visitor.page.wait_for_timeout(500)
    assert heard
    heard.clear()
    visitor.page.wait_for_timeout(3000)
    assert heard == []
    visitor.check()


@pytest.mark.parametrize("path", ["", "curves", "run"])
def test_a_page_without_a_running_run_asks_and_hears_nothing(server, visit, path):
    visitor = visit(server)
    heard = listening(visitor)
    visitor.open(path)
    assert_silent(visitor, heard)


def test_waiting_for_a_run_costs_next_to_nothing(server, visit):
    visitor = visit(server)
    heard = listening(visitor)
    visitor.open()
    visitor.page.wait_for_timeout(500)
    heard.clear()
    wait_until(lambda: visitor.page.wait_for_timeout(100) or heard, 25)
    visitor.page.wait_for_timeout(2000)
    assert sum(len(frame) for frame in heard) < 4_000


def test_what_is_typed_and_opened_stays_while_a_page_follows(training, serve, visit):
    database, _ = training
    visitor = visit(serve(database)).open("run?part=Curves")
    visitor.charts()
    visitor.page.get_by_role("button", name="Write a note").click()
    note = visitor.page.get_by_role("textbox", name="Note, in Markdown")
    note.click()
    for word in ("while ", "it ", "runs"):
        before = drawing(visitor)
        visitor.page.keyboard.type(word)
        wait_until(lambda before=before: drawing(visitor) != before)
    expect(note).to_have_value("while it runs")
    visitor.page.get_by_role("button", name="Save").click()
    client = TrackingClient(str(database), read_only=True)
    run_id = client.search_runs(["1"])[0].info.run_id
    wait_until(lambda: client.get_run(run_id).data.tags.get("mlflow.note.content"))
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "while it runs"
    expect(note).to_have_count(0)
    visitor.check()


def test_a_database_is_shown_as_soon_as_there_is_one(tmp_path, serve, visit):
    visitor = visit(serve(tmp_path / "tracking.db")).open()
    visitor.page.get_by_text("There is no tracking database at").wait_for()
    client = TrackingClient(str(tmp_path / "tracking.db"))
    client.create_run(client.create_experiment("one"), run_name="first")
    visitor.page.get_by_role("heading", name="Overview").wait_for(timeout=15_000)
    visitor.check()


def test_the_tab_names_the_page_and_no_icon_comes_from_elsewhere(server, visit):
    visitor = visit(server).open("curves")
    wait_until(lambda: visitor.page.title() == "Curves · ml-tracker")
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    wait_until(lambda: visitor.page.title() == "Data · ml-tracker")
    visitor.check()


def test_a_zoom_stays_while_new_points_arrive(training, serve, visit):
    visitor = visit(serve(training[0])).open("curves")
    visitor.charts()
    panel = visitor.page.locator("section.panel").first
    box = panel.locator(".drawing").bounding_box()
    visitor.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 100)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 100, steps=5)
    visitor.page.mouse.up()
    expect(panel.locator(".chip")).to_contain_text("steps ")
    zoomed = panel.locator(".chip").inner_text()
    visitor.page.wait_for_url("**zoom=*")
    for _ in range(2):
        points = last_step(visitor)
        wait_until(lambda points=points: last_step(visitor) > points)
    assert panel.locator(".chip").inner_text() == zoomed
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.get_by_role("heading", name="Data", exact=True).wait_for()
    visitor.page.get_by_role("link", name="Curves", exact=True).click()
    expect(panel.locator(".chip")).to_have_text(zoomed)
    visitor.check()


def test_a_zoom_into_a_long_run_brings_the_steps_between(tmp_path, study, serve, visit):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    run_id = study.add_run(connection, "long")
    study.add_metric(connection, run_id, "val_loss", [1 / (1 + n) for n in range(20_000)], 0)
    connection.close()
    visitor = visit(serve(tmp_path / "tracking.db")).open("curves")
    visitor.charts()
    box = visitor.page.locator("section.panel .drawing").first.bounding_box()
    visitor.page.mouse.move(box["x"] + 0.50 * box["width"], box["y"] + 100)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 100, steps=5)
    visitor.page.mouse.up()
    seen = (
        "node => { const { zoom, data } = node.getRootNode().curves;"
        " const inside = (x) => x >= zoom.x[''][0] && x <= zoom.x[''][1];"
        " return data.panels[0].lines[0].x.filter(inside).length; }"
    )
    curves = visitor.page.locator(".curves")
    assert curves.evaluate(seen) < 20
    wait_until(lambda: curves.evaluate(seen) > 100)
    visitor.check()


def last_step(visitor):
    """The greatest step that the panels know, drawn or not."""
    return visitor.page.locator(".curves").evaluate(
        "node => node.getRootNode().curves.data.panels[0].extent[1]"
    )


def test_all_points_of_a_panel_are_one_click_away(server, visit):
    visitor = visit(server).open("curves")
    visitor.charts()
    visitor.page.get_by_label("Download: loss").click()
    with visitor.page.expect_download() as caught:
        visitor.page.locator("section.panel").first.get_by_role("link", name="All points").click()
    lines = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert len(lines) == 4 * 2 * 10
    assert {line["metric"] for line in lines} == {"train_loss", "val_loss"}
    visitor.check()


@pytest.mark.parametrize(("path", "name"), [("", "runs"), ("compare", "comparison")])
def test_a_table_leaves_as_one_page_and_as_a_picture(server, visit, path, name):
    visitor = visit(server).open(path)
    visitor.page.get_by_role("button", name="Export").click()
    with visitor.page.expect_download() as caught:
        visitor.page.get_by_role("button", name="This table, as one HTML file").click()
    page = Path(caught.value.path()).read_text()
    assert caught.value.suggested_filename == f"{name}.html"
    assert "test_blurred_accuracy" in page
    with visitor.page.expect_download() as caught:
        visitor.page.get_by_role("button", name="This table, as a picture (PNG)").click()
    assert caught.value.suggested_filename == f"{name}.png"
    picture = Image.open(caught.value.path())
    assert picture.size[0] > 800
    colors = picture.convert("RGB").getcolors(maxcolors=1 << 24)
    assert len(colors) > 50, "it is not blank"
    visitor.check()


def test_what_is_chosen_for_the_curves_is_in_the_link(server, visit):
    visitor = visit(server).open("curves?smooth=Smooth+10+%25&axis=Share&log=true&spread=Mean")
    visitor.charts()
    chosen = visitor.page.locator(".curves").evaluate(
        "node => { const { data } = node.getRootNode().curves;"
        " return [data.axis, data.panels[0].log]; }"
    )
    assert chosen == ["share", True]
    expect(visitor.page.get_by_role("combobox", name="Groups")).to_have_value("Mean")
    expect(visitor.page.get_by_role("combobox", name="Smoothing")).to_have_value("Smooth 10 %")
    visitor.check()


def test_a_drawn_digit_is_answered_by_every_model(server, visit):
    visitor = visit(server).open("models")
    pad = visitor.page.get_by_label("Drawing pad")
    box = pad.bounding_box()
    visitor.page.mouse.move(box["x"] + 140, box["y"] + 50)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 140, box["y"] + 220, steps=8)
    visitor.page.mouse.up()
    visitor.page.get_by_text("% sure").nth(3).wait_for(timeout=15_000)
    assert visitor.charts() == 4
    visitor.page.get_by_role("button", name="Clear", exact=True).click()
    visitor.page.get_by_text("Draw a digit").wait_for(timeout=15_000)
    visitor.check()


def test_an_uploaded_digit_is_answered(server, visit, study, tmp_path):
    picture = tmp_path / "seven.png"
    study.digit(7, 60).save(picture)
    visitor = visit(server, theme="dark").open("models")
    visitor.page.get_by_text("Upload", exact=True).click()
    visitor.page.locator("input[type=file]").set_input_files(picture)
    visitor.page.get_by_text("% sure").nth(3).wait_for(timeout=15_000)
    visitor.check()


def test_a_click_on_the_confusion_matrix_shows_the_images_of_that_cell(server, visit):
    visitor = visit(server).open("evaluate")
    visitor.charts()
    cell = visitor.page.locator("g.mark-rect path").nth(11)
    cell.click()
    visitor.page.get_by_text("predicted as").last.wait_for()
    visitor.page.get_by_text("pictures, most confident").wait_for(timeout=15_000)
    assert visitor.page.locator("[data-testid=stHtml] img").count() > 20
    visitor.check()


def test_the_clicked_cell_is_in_the_address_and_survives_a_reload(server, visit):
    visitor = visit(server).open("evaluate?unit=Rates")
    visitor.charts()
    visitor.page.locator("g.mark-rect path").nth(11).click()
    visitor.page.wait_for_url("**cell=1&cell=1*")
    visitor.page.reload()
    visitor.charts()
    visitor.page.get_by_text("1 predicted as 1").wait_for()
    cells = visitor.page.locator("g.mark-rect path")
    assert cells.nth(11).get_attribute("stroke") == "#4353d9"
    cells.nth(22).click()
    visitor.page.wait_for_url("**cell=2&cell=2*")
    visitor.page.get_by_text("2 predicted as 2").wait_for()
    assert cells.nth(11).get_attribute("stroke") == "transparent"
    visitor.check()


def test_arrow_keys_go_through_the_images_of_the_most_confused_pairs(server, visit):
    visitor = visit(server).open("evaluate?model=x+00000001")
    visitor.charts()
    pairs = visitor.page.get_by_test_id("stDataFrame").first
    rows = [
        tuple(pairs.locator(f"#glide-cell-{column}-{row}").text_content() for column in (0, 1))
        for row in (1, 2)
    ]
    pairs.locator("canvas").first.focus()
    visitor.page.keyboard.press("ArrowDown")
    for label, prediction in rows:
        visitor.page.wait_for_url(f"**cell={label}&cell={prediction}*")
        visitor.page.get_by_text(f"{label} predicted as {prediction}").wait_for()
        visitor.page.get_by_text("pictures, most confident").wait_for()
        visitor.page.keyboard.press("ArrowDown")
    visitor.page.wait_for_url(lambda address: f"cell={rows[1][0]}&cell={rows[1][1]}" not in address)
    visitor.check()


def test_a_click_on_a_disputed_image_shows_it_under_every_model(server, visit):
    visitor = visit(server).open("evaluate")
    visitor.charts()
    disputed = visitor.page.get_by_test_id("stButtonGroup").last.get_by_role("radio").nth(3)
    index = disputed.text_content()
    disputed.click()
    visitor.page.wait_for_url(f"**image={index}*")
    expect(visitor.page.get_by_label("Test image", exact=True)).to_have_value(index)
    visitor.check()


def test_the_same_image_is_followed_under_every_model(server, visit):
    visitor = visit(server).open("evaluate?image=7")
    expect(visitor.page.get_by_label("Test image", exact=True)).to_have_value("7")
    expect(visitor.page.locator("img[alt=Sharp]")).to_have_count(1)
    visitor.check()


def test_a_recipe_is_one_click_and_its_result_a_chart(server, visit):
    visitor = visit(server).open("sql")
    visitor.page.get_by_text("One learning curve").click()
    visitor.page.get_by_text("10 rows").wait_for()
    visitor.page.get_by_role("tab", name="Chart").click()
    visitor.page.get_by_test_id("stVegaLiteChart").locator("svg.marks, canvas.marks").wait_for()
    visitor.check()


def test_a_typed_statement_is_there_after_another_page_and_after_a_reload(server, visit):
    visitor = visit(server).open("sql")
    editor = visitor.page.get_by_label("Statement")
    editor.fill("SELECT 'kept' AS word")
    editor.press("Control+Enter")
    visitor.page.get_by_text("1 row in").wait_for()
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.get_by_role("heading", name="Class distribution").wait_for()
    visitor.page.get_by_role("link", name="SQL", exact=True).click()
    visitor.page.get_by_text("1 row in").wait_for()
    visitor.page.reload()
    visitor.page.get_by_role("button", name="Run", exact=True).click()
    visitor.page.get_by_text("1 row in").wait_for()
    expect(editor).to_have_value("SELECT 'kept' AS word")
    visitor.check()


def test_a_query_from_a_link_that_writes_is_refused_once_it_is_run(server, visit):
    visitor = visit(server).open("sql?q=DELETE+FROM+runs")
    visitor.page.get_by_role("button", name="Run", exact=True).click()
    visitor.page.get_by_text("Only reading is allowed here").wait_for()
    visitor.check()


def test_the_filter_and_the_page_live_in_the_address(server, visit):
    visitor = visit(server).open()
    box = visitor.page.get_by_label("Filter", exact=True)
    box.fill("small")
    box.press("Enter")
    visitor.page.wait_for_url("**filter=small*")
    again = visit(server).open(visitor.page.url.split("/")[-1])
    expect(again.page.get_by_label("Filter", exact=True)).to_have_value("small")
    again.check()


def test_back_returns_to_the_page_before(server, visit):
    visitor = visit(server).open()
    visitor.page.get_by_role("link", name="Data", exact=True).click()
    visitor.page.get_by_role("heading", name="Class distribution").wait_for()
    visitor.page.go_back()
    visitor.page.get_by_role("heading", name="Overview").wait_for()
    visitor.check()


def test_back_takes_back_what_was_shown(server, visit):
    visitor = visit(server).open("curves?runs=x+00000000,x+00000002")
    row = visitor.page.locator(".row").filter(has_text="small_hidden")
    row.hover()
    before = visitor.page.url
    row.locator(".dot").click()
    expect(row.locator(".dot.all")).to_have_count(1)
    visitor.page.wait_for_url(lambda url: url != before)
    visitor.page.go_back()
    visitor.settle()
    expect(row.locator(".dot.none")).to_have_count(1)
    visitor.check()


def test_every_menu_entry_is_reached_with_the_keyboard(server, visit):
    visitor = visit(server).open()
    reached = set()
    for _ in range(20):
        visitor.page.keyboard.press("Tab")
        reached.add(visitor.page.evaluate("document.activeElement.textContent"))
    names = {"Overview", "Curves", "Compare", "Evaluate", "Data", "Run", "Models", "SQL"}
    assert names <= {next((n for n in names if text and n in text), "") for text in reached}


def test_what_stands_in_a_row_stands_on_one_line(server, visit):
    visitor = visit(server).open("evaluate")
    visitor.charts()
    controls = visitor.page.get_by_role("combobox", name="Model").locator("xpath=../..")
    chosen = visitor.page.get_by_role("radio", name="Counts")
    assert middle(controls) == pytest.approx(middle(chosen), abs=0.6)
    visitor.check()


def middle(element):
    """The height at which the middle of an element's text, or of itself, stands."""
    return element.evaluate(
        "e => { const r = document.createRange(); r.selectNodeContents(e);"
        " const box = r.getBoundingClientRect(); return (box.top + box.bottom) / 2 }"
    )
