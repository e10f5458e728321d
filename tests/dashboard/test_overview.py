"""The Overview: its cards, its table, what is downloaded from it and where it leads."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest

from dashboard.pages import overview
from dashboard.queries import run_lists
from dashboard.source import open_source
from dashboard.widgets import columns, run_table


def as_read(test):
    """The first table as it is read: the texts that stand for its numbers."""
    return pa.ipc.open_stream(
        test.dataframe[0].proto.arrow_data.styler.display_values
    ).read_pandas()


def test_the_best_cards_name_the_best_of_all_runs_though_it_is_old(written, study, look):
    path, connection = written
    for number in range(overview.SPARK_RUNS + 10):
        run_id = study.add_run(connection, f"run {number}", begun=study.BEGUN + number * 1000)
        study.add_metric(connection, run_id, "acc", [0.99 if number == 3 else 0.5])
    test = look(path)
    assert [card.value for card in test.metric][1] == "0.9900"
    assert "run\u00a03" in test.button(key="open-acc").label


def test_only_metrics_that_say_which_way_is_better_get_a_card(written, study, look):
    path, connection = written
    run_id = study.add_run(connection, "one")
    for key in ("grad_norm", "tiny_lr", "iou_loss"):
        study.add_metric(connection, run_id, key, [1.0, 2.0])
    labels = [card.label for card in look(path).metric]
    assert labels == ["Runs", "Best `iou_loss`", "Last started"]


def test_the_runs_card_says_how_many_stand_where(written, study, look):
    path, connection = written
    for status in ("FAILED", "FINISHED", "FINISHED"):
        study.add_run(connection, "x", status=status)
    assert "1 failed · 2 finished" in [caption.value for caption in look(path).caption]


def test_a_name_on_a_card_leads_to_the_page_of_its_run(database, look):
    test = look(database)
    test.button(key="open-test_accuracy").click().run()
    assert test.query_params["run"] == "default · 00000000"
    assert not test.exception


def test_small_values_and_counts_are_written_so_that_they_say_something(written, study, look):
    path, connection = written
    for loss, lr, count in ((3e-7, 1.2e-5, 123_456_789.0), (0.5, 0.1, 7.0)):
        run_id = study.add_run(connection, "x")
        for key, value in (("loss", loss), ("lr", lr), ("count", count)):
            study.add_metric(connection, run_id, key, [value])
    shown = as_read(look(path))
    assert set(shown["metrics.loss"]) == {"3.0e-07", "0.5000"}
    assert set(shown["metrics.lr"]) == {"1.2e-05", "0.1000"}
    assert set(shown["metrics.count"]) == {"123,456,789", "7"}


def test_a_duration_sorts_as_the_number_it_is_and_is_read_as_a_duration(database, look):
    test = look(database)
    assert list(test.dataframe[0].value["Duration"]) == [8.0] * 4
    assert set(as_read(test)["Duration"]) == {"8.0 s"}


def test_a_parameter_sorts_as_a_number_only_where_every_value_is_one():
    assert list(columns.text("", ["1e-3", None, "10"]).cells.dropna()) == [0.001, 10.0]
    assert columns.text("", ["1e-3", None, "10"]).write(0.001) == "1e-3"
    assert list(columns.text("", ["1e-3", "auto"]).cells) == ["1e-3", "auto"]
    assert list(columns.text("", ["0.1", "0.10"]).cells) == ["0.1", "0.10"]


def test_selected_runs_show_their_color_in_the_table(database, look):
    test = look(database, runs="x 00000002")
    shown = dict(test.dataframe[0].value[["Run", "Color"]].to_numpy())
    assert "%234f6df5" in shown["small_dataset_00000002"]
    assert "circle" not in shown["default_00000000"]


def test_runs_of_all_experiments_say_which_is_theirs(written, study, look):
    path, connection = written
    study.add_experiment(connection, 2, "two")
    for experiment in (1, 2):
        study.add_run(connection, f"of {experiment}", experiment=experiment)
    test = look(path, experiment="All experiments")
    shown = dict(test.dataframe[0].value[["Run", "Experiment"]].to_numpy())
    assert shown == {"of 1": "one", "of 2": "two"}
    assert "Experiment" not in look(path, experiment="one").dataframe[0].value


def test_the_download_holds_every_run_that_matches_with_its_id(written, study):
    path, connection = written
    for number in range(overview.PAGE_ROWS + 5):
        run_id = study.add_run(connection, f"run {number}")
        study.add_param(connection, run_id, "lr", number / 10)
        study.add_metric(connection, run_id, "loss", [float(number), 3e-7])
    query = run_lists.RunQuery().with_text("run")
    content = run_table.as_csv(open_source(path), query, ["metrics.loss", "params.lr"])
    lines = list(csv.DictReader(io.StringIO(content.decode())))
    assert len({line["run_id"] for line in lines}) == overview.PAGE_ROWS + 5
    assert {line["metrics.loss"] for line in lines} == {"3e-07"}
    assert list(lines[0]) == [
        *("run_id", "name", "experiment", "status", "started", "seconds"),
        *("metrics.loss", "params.lr"),
    ]


@pytest.mark.parametrize("param", ["Mean", "Runs", "value", "runs", "greatest"])
def test_a_parameter_may_be_called_as_a_column_of_the_groups(written, study, look, param):
    path, connection = written
    run_id = study.add_run(connection, "one")
    study.add_param(connection, run_id, param, "7")
    study.add_metric(connection, run_id, "loss", [0.25])
    test = look(path, group=f"params.{param}")
    assert not test.exception
    assert list(test.dataframe[0].value["mean"]) == [0.25]


def test_groups_offer_what_the_experiment_has(written, study, look):
    path, connection = written
    study.add_experiment(connection, 2, "two")
    for experiment, key in ((1, "test_accuracy"), (2, "loss")):
        run_id = study.add_run(connection, key, experiment=experiment)
        study.add_param(connection, run_id, f"of {experiment}", 1)
        study.add_metric(connection, run_id, key, [0.5])
    test = look(path, experiment="two", group="params.of 2")
    assert test.selectbox(key="group").options == ["params.of 2"]
    assert test.selectbox(key="of").options == ["loss"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (":material/delete: x", "\u2060:material/delete: x"),
        ("[a, b]", "\u2060[a, b]"),
        (" \n", "0a1b2c3d"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_name_as_the_label_of_a_button_is_neither_an_icon_nor_a_list(name, label):
    assert run_table.button_label(name, "0a1b2c3d4e5f") == label


def test_a_filter_leads_back_to_the_first_page(written, study, look):
    path, connection = written
    for number in range(2 * overview.PAGE_ROWS + 1):
        study.add_run(connection, f"run {number}")
    test = look(path, page="3")
    assert len(test.dataframe[0].value) == 1
    test.text_input(key="filter").set_value("run").run()
    assert len(test.dataframe[0].value) == overview.PAGE_ROWS


def test_the_sidebar_shows_each_selected_run_in_its_color(database, look):
    test = look(database, runs="x 00000002")
    legend = next(element.proto.body for element in test.sidebar.get("html"))
    assert "background:#4f6df5" in legend
    assert "small_dataset · 00000002" in legend


def test_chips_of_runs_with_long_names_show_what_differs(written, study, look):
    path, connection = written
    for number in (1, 2):
        study.add_run(connection, f"one long name of many words number {number} of them")
    chips = look(path).multiselect(key="runs").options
    assert sorted(chip.split(" · ")[0] for chip in chips) == ["one…1 of them", "one…2 of them"]


def test_a_list_of_deleted_runs_says_so(written, study, look):
    path, connection = written
    for name in ("kept", "gone", "gone too"):
        study.add_run(connection, name)
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name <> 'kept'")
    captions = [caption.value for caption in look(path, deleted="true").caption]
    assert "2 deleted runs" in captions
    assert "1 run" in [caption.value for caption in look(path).caption]


def test_runs_inside_others_are_marked_and_can_be_hidden(written, study, look):
    path, connection = written
    for number, name in enumerate(["old", "new"]):
        parent = study.add_run(connection, name, begun=study.BEGUN + 1000 * number)
        for seed in (1, 2):
            begun = study.BEGUN + 1000 * number + 700 * seed
            child = study.add_run(connection, f"{name} {seed}", begun=begun)
            study.add_tag(connection, child, "mlflow.parentRunId", parent)
    shown = list(look(path).dataframe[0].value["Run"])
    assert shown == ["new", "↳ new 2", "↳ new 1", "old", "↳ old 2", "↳ old 1"]
    test = look(path, top="true")
    assert list(test.dataframe[0].value["Run"]) == ["new", "old"]
    assert "2 runs" in [caption.value for caption in test.caption]
