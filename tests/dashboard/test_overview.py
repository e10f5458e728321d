"""What the Overview's table and the run list are given: rows, columns, figures, downloads."""

from __future__ import annotations

import csv
import io

import pytest

from dashboard import view
from dashboard.queries import run_lists
from dashboard.source import open_source
from dashboard.widgets import columns, export
from tracker.client import TrackingClient


def cells(data, key):
    place = next(n for n, column in enumerate(data["columns"]) if column["key"] == key)
    return [row["cells"][place] for row in data["rows"]]


def test_nothing_is_chosen_on_arrival_but_the_newest_runs_are_shown(written, study, look, listed):
    path, connection = written
    ids = [study.add_run(connection, f"run {n}", begun=study.BEGUN + n) for n in range(9)]
    test = look(path)
    state = listed(test)["state"]
    assert sorted(state["shown"]) == sorted(ids[-6:])
    assert state["automatic"]
    assert "runs" not in test.query_params


def test_a_run_that_starts_later_joins_the_automatic_choice_and_no_other(
    written, study, look, listed
):
    path, connection = written
    first = study.add_run(connection, "first")
    automatic, chosen = look(path), look(path, runs=first[:8])
    later = study.add_run(connection, "later", begun=study.BEGUN + 1)
    assert set(listed(automatic.run())["state"]["shown"]) == {first, later}
    assert listed(chosen.run())["state"]["shown"] == [first]


def test_what_is_chosen_keeps_its_experiment_though_another_one_gets_the_newest_run(
    written, study, look, listed
):
    path, connection = written
    first = study.add_run(connection, "first")
    test = look(path, runs=first[:8])
    study.add_experiment(connection, 2, "two")
    study.add_run(connection, "second", experiment=2, begun=study.BEGUN + 1)
    link = {name: test.query_params[name] for name in ("experiment", "runs")}
    for opened in (test.run(), look(path, **{name: text[0] for name, text in link.items()})):
        assert [row["title"] for row in listed(opened)["rows"]] == ["first"]
    assert [row["title"] for row in listed(look(path))["rows"]] == ["second"]


def test_a_link_opens_what_it_says_though_the_database_appears_later(tmp_path, study, look, listed):
    path = tmp_path / "tracking.db"
    test = look(path, filter="blue", group="none")
    connection = study.connect(path)
    study.add_experiment(connection, 1, "one")
    for name in ("red", "blue"):
        study.add_run(connection, name)
    data = listed(test.run())
    assert [row["name"] for row in data["rows"]] == ["blue"]
    assert data["state"]["group"] == "none"


def test_small_values_and_counts_are_written_so_that_they_say_something(
    written, study, look, table_of
):
    path, connection = written
    for loss, lr, count in ((3e-7, 1.2e-5, 123_456_789.0), (0.5, 0.1, 7.0)):
        run_id = study.add_run(connection, "x")
        for key, value in (("loss", loss), ("lr", lr), ("count", count)):
            study.add_metric(connection, run_id, key, [value])
    shown = table_of(look(path))
    assert set(shown["metrics.loss"]) == {"3e-07", "0.5000"}
    assert set(shown["metrics.lr"]) == {"1.2e-05", "0.1000"}
    assert set(shown["metrics.count"]) == {"123,456,789", "7"}


def test_a_duration_sorts_as_the_number_it_is_and_is_read_as_a_duration(database, look, listed):
    assert cells(listed(look(database)), "Duration") == [["8.0 s", 8.0]] * 4


def test_a_running_run_has_a_duration_until_now(written, study, look, listed):
    path, connection = written
    study.add_run(connection, "going on", status="RUNNING")
    ((_, seconds),) = cells(listed(look(path)), "Duration")
    assert seconds > 8


def test_a_parameter_sorts_as_a_number_only_where_every_value_is_one():
    assert list(columns.text("", ["1e-3", None, "10"]).cells.dropna()) == [0.001, 10.0]
    assert columns.text("", ["1e-3", None, "10"]).write(0.001) == "1e-3"
    assert list(columns.text("", ["1e-3", "auto"]).cells) == ["1e-3", "auto"]
    assert list(columns.text("", ["0.1", "0.10"]).cells) == ["0.1", "0.10"]


def test_parameters_that_differ_are_columns_and_equal_ones_are_folded(written, study, look, listed):
    path, connection = written
    for lr in ("0.1", "auto"):
        run_id = study.add_run(connection, "x")
        study.add_param(connection, run_id, "lr", lr)
        study.add_param(connection, run_id, "model", "mlp")
    study.add_run(connection, "without parameters")
    data = listed(look(path))
    assert [c["key"] for c in data["columns"] if c["key"].startswith("params.")] == ["params.lr"]
    assert data["equal"] == [["model", "mlp"]]


def test_the_list_is_sorted_by_the_metric_that_matters_most_and_its_best_is_known(
    database, look, listed, table_of
):
    test = look(database)
    data = listed(test)
    assert (data["state"]["sort"], data["state"]["descending"]) == ("metrics.test_accuracy", True)
    assert table_of(test)["Run"][0] == "default"
    best = {column["key"]: column["best"] for column in data["columns"]}
    assert best["metrics.test_accuracy"] == max(v for _, v in cells(data, "metrics.test_accuracy"))
    assert best["metrics.val_loss"] == min(v for _, v in cells(data, "metrics.val_loss"))


def test_seeds_fold_into_a_configuration_with_mean_and_deviation(written, study, look, listed):
    path, connection = written
    for seed, accuracy in ((1, 0.90), (2, 0.92)):
        run_id = study.add_run(connection, f"adam_{seed:08x}")
        study.add_param(connection, run_id, "seed", seed)
        study.add_param(connection, run_id, "lr", 0.1)
        study.add_metric(connection, run_id, "test_accuracy", [accuracy])
    data = listed(look(path))
    assert data["state"]["group"] == "configuration"
    group, *seeds = data["rows"]
    assert (group["name"], group["count"]) == ("adam", "2 seeds")
    assert [row["name"] for row in seeds] == ["seed 2", "seed 1"]
    text, mean, deviation = cells(data, "metrics.test_accuracy")[0]
    assert (text, mean, deviation) == ("0.9100", pytest.approx(0.91), "± 0.0141")


def test_a_parent_shows_the_mean_of_its_children_and_no_column_of_means(
    written, study, look, listed
):
    path, connection = written
    parent = study.add_run(connection, "folds")
    for fold, loss in enumerate((0.2, 0.4)):
        child = study.add_run(connection, f"fold {fold}")
        study.add_tag(connection, child, "mlflow.parentRunId", parent)
        study.add_metric(connection, child, "loss", [loss])
    study.add_metric(connection, parent, "loss_mean", [0.3])
    study.add_metric(connection, parent, "loss_std", [0.14])
    data = listed(look(path))
    assert data["state"]["group"] == "parent"
    row = next(row for row in data["rows"] if row["name"] == "folds")
    assert row["count"] == "2 runs"
    assert cells(data, "metrics.loss")[data["rows"].index(row)][0] == "0.3000"
    assert [c["key"] for c in data["columns"] if c["key"].startswith("metrics.")] == [
        "metrics.loss"
    ]


def test_a_parent_without_parameters_hides_neither_course_nor_parameters_of_its_children(
    written, study, look, listed
):
    path, connection = written
    parent = study.add_run(connection, "sweep")
    study.add_metric(connection, parent, "test_accuracy", [0.9])
    alone = study.add_run(connection, "alone")
    for number in range(2):
        child = study.add_run(connection, f"trial {number}")
        study.add_tag(connection, child, "mlflow.parentRunId", parent)
        study.add_param(connection, child, "epochs", 8)
        study.add_metric(connection, child, "train_loss", [3.0, 2.0, 1.0])
    study.add_param(connection, alone, "epochs", 5)
    data = listed(look(path, group="parent"))
    row = next(place for place, row in enumerate(data["rows"]) if row["name"] == "sweep")
    assert cells(data, "params.epochs")[row][0] == "8"
    assert cells(data, "course")[row] == [100, 50, 0]


def test_groups_offer_what_the_experiment_has(written, study, look, listed):
    path, connection = written
    study.add_experiment(connection, 2, "two")
    for experiment, value in ((1, 1), (2, 1), (2, 2)):
        run_id = study.add_run(connection, "x", experiment=experiment)
        study.add_param(connection, run_id, f"of {experiment}", value)
    offered = [key for key, _ in listed(look(path, experiment="2"))["groupings"]]
    assert offered == ["configuration", "name", "none", "params.of 2"]


@pytest.mark.parametrize("name", ["Mean", "key", "params", "cells", "__proto__", "title"])
def test_a_parameter_may_be_called_as_anything_else(written, study, look, listed, name):
    path, connection = written
    for value in ("7", "8"):
        run_id = study.add_run(connection, "one")
        study.add_param(connection, run_id, name, value)
    test = look(path, group=f"params.{name}")
    assert not test.exception
    groups = [row["name"] for row in listed(test)["rows"] if row.get("group")]
    assert sorted(groups) == ["7", "8"]


def test_a_list_of_more_runs_than_it_holds_says_how_many_there_are(written, study, look, listed):
    path, connection = written
    connection.execute("BEGIN")
    for number in range(503):
        study.add_run(connection, f"run {number}")
    connection.execute("COMMIT")
    data = listed(look(path))
    assert (data["listed"], data["total"], len(data["rows"])) == (500, 503, 500)


def test_runs_of_all_experiments_are_listed_together(written, study, look, table_of):
    path, connection = written
    study.add_experiment(connection, 2, "two")
    for experiment in (1, 2):
        study.add_run(connection, f"of {experiment}", experiment=experiment)
    assert sorted(table_of(look(path, experiment="all"))["Run"]) == ["of 1", "of 2"]
    assert table_of(look(path, experiment="1"))["Run"] == ["of 1"]


def test_long_names_show_what_differs_and_the_whole_is_in_the_title(written, study, look, listed):
    path, connection = written
    for number in (1, 2):
        study.add_run(connection, f"one long name of many words number {number} of them")
    rows = listed(look(path))["rows"]
    assert sorted(row["name"] for row in rows) == ["…1 of them", "…2 of them"]
    assert "one long name of many words number 1 of them" in {row["title"] for row in rows}


def test_deleted_runs_are_listed_where_they_are_asked_for(written, study, look, listed):
    path, connection = written
    for name in ("kept", "gone", "gone too"):
        study.add_run(connection, name)
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name <> 'kept'")
    assert listed(look(path, deleted="true"))["unfiltered"] == 2
    assert listed(look(path))["unfiltered"] == 1


def test_the_rank_of_a_running_run_says_how_far_it_is(written, study, look, listed):
    path, connection = written
    run_id = study.add_run(connection, "going on", status="RUNNING")
    study.add_param(connection, run_id, "max_steps", 10)
    study.add_metric(connection, run_id, "val_loss", [1.0] * 4)
    (row,) = listed(look(path))["rows"]
    assert row["note"].startswith("4 of 10 · ")


def test_the_download_holds_every_run_that_matches_with_its_id(written, study):
    path, connection = written
    connection.execute("BEGIN")
    for number in range(505):
        study.add_run(connection, f"run {number}")
    connection.execute("COMMIT")
    for (run_id,) in connection.execute("SELECT run_uuid FROM runs").fetchall():
        study.add_param(connection, run_id, "lr", 0.1)
    study.add_metric(connection, run_id, "loss", [1.0, 3e-7])
    query = run_lists.RunQuery().with_text("run")
    content = export.as_csv(open_source(path), query, ["metrics.loss", "params.lr"])
    lines = list(csv.DictReader(io.StringIO(content.decode())))
    assert len({line["run_id"] for line in lines}) == 505
    assert {line["metrics.loss"] for line in lines} == {"", "3e-07"}
    assert list(lines[0]) == [
        *("run_id", "name", "experiment", "status", "started", "seconds"),
        *("metrics.loss", "params.lr"),
    ]


def test_the_html_export_stands_alone_and_shows_names_as_text(written, study):
    path, connection = written
    study.add_run(connection, "<script>alert(1)</script>")
    page = export.as_html(view.build(open_source(path), view.view_state.ViewState())).decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not {"<script", "http:", "https:", "src=", "url("} & set(page.split("<body>")[0].split())
    assert "<script" not in page


def test_the_strip_names_the_best_of_all_runs_though_it_is_old(written, study, look):
    path, connection = written
    for number in range(10):
        run_id = study.add_run(connection, f"run {number}", begun=study.BEGUN + number * 1000)
        study.add_metric(connection, run_id, "acc", [0.99 if number == 3 else 0.5])
    (strip,) = [
        e.proto.body for e in look(path).get("html") if 'class="strip"' in e.proto.body[:40]
    ]
    assert "Best acc 0.9900, by run 3" in strip


def test_only_a_metric_that_says_which_way_is_better_has_a_best(written, study, look):
    path, connection = written
    run_id = study.add_run(connection, "one")
    study.add_metric(connection, run_id, "grad_norm", [1.0, 2.0])
    (strip,) = [
        e.proto.body for e in look(path).get("html") if 'class="strip"' in e.proto.body[:40]
    ]
    assert "Best so far" not in strip.partition(">")[2]


def test_a_view_is_saved_with_the_experiment_applied_and_deleted(tmp_path, look, listed):
    path = tmp_path / "tracking.db"
    client = TrackingClient(str(path))
    experiment = client.create_experiment("one")
    for name in ("red", "blue"):
        client.set_terminated(client.create_run(experiment, run_name=name).info.run_id)
    test = look(path, filter="red", group="none")
    test.text_input(key="view_name").set_value("only red")
    next(one for one in test.button if one.label == "Save this view").click().run()
    assert "dashboard.view.only red" in client.get_experiment(experiment).tags
    test = look(path)
    assert len(listed(test)["rows"]) == 2
    test.button(key="apply-dashboard.view.only red").click().run()
    assert [row["name"] for row in listed(test)["rows"]] == ["red"]
    assert test.query_params["filter"] == "red"
    test.button(key="forget-dashboard.view.only red").click().run()
    assert client.get_experiment(experiment).tags == {}
