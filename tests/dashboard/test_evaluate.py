"""Evaluate: what any run left of an evaluation, in the documented form."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from tracker.client import TrackingClient


def evaluate_script(path, run_ids):
    from pathlib import Path

    from dashboard import view
    from dashboard.pages import evaluate
    from dashboard.source import open_source
    from dashboard.view_state import ViewState

    state = ViewState(experiment="all", shown=list(run_ids))
    evaluate.show(view.build(open_source(Path(path)), state))


@pytest.fixture
def evaluated(tmp_path):
    """Evaluates runs, each given as its seed and its artifacts; returns the page."""
    path = tmp_path / "tracking.db"
    client = TrackingClient(str(path))
    experiment = client.create_experiment("one")

    def run(*runs):
        ids = []
        for seed, artifacts in runs:
            run_id = client.create_run(experiment, run_name="net").info.run_id
            client.log_params(run_id, {"lr": "0.1", "seed": seed})
            for name, content in artifacts.items():
                client.log_dict(run_id, content, name)
            client.set_terminated(run_id)
            ids.append(run_id)
        test = AppTest.from_function(evaluate_script, default_timeout=30, args=(str(path), ids))
        test.run()
        assert not test.exception
        return test

    return run


def summary(accuracy):
    bins = [
        {"confidence": 0.5, "accuracy": 0.4, "count": 10},
        {"confidence": 0.9, "accuracy": 1.0, "count": 30},
    ]
    return {"test": {"accuracy": accuracy, "calibration": {"bins": bins}}}


def answer(test):
    """The grid at the top: names of rows, and the texts of each column."""
    data = json.loads(test.get("bidi_component")[0].proto.json)
    heads = [column["title"] for column in data["columns"]]
    rows = [
        [(cell["text"], cell.get("small")) if cell else None for cell in row["cells"]]
        for row in data["rows"]
    ]
    return heads, {row["name"]: cells for row, cells in zip(data["rows"], rows, strict=True)}


def test_one_grid_answers_how_good_and_how_sure_over_the_seeds(evaluated):
    test = evaluated(
        (1, {"evaluation/summary.json": summary(0.90)}),
        (2, {"evaluation/summary.json": summary(0.92)}),
    )
    heads, rows = answer(test)
    assert heads == ["Sharp: accuracy", "Sharp: confidence", "Sharp: calibration error"]
    assert rows == {"net": [("0.9100", "± 0.0141"), ("0.8000", "± 0.0000"), ("0.1000", "± 0.0000")]}


def test_a_confusion_matrix_of_any_split_is_enough(evaluated):
    matrix = {"labels": ["cat", "dog"], "counts": [[48, 2], [5, 45]]}
    test = evaluated((1, {"evaluation/confusion_holdout.json": matrix}))
    assert [head.partition(":")[0] for head in answer(test)[0]] == ["holdout"] * 3
    assert "confusion" in "".join(chart.proto.spec for chart in test.get("vega_lite_chart")) or (
        test.dataframe[0].value["True"].tolist() == ["dog", "cat"]
    )


def test_runs_without_an_evaluation_are_told_the_call_that_makes_one(evaluated):
    test = evaluated((1, {"other.json": {}}))
    assert "evaluation/confusion_test.json" in test.code[0].value
    assert "tracker.log_dict" in test.code[0].value


ROWS = {
    "label": ["cat"] * 4 + ["dog"] * 4,
    "prediction": ["cat", "cat", "cat", "dog", "dog", "dog", "dog", "cat"],
    "confidence": [0.9, 0.9, 0.9, 0.6, 0.9, 0.9, 0.9, 0.7],
}


def as_table(columns):
    """What `log_table` writes of some columns."""
    return {
        "columns": list(columns),
        "data": [list(row) for row in zip(*columns.values(), strict=True)],
    }


def test_predictions_alone_give_accuracy_calibration_scores_and_the_surest_errors(evaluated):
    test = evaluated((1, {"evaluation/predictions_german.json": as_table(ROWS)}))
    heads, rows = answer(test)
    assert heads[0] == "german: accuracy"
    assert [cell[0] for cell in rows["net"]] == ["0.7500", "0.8375", "0.2375"]
    scores = by_title(test, "Precision")
    assert scores["Precision"].tolist() == [0.75, 0.75]
    assert by_title(test, "Example")["Example"].tolist() == [7, 3]


def by_title(test, title):
    """The first table with a column of that title, its columns by their titles."""
    for table in test.dataframe:
        config = json.loads(table.proto.columns)
        titles = {name: one.get("label") for name, one in config.items()}
        if title in titles.values():
            return table.value.rename(columns=titles)
    raise AssertionError(title)


def test_labels_and_predictions_are_enough_and_give_no_calibration(evaluated):
    few = {name: ROWS[name] for name in ("label", "prediction")}
    test = evaluated((1, {"evaluation/predictions_test.json": as_table(few)}))
    assert answer(test)[1]["net"] == [("0.7500", None), None, None]


def test_scores_that_were_recorded_are_shown_as_they_are(evaluated):
    recorded = [{"label": "cat", "precision": 0.5, "recall": 0.25, "f1": 0.3, "support": 4}]
    test = evaluated((1, {"evaluation/summary.json": {"test": {"per_class": recorded}}}))
    scores = by_title(test, "Recall")
    assert scores[["Class", "Recall", "Examples"]].to_numpy().tolist() == [["cat", 0.25, 4]]


@pytest.mark.parametrize("odd", [{"per_class": 3}, {"per_class": [{"label": "x", "f1": "y"}]}])
def test_scores_of_another_form_are_counted_from_the_matrix(evaluated, odd):
    matrix = {"labels": ["cat", "dog"], "counts": [[48, 2], [5, 45]]}
    test = evaluated(
        (1, {"evaluation/summary.json": {"test": odd}, "evaluation/confusion_test.json": matrix})
    )
    assert by_title(test, "Recall")["Recall"].tolist() == [0.96, 0.9]
