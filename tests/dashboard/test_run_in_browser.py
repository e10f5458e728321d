"""A run's page under a real mouse and keyboard: its head, its values, its images, its files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tracker.client import TrackingClient

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What a stored page would do if it could: a script, a frame, a refresh, requests of every kind.
HOSTILE = """
<h1>Report</h1><script>parent.hacked = 1; fetch('http://evil.example/s')</script>
<img src="http://evil.example/i" onerror="parent.hacked = 1"><link rel="stylesheet"
href="http://evil.example/l"><style>@import "http://evil.example/c";
body { background: url(http://evil.example/b) }</style><iframe src="http://evil.example/f"></iframe>
<meta http-equiv="refresh" content="0;url=http://evil.example/r"><object data="http://evil.example/o">
</object><form action="http://evil.example/p"><button>Send</button></form>
<a href="http://evil.example/a" target="_top">away</a>
"""
SVG = """
<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" onload="parent.hacked = 1">
<script>parent.hacked = 1</script><image href="http://evil.example/x" width="9" height="9"/>
<rect width="80" height="80" fill="teal"/></svg>
"""


def load_messy():
    path = Path(__file__).with_name("messy.py")
    spec = importlib.util.spec_from_file_location("messy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A database whose newest run has images, files of every kind and a note; and its ids."""
    messy = load_messy()
    client = TrackingClient(str(tmp_path_factory.mktemp("kept") / "tracking.db"))
    experiment = client.create_experiment("one")
    ids = {"broken": client.create_run(experiment, run_name="broken").info.run_id}
    fail(client, messy, ids["broken"])
    for name, steps in (("other", (0, 5)), ("first", (0, 5, 10))):
        run_id = client.create_run(experiment, run_name=name).info.run_id
        client.log_params(run_id, {f"layers.{n}.rate": str(n) for n in range(30)} | {"lr": "0.1"})
        client.set_tag(run_id, "team", "red")
        client.set_tag(run_id, "tracker.command", f"python train.py --name {name}")
        for step in steps:
            gray = np.full((8, 8, 3), 20 * step, dtype="uint8")
            client.log_image(run_id, gray, key="val/samples", step=step)
            client.log_metric(run_id, "val_loss", 1 / (step + 1), step=step)
        ids[name] = run_id
    for path, text in {
        "page.html": HOSTILE,
        "deep/drawing.svg": SVG,
        "notes.md": messy.NOTE,
    }.items():
        client.log_text(run_id, text, path)
    folder = tmp_path_factory.mktemp("files")
    for name, content in {"x.pdf": messy.PDF, "tone.wav": messy.tone()}.items():
        (folder / name).write_bytes(content)
        client.log_artifact(run_id, str(folder / name))
    for name in ("other", "first"):
        client.set_terminated(ids[name])
    return client, ids


def fail(client, messy, run_id):
    message = "CUDA out of memory"
    for key, text in {
        "tracker.exception.type": "RuntimeError",
        "tracker.exception.message": message,
        "tracker.failure_reason": f"RuntimeError: {message}",
    }.items():
        client.set_tag(run_id, key, text)
    client.log_text(run_id, messy.TRACEBACK, "exception.txt")
    client.log_text(run_id, "\n".join(f"step {n} " for n in range(20)), "output.log")
    client.set_terminated(run_id, "FAILED")


@pytest.fixture
def page(kept, serve, visit):
    """Opens the page of the newest run: `page(part='Files')`."""
    client, ids = kept

    def open_page(**query):
        query = {"run": ids["first"][:8]} | query
        said = "&".join(f"{key}={value}" for key, value in query.items())
        path = Path(client.tracking_uri.removeprefix("sqlite:///"))
        return visit(serve(path)).open(f"run?{said}")

    return open_page


def opened(visitor, name):
    """Click a file's name in the tree, and wait until it is shown."""
    visitor.page.get_by_role("treeitem", name=name).get_by_text(name, exact=True).click()
    visitor.page.get_by_test_id("stMarkdown").get_by_text(name).wait_for()
    return visitor.settle()


def test_a_click_on_the_name_of_a_file_opens_it_and_back_returns(page):
    visitor = page(part="Files", file="notes.md")
    visitor.page.get_by_role("heading", name="What I tried").wait_for()
    opened(visitor, "tone.wav")
    visitor.page.locator("audio").wait_for()
    opened(visitor, "x.pdf")
    visitor.page.wait_for_function(
        "() => document.querySelector('[data-testid=stImage] img')?.naturalWidth > 100"
    )
    visitor.page.reload()
    visitor.settle()
    chosen = visitor.page.locator("[role=treeitem][aria-selected=true]")
    expect(chosen).to_contain_text("x.pdf")
    visitor.page.go_back()
    visitor.page.locator("audio").wait_for()
    expect(chosen).to_contain_text("tone.wav")
    visitor.check()


def test_a_link_of_an_earlier_edition_opens_the_files(page):
    visitor = page(part="Artifacts", file="notes.md")
    visitor.page.get_by_role("heading", name="What I tried").wait_for()
    expect(visitor.page.get_by_role("tab", name="Files")).to_have_attribute("aria-selected", "true")
    visitor.check()


def test_folders_are_opened_and_closed_by_a_click_and_by_keys(page):
    visitor = page(part="Files", file="notes.md")
    drawing = visitor.page.get_by_role("treeitem", name="drawing.svg")
    folder = visitor.page.get_by_role("treeitem", name="deep")
    drawing.wait_for()
    folder.click()
    expect(drawing).to_have_count(0)
    visitor.page.get_by_role("tree").focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_test_id("stMarkdown").get_by_text("deep/drawing.svg").wait_for()
    visitor.page.get_by_label("Find a file").fill("tone")
    expect(visitor.page.get_by_role("treeitem")).to_have_count(1)
    visitor.check()


@pytest.mark.parametrize("name", ["page.html", "drawing.svg"])
def test_a_hostile_page_or_drawing_is_shown_and_can_do_nothing(page, name):
    visitor = page(part="Files", file="notes.md")
    asked = []
    visitor.page.on("requestfinished", lambda request: asked.append(request.url))
    opened(visitor, name)
    if name == "page.html":
        frame = visitor.page.frame_locator("iframe")
        frame.get_by_role("heading", name="Report").wait_for()
        frame.get_by_role("link", name="away").click()
        frame.get_by_role("button", name="Send").click()
        visitor.page.get_by_role("treeitem", name="page.html").wait_for()
    else:
        visitor.page.get_by_alt_text("The drawing").wait_for()
    assert visitor.page.evaluate("window.hacked") is None
    assert [url for url in asked if "evil" in url] == []
    assert visitor.page.url.startswith(visitor.address)


def test_images_are_stepped_through_and_seen_beside_those_of_other_runs(page):
    visitor = page()
    card = visitor.page.get_by_role("region", name="val/samples")
    slider = card.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "step 10")
    card.get_by_role("button", name="Step 5").click()
    expect(slider).to_have_attribute("aria-valuetext", "step 5")
    slider.press("ArrowLeft")
    expect(card.get_by_alt_text("val/samples, step 0, first")).to_have_js_property(
        "naturalWidth", 8
    )
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    card.get_by_role("button", name="all 2 shown runs").click()
    expect(card.get_by_alt_text("val/samples, step 5, other")).to_have_js_property(
        "naturalWidth", 8
    )
    visitor.check()


def test_a_failed_run_shows_its_exception_and_the_last_lines_of_its_output(kept, page):
    visitor = page(run=kept[1]["broken"][:8])
    block = visitor.page.get_by_role("region", name="Why it failed")
    expect(block).to_contain_text("RuntimeError CUDA out of memory")
    expect(block).to_contain_text('File "train.py", line 73, in main')
    expect(block).to_contain_text("step 19")
    expect(block).not_to_contain_text("step 3 ")
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    block.get_by_role("button", name="Copy traceback").click()
    visitor.page.wait_for_function(
        "() => navigator.clipboard.readText()"
        ".then((text) => /^Traceback[^]*CUDA out of memory/.test(text))"
    )
    visitor.check()


def test_one_field_narrows_parameters_and_metrics_and_marks_what_was_found(page):
    visitor = page()
    visitor.page.get_by_label("Filter metrics, parameters and tags").fill("layers.1")
    region = visitor.page.get_by_role("region", name="Parameters")
    expect(region).to_contain_text("11 of 31 match")
    expect(region.locator("mark").first).to_have_text("layers.1")
    expect(visitor.page.get_by_role("region", name="Metrics")).to_contain_text("none matches")
    head = region.get_by_role("columnheader", name="Value")
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(region.get_by_role("rowheader").first).to_have_text("layers.19.rate")
    visitor.check()


def test_name_and_tags_are_edited_in_place_and_the_fields_close(kept, page):
    client, ids = kept
    visitor = page()
    visitor.page.get_by_role("button", name="Rename").click()
    field = visitor.page.get_by_label("Name", exact=True)
    field.fill("a better name")
    field.press("Enter")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("a better name")
    expect(field).to_have_count(0)
    visitor.page.get_by_role("button", name="Change the tag team red").click()
    tag = visitor.page.get_by_label("Tag: key value")
    tag.fill("team blue sky")
    tag.press("Enter")
    visitor.page.get_by_role("button", name="Change the tag team blue sky").wait_for()
    expect(tag).to_have_count(0)
    visitor.page.get_by_role("button", name="Remove the tag team").click()
    expect(visitor.page.get_by_role("button", name="Remove the tag team")).to_have_count(0)
    run = client.get_run(ids["first"])
    assert (run.info.run_name, "team" in run.data.tags) == ("a better name", False)
    client.update_run(ids["first"], name="first")
    visitor.check()


def test_the_id_and_the_command_are_copied(kept, page):
    visitor = page()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name, text in (("Copy id", kept[1]["first"]), ("Rerun", "python train.py --name first")):
        visitor.page.get_by_role("button", name=name).click()
        visitor.page.wait_for_function(
            "text => navigator.clipboard.readText().then((copied) => copied === text)", arg=text
        )
    visitor.check()


def test_a_run_is_deleted_leaves_list_and_link_and_comes_back(kept, page):
    client, ids = kept
    visitor = page(runs=f"{ids['first'][:8]},{ids['other'][:8]}")
    visitor.page.get_by_role("button", name="Delete", exact=True).click()
    visitor.page.get_by_text("Deleted", exact=True).wait_for()
    expect(visitor.page.locator(".row").filter(has_text="first")).to_have_count(0)
    visitor.page.wait_for_url(lambda url: ids["first"][:8] not in url.partition("runs=")[2][:20])
    visitor.page.get_by_role("button", name="Restore").click()
    visitor.page.get_by_text("Finished", exact=True).wait_for()
    visitor.page.locator(".row").filter(has_text="first").wait_for()
    assert client.get_run(ids["first"]).info.lifecycle_stage == "active"
    visitor.check()


def test_the_arrows_turn_to_the_runs_before_and_after_in_the_list(kept, page):
    visitor = page(sort="Started")
    visitor.page.get_by_role("button", name="Next run of the list").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("other")
    visitor.page.wait_for_url(f"**run={kept[1]['other'][:8]}**")
    visitor.page.get_by_role("button", name="Previous run of the list").click()
    expect(visitor.page.get_by_role("button", name="Previous run of the list")).to_be_disabled()
    visitor.check()
