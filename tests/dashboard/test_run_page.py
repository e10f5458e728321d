"""What the Run page says of one run: its values, its best values, its files."""

from __future__ import annotations

import json
import math

import pytest

from dashboard.queries import extremes
from dashboard.source import open_source


@pytest.fixture
def tables_of(look):
    """The tables of the only run's page by title: rows of texts."""

    def tables(path, **query):
        test = look(path, **query)
        test.session_state["page_wanted"] = "run"
        test.run()
        assert not test.exception
        (found,) = [
            element.proto
            for element in test.get("bidi_component")
            if element.proto.component_name == "run_values"
        ]
        tables = json.loads(found.json)["tables"]
        return {
            table["title"]: table | {"rows": [texts(row) for row in table["rows"]]}
            for table in tables
        }

    return tables


def texts(row):
    return [cell.get("text", "course") if isinstance(cell, dict) else cell for cell in row]


def test_metrics_come_by_rank_with_their_best_value_and_its_first_step(written, study, tables_of):
    path, connection = written
    run_id = study.add_run(connection, "one")
    study.add_metric(connection, run_id, "lr", [0.1, 0.2])
    study.add_metric(connection, run_id, "loss", [3.0, 0.25, 0.25, 2.0])
    study.add_metric(connection, run_id, "test_acc", [0.5, math.inf, 0.75, math.nan, 0.6])
    assert tables_of(path)["Metrics"]["rows"] == [
        ["test_acc", "course", "0.6000", "5", "0.7500", "3"],
        ["loss", "course", "2", "4", "0.2500", "2"],
        ["lr", "course", "0.2000", "2", "–", "–"],
    ]


def test_a_last_value_that_is_no_number_is_read_as_such(written, study, tables_of):
    path, connection = written
    run_id = study.add_run(connection, "diverged")
    study.add_metric(connection, run_id, "loss", [1.0, math.nan])
    study.add_metric(connection, run_id, "norm", [1.0, math.inf])
    rows = tables_of(path)["Metrics"]["rows"]
    assert {row[0]: (row[2], row[4]) for row in rows} == {"loss": ("NaN", "1"), "norm": ("∞", "–")}


def test_parameters_that_differ_from_the_baseline_are_known(written, study, tables_of):
    path, connection = written
    pinned, run_id = (
        study.add_run(connection, name, begun=study.BEGUN + n) for n, name in enumerate("ab")
    )
    for one, lr in ((pinned, "0.1"), (run_id, "0.2")):
        study.add_param(connection, one, "lr", lr)
        study.add_param(connection, one, "same", "1")
    study.add_param(connection, run_id, "only here", "x")
    found = tables_of(path, baseline=pinned, run=run_id)["Parameters"]
    assert found["differs"] == ["lr", "only here"]


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
