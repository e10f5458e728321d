"""What the Run page says of one run: its values, its best values, its files."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from dashboard.queries import extremes
from dashboard.source import open_source


@pytest.fixture
def metrics_of(look):
    """The table of metrics that the page shows of the only run."""

    def table(path):
        test = look(path)
        test.session_state["page_wanted"] = "run"
        test.run()
        assert not test.exception
        return test.dataframe[0]

    return table


def as_read(table):
    return pa.ipc.open_stream(table.proto.arrow_data.styler.display_values).read_pandas()


def test_metrics_come_by_rank_with_their_best_value_and_its_first_step(written, study, metrics_of):
    path, connection = written
    run_id = study.add_run(connection, "one")
    study.add_metric(connection, run_id, "lr", [0.1, 0.2])
    study.add_metric(connection, run_id, "loss", [3.0, 0.25, 0.25, 2.0])
    study.add_metric(connection, run_id, "test_acc", [0.5, math.inf, 0.75, math.nan, 0.6])
    table = metrics_of(path).value
    assert list(table["key"]) == ["test_acc", "loss", "lr"]
    assert list(table["last"]) == [0.6, 2.0, 0.2]
    assert list(table["best"].fillna(-1)) == [0.75, 0.25, -1]
    assert list(table["best_step"].fillna(-1)) == [3, 2, -1]


def test_a_last_value_that_is_no_number_is_read_as_such(written, study, metrics_of):
    path, connection = written
    run_id = study.add_run(connection, "diverged")
    study.add_metric(connection, run_id, "loss", [1.0, math.nan])
    study.add_metric(connection, run_id, "norm", [1.0, math.inf])
    table = as_read(metrics_of(path))
    assert dict(zip(table["key"], table["last"], strict=True)) == {"loss": "NaN", "norm": "∞"}
    assert dict(zip(table["key"], table["best"], strict=True))["loss"] == "1"


def test_the_best_values_follow_a_run_that_goes_on(written, study):
    path, connection = written
    run_id = study.add_run(connection, "long")
    falling = [1 / (1 + step) for step in range(10_000)]
    study.add_metric(connection, run_id, "loss", falling, 0)
    before = extremes.best_of(open_source(path), run_id)["loss"]
    study.add_metric(connection, run_id, "loss", [5.0, -1.0, -1.0], 10_000)
    after = extremes.best_of(open_source(path), run_id)["loss"]
    assert (before.step, after.step, after.value) == (9_999, 10_001, -1.0)


def test_of_equal_values_in_two_readings_the_first_is_the_best():
    early = extremes.Extremes({"acc": extremes.Extreme(0.5, 3)}, 10)
    late = extremes.Extremes({"acc": extremes.Extreme(0.5, 7), "f1": extremes.Extreme(0.1, 8)}, 5)
    together = early.merged(late)
    assert {key: one.step for key, one in together.best.items()} == {"acc": 3, "f1": 8}
    assert together.points == 15
