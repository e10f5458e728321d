"""Configurations: baseline, deltas, axes, parameters that are text."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from PIL import Image
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from dashboard import comparison, view
from dashboard.comparison import Comparison
from dashboard.pages.compare import _by_interest
from dashboard.source import open_source
from dashboard.view_state import ViewState
from dashboard.widgets import parallel

PATHS = [f"/data/project/checkpoints/2025-11-2{n}/resnet50/epoch=12-step=400{n}" for n in range(3)]


def configurations_page(path, run_ids):
    from pathlib import Path

    import streamlit as st

    from dashboard import view
    from dashboard.pages import compare
    from dashboard.source import open_source

    found = view.only(open_source(Path(path)), run_ids)
    found.state.baseline = st.query_params.get("baseline", "")
    compare.show(found)


@pytest.fixture
def study_of_three(written, study):
    """A database of three runs with parameters of many kinds, and the runs' ids."""
    path, connection = written
    run_ids = [study.add_run(connection, f"run {number}") for number in range(3)]
    for number, run_id in enumerate(run_ids):
        for name in "abcdefg":
            study.add_param(connection, run_id, f"{name}_size", 2**number)
        study.add_param(connection, run_id, "checkpoint", PATHS[number])
        study.add_param(connection, run_id, "augment", number > 0)
        study.add_param(connection, run_id, "model", ["mlp", "mlp", "cnn"][number])
        study.add_param(connection, run_id, "notes", str(number) + "x" * 240)
        study.add_metric(connection, run_id, "val_loss", [1 + [0.0, 0.0034, -0.1884][number]])
    return path, run_ids


@pytest.fixture
def page(study_of_three):
    """The page of these runs, not yet run."""
    path, run_ids = study_of_three
    args = (str(path), run_ids)
    return AppTest.from_function(configurations_page, default_timeout=30, args=args)


def compared(path, run_ids, **state):
    """The grid of the shown runs: heads, and rows by name."""
    found = view.build(open_source(path), ViewState(shown=list(run_ids), **state))
    return Comparison(found)


def texts(cells):
    return [None if cell is None else (cell.text, cell.delta, cell.verdict) for cell in cells]


def test_the_baseline_stands_first_and_is_named_as_such(study_of_three):
    path, run_ids = study_of_three
    columns, _ = compared(path, run_ids, baseline=run_ids[1]).by_column()
    assert columns[0].title == "run 1"
    assert [column.note for column in columns] == ["1 run · baseline", "1 run", "1 run"]
    assert [column.is_tinted for column in columns] == [True, False, False]


def test_all_differences_of_a_metric_have_as_many_decimals_and_say_what_is_better(study_of_three):
    path, run_ids = study_of_three
    cells = compared(path, run_ids, baseline=run_ids[0], group="none").result_cells("val_loss")
    assert sorted(texts(cells)) == [
        ("0.8116", "▼ 0.1884", "good"),
        ("1.0000", "", ""),
        ("1.0034", "△ 0.0034", "bad"),
    ]
    assert [cell.emphasis for cell in cells if cell.text == "0.8116"] == ["best"]


def test_a_difference_that_its_decimals_would_hide_is_written_with_an_exponent(written, study):
    path, connection = written
    run_ids = [study.add_run(connection, name) for name in "ab"]
    for run_id, value in zip(run_ids, (0.5, 0.50001), strict=True):
        study.add_metric(connection, run_id, "acc", [value])
    cells = compared(path, run_ids, baseline=run_ids[0]).result_cells("acc")
    assert texts(cells)[1] == ("0.5000", "▲ 1e-05", "good")


def test_a_group_is_one_column_with_mean_and_deviation(written, study):
    path, connection = written
    run_ids = []
    for lr, accuracies in (("0.1", (0.90, 0.92)), ("0.2", (0.5,))):
        for seed, accuracy in enumerate(accuracies):
            run_id = study.add_run(connection, f"lr {lr}")
            study.add_param(connection, run_id, "lr", lr)
            study.add_param(connection, run_id, "seed", seed)
            study.add_metric(connection, run_id, "acc", [accuracy])
            run_ids.append(run_id)
    found = compared(path, run_ids, baseline=run_ids[2])
    columns, rows = found.by_column()
    assert [(c.title, c.note, c.is_square) for c in columns] == [
        ("lr 0.2", "1 run · baseline", False),
        ("lr 0.1", "mean of 2 runs", True),
    ]
    acc = next(row for row in rows if row.name == "acc").cells[1]
    assert (acc.text, acc.small, acc.delta) == ("0.9100", "± 0.0141", "▲ 0.4100")


def test_parameters_that_differ_stand_out_and_equal_ones_are_folded(study_of_three):
    path, run_ids = study_of_three
    _, rows = compared(path, run_ids, baseline=run_ids[0], group="none").by_column()
    by_name = {row.name: row for row in rows}
    assert [cell.emphasis for cell in by_name["model"].cells] in (
        ["", "muted", "strong"],
        ["", "strong", "muted"],
    )
    assert by_name["model"].parent == "differ"


def test_more_than_eight_runs_are_rows_with_bars_the_baseline_pinned(written, study):
    path, connection = written
    run_ids = [study.add_run(connection, f"run {number}") for number in range(9)]
    for number, run_id in enumerate(run_ids):
        study.add_metric(connection, run_id, "acc", [number / 8])
    found = compared(path, run_ids, baseline=run_ids[4])
    assert not comparison.columns_fit(found.entries)
    _, rows = found.by_row()
    assert [row.is_pinned for row in rows] == [True, *[False] * 8]
    assert {row.name: row.cells[0].bar for row in rows}["run 8"] == 1.0
    assert {row.name: row.cells[0].bar for row in rows}["run 0"] == 0.0


def test_a_filter_leaves_the_rows_that_hold_its_words(study_of_three):
    path, run_ids = study_of_three
    found = Comparison(view.build(open_source(path), ViewState(shown=list(run_ids))), "A size")
    assert (found.metrics, found.differing) == ([], ["a_size"])


def test_the_page_opens_on_a_parameter_that_is_a_number(page):
    shown = page.run()
    assert shown.selectbox(key="x").value == "a_size"


def test_a_seed_is_no_more_telling_than_what_was_chosen():
    params = {"seed": ["1", "2", "3"], "lr": ["0.1", "0.1", "1"]}
    assert _by_interest(params) == ["lr", "seed"]


def test_a_parameter_that_is_text_is_drawn_as_a_strip(page):
    shown = page.run()
    shown.selectbox(key="x").select("model").run()
    drawn = shown.get("vega_lite_chart")[0].proto.spec
    assert json.loads(drawn)["encoding"]["x"]["type"] == "nominal"


def test_labels_at_the_ends_of_an_axis_stand_under_their_ticks(page):
    for chart in page.run().get("vega_lite_chart"):
        assert json.loads(chart.proto.spec)["config"]["axis"]["labelFlush"] is False


def drawn_axes(test):
    """The titles of the axes of the parallel coordinates, and the whole of what is drawn."""
    (found,) = [
        element.proto
        for element in test.get("bidi_component")
        if element.proto.component_name == "parallel"
    ]
    data = json.loads(found.json)
    return [axis["title"] for axis in data["axes"]], data


def test_settings_with_few_choices_have_an_axis_unasked_and_paths_do_not(page):
    titles, data = drawn_axes(page.run())
    assert titles == ["augment", "a_size", "model", "b_size", "c_size", "d_size", "val_loss"]
    assert data["objective"] == "val_loss"
    assert {line["label"]: line["score"] for line in data["lines"]}["run 2"] == 1, "less is better"
    page.multiselect(key="axes").select("checkpoint").select("val_loss").run()
    assert drawn_axes(page)[0] == ["checkpoint", "val_loss"]


@pytest.mark.parametrize(
    ("values", "title", "places"),
    [
        (["0.1", None, "0.3"], "x", [0.0, None, 1.0]),
        (["sgd", "adam", None], "x", [1.0, 0.0, None]),
        (["16", "64", "32"], "x", [0.0, 1.0, 0.5]),
        ([0.5, float("nan"), 0.5], "x", [0.5, None, 0.5]),
        ([0.01, 1.0, 0.1], "x (log)", [0.0, 1.0, 0.5]),
        ([-1.0, 1.0, 0.0], "x", [0.0, 1.0, 0.5]),
    ],
)
def test_each_value_has_its_place_on_an_axis_and_a_gap_has_none(values, title, places):
    found = parallel.axis("x", values, is_metric=not isinstance(values[0], str))
    assert found.title == title
    assert found.places == places


def test_a_range_of_an_axis_leaves_the_lines_that_cross_it():
    axes = [parallel.axis("a", [1.0, 2.0, None], is_metric=True)]
    assert parallel.within(axes, {"a": [0.5, 1.0], "gone": [0.0, 0.1]}, 3) == [False, True, False]


@pytest.fixture
def many(written, study):
    """A database of twelve runs whose learning rates span decades."""
    path, connection = written
    for number in range(12):
        run_id = study.add_run(connection, f"run {number}")
        study.add_param(connection, run_id, "lr", 10.0 ** -(number / 2))
        study.add_param(connection, run_id, "model", "cnn" if number % 2 else "mlp")
        study.add_metric(connection, run_id, "test_accuracy", [0.5 + number / 30])
    run_ids = [run_id for (run_id,) in connection.execute("SELECT run_uuid FROM runs")]
    return path, ",".join(run_id[:8] for run_id in run_ids)


@pytest.mark.browser
@pytest.mark.slow
def test_a_drag_on_an_axis_leaves_the_runs_within_and_the_table_follows(many, serve, visit):
    path, run_ids = many
    visitor = visit(serve(path)).open(f"compare?runs={run_ids}&group=none")
    chart, rows = visitor.page.locator(".parallel"), visitor.page.locator(".grid .row")
    expect(rows).to_have_count(12)
    assert chart.bounding_box()["width"] > 900
    axis = chart.get_by_role("slider", name="lr (log)")
    box = axis.locator(".grip").bounding_box()
    x, top = box["x"] + box["width"] / 2, box["y"] + 6
    visitor.page.mouse.move(x, top)
    visitor.page.mouse.down()
    visitor.page.mouse.move(x, top + 60, steps=3)
    visitor.page.mouse.up()
    chip = chart.get_by_role("button", name=re.compile(r"^lr \(log\) 0\.\d+ to 1 ×$"))
    expect(chip).to_be_visible()
    expect(chart.locator(".left")).to_have_text("4 of 12")
    # The baseline stays in the table, wherever it lies.
    expect(rows).to_have_count(5)
    expect(chart.locator("path.out")).to_have_count(8)
    visitor.page.wait_for_url("**range=lr+%28log%29~*")
    visitor.page.reload()
    expect(rows).to_have_count(5)
    chip.click()
    expect(rows).to_have_count(12)
    visitor.page.wait_for_url(lambda address: "range=" not in address)
    visitor.check()


@pytest.mark.browser
@pytest.mark.slow
def test_a_range_is_chosen_with_the_keyboard_and_a_line_says_its_run(many, serve, visit):
    path, run_ids = many
    visitor = visit(serve(path)).open(f"compare?runs={run_ids}&group=none")
    chart = visitor.page.locator(".parallel")
    axis = chart.get_by_role("slider", name="test_accuracy")
    axis.focus()
    visitor.page.keyboard.press("ArrowUp")
    expect(chart.locator(".left")).to_have_text("6 of 12")
    expect(axis).to_have_attribute("aria-valuetext", "0.683 to 0.867")
    visitor.page.keyboard.press("Escape")
    expect(axis).to_have_attribute("aria-valuetext", "all")
    box = axis.locator(".grip").bounding_box()
    visitor.page.mouse.move(box["x"] + box["width"] / 2 - 4, box["y"] + 6)
    expect(chart.locator(".tip")).to_have_text("run 11")
    expect(visitor.page.locator(".list .row.lifted")).to_contain_text("run 11")
    visitor.page.locator(".grid .row", has_text="run 3").hover()
    expect(chart.locator("path.near")).to_have_count(1)
    with visitor.page.expect_download() as caught:
        chart.get_by_role("button", name="PNG").click()
    assert caught.value.suggested_filename == "parallel_test_accuracy.png"
    picture = Image.open(caught.value.path()).convert("RGB")
    assert picture.width > 1800
    assert len(picture.getcolors(maxcolors=1 << 24)) > 50, "it is not blank"
    visitor.check()


@pytest.mark.browser
@pytest.mark.slow
def test_long_texts_leave_room_for_the_lines(study_of_three, serve, visit):
    address = "compare?axes=notes&axes=checkpoint&axes=model&axes=val_loss"
    visitor = visit(serve(study_of_three[0])).open(address)
    texts = visitor.page.locator(".parallel .title")
    expect(texts).to_have_count(4)
    ticks = visitor.page.locator(".parallel .axis > text")
    boxes = [ticks.nth(n).bounding_box() for n in range(ticks.count())]
    rows = [[b for b in boxes if abs(b["y"] - y) < 4] for y in {round(b["y"]) for b in boxes}]
    for row in rows:
        ordered = sorted(row, key=lambda box: box["x"])
        assert all(one["x"] + one["width"] <= two["x"] for one, two in pairwise(ordered))
    visitor.check()
