"""What the panels of curves are made of: lines on an axis, sections, bytes, a link."""

from __future__ import annotations

import json
import math
import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.curves import drawn, encoding, lines, zoom
from dashboard.curves.payload import Best, Line, Look, Member, Odd, Panel, Results, Section
from dashboard.queries import histories
from dashboard.source import open_source

NUMBERS = st.floats(-1e6, 1e6, width=32)


@pytest.fixture
def written(written):
    """A database, a connection that writes it, and what reads some metrics of some of its runs."""
    path, connection = written

    def read(*run_ids, keys=("loss",), axis="step", started=0, zoom=None):
        source = open_source(path)
        spans = histories.spans(source, run_ids)
        frame = lines.Frame(source, spans, dict.fromkeys(run_ids, started), axis, zoom)
        return lines.read(frame, run_ids, keys)

    return connection, read


def decoded(data):
    """The head with its columns, as the browser reads them."""
    (size,) = struct.unpack_from("<I", data)
    floats = np.frombuffer(data, "<f4", offset=4 + size)
    head = json.loads(data[4 : 4 + size])
    columns = [
        floats[first : first + count].astype("f8") + origin
        for first, count, origin in head["columns"]
    ]
    for panel in head["panels"]:
        for line in panel["lines"]:
            line |= {name: columns[number] for name, number in line["columns"].items()}
    return head


def sent(*drawn, **look):
    """The head of one panel with these lines."""
    runs = {line.run_id: Member(line.run_id, "#123456") for line in drawn}
    section = Section("", "", [Panel("loss", "", drawn)])
    return decoded(encoding.encoded([section], runs, {}, Look(**look)))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_a_line_arrives_as_it_was_sent_to_seven_digits(points):
    x, y = np.array(points).T
    head = sent(Line("r", "", x, y))
    (line,) = head["panels"][0]["lines"]
    np.testing.assert_allclose(line["x"], x, rtol=1e-6, atol=0.2)
    np.testing.assert_allclose(line["y"], y, rtol=1e-6, atol=0.2)


def test_values_that_differ_little_from_each_other_keep_their_difference():
    x, y = np.arange(3.0), np.array([1000.0001, 1000.0002, 1000.0003])
    head = sent(Line("r", "", x, y))
    drawn = head["panels"][0]["lines"][0]["y"]
    assert np.diff(drawn) == pytest.approx([1e-4, 1e-4], rel=1e-4)


def test_lines_with_points_at_the_same_places_share_them():
    x = np.arange(100.0)
    head = sent(*(Line(f"r{n}", "", x.copy(), x + n) for n in range(5)))
    assert {line["columns"]["x"] for line in head["panels"][0]["lines"]} == {0}
    assert len(head["columns"]) == 5  # y of the first is x again


def test_marks_bests_bands_and_results_travel_with_their_lines():
    x = np.arange(4.0)
    odd = Odd(np.array([2.0]), ["NaN"])
    line = Line("r", "train", x, x, band=(x - 1, x + 1), best=Best(3, 0.5), odd=odd)
    sections = [
        Section("", "", [Panel("loss", "", [line])]),
        Section("Results", "", [Results("f1", [("r", 0.5)], "more")]),
    ]
    head = decoded(encoding.encoded(sections, {"r": Member("r", "#123456")}, {}, Look()))
    (found,) = head["panels"][0]["lines"]
    assert found["best"] == [3, 0.5]
    assert found["x"].tolist() == [0, 1, 2, 2, 3]
    np.testing.assert_equal(found["y"], [0, 1, 2, math.nan, 3])
    assert (found["high"] - found["low"]).tolist() == [2] * 5, "the band goes on"
    panel, results = (panel["html"] for panel in head["panels"])
    assert re.findall(r'path class="([^"]*)"', panel[".lines"]) == [
        "band",
        "trace",
        "best ring",
        "best",
        "odd",
    ]
    assert 'data-ids="r"' in results[".values"]


def test_a_group_is_drawn_as_its_mean_over_all_places_with_one_deviation_around_it():
    ends = {"a": [0.0, 2.0], "b": [0.0, 1.0, 2.0], "c": [0.0, 1.0]}
    heights = {"a": [0.0, 4.0], "b": [2.0, 2.0, 2.0], "c": [4.0, 0.5]}
    found = [Line(run, "", np.array(x), np.array(heights[run])) for run, x in ends.items()]
    runs = {run: Member(run, "#123456", "g" if run != "lone" else "") for run in [*ends, "lone"]}
    alone = Line("lone", "", np.arange(2.0), np.arange(2.0))
    panel = Panel("loss", "", [alone, *found], better="less")
    one, *members, mean = sorted(drawn.drawn(panel, runs, Look()), key=lambda of: of.role != "line")
    assert (one.key, {of.role for of in members}, mean.key) == ("lone", {"member"}, "group g")
    assert mean.line.x.tolist() == [0, 1, 2]
    assert mean.line.y.tolist() == [2, 1.5, 3]
    low, high = mean.line.band
    assert (high - low) / 2 == pytest.approx([2, math.sqrt(0.75), math.sqrt(2)])
    assert mean.line.best == (1, 1.5)
    assert {of.role for of in drawn.drawn(panel, runs, Look(spread="runs"))} == {"line"}


@given(st.lists(NUMBERS, min_size=1, max_size=30), st.floats(0, 1, exclude_max=True))
def test_a_smoothed_value_is_the_mean_of_those_before_it_weighted_by_their_age(values, share):
    y = np.array(values)
    window = max(1.0, share * len(y))
    ages = np.subtract.outer(np.arange(len(y)), np.arange(len(y)))
    weights = np.where(ages < 0, 0, (1 - 2 / (window + 1)) ** np.maximum(ages, 0.0))
    expected = weights @ y / weights.sum(axis=1)
    np.testing.assert_allclose(drawn.smoothed(y, share), expected, rtol=1e-9, atol=1e-6)


def test_one_reading_serves_every_axis(written, study):
    connection, read = written
    run_id = study.add_run(connection, "short")
    study.add_metric(connection, run_id, "val_accuracy", [0.5, 0.7, 0.9, 0.8])
    found = {
        axis: read(run_id, keys=["val_accuracy"], axis=axis, started=study.BEGUN)[0]
        for axis in ("step", "relative", "wall", "share")
    }
    assert found["step"].x.tolist() == [1, 2, 3, 4]
    assert found["relative"].x.tolist() == pytest.approx([0.8, 1.6, 2.4, 3.2])
    begun = study.BEGUN / 1000
    assert found["wall"].x.tolist() == pytest.approx([begun + 0.8 * n for n in range(1, 5)])
    assert found["share"].x.tolist() == pytest.approx([0, 100 / 3, 200 / 3, 100])
    assert [line.best for line in found.values()] == [
        (pytest.approx(x), 0.9) for x in (3, 2.4, begun + 2.4, 200 / 3)
    ]


def test_the_share_of_a_run_counts_the_steps_of_all_its_metrics(written, study):
    connection, read = written
    run_id = study.add_run(connection, "uneven")
    study.add_metric(connection, run_id, "val_loss", [1.0, 0.5], 0)
    study.add_metric(connection, run_id, "train_loss", [1.0] * 11, 0)
    validation, train = read(run_id, keys=["val_loss", "train_loss"], axis="share")
    assert validation.x.tolist() == [0, 10]
    assert train.x[[0, -1]].tolist() == [0, 100]


def test_the_best_point_is_where_it_was_logged_and_not_in_the_middle_of_its_bucket(written, study):
    connection, read = written
    run_id = study.add_run(connection, "long")
    values = [1.0] * 10_000
    values[3_333] = 0.0
    study.add_metric(connection, run_id, "loss", values, 0)
    assert read(run_id)[0].best == (3_333, 0.0)


def test_only_what_models_are_judged_by_has_a_best_point(written, study):
    connection, read = written
    run_id = study.add_run(connection, "both")
    for part in ("train", "val"):
        study.add_metric(connection, run_id, f"{part}_accuracy", [0.5, 0.9])
    train, validation = read(run_id, keys=["train_accuracy", "val_accuracy"])
    assert train.best is None
    assert validation.best == (2, 0.9)


def test_a_metric_without_a_part_is_of_training_beside_one_of_validation(written, study):
    connection, read = written
    run_id = study.add_run(connection, "plain")
    for key in ("loss", "val/loss"):
        study.add_metric(connection, run_id, key, [2.0, 1.0])
    assert [line.part for line in read(run_id, keys=["loss", "val/loss"])] == [
        "train",
        "validation",
    ]
    assert [line.part for line in read(run_id, keys=["loss"])] == [""]


def test_a_resumed_run_is_drawn_from_its_last_attempt_and_the_older_one_is_superseded(
    written, study
):
    connection, read = written
    run_id = study.add_run(connection, "resumed")
    for begun, first, values in ((0, 0, [1.0] * 10), (10**6, 5, [2.0] * 3)):
        connection.executemany(
            "INSERT INTO metrics (run_uuid, key, step, timestamp, value)"
            " VALUES (?, 'loss', ?, ?, ?)",
            [(run_id, first + n, study.BEGUN + begun + n, v) for n, v in enumerate(values)],
        )
    connection.execute(
        "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan)"
        " VALUES (?, 'loss', 2, 0, 7, 0)",
        (run_id,),
    )
    older, line = read(run_id)
    assert (older.is_superseded, older.x.tolist()) == (True, [5, 6, 7, 8, 9])
    assert line.y.tolist() == [1.0] * 5 + [2.0] * 3


@pytest.mark.parametrize(
    ("axis", "ends"), [("step", (0, 499)), ("relative", (0, 9.98)), ("share", (0, 100))]
)
def test_points_logged_without_steps_are_numbered_in_their_order(written, study, axis, ends):
    connection, read = written
    run_id = study.add_run(connection, "stepless")
    add_without_steps(connection, study, run_id, 500)
    (line,) = read(run_id, axis=axis, started=study.BEGUN)
    assert len(line.x) > 100
    assert line.x[[0, -1]] == pytest.approx(ends, abs=ends[1] / 100)
    assert (np.diff(line.x) > 0).all()


def add_without_steps(connection, study, run_id, count):
    connection.executemany(
        "INSERT INTO metrics (run_uuid, key, step, timestamp, value) VALUES (?, 'loss', 0, ?, ?)",
        [(run_id, study.BEGUN + 20 * number, 1 / (1 + number)) for number in range(count)],
    )
    connection.execute(
        "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan)"
        " VALUES (?, 'loss', 0, 0, 0, 0)",
        (run_id,),
    )


def test_where_nan_was_logged_there_is_a_mark(written, study):
    connection, read = written
    run_id = study.add_run(connection, "diverged")
    values = [1.0, math.nan, -math.inf, 4.0, 5.0, math.nan]
    study.add_metric(connection, run_id, "loss", values, 0)
    (line,) = read(run_id)
    assert line.x.tolist() == [0, 3, 4]
    assert (line.odd.x.tolist(), line.odd.kinds) == ([1, 2, 5], ["NaN", "-∞", "NaN"])


@pytest.mark.parametrize(("count", "are_shown"), [(6, True), (7, False)])
def test_only_few_lines_have_bands(written, study, count, are_shown):
    connection, read = written
    run_ids = [study.add_run(connection, f"run {number}") for number in range(count)]
    for run_id in run_ids:
        study.add_metric(connection, run_id, "loss", [1.0] * 1000)
    assert {line.band is not None for line in read(*run_ids)} == {are_shown}


@pytest.mark.parametrize(
    ("axis", "zoom"),
    [("step", (3000, 3100)), ("relative", (2400, 2480)), ("share", (30, 31)), ("wall", None)],
)
def test_what_is_zoomed_to_has_a_point_at_each_step(written, study, axis, zoom):
    connection, read = written
    run_id = study.add_run(connection, "long")
    study.add_metric(connection, run_id, "loss", [float(n % 7) for n in range(10_000)], 0)
    if axis == "wall":
        zoom = (study.BEGUN / 1000 + 2400, study.BEGUN / 1000 + 2480)
    (coarse,) = read(run_id, axis=axis, started=study.BEGUN)
    (fine,) = read(run_id, axis=axis, started=study.BEGUN, zoom=zoom)
    (seen,) = np.nonzero((fine.x >= zoom[0]) & (fine.x <= zoom[1]))
    assert len(seen) in {100, 101}
    assert set(fine.y[seen]) == set(range(7))
    assert (np.diff(fine.x) > 0).all()
    assert len(fine.x) < len(coarse.x) + 250
    assert fine.x[[0, -1]] == pytest.approx(coarse.x[[0, -1]])


@pytest.mark.parametrize("text", ["", "6", "9~6", "6~6", "a~b", "0~inf", "nan~1", "1~2~3"])
def test_a_range_in_a_link_that_is_none_is_left_out(text):
    assert zoom.range_of(text) is None
