"""What a chart of curves is drawn from, and what is read in it."""

from __future__ import annotations

import bisect
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dashboard import smoothing, view
from dashboard.curves import lines
from dashboard.curves import table as curve_table
from dashboard.curves.table import Best, Odd, Points, Series
from dashboard.source import open_source

STARTS = st.lists(st.integers(0, 40), unique=True, max_size=8).map(sorted)


@pytest.fixture
def written(written):
    """A database, a connection that writes it, and what draws one metric of some of its runs."""
    path, connection = written

    def read(*run_ids, keys=("loss",), axis="step"):
        return lines.read(view.build(open_source(path), None, run_ids), keys, axis)

    return connection, read


def of_kind(table, kind):
    return table[table["kind"] == kind].reset_index(drop=True)


def said(table, level=0):
    """What the chart's table says of its first line in each cell, as the browser reads it."""
    line = of_kind(table, "line").iloc[0]
    path = line[f"s{level}"].split(" ")
    kinds = line["odd"].split(" ") if isinstance(line["odd"], str) else None
    texts = []
    for number, point in enumerate(line["at"].split(" ")):
        value = f"{line['y0'] + float(path[2 * int(point) + 1]):g}" if point else ""
        texts.append(f"{value} {kinds[number] if kinds else ''}".strip())
    return texts


def line_of(values, run_id="r", part="", **given):
    """A line with a point at each step."""
    x = np.arange(len(values), dtype="float64")
    mean = np.array(values, dtype="float64")
    points = Points(x, x, mean, mean, smoothing.levels(mean))
    nothing = Odd(np.array([]), np.array([]), [])
    made = {"points": points, "stride": 1.0, "odd": nothing} | given
    return Series(run_id, run_id, "#123456", part, **made)


def test_the_best_point_is_where_it_was_logged_and_not_in_the_middle_of_its_bucket(written, study):
    connection, read = written
    run_id = study.add_run(connection, "long")
    values = [1.0] * 10_000
    values[3_333] = 0.0
    study.add_metric(connection, run_id, "loss", values, 0)
    (line,) = read(run_id).series
    assert line.best == (3_328, 3_333, 0.0)
    table = curve_table.table([line], log=False)
    cell = of_kind(table, "cell").loc[of_kind(table, "line")["best_cell"].item()]
    assert cell["start"] <= 3_333 < cell["end"]
    assert cell["low"] == 0.0


@pytest.mark.parametrize(("axis", "x"), [("relative", 2.4), ("wall", 1_760_000_002_400.0)])
def test_the_best_point_is_where_it_was_logged_in_time_too(written, study, axis, x):
    connection, read = written
    run_id = study.add_run(connection, "short")
    study.add_metric(connection, run_id, "val_accuracy", [0.5, 0.7, 0.9, 0.8])
    study.add_metric(connection, run_id, "train_accuracy", [0.5, 0.7, 0.9, 1.0])
    train, validation = read(run_id, keys=["train_accuracy", "val_accuracy"], axis=axis).series
    assert validation.best[1:] == (x, 0.9)
    assert train.best is None


def test_a_best_value_of_zero_has_no_mark_on_a_logarithmic_axis_but_is_read():
    table = curve_table.table([line_of([1.0, 0.0, 0.5], best=Best(1.0, 1.0, 0.0))], log=True)
    line = of_kind(table, "line").iloc[0]
    assert line["best_y"] is None
    assert (line["best"], line["best_cell"]) == (0.0, 1)


def test_on_a_logarithmic_axis_a_line_is_in_powers_of_ten_and_leaves_out_what_is_not_above_zero():
    table = curve_table.table([line_of([100.0, -1.0, 0.0, 0.001])], log=True)
    assert of_kind(table, "line")["s0"].item() == "0 2 3 -3"
    cells = of_kind(table, "cell")
    assert (cells["low"].min(), cells["high"].max()) == (-3, 2)


def test_where_nan_was_logged_it_is_read_instead_of_the_number_before(written, study):
    connection, read = written
    run_id = study.add_run(connection, "diverged")
    values = [1.0, math.nan, -math.inf, 4.0, 5.0, math.nan]
    study.add_metric(connection, run_id, "loss", values, 0)
    table = curve_table.table(read(run_id).series, log=False)
    assert said(table) == ["1", "NaN", "-∞", "4", "5", "NaN"]
    assert of_kind(table, "odd")["x"].tolist() == [1, 2, 5]


def test_a_bucket_with_numbers_and_nan_says_both():
    line = line_of([1.0, 2.0], stride=10.0, odd=Odd(np.array([1.0]), np.array([3.0]), ["NaN"]))
    assert said(curve_table.table([line], log=False)) == ["1", "2 NaN"]


@given(points=STARTS, odd=STARTS, cells=STARTS, stride=st.integers(1, 12))
def test_a_line_says_in_each_cell_what_was_logged_last_before_it_ends(points, odd, cells, stride):
    starts = np.array(points, dtype="float64")
    nowhere = np.full(len(points), np.nan)
    line = Series(
        "r",
        "r",
        "#123456",
        "",
        Points(starts, starts, nowhere, nowhere, nowhere[np.newaxis]),
        float(stride),
        Odd(np.array(odd, dtype="float64"), np.array(odd, dtype="float64"), [f"o{n}" for n in odd]),
    )
    found = curve_table._readings(line, np.array(cells, dtype="float64"))
    ends = max([*points, *odd], default=-math.inf) + stride
    for number, cell in enumerate(cells):
        events = [start for start in (*points, *odd) if start <= cell < ends]
        last = max(events, default=None)
        index = bisect.bisect_right(points, cell) - 1
        assert found["at"].split(" ")[number] == (str(index) if last in points else "")
        if odd:
            assert found["odd"].split(" ")[number] == (f"o{last}" if last in odd else "")


def test_values_that_differ_little_from_each_other_keep_their_difference():
    table = curve_table.table([line_of([1000.0001, 1000.0002, 1000.0003])], log=False)
    line = of_kind(table, "line").iloc[0]
    drawn = [float(y) for y in line["s0"].split(" ")[1::2]]
    assert drawn == pytest.approx([0, 1e-4, 2e-4], rel=1e-4)
    assert line["y0"] == 1000.0001


def test_a_smoothed_line_is_inside_the_bounds_of_its_cells():
    table = curve_table.table([line_of([9.0] * 50 + [0.0] * 50)], log=False)
    cells = of_kind(table, "cell")
    for level in range(smoothing.LEVELS):
        path = of_kind(table, "line")[f"s{level}"].item().split(" ")
        drawn = np.array(path[1::2], dtype="float64")
        assert (drawn >= cells["low"] - 1e-4).all()
        assert (drawn <= cells["high"] + 1e-4).all()


@pytest.mark.parametrize(("count", "are_shown"), [(6, True), (7, False)])
def test_only_few_lines_have_bands(count, are_shown):
    many = [line_of(range(100), f"run {number}") for number in range(count)]
    assert ("band" in curve_table.table(many, log=False)) is are_shown


def test_a_single_point_is_a_dot_also_beside_long_lines():
    table = curve_table.table([line_of(range(100), "long"), line_of([7.0], "short")], log=False)
    assert of_kind(table, "line")["dots"].fillna("").tolist() == ["", "M0 7l0 0"]


def test_a_run_is_ranked_by_what_models_are_judged_by_or_by_what_there_is():
    parts = [("a", "train"), ("a", "validation"), ("b", "train")]
    table = curve_table.table([line_of([1.0, 2.0], *who) for who in parts], log=False)
    found = of_kind(table, "line")[["part", "column", "lead"]].to_numpy().tolist()
    assert found == [["train", 1, False], ["validation", 0, True], ["train", 1, True]]


def test_runs_without_any_steps_are_drawn_over_time_with_a_word_about_it(written, study):
    connection, read = written
    run_ids = [study.add_run(connection, name) for name in ("first", "second")]
    for run_id in run_ids:
        add_without_steps(connection, study, run_id, 500)
    found = read(*run_ids)
    assert [len(line.points.x) > 100 for line in found.series] == [True, True]
    assert (found.axis, found.note) == ("relative", "Logged without steps: drawn over time.")


def test_a_run_without_steps_beside_others_is_named_instead_of_drawn_as_a_dot(written, study):
    connection, read = written
    run_ids = [study.add_run(connection, name) for name in ("with", "without")]
    study.add_metric(connection, run_ids[0], "loss", [3.0, 2.0, 1.0])
    add_without_steps(connection, study, run_ids[1], 500)
    found = read(*run_ids)
    assert [line.run_id for line in found.series] == [run_ids[0]]
    assert found.axis == "step"
    assert "without · " in found.note
    assert [line.run_id for line in read(*run_ids, axis="relative").series] == run_ids


def add_without_steps(connection, study, run_id, count):
    connection.executemany(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value) VALUES (?, 'loss', 0, ?, ?)",
        [(run_id, study.BEGUN + 20 * number, 1 / (1 + number)) for number in range(count)],
    )


def curves_page(path, run_ids):
    from pathlib import Path

    from dashboard import view
    from dashboard.pages import curves
    from dashboard.source import open_source

    curves.show(view.build(open_source(Path(path)), None, tuple(run_ids)))


@pytest.fixture
def page(tmp_path, study):
    """Runs the page of training curves for the first of three runs of some length."""
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    study.add_experiment(connection, 1, "one")
    run_ids = [study.add_run(connection, f"run {number}") for number in range(3)]
    for run_id in run_ids:
        for key in ("train_loss", "val_loss", "val_accuracy"):
            study.add_metric(connection, run_id, key, [1 / (1 + n) for n in range(100)])
    connection.close()

    def run(count):
        args = (str(path), run_ids[:count])
        return AppTest.from_function(curves_page, default_timeout=30, args=args).run()

    return run


def test_another_selection_keeps_the_charts_and_their_zoom(page):
    two, three = (
        [(chart.proto.spec, chart.proto.alt) for chart in page(count).get("vega_lite_chart")]
        for count in (2, 3)
    )
    assert len(two) == 2
    assert two == three


def test_one_slider_smooths_all_charts(page):
    shown = page(2)
    assert sum('type="range"' in element.proto.body for element in shown.get("html")) == 1
    bound = [
        json.loads(chart.proto.spec)["signals"][0]["bind"]["element"]
        for chart in shown.get("vega_lite_chart")
    ]
    assert bound == ["#smoothing-curve"] * 2


def legend_of(shown):
    """The signs in the legend above the charts."""
    html = next(
        element.proto.body for element in shown.get("html") if "run 0" in element.proto.body
    )
    return [sign for sign in ("best", "least to greatest", "NaN or ∞") if sign in html]


def test_the_legend_says_what_the_signs_mean_that_are_there(page, tmp_path, study):
    assert legend_of(page(2)) == ["best", "least to greatest"]
    connection = study.connect(tmp_path / "tracking.db")
    for number in range(3, 8):
        run_id = study.add_run(connection, f"run {number}")
        study.add_metric(connection, run_id, "loss", [math.nan, 1.0])
    run_ids = [row[0] for row in connection.execute("SELECT run_uuid FROM runs ORDER BY name")]
    connection.close()
    args = (str(tmp_path / "tracking.db"), run_ids)
    shown = AppTest.from_function(curves_page, default_timeout=30, args=args).run()
    assert legend_of(shown) == ["best", "NaN or ∞"]
