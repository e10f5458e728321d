from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tracker
from tracker import current as where
from tracker.exceptions import (
    InvalidStateError,
    InvalidTypeError,
    InvalidValueError,
    NotFoundError,
)

mpl.use("agg")


def status(run):
    return tracker.get_run(run.info.run_id).info.status


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, "FINISHED"),
        (ValueError, "FAILED"),
        (SystemExit, "FAILED"),
        (KeyboardInterrupt, "KILLED"),
    ],
)
def test_a_block_ends_its_run_and_passes_the_exception_on(error, expected):
    def work():
        with tracker.start_run() as run:
            started.append(run)
            if error:
                raise error

    started = []
    if error:
        with pytest.raises(error):
            work()
    else:
        work()
    assert status(started[0]) == expected
    assert tracker.active_run() is None


@pytest.mark.usefixtures("database")
def test_a_second_run_is_refused_while_one_is_active():
    with tracker.start_run() as run, pytest.raises(InvalidStateError, match=run.info.run_id):
        tracker.start_run()


@pytest.mark.usefixtures("database")
def test_a_nested_run_knows_its_parent_and_gives_the_floor_back():
    with tracker.start_run() as parent:
        with tracker.start_run(nested=True) as child:
            tracker.log_metric("m", 1.0)
        tracker.log_metric("m", 2.0)
    assert tracker.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert tracker.get_run(parent.info.run_id).data.metrics == {"m": 2.0}


@pytest.mark.usefixtures("database")
def test_a_parent_that_ends_by_an_exception_ends_its_open_children():
    with pytest.raises(ValueError, match="boom"), tracker.start_run() as parent:
        child = tracker.start_run(nested=True)
        raise ValueError("boom")
    assert (status(child), status(parent)) == ("FAILED", "FAILED")


@pytest.mark.usefixtures("database")
def test_a_run_ends_where_it_began_whatever_database_is_named_by_then(database, tmp_path):
    with tracker.start_run() as run:
        tracker.set_tracking_uri(tmp_path / "other.db")
    assert tracker.TrackingClient(database).get_run(run.info.run_id).info.status == "FINISHED"


@pytest.mark.usefixtures("database")
def test_a_status_that_there_is_not_leaves_the_run_active():
    run = tracker.start_run()
    with pytest.raises(InvalidValueError, match="'DONE'"):
        tracker.end_run("DONE")
    assert tracker.active_run() is run


@pytest.mark.usefixtures("database")
def test_a_resumed_run_goes_on_where_it_was():
    with tracker.start_run() as run:
        tracker.log_metric("m", 1.0, step=1)
    with tracker.start_run(run_id=run.info.run_id, tags={"again": "yes"}):
        assert status(run) == "RUNNING"
        tracker.log_metric("m", 2.0, step=2)
    history = tracker.get_metric_history(run.info.run_id, "m")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 2.0)]
    assert (status(run), tracker.get_run(run.info.run_id).data.tags["again"]) == ("FINISHED", "yes")


@pytest.mark.usefixtures("database")
def test_a_run_that_is_not_there_cannot_be_resumed():
    with pytest.raises(NotFoundError, match="no run with the id"):
        tracker.start_run(run_id="f" * 32)
    assert tracker.active_run() is None


@pytest.mark.usefixtures("database")
def test_logging_without_a_run_starts_one():
    tracker.log_param("a", 1)
    assert tracker.get_run(tracker.active_run().info.run_id).data.params == {"a": "1"}


@pytest.mark.usefixtures("database")
def test_the_active_run_belongs_to_its_thread():
    seen = []
    with tracker.start_run():
        thread = threading.Thread(target=lambda: seen.append(tracker.active_run()))
        thread.start()
        thread.join()
    assert seen == [None]


@pytest.mark.usefixtures("database")
def test_threads_log_to_one_run_by_its_id():
    with tracker.start_run() as run:
        threads = [
            threading.Thread(
                target=lambda i=i: [
                    tracker.log_metric(f"m{i}", step, step=step, run_id=run.info.run_id)
                    for step in range(50)
                ]
            )
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(tracker.get_metric_history(run.info.run_id, f"m{i}")) for i in range(4)] == [50] * 4


@pytest.mark.usefixtures("database")
def test_the_experiment_is_chosen_by_name_and_created_once():
    first = tracker.set_experiment("study")
    again = tracker.set_experiment("study")
    with tracker.start_run() as run:
        pass
    assert first == again
    assert run.info.experiment_id == first.experiment_id
    assert {e.name for e in tracker.search_experiments()} == {"study", "Default"}


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("default", [0, "0"], ids=repr)
def test_a_run_belongs_to_the_experiment_named_at_its_start(default):
    tracker.set_experiment("study")
    with tracker.start_run(experiment_id=default) as run:
        assert run.info.experiment_id == "0"


@pytest.mark.usefixtures("database")
def test_a_deleted_experiment_cannot_be_chosen():
    tracker.delete_experiment(tracker.set_experiment("study").experiment_id)
    with pytest.raises(InvalidStateError, match="restore it"):
        tracker.set_experiment("study")


@pytest.mark.usefixtures("database")
def test_search_returns_what_was_logged_as_a_table_or_a_list():
    with tracker.start_run(run_name="a"):
        tracker.log_metric("loss", 0.5)
    with tracker.start_run(run_name="b"):
        tracker.log_metric("loss", 0.1)
    table = tracker.search_runs(order_by=["metrics.loss ASC"])
    assert table["tags.mlflow.runName"].tolist() == ["b", "a"]
    found = tracker.search_runs(filter_string="metrics.loss > 0.3", output_format="list")
    assert [run.info.run_name for run in found] == ["a"]


@pytest.mark.usefixtures("database")
def test_a_history_is_a_table_too():
    with tracker.start_run() as run:
        tracker.log_history("m", np.linspace(0, 1, 5), steps=range(10, 15))
    table = tracker.get_metric_history(run.info.run_id, "m", output_format="pandas")
    assert table["step"].tolist() == [10, 11, 12, 13, 14]
    assert table["value"].tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.usefixtures("database")
def test_texts_dicts_images_figures_and_tables_become_files(tmp_path):
    from matplotlib import pyplot as plt

    figure = plt.figure()
    with tracker.start_run() as run:
        tracker.log_text("hello", "notes/a.txt")
        tracker.log_dict({"a": np.float32(1)}, "b.json")
        tracker.log_dict({"a": 1}, "c.yaml")
        tracker.log_image(np.eye(4), "d.png")
        tracker.log_image(Image.new("L", (3, 3)), key="samples/x", step=3)
        tracker.log_figure(figure, "e.png")
        tracker.log_table({"x": [1, 2], "y": ["a", "b"]}, "f.json")
        tracker.log_table(pd.DataFrame({"x": [3], "y": ["c"]}), "f.json")
    plt.close(figure)
    names = [file.path for file in tracker.list_artifacts(run_id=run.info.run_id)]
    assert names[:5] == ["b.json", "c.yaml", "d.png", "e.png", "environment"]
    assert names[5:] == ["f.json", "images", "notes"]
    table = tracker.load_table("f.json", [run.info.run_id])
    assert table.to_dict("list") == {"x": [1, 2, 3], "y": ["a", "b", "c"]}
    picture = Image.open(tracker.download_artifacts("d.png", run.info.run_id, str(tmp_path)))
    assert np.array_equal(np.asarray(picture), np.eye(4) * 255)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("image", [np.zeros((2, 2, 7)), np.full((2, 2), 300), np.zeros(5)])
def test_what_is_no_image_is_refused(image):
    with tracker.start_run(), pytest.raises(InvalidValueError):
        tracker.log_image(image, "x.png")


@pytest.mark.usefixtures("database")
def test_an_unknown_form_of_an_answer_is_refused():
    with tracker.start_run() as run, pytest.raises(InvalidValueError, match="not 'dict'"):
        tracker.get_metric_history(run.info.run_id, "loss", output_format="dict")


@pytest.mark.usefixtures("database")
def test_a_folder_is_logged_with_all_it_holds(tmp_path):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "a.txt").write_text("a")
    with tracker.start_run():
        tracker.log_artifact(tmp_path / "out", "results")
        tracker.log_artifacts(tmp_path / "out")
        found = [file.path for file in tracker.list_artifacts("results/out/deep")]
        assert found == ["results/out/deep/a.txt"]
        found = [file.path for file in tracker.list_artifacts()]
        assert found == ["deep", "environment", "results"]


def test_the_environment_names_the_database(tmp_path, python):
    code = "import os, tracker; os.environ['TRACKER_URI'] = 'named.db'; tracker.log_metric('m', 1)"
    python(code)
    assert (tmp_path / "named.db").exists()


def test_a_client_that_names_no_database_opens_the_one_that_was_set(database, monkeypatch):
    monkeypatch.chdir(database.parent)
    tracker.set_tracking_uri("sqlite:///here.db")
    monkeypatch.chdir("/")
    assert tracker.MlflowClient().store.database.path == database.with_name("here.db")


def test_a_process_started_later_goes_on_in_the_same_database_and_experiment(database, python):
    experiment = tracker.set_experiment("study")
    python("import tracker; tracker.log_metric('m', 1)")
    (run,) = tracker.search_runs(output_format="list")
    assert (run.info.experiment_id, run.data.metrics) == (experiment.experiment_id, {"m": 1.0})
    assert [path.name for path in database.parent.glob("*.db")] == [database.name]


@pytest.mark.parametrize("before", [None, "before.db"], ids=repr)
def test_the_environment_is_as_before_once_no_database_is_set(tmp_path, monkeypatch, before):
    monkeypatch.delenv("TRACKER_URI", raising=False)
    if before:
        monkeypatch.setenv("TRACKER_URI", before)
    tracker.set_tracking_uri(tmp_path / "a.db")
    tracker.set_experiment("study")
    tracker.set_tracking_uri(tmp_path / "b.db")
    assert os.environ["TRACKER_URI"] == str(tmp_path / "b.db")
    tracker.set_tracking_uri("")
    assert os.environ.get("TRACKER_URI") == before
    assert "TRACKER_EXPERIMENT_NAME" not in os.environ


@pytest.mark.usefixtures("database")
def test_what_the_user_wrote_into_the_environment_meanwhile_stays(monkeypatch):
    monkeypatch.setenv("TRACKER_URI", "meanwhile.db")
    tracker.set_tracking_uri("")
    assert tracker.get_tracking_uri() == "meanwhile.db"


@pytest.mark.usefixtures("database")
def test_a_name_that_no_environment_can_hold_is_chosen_all_the_same():
    assert tracker.set_experiment("a\0b").name == "a\0b"


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("", "FINISHED"),
        ("raise ValueError", "FAILED"),
        ("raise KeyboardInterrupt", "KILLED"),
    ],
)
def test_a_run_left_open_is_closed_when_the_interpreter_ends(tmp_path, python, ending, expected):
    python(f"import tracker\ntracker.log_metric('m', 1)\n{ending}", check=False)
    run = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0]
    assert run.info.status == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_forked_child_logs_but_does_not_end_its_parents_run(tmp_path, python):
    python(
        """
import os, sys, tracker
run = tracker.start_run()
tracker.log_metric("parent", 1)
child = os.fork()
if child == 0:
    tracker.log_metric("child", 2)
    sys.exit()
os.waitpid(child, 0)
open("status", "w").write(tracker.get_run(run.info.run_id).info.status)
tracker.log_metric("parent", 3, step=1)
"""
    )
    run = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0]
    assert (tmp_path / "status").read_text() == "RUNNING"
    assert run.data.metrics == {"parent": 3.0, "child": 2.0}
    assert run.info.status == "FINISHED"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_forked_child_that_leaves_the_block_leaves_its_parents_run_open(tmp_path, python):
    python(
        """
import os, sys, tracker
with tracker.start_run() as run:
    if os.fork() == 0:
        sys.exit(1)
    os.wait()
    open("status", "w").write(tracker.get_run(run.info.run_id).info.status)
"""
    )
    run = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0]
    assert ((tmp_path / "status").read_text(), run.info.status) == ("RUNNING", "FINISHED")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_forked_child_has_runs_of_its_own_beside_its_parents(tmp_path, python):
    python(
        """
import os, sys, tracker
with tracker.start_run(run_name="parent") as run:
    if os.fork() == 0:
        with tracker.start_run(run_name="nested", nested=True):
            tracker.log_metric("m", 1)
        tracker.end_run("KILLED")
        with tracker.start_run(run_name="own"):
            tracker.log_metric("m", 2)
        sys.exit()
    os.wait()
    tracker.log_metric("m", 3)
    tracker.set_tag("seen", tracker.get_run(run.info.run_id).info.status)
"""
    )
    runs = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    found = {run.info.run_name: run for run in runs}
    logged = {name: run.data.metrics["m"] for name, run in found.items()}
    assert logged == {"parent": 3, "nested": 1, "own": 2}
    parents = {name: run.data.tags.get("mlflow.parentRunId") for name, run in found.items()}
    assert parents == {"parent": None, "nested": found["parent"].info.run_id, "own": None}
    assert found["parent"].data.tags["seen"] == "RUNNING"


def test_an_error_from_before_its_start_does_not_fail_a_run(tmp_path):
    typed = "missing\nimport tracker\ntracker.log_metric('m', 1)\n"
    command = [sys.executable, "-i", "-q"]
    subprocess.run(command, cwd=tmp_path, input=typed, text=True, check=True, capture_output=True)
    run = tracker.TrackingClient(tmp_path / "tracking.db").search_runs(["0"])[0]
    assert run.info.status == "FINISHED"


@pytest.mark.usefixtures("database")
def test_a_relative_tracking_uri_keeps_its_file_when_the_working_directory_changes(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tracker.set_tracking_uri("sqlite:///here.db")
    with tracker.start_run() as run:
        monkeypatch.chdir("/")
        tracker.log_metric("m", 1.0)
        assert tracker.get_run(run.info.run_id).data.metrics == {"m": 1.0}


@pytest.mark.usefixtures("database")
def test_a_process_that_walks_through_many_databases_keeps_few_open(tmp_path):
    for number in range(20):
        tracker.set_tracking_uri(tmp_path / f"{number}.db")
        tracker.search_runs()
    assert len(where.settings.clients) <= where.MAX_CLIENTS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_child_does_not_wait_for_a_thread_that_stayed_with_its_parent(python):
    python(
        """
import os, signal, threading, tracker
from tracker.current import settings
held, done = threading.Event(), threading.Event()
def hold():
    with settings.lock:
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    tracker.get_client()
    os._exit(0)
status = os.waitpid(child, 0)[1]
done.set()
thread.join()
assert status == 0, status
"""
    )


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tracker.start_run("first try"), "given a name by run_name='first try'"),
        (lambda: tracker.start_run("baseline"), "given a name by run_name='baseline'"),
        (lambda: tracker.start_run(tags=["a"]), "Several tags are a dictionary"),
        (lambda: tracker.log_metric({"loss": 1}, 1), "A metric key is a string, not {'loss': 1}"),
        (lambda: tracker.log_history("loss", 5), "is a list or an array, not 5"),
    ],
)
def test_a_slip_in_an_argument_is_told_in_a_sentence(call, sentence):
    with pytest.raises(tracker.TrackerError, match=sentence):
        call()
    tracker.end_run()


def test_a_data_set_of_something_else_is_refused_in_a_sentence():
    with pytest.raises(InvalidTypeError, match="takes a DataFrame, not list"):
        tracker.data.from_pandas([1])
    with pytest.raises(InvalidTypeError, match="takes numpy arrays, not list: convert it"):
        tracker.data.from_numpy({"x": np.eye(2)}, targets=[1, 2])


def test_a_package_that_is_not_installed_is_named(tmp_path, repository):
    code = """if True:
        import sys, tracker
        tracker.set_tracking_uri(sys.argv[1])
        run_id = tracker.start_run().info.run_id
        tracker.log_table({"a": [1]}, "a.json")
        tracker.end_run()
        for ask in (
            tracker.search_runs,
            lambda: tracker.get_metric_history(run_id, "m", "pandas"),
            lambda: tracker.load_table("a.json"),
            lambda: tracker.data.from_numpy([1]),
            lambda: tracker.data.from_pandas([1]),
        ):
            try:
                ask()
            except tracker.UnsupportedError as error:
                print(error)
    """
    # Without the packages of the environment.
    command = [sys.executable, "-S", "-c", code, str(tmp_path / "tracking.db")]
    done = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    assert len(re.findall(r"needs (pandas|numpy): `pip install \1`\.\n", done.stdout)) == 5
