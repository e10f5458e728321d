"""What many runs come to, against the numbers that were written."""

from __future__ import annotations

import math

import pytest

from dashboard.queries import records, run_lists, summaries
from dashboard.source import open_source


@pytest.fixture
def written(written, study):
    """A database with two experiments, and a connection that writes it."""
    study.add_experiment(written[1], 2, "two")
    return written


def with_params(study, connection, key, values):
    for value in values:
        run_id = study.add_run(connection, f"{key}={value}")
        if value is not None:
            study.add_param(connection, run_id, key, value)


@pytest.mark.parametrize(
    ("descending", "values"),
    [(False, ["9", "10", "adam", "SGD", None]), (True, ["SGD", "adam", "10", "9", None])],
)
def test_runs_are_sorted_by_a_parameter_whether_number_or_text(written, study, descending, values):
    path, connection = written
    with_params(study, connection, "p", ["SGD", "10", None, "adam", "9"])
    query = run_lists.RunQuery(order="params.p", descending=descending)
    found = run_lists.run_page(open_source(path), query, 10)
    assert list(found["name"]) == [f"p={value}" for value in values]


def test_only_names_that_the_experiment_uses_are_offered(written, study):
    path, connection = written
    for experiment, key in ((1, "lr"), (2, "depth")):
        run_id = study.add_run(connection, key, experiment=experiment)
        study.add_param(connection, run_id, key, 1)
        study.add_metric(connection, run_id, f"{key}_loss", [1.0])
    source = open_source(path)
    assert records.known_keys(source, "params", 2) == ["depth"]
    assert records.known_keys(source, "latest_metrics", 1) == ["lr_loss"]
    assert records.known_keys(source, "params") == ["depth", "lr"]


def test_the_best_is_the_best_of_all_active_runs_with_a_finite_value(written, study):
    path, connection = written
    values = {"good": 0.9, "infinite": math.inf, "nan": math.nan, "bad": 0.1, "deleted": 0.95}
    for name, value in values.items():
        run_id = study.add_run(connection, name)
        study.add_metric(connection, run_id, "acc", [0.99, value])
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'deleted'")
    found = summaries.best(open_source(path), 1, "acc", "more")
    assert (found.name, found.value) == ("good", 0.9)
    assert summaries.best(open_source(path), 1, "acc", "less").name == "bad"
    assert summaries.best(open_source(path), 2, "acc", "less") is None


def test_totals_are_those_of_the_active_runs_of_an_experiment(written, study):
    path, connection = written
    for number, name in enumerate(["old", "new", "deleted", "elsewhere"]):
        study.add_run(
            connection,
            name,
            begun=study.BEGUN + number,
            experiment=2 if name == "elsewhere" else 1,
            status="RUNNING" if name == "new" else "FINISHED",
        )
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'deleted'")
    found = summaries.totals(open_source(path), 1)
    assert (found.runs, found.seconds, found.first) == (2, 8.0, study.BEGUN)
    assert found.newest[1:] == ("new", study.BEGUN + 1)
    assert summaries.totals(open_source(path), None).runs == 3


def test_a_metric_comes_in_the_order_of_starts_of_the_newest_runs(written, study):
    path, connection = written
    for number, value in enumerate([0.1, 0.9, math.inf, 0.5]):
        run_id = study.add_run(connection, str(number), begun=study.BEGUN - number)
        study.add_metric(connection, run_id, "acc", [value])
    assert summaries.by_start(open_source(path), 1, "acc", 10) == [0.5, 0.9, 0.1]
    assert summaries.by_start(open_source(path), 1, "acc", 2) == [0.9, 0.1]
    assert summaries.by_start(open_source(path), 2, "acc", 2) == []
