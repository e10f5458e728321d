"""Configurations: baseline, deltas, axes, parameters that are text."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from streamlit.testing.v1 import AppTest

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


def titles(table):
    return {key: column.get("label") for key, column in json.loads(table.proto.columns).items()}


def test_the_baseline_stands_first_and_is_named_as_such(page, study_of_three):
    run_ids = study_of_three[1]
    page.query_params["baseline"] = run_ids[1]
    shown = page.run()
    for table in (shown.dataframe[0], shown.dataframe[1]):
        assert list(table.value.columns[1:]) == [run_ids[1], run_ids[0], run_ids[2]]
        assert titles(table)[run_ids[1]].endswith("(baseline)")
        assert not titles(table)[run_ids[0]].endswith("(baseline)")


def test_all_differences_of_a_metric_have_as_many_decimals(page):
    texts = page.run().dataframe[1].value.iloc[0, 1:]
    assert list(texts) == ["1.0000", "1.0034  (+0.0034)", "0.8116  (-0.1884)"]


def test_a_difference_that_its_decimals_would_hide_is_written_with_an_exponent():
    import pandas as pd

    from dashboard.pages.compare import _with_deltas

    assert _with_deltas(pd.Series({"a": 0.5, "b": 0.50001}), "a")[1] == "0.5000  (+1e-05)"


def test_the_page_opens_on_a_parameter_that_is_a_number(page):
    shown = page.run()
    assert shown.selectbox(key="x").value == "a_size"


def test_a_seed_is_no_more_telling_than_what_was_chosen():
    import pandas as pd

    from dashboard.pages.compare import _by_interest

    params = {"seed": pd.Series(["1", "2", "3"]), "lr": pd.Series(["0.1", "0.1", "1"])}
    assert list(_by_interest(params)) == ["lr", "seed"]


def test_a_parameter_that_is_text_is_drawn_as_a_strip(page):
    shown = page.run()
    shown.selectbox(key="x").select("model").run()
    drawn = shown.get("vega_lite_chart")[1].proto.spec
    assert json.loads(drawn)["encoding"]["x"]["type"] == "nominal"


def test_labels_at_the_ends_of_an_axis_stand_under_their_ticks(page):
    for chart in page.run().get("vega_lite_chart"):
        assert json.loads(chart.proto.spec)["config"]["axis"]["labelFlush"] is False


def test_settings_with_few_choices_have_an_axis_unasked_and_paths_do_not(page):
    shown = page.run()
    drawn = json.loads(shown.get("vega_lite_chart")[0].proto.spec)
    axes = drawn["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert axes == ["augment", "a_size", "model", "b_size", "c_size", "d_size", "val_loss"]
    shown.multiselect(key="axes").select("checkpoint").select("val_loss").run()
    drawn = json.loads(shown.get("vega_lite_chart")[0].proto.spec)
    assert drawn["layer"][0]["encoding"]["x"]["scale"]["domain"] == ["checkpoint", "val_loss"]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (["0.1", "–", "0.3"], [0.0, None, 1.0]),
        (["sgd", "adam", "–"], [1.0, 0.0, None]),
        ([0.5, float("nan"), 0.5], [0.5, None, 0.5]),
    ],
)
def test_a_run_without_a_value_has_no_place_on_its_axis(values, places):
    import pandas as pd

    from dashboard.pages.compare import _positions

    found = _positions(pd.Series(values, dtype="object"))
    assert [None if pd.isna(place) else place for place in found] == places


@pytest.mark.browser
@pytest.mark.slow
def test_long_texts_leave_room_for_the_lines(study_of_three, serve, visit):
    address = "configurations?axes=notes&axes=checkpoint&axes=model&axes=val_loss"
    visitor = visit(serve(study_of_three[0])).open(address)
    visitor.charts()
    chart = visitor.page.get_by_test_id("stVegaLiteChart").first
    lines = chart.locator("g.mark-line path").first.bounding_box()
    assert lines["width"] > 150
    texts = chart.locator("g.mark-text text")
    boxes = sorted(
        (texts.nth(n).bounding_box() for n in range(texts.count())), key=lambda b: b["x"]
    )
    top = min(box["y"] for box in boxes)
    row = [box for box in boxes if abs(box["y"] - top) < 4]
    assert len(row) == 4
    assert all(one["x"] + one["width"] <= two["x"] for one, two in pairwise(row))
    visitor.check()
