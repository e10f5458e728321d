"""Every page's script, run without a browser: empty states, other studies, edits."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import editing, view
from dashboard.queries import run_lists
from dashboard.source import open_source
from tracker.client import TrackingClient
from tracker.exceptions import TrackerError
from tracker.journal import records
from tracker.journal.file import live_folder

PAGES = [
    "overview",
    "curves",
    "compare",
    "evaluate",
    "data",
    "run",
    "models",
    "sql",
]


def page_script(path, name, run_ids):
    from importlib import import_module
    from pathlib import Path

    from dashboard import view, view_state
    from dashboard.source import open_source

    source = open_source(Path(path))
    state = view_state.current()
    if not state.experiment:
        state.experiment = view_state.ALL
        state.show(list(run_ids))
    import_module(f"dashboard.pages.{name}").show(view.build(source))


def run_page(path, name, run_ids=()):
    test = AppTest.from_function(
        page_script, default_timeout=30, args=(str(path), name, list(run_ids))
    )
    return test.run()


def all_text(test):
    parts = [
        element.value for kind in ("title", "caption", "markdown") for element in test.get(kind)
    ]
    parts += [element.value for element in test.code]
    return "\n".join([*parts, *(str(element.proto.body) for element in test.get("html"))])


@pytest.fixture
def ids(database):
    return list(run_lists.run_page(open_source(database), run_lists.RunQuery(), 10)["run_id"])


@pytest.fixture
def editable(tmp_path):
    """A database of the tracker's own making with one run."""
    path = tmp_path / "tracking.db"
    client = TrackingClient(str(path))
    run = client.create_run(client.create_experiment("one"), run_name="first")
    client.set_tag(run.info.run_id, "keep", "1")
    client.set_terminated(run.info.run_id)
    return path, client, run.info.run_id


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_study_runs_without_an_exception(database, ids, name):
    assert not run_page(database, name, ids).exception


WITH_RUNS = [name for name in PAGES if name != "sql"]


@pytest.mark.parametrize("name", WITH_RUNS)
def test_a_page_without_any_run_says_how_to_get_one(tmp_path, study, name):
    path = tmp_path / "tracking.db"
    study.connect(path).close()
    test = run_page(path, name)
    assert not test.exception
    assert f"python -m training --set tracking.database={path}" in all_text(test)
    assert "sidebar" not in all_text(test)


@pytest.mark.parametrize("name", [name for name in WITH_RUNS if name != "overview"])
def test_a_page_without_a_selected_run_says_where_to_choose_one(database, name):
    test = run_page(database, name)
    assert "in the run list" in all_text(test)
    assert "python -m training" not in all_text(test)


@pytest.mark.parametrize("name", WITH_RUNS)
def test_a_page_whose_runs_are_all_deleted_says_where_they_are(editable, name):
    path, client, run_id = editable
    client.delete_run(run_id)
    assert "All runs are deleted" in all_text(run_page(path, name))


ODD_METRICS = ["clf__loss", "__loss", "a__b__c", "x.y[0]", "loss__", "", "/", "train__/acc"]


@pytest.mark.parametrize("name", [name for name in PAGES if name not in {"data", "models", "sql"}])
def test_a_page_shows_metrics_of_any_name(editable, name):
    path, client, run_id = editable
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("metrics", "latest_metrics"):
            connection.executemany(
                f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                " VALUES (?, ?, ?, ?, ?, 0)",
                [
                    (f"{prefix}{key}", number, number, run_id, number)
                    for prefix in ("", "train_", "val_")
                    for key in ODD_METRICS
                    for number in ((1, 2, 3) if table == "metrics" else (3,))
                ],
            )
    del client
    test = run_page(path, name, [run_id])
    assert not test.exception
    if name == "curves":
        (chart,) = [
            element.proto
            for element in test.get("bidi_component")
            if element.proto.component_name == "curves"
        ]
        assert b"clf__loss" in chart.SerializeToString()


def test_one_run_is_not_asked_to_be_two(editable):
    path, _, run_id = editable
    test = run_page(path, "compare", [run_id])
    assert "There is one run so far" in all_text(test)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_run_that_logged_nothing_runs_without_an_exception(tmp_path, study, name):
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    ids = [study.add_run(connection, None, experiment=0) for _ in range(2)]
    connection.close()
    assert not run_page(path, name, ids).exception


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_another_kind_of_study_runs_without_an_exception(tmp_path, study, name):
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    for number in range(3):
        run_id = study.add_run(connection, f"bert {number}", experiment=0, uri="s3://bucket/x")
        study.add_param(connection, run_id, "optimizer.lr", f"{10.0**-number}")
        study.add_param(connection, run_id, "schedule", ["cosine", "linear", "none"][number])
        study.add_metric(connection, run_id, "eval/bleu[4]", [0.1 * number] * 700)
        study.add_metric(connection, run_id, "grad.norm", [float("nan")] * 5)
    connection.close()
    source = open_source(path)
    ids = list(run_lists.run_page(source, run_lists.RunQuery(), 10)["run_id"])
    assert not run_page(path, name, ids).exception


@pytest.mark.parametrize(
    ("prepare", "sentence", "command"),
    [
        (
            lambda path: None,  # noqa: ARG005
            "There is no tracking database at",
            "python -m training --set tracking.database={path}",
        ),
        (
            lambda path: path.write_bytes(b"something else entirely" * 100),
            "is not an SQLite database or is damaged",
            "python -m tracker --db {path} check",
        ),
        (
            lambda path: path.mkdir(),
            "is a folder",
            "streamlit run dashboard/app.py -- --db {path}/tracking.db",
        ),
    ],
)
def test_a_database_that_cannot_be_read_is_one_sentence_and_what_to_type(
    tmp_path, look, prepare, sentence, command
):
    path = tmp_path / "some.db"
    prepare(path)
    test = look(path)
    assert not test.exception
    assert sentence in all_text(test)
    assert test.code[0].value == command.format(path=path)


def test_a_folder_names_the_database_in_it(tmp_path, look, study):
    study.connect(tmp_path / "mine.db").close()
    test = look(tmp_path)
    assert test.code[0].value.endswith(f"--db {tmp_path}/mine.db")


def test_an_experiment_whose_runs_are_all_deleted_is_still_offered(tmp_path, study, look, listed):
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    for number, name in enumerate(["of deleted runs", "with runs", "empty"], 1):
        study.add_experiment(connection, number, name)
        if name != "empty":
            study.add_run(connection, f"run {name}", experiment=number)
    connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE experiment_id = 1")
    connection.close()
    test = look(path)
    offered = test.selectbox(key="experiment_chosen").options
    assert list(offered) == ["with runs", "of deleted runs", "All experiments"]
    test.selectbox(key="experiment_chosen").select("of deleted runs").run()
    assert "All runs are deleted" in all_text(test)
    test = look(path, experiment="1", deleted="true")
    assert [row["name"] for row in listed(test)["rows"]] == ["run of deleted runs"]


def test_a_server_address_as_database_is_explained(look):
    test = look("http://localhost:5000")
    assert "local SQLite file" in all_text(test)


def test_a_note_is_edited_in_place_and_the_field_closes_when_it_is_saved(editable):
    path, client, run_id = editable
    test = run_page(path, "run", [run_id])
    button(test, "Write a note").click().run()
    test.text_area[0].set_value("it *worked*")
    button(test, "Save").click().run()
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "it *worked*"
    assert not test.text_area
    assert "<p>it <em>worked</em></p>" in all_text(test)
    button(test, "Edit note").click().run()
    test.text_area[0].set_value("")
    button(test, "Save").click().run()
    assert "mlflow.note.content" not in client.get_run(run_id).data.tags


def do(path, run_id, **event):
    """Do something in the head of a run's page; the page afterwards."""

    def script(path, run_id, event):
        import json
        from pathlib import Path

        import streamlit as st

        from dashboard import view, view_state
        from dashboard.source import open_source
        from dashboard.widgets import run_head

        state = view_state.current()
        state.experiment, state.run = view_state.ALL, run_id
        state.show([run_id])
        run_head.act(view.build(open_source(Path(path))), run_id, json.loads(event))
        st.text(st.session_state.get("refused", ""))

    test = AppTest.from_function(script, args=(str(path), run_id, json.dumps(event)))
    test.run()
    assert not test.exception
    return test


def test_a_run_is_renamed_and_its_tags_are_changed_from_its_head(editable):
    path, client, run_id = editable
    do(path, run_id, do="rename", name="renamed")
    do(path, run_id, do="tag", key="team", value="blue sky", before="")
    do(path, run_id, do="tag", key="kept", value="2", before="keep")
    do(path, run_id, do="untag", key="never there")
    run = client.get_run(run_id)
    assert run.info.run_name == "renamed"
    own = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    assert {key: own.get(key) for key in ("team", "kept", "keep")} == {
        "team": "blue sky",
        "kept": "2",
        "keep": None,
    }


def test_what_the_tracker_refuses_is_explained_and_changes_nothing(editable):
    path, client, run_id = editable
    client.delete_run(run_id)
    assert "deleted" in do(path, run_id, do="rename", name="too late").text[0].value
    assert client.get_run(run_id).info.run_name == "first"


SCRIPT = """
import sys, tracker
client = tracker.TrackingClient(sys.argv[1])
print(client.create_run("0", run_name="alive").info.run_id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def training(editable):
    """A process that works on a run until its input ends, and the run's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, editable[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, process.stdout.readline().strip()
    process.communicate(timeout=60)


def test_a_run_whose_process_is_alive_is_deleted_only_anyway(editable, training):
    path, client, _ = editable
    process, run_id = training
    test = do(path, run_id, do="delete")
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    assert test.session_state["delete_in_use"] == run_id
    page = run_page(path, "run", [run_id])
    page.session_state["delete_in_use"] = run_id
    page.run()
    assert f"is in use by process {process.pid} on" in page.warning[0].value
    button(page, "Delete anyway").click().run()
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"


def test_of_runs_chosen_together_none_is_deleted_while_one_is_in_use(editable, training):
    path, client, first = editable
    with pytest.raises(TrackerError, match=f"in use by process {training[0].pid} on"):
        editing.delete(open_source(path), [first, training[1]])
    assert client.get_run(first).info.lifecycle_stage == "active"


def test_a_run_is_deleted_from_its_head_leaves_the_selection_and_is_restored(editable):
    path, client, run_id = editable
    test = do(path, run_id, do="delete")
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    state = test.session_state["view_state"]
    assert (state.shown, state.run) == ([], run_id)
    do(path, run_id, do="restore")
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_a_filter_that_cannot_be_read_keeps_the_list_and_says_why(database, look, listed):
    data = listed(look(database, filter="metrics.loss > AND"))
    assert data["problem"]["sentence"] == "A value must stand here, not 'AND'."
    assert len(data["rows"]) == 4


def test_the_word_that_was_meant_is_offered_in_its_place(database, look, listed):
    problem = listed(look(database, filter="name LIKE '%small%'"))["problem"]
    assert problem["word"] == "run_name"
    corrected = listed(look(database, filter=problem["correction"]))
    assert corrected["problem"] is None
    assert len(corrected["rows"]) == 2


@pytest.mark.parametrize(
    "text", ["in lab", "first try in lab", "TRY IN LAB", "what is this?", "lr=0.1", "a's like b's"]
)
def test_words_and_signs_of_the_language_are_found_in_names(written, study, look, listed, text):
    path, connection = written
    for name in ("first try in lab", "what is this?", "bs=8,lr=0.1", "a's like b's", "other"):
        study.add_run(connection, name)
    (found,) = listed(look(path, filter=text))["rows"]
    assert text.lower() in found["title"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("status in lab", "needs a list"), ("acc > 0.9", "no attribute 'acc'"), ("a is", "")],
)
def test_a_wrong_filter_and_a_name_that_nobody_has_are_told_apart(
    database, look, listed, text, sentence
):
    data = listed(look(database, filter=text))
    assert sentence in (data["problem"] or {"sentence": ""})["sentence"]
    assert bool(data["rows"]) is bool(sentence)


def test_a_filter_in_the_search_language_narrows_the_table(database, look, table_of):
    assert table_of(look(database, filter="metrics.test_accuracy > 0.9"))["Run"] == ["default"]


def test_a_link_brings_its_columns(database, look, table_of):
    shown = table_of(look(database, columns="params.max_samples"))
    assert [name for name in shown if name.startswith("params.")] == ["params.max_samples"]


def test_runs_are_grouped_by_the_chosen_parameter(database, look, listed):
    rows = listed(look(database, group="params.hidden_size"))["rows"]
    groups = {row["name"]: row["count"] for row in rows if row.get("group")}
    assert groups == {"128": "3 runs", "2": "1 run"}


def test_the_signs_of_sharp_and_blurred_are_explained_and_shares_are_written_alike(database, ids):
    test = run_page(database, "evaluate", ids)
    text = all_text(test)
    assert "sharp images" in text
    assert "blurred images" in text
    columns = json.loads(test.dataframe[0].proto.columns)
    assert columns["Share"]["type_config"]["format"] == "%.1f%%"


def test_another_experiment_brings_its_own_newest_runs(tmp_path, study, look, listed):
    path = tmp_path / "tracking.db"
    connection = study.connect(path)
    for number, name in enumerate(["one", "two"], 1):
        study.add_experiment(connection, number, name)
        study.add_run(connection, f"of {name}", experiment=number, begun=study.BEGUN + number)
    connection.close()
    test = look(path)
    assert [row["name"] for row in listed(test)["rows"]] == ["of two"]
    test.selectbox(key="experiment_chosen").select("one").run()
    data = listed(test)
    assert [row["name"] for row in data["rows"]] == ["of one"]
    assert data["state"]["shown"] == [data["rows"][0]["key"]]
    assert test.query_params["experiment"] == "1"


def test_an_upload_without_ink_is_no_empty_pad(database, ids):
    sheet = io.BytesIO()
    Image.new("L", (40, 40), "white").save(sheet, "PNG")
    test = run_page(database, "models", ids)
    test.segmented_control(key="how").select("Upload").run()
    test.file_uploader[0].upload("white.png", sheet.getvalue(), "image/png").run()
    assert not test.exception
    assert "no ink in this picture" in all_text(test)


def test_every_model_answers_in_the_order_of_the_selection(database, ids, study):
    picture = io.BytesIO()
    study.digit(7, 60).save(picture, "PNG")
    test = run_page(database, "models", ids)
    test.segmented_control(key="how").select("Upload").run()
    test.file_uploader[0].upload("seven.png", picture.getvalue(), "image/png").run()
    text = all_text(test)
    places = [text.index(f">{label}<") for label in _labels(database, ids)]
    assert places == sorted(places)


def _labels(database, ids):
    state = view.view_state.ViewState(experiment="all", shown=ids)
    found = view.build(open_source(database), state)
    return [found.labels[run_id] for run_id in found.run_ids]


def test_a_run_leads_to_its_parent_and_a_parent_to_its_children(tmp_path, study):
    connection = study.connect(tmp_path / "tracking.db")
    study.add_experiment(connection, 1, "one")
    parent = study.add_run(connection, "study")
    ids = [study.add_run(connection, f"seed {seed}", begun=study.BEGUN - seed) for seed in (1, 2)]
    for run_id in ids:
        study.add_tag(connection, run_id, "mlflow.parentRunId", parent)
    test = run_page(tmp_path / "tracking.db", "run", [ids[0]])
    button(test, "Part of `study").click().run()
    assert test.session_state["view_state"].run == parent
    button(test, "Show the 2 runs inside").click().run()
    assert test.session_state["view_state"].shown == [parent, *ids]


def button(test, label):
    return next(found for found in test.button if found.label.startswith(label))


@pytest.mark.parametrize(("runs", "height"), [(2, 180), (9, 432), (45, 900)])
def test_results_of_many_runs_stand_closer_together(runs, height):
    import pandas as pd

    from dashboard import charts

    ids = [f"run {number}" for number in range(runs)]
    table = pd.DataFrame({"run": ids, "label": ids, "split": "Sharp", "accuracy": 0.5})
    assert charts.dumbbell(table, dict.fromkeys(ids, "#000000")).to_dict()["height"] == height


def test_gains_and_captions_are_written_in_colors_that_can_be_read(database, ids):
    from dashboard.palette import TOKENS

    tokens = TOKENS["light"]
    evaluation = run_page(database, "evaluate", ids)
    captions = "".join(str(element.proto.body) for element in evaluation.get("html"))
    assert f"color:{tokens['good']}" in captions
    assert f"color:{tokens['bad']}" in captions


def test_a_line_says_how_many_points_of_killed_processes_cannot_be_shown_yet(tmp_path, look):
    path = tmp_path / "tracking.db"
    client = TrackingClient(path)
    run_id = client.create_run("0").info.run_id
    client.store.journal.release(run_id)
    pack_row = records.row_packer((run_id, ("loss",)))
    rows = [records.sealed(pack_row(step, 5, 1.0)) for step in range(3)]
    start = records.pack_start("process 1 on ada", {run_id: 5})
    (live_folder(path) / f"{'0' * 16}.journal").write_bytes(start + b"".join(rows))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")  # Nobody can write the database.
        test = look(path)
        assert [info.value.split(" that")[0] for info in test.info] == [
            "3 points logged by processes"
        ]
        other.rollback()
    client._next_reap = 0.0
    client.reap()
    assert list(test.run().info) == []


def test_a_component_that_is_forgotten_but_called_back_says_nothing():
    def page():
        from dashboard import view_state
        from dashboard.widgets import component, export, grid, run_choice, run_list

        run_list._take_report("gone")
        run_list._take_event("gone", None)
        grid._take("gone", None)
        export._want("gone")
        run_choice._write("gone")
        assert component.event("gone") == {}
        assert view_state.current().reports == 0

    assert not AppTest.from_function(page, default_timeout=30).run().exception
