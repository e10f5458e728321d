"""One file, written in turn by the tracker and by MLflow, read by both after every turn.

Three files for each release: `ours` begins with the tracker, `theirs` with that MLflow, and
`walked` has been through every release before. A fourth, `busy`, is written by both at once, while
MLflow migrates it.
"""

import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest

RELEASES = ["2.4", "2.22", "3.5", "newest"]
FILTERS = [
    "metrics.loss < 0.2",
    "metrics.loss >= 0.125 AND attributes.status = 'FINISHED'",
    "metrics.edge > 0",
    "metrics.diverged != 1",
    "metrics.`train/loss` <= 0.002",
    "params.lr = '0.01'",
    "params.layers LIKE '[784%'",
    "tags.team ILIKE 'VISION%'",
    "tags.mlflow.parentRunId != 'nobody'",
    "attributes.run_name = 'child'",
    "attributes.start_time > 1700000000005",
    "attributes.end_time < 1700000004000",
    "status = 'FINISHED' and run_name != 'child'",
    "dataset.name = 'mnist'",
    "datasets.context = 'train' AND datasets.digest LIKE '0a%'",
]
pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, ask_tracker):
    """Where the files are; the tracker has begun two of them."""
    folder = tmp_path_factory.mktemp("exchange")
    ask_tracker(folder, "write", "walked.db", "tracker begins")
    return folder


@pytest.fixture(scope="module", params=RELEASES)
def exchange(request, folder, open_mlflow, open_tracker, ask_tracker):
    """The surveys of both sides: {file: [(who wrote last, the tracker's, MLflow's), …]}.

    `ours` is written by one tracker process that stays open while MLflow migrates the file.
    """
    release = request.param
    files = {"ours": f"ours-{release}.db", "theirs": f"theirs-{release}.db", "walked": "walked.db"}
    surveys = {name: [] for name in files}
    with open_tracker(folder) as tracker, open_mlflow(release, folder) as mlflow:

        def survey(writer):
            for name, file in files.items():
                step = ("survey", file, FILTERS)
                surveys[name].append((writer, ask_tracker(folder, *step), mlflow.ask(*step)))

        tracker.ask("write", files["ours"], "tracker begins")
        mlflow.ask("write", files["theirs"], "mlflow begins")
        survey("nobody")
        for file in files.values():
            mlflow.ask("write", file, f"mlflow {release}")
        survey("mlflow")
        tracker.ask("write", files["ours"], f"tracker beside {release}")
        ask_tracker(folder, "write", files["theirs"], f"tracker beside {release}")
        ask_tracker(folder, "write", files["walked"], f"tracker beside {release}")
        survey("tracker")
        signatures = tracker.ask("signatures"), mlflow.ask("signatures")
        busy = write_together(tracker, mlflow, folder, f"busy-{release}.db")
    paths = {name: folder / file for name, file in files.items()}
    return surveys | {"paths": paths, "signatures": signatures, "busy": busy}


def write_together(tracker, mlflow, folder, file):
    """How many points each side logged, how many of each are in the file, what MLflow saw when."""
    run_id = tracker.ask("write", file, "tracker begins")["parent"]
    stop = folder / f"{file} is done"
    tracker.send("log", file, run_id, "tracker", 10**9, str(stop))
    try:
        logged = {"mlflow": mlflow.ask("log", file, run_id, "mlflow", 50, "never")}
        meanwhile = mlflow.ask("follow", file, run_id, "tracker", 50)
    finally:
        stop.touch()
    logged["tracker"] = tracker.receive()
    afterwards = mlflow.ask("follow", file, run_id, "tracker", 0)
    with closing(sqlite3.connect(folder / file)) as connection:
        rows = connection.execute("SELECT key, count(*) FROM metrics GROUP BY key").fetchall()
    stored = {key: count for key, count in rows if key in logged}
    return logged, stored, meanwhile, afterwards


FILES = pytest.mark.parametrize("file", ["ours", "theirs", "walked"])


@FILES
def test_both_see_the_same_after_every_turn(exchange, file):
    for writer, tracker, mlflow in exchange[file]:
        assert tracker["experiments"] == mlflow["experiments"], writer
        assert tracker["runs"] == mlflow["runs"], writer


@FILES
def test_both_find_the_same_runs_after_every_turn(exchange, file):
    for writer, tracker, mlflow in exchange[file]:
        assert tracker["found"] == mlflow["found"], writer
        assert all(tracker["found"].values()), writer


@FILES
def test_nothing_changes_that_was_there_before(exchange, file):
    turns = [tracker["runs"] for _, tracker, _ in exchange[file]]
    for before, after in pairwise(turns):
        assert {run_id: after[run_id] for run_id in before} == before
        assert len(after) == len(before) + 4


@pytest.mark.parametrize("writer", ["tracker begins", "mlflow", "tracker beside"])
def test_mlflow_reads_every_kind_of_thing_as_it_was_written(exchange, writer):
    last = exchange["ours"][-1][2]
    run = next(
        run
        for run in last["runs"].values()
        if run["info"]["run_name"] == "parent" and _experiment(last, run).startswith(writer)
    )
    history = [value for _, _, value in run["histories"]["edge"]]
    assert history == ["nan", "inf", "-inf", "-0.5", "1e-300"]
    assert run["metrics"] == {
        "edge": "1e-300",
        "train/loss": "0.002",
        "diverged": "nan",
        "loss": "0.125",
    }
    assert run["params"] == {"lr": "0.01", "layers": "[784, 128]"}
    assert run["artifacts"]["model/weights.txt"] == [11, "weights ✓"]
    assert run["datasets"][0][:2] == ["mnist", "0a1b2c3d"]
    assert run["info"]["end_time"] - run["info"]["start_time"] == 4_999 - 5


def test_a_run_of_mlflow_that_is_open_stays_open(exchange):
    tracker = exchange["theirs"][-1][1]
    status = {
        _experiment(tracker, run).split()[0]: run["info"]["status"]
        for run in tracker["runs"].values()
        if run["info"]["run_name"] == "open"
    }
    assert status == {"mlflow": "RUNNING", "tracker": "FAILED"}


@FILES
def test_the_file_stays_sound(exchange, file):
    with closing(sqlite3.connect(exchange["paths"][file])) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_nothing_is_lost_when_both_write_at_once_and_mlflow_migrates(exchange):
    logged, stored, _, _ = exchange["busy"]
    assert stored == logged
    assert logged["mlflow"] == 50
    assert logged["tracker"] > 0


def test_mlflow_sees_every_point_while_a_run_goes_on_and_after_its_end(exchange):
    logged, _, meanwhile, afterwards = exchange["busy"]
    assert len(meanwhile) >= 50
    assert meanwhile == list(range(len(meanwhile)))
    assert afterwards == list(range(logged["tracker"]))


def test_our_calls_take_mlflows_arguments_in_mlflows_order(exchange):
    ours, mlflows = exchange["signatures"]
    # autolog takes any option by name: it only tells that the tracker has none.
    shared = (ours.keys() & mlflows.keys()) - {"autolog"}
    assert len(shared) > 65
    different = {
        name: (ours[name], mlflows[name])
        for name in shared
        if [each for each in ours[name] if each in mlflows[name]] != mlflows[name]
    }
    assert different == {}


def _experiment(survey, run):
    """The name of the experiment of a run."""
    names = {each["experiment_id"]: each["name"] for each in survey["experiments"]}
    return names[run["info"]["experiment_id"]]
