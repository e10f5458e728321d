from __future__ import annotations

import math
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.client import TrackingClient
from tracker.entities import LifecycleStage, Metric, Param, RunTag, ViewType
from tracker.exceptions import (
    InvalidStateError,
    InvalidTypeError,
    InvalidValueError,
    NotFoundError,
    ParamConflictError,
    SupersededError,
)
from tracker.frames import history, search_runs


def values(client, run_id, key):
    return [metric.value for metric in client.get_metric_history(run_id, key)]


@pytest.mark.parametrize("value", [0.0, -1.5, 1e308, math.inf, -math.inf, math.nan, 3, True])
def test_a_value_comes_back_as_it_was_logged(client, run_id, value):
    client.log_metric(run_id, "m", value)
    latest = client.get_run(run_id).data.metrics["m"]
    np.testing.assert_equal([latest, *values(client, run_id, "m")], [float(value)] * 2)


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(2), np.array([1.5]), np.array(2.5)])
def test_numbers_of_numpy_are_stored_as_plain_floats(client, run_id, value):
    client.log_metric(run_id, "m", value, step=np.int64(3))
    client.store.fold()
    row = client.store.database.connection.execute(
        "SELECT typeof(value), typeof(step), step FROM metrics"
    ).fetchone()
    assert row == ("real", "integer", 3)


@pytest.mark.parametrize("given", [None, [("a", 1)], Namespace(a=1)], ids=["none", "list", "args"])
@pytest.mark.parametrize("verb", ["log_metrics", "log_params", "set_tags"])
def test_several_values_that_are_no_dictionary_are_refused_in_a_sentence(
    client, run_id, verb, given
):
    with pytest.raises(InvalidTypeError, match="are a dictionary, such as") as refused:
        getattr(client, verb)(run_id, given)
    assert type(given).__name__ in str(refused.value)


@pytest.mark.parametrize("given", [{"metrics": {"a": 1}}, {"params": [("a", 1)]}, {"tags": ["a"]}])
def test_a_batch_of_something_else_is_refused_in_a_sentence(client, run_id, given):
    with pytest.raises(InvalidTypeError, match=r"takes lists of Metric, Param and RunTag .*: give"):
        client.log_batch(run_id, **given)


def test_numbers_of_torch_are_stored_as_plain_floats(client, run_id):
    torch = pytest.importorskip("torch")
    client.log_metric(run_id, "m", torch.tensor(0.25, requires_grad=True).detach())
    assert values(client, run_id, "m") == [0.25]


def test_nan_and_infinity_stand_in_the_file_as_mlflow_writes_them(client, run_id):
    client.log_metrics(run_id, {"a": math.nan, "b": math.inf, "c": -math.inf}, timestamp=5)
    client.store.fold()
    rows = client.store.database.connection.execute(
        "SELECT value, is_nan FROM metrics ORDER BY key"
    ).fetchall()
    largest = 1.7976931348623157e308
    assert rows == [(0.0, 1), (largest, 0), (-largest, 0)]


@pytest.mark.parametrize("value", ["high", None, [1, 2], np.zeros(3), object()])
def test_what_is_no_number_is_refused_with_its_key(client, run_id, value):
    with pytest.raises(InvalidValueError, match="The metric 'm' takes a number, not"):
        client.log_metric(run_id, "m", value)


@pytest.mark.parametrize("step", [2**63, "x", math.inf])
def test_a_step_that_does_not_fit_is_refused(client, run_id, step):
    with pytest.raises(InvalidValueError, match="step"):
        client.log_metric(run_id, "m", 1.0, step=step)


def test_an_exact_duplicate_is_ignored(client, run_id):
    for _ in range(2):
        client.log_metric(run_id, "m", 1.0, timestamp=5, step=1)
    assert values(client, run_id, "m") == [1.0]


def spoil(client, assignment):
    """Write what a plain sqlite3 stores where a numpy number is bound: its bytes."""
    client.store.fold()
    connection = client.store.database.connection
    for table in ("metrics", "latest_metrics"):
        connection.execute(f"UPDATE {table} SET {assignment}", (np.float32(0.5).tobytes(),))


@pytest.mark.parametrize("column", ["value", "timestamp", "step"])
def test_a_received_history_with_bytes_for_a_number_is_read_to_its_end(client, run_id, column):
    client.log_metric(run_id, "m", 1.0, timestamp=5, step=1)
    spoil(client, f"{column} = ?")
    expected = {"value": 1.0, "timestamp": 5, "step": 1}
    expected[column] = math.nan if column == "value" else 0
    (metric,) = client.get_metric_history(run_id, "m")
    (row,) = history(client.store, run_id, "m").to_dict("records")
    found = {name: getattr(metric, name) for name in expected}
    np.testing.assert_equal([found, row], [expected] * 2)


def test_a_received_latest_value_that_is_no_number_is_nan(client, run_id):
    client.log_metrics(run_id, {"m": 1.0, "n": 2.0})
    spoil(client, "value = ? WHERE key = 'm'")
    expected = {"m": math.nan, "n": 2.0}
    (found,) = client.search_runs(["0"])
    table = search_runs(client.store, ["0"], None, ViewType.ALL, 10, None)
    row = table[["metrics.m", "metrics.n"]].iloc[0].tolist()
    np.testing.assert_equal([found.data.metrics, row], [expected, list(expected.values())])


point = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.0, 1.0, -1.0, math.nan, math.inf]),
    st.integers(0, 3),
    st.integers(-2, 2),
)


@settings(max_examples=60, deadline=None)
@given(points=st.lists(point, min_size=1, max_size=12), cut=st.integers(0, 12))
def test_the_latest_value_has_the_greatest_step_then_time_then_value(points, cut):
    with tempfile.TemporaryDirectory() as folder:
        client = TrackingClient(Path(folder, "t.db"))
        run_id = client.create_run("0").info.run_id
        client.log_batch(run_id, [Metric(*p) for p in points[:cut]])
        for key, value, timestamp, step in points[cut:]:
            client.log_metric(run_id, key, value, timestamp, step)
        expected = {}
        for key, value, timestamp, step in points:
            rank = (step, timestamp, 0.0 if math.isnan(value) else value)
            if key not in expected or rank > expected[key][0]:
                expected[key] = (rank, value)
        found = client.get_run(run_id).data.metrics
        np.testing.assert_equal(found, {key: value for key, (_, value) in expected.items()})


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.floats(allow_subnormal=True), max_size=450),
    as_array=st.booleans(),
)
def test_a_history_goes_in_and_comes_out_unchanged(numbers, as_array):
    with tempfile.TemporaryDirectory() as folder:
        client = TrackingClient(Path(folder, "t.db"))
        run_id = client.create_run("0").info.run_id
        client.log_history(run_id, "m", np.array(numbers) if as_array else numbers)
        found = values(client, run_id, "m")
        frame = history(client.store, run_id, "m")
    largest = 1.7976931348623157e308
    expected = [math.copysign(math.inf, n) if abs(n) == largest else n for n in numbers]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(frame["value"], expected)


def test_a_history_of_uneven_lengths_is_refused(client, run_id):
    with pytest.raises(InvalidValueError, match="3 values, 2 steps"):
        client.log_history(run_id, "m", [1, 2, 3], steps=[0, 1])


@pytest.mark.parametrize(("mode", "step"), [("min", 2), ("max", 1)])
def test_the_best_step_ignores_nan(client, run_id, mode, step):
    client.log_history(run_id, "m", [math.nan, 9.0, 1.0, 5.0, 9.0])
    assert client.best_step(run_id, "m", mode) == step


def test_a_metric_of_a_run_that_is_not_there_is_refused(client):
    with pytest.raises(NotFoundError, match="There is no run with the id 'abc'"):
        client.log_metric("abc", "m", 1.0)


def test_more_metrics_than_go_into_one_statement_are_written_together(client, run_id):
    client.log_metrics(run_id, {f"m{number}": number for number in range(400)}, step=2)
    assert client.get_run(run_id).data.metrics == {f"m{number}": number for number in range(400)}
    assert client.get_metric_history(run_id, "m399")[0].step == 2


def test_no_metrics_at_all_are_nothing_but_for_a_run_that_is_not_there(client, run_id):
    client.log_metrics(run_id, {})
    with pytest.raises(NotFoundError):
        client.log_metrics("b" * 32, {})


def test_a_point_logged_inside_a_write_leaves_the_write_as_it_is(client, run_id):
    with client.store.database.write() as outer:
        outer.execute("DELETE FROM tags")
        client.log_metrics(run_id, {"loss": 1.0, "accuracy": 0.5})
    data = client.get_run(run_id).data
    assert (data.metrics, data.tags) == ({"loss": 1.0, "accuracy": 0.5}, {})


def test_a_tag_set_inside_a_write_stays_and_the_outer_one_is_told(client, run_id):
    with pytest.raises(SupersededError), client.store.database.write() as outer:
        outer.execute("DELETE FROM tags")
        client.set_tag(run_id, "k", "v")
    assert client.get_run(run_id).data.tags["k"] == "v"


def test_a_point_logged_inside_a_read_is_not_in_the_readers_picture(client, run_id):
    with client.store.database.read() as reader:
        counted = reader.execute("SELECT count(*) FROM metrics").fetchone()
        client.log_metric(run_id, "loss", 1.0)
        assert reader.execute("SELECT count(*) FROM metrics").fetchone() == counted == (0,)
    assert values(client, run_id, "loss") == [1.0]


def test_points_by_one_statement_and_by_a_batch_are_the_same_rows(client):
    rows = []
    for log in (
        client.log_metrics,
        lambda run, numbers, **more: [
            client.log_batch(
                run,
                [
                    Metric(key, number, more["timestamp"], more["step"])
                    for key, number in numbers.items()
                ],
            )
        ],
    ):
        run_id = client.create_run("0").info.run_id
        for step in (3, 5, 4, 5):
            log(run_id, {"a": float(step), "b": math.nan, "c": math.inf}, step=step, timestamp=9)
        client.store.fold()
        connection = client.store.database.connection
        rows.append(
            [
                connection.execute(
                    f"SELECT key, value, timestamp, step, is_nan FROM {table} WHERE run_uuid = ? "
                    "ORDER BY key, step",
                    (run_id,),
                ).fetchall()
                for table in ("metrics", "latest_metrics")
            ]
        )
    assert rows[0] == rows[1]
    assert [len(table) for table in rows[0]] == [9, 3]


def test_a_deleted_run_takes_nothing(client, run_id):
    client.delete_run(run_id)
    for log in (
        lambda: client.log_metric(run_id, "m", 1.0),
        lambda: client.log_metrics(run_id, {"m": 1.0, "n": 2.0}),
        lambda: client.set_tag(run_id, "k", "v"),
        lambda: client.log_param(run_id, "k", "v"),
    ):
        with pytest.raises(InvalidStateError, match="is deleted: restore it"):
            log()
    assert client.get_run(run_id).info.lifecycle_stage == LifecycleStage.DELETED


def test_a_batch_is_written_whole_or_not_at_all(client, run_id):
    client.log_param(run_id, "lr", 0.1)
    with pytest.raises(
        ParamConflictError, match=r"'lr' of run .* is '0.1' and cannot become '0.2'"
    ):
        client.log_batch(run_id, [Metric("m", 1.0, 1)], [Param("lr", "0.2")], [RunTag("t", "v")])
    run = client.get_run(run_id)
    assert (run.data.metrics, "t" in run.data.tags) == ({}, False)


def test_the_same_parameter_twice_is_fine_and_twice_in_a_batch_too(client, run_id):
    client.log_batch(run_id, params=[Param("a", "1"), Param("a", "1"), Param("b", "2")])
    client.log_params(run_id, {"a": 1, "c": 3})
    assert client.get_run(run_id).data.params == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("", "non-empty"),
        ("a" * 251, "at most 250"),
        ("/a", "plain relative path"),
        ("a//b", "plain relative path"),
        ("../a", "plain relative path"),
        ("a/../b", "plain relative path"),
        (".", "plain relative path"),
        ("a\nb", "letters, digits"),
        ("a;DROP TABLE runs", "letters, digits"),
        ("a'b", "letters, digits"),
        (7, "non-empty"),
    ],
)
def test_a_key_that_breaks_a_rule_is_named_with_the_rule(client, run_id, key, rule):
    for log in (client.log_metric, client.log_param, client.set_tag):
        with pytest.raises(InvalidValueError, match=rule):
            log(run_id, key, 1)


@pytest.mark.parametrize("key", ["val/loss", "größe.α-β", "a b:c", "x" * 250, "a.b/c_d"])
def test_a_key_of_any_alphabet_is_taken(client, run_id, key):
    client.log_metric(run_id, key, 1.0)
    assert client.get_run(run_id).data.metrics == {key: 1.0}


@pytest.mark.parametrize(
    ("log", "limit", "file"),
    [("log_param", 6_000, "params"), ("set_tag", 8_000, "tags")],
)
def test_a_value_too_long_is_cut_with_a_warning_and_kept_whole(client, run_id, log, limit, file):
    text = "x" * (limit + 1)
    with pytest.warns(UserWarning, match=f"is cut to {limit}"):
        getattr(client, log)(run_id, "k", text)
    data = client.get_run(run_id).data
    assert (data.params | data.tags)["k"] == "x" * limit
    kept = Path(client.download_artifacts(run_id, f"long_values/{file}/k.txt"))
    assert kept.read_text() == text


@settings(max_examples=40, deadline=None)
@given(points=st.lists(point, min_size=1, max_size=12))
def test_a_history_is_in_the_same_order_as_a_list_and_as_a_table(points):
    with tempfile.TemporaryDirectory() as folder:
        client = TrackingClient(Path(folder, "t.db"))
        run_id = client.create_run("0").info.run_id
        client.log_batch(run_id, [Metric(*p) for p in points])
        listed = [(m.step, m.timestamp) for m in client.get_metric_history(run_id, "a")]
        frame = history(client.store, run_id, "a")
        assert listed == list(zip(frame["step"], frame["timestamp"], strict=True))
        np.testing.assert_equal(values(client, run_id, "a"), frame["value"].to_numpy())
