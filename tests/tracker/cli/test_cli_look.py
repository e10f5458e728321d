from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

from tracker.__main__ import main
from tracker.client import TrackingClient


def test_experiments_are_listed_with_their_runs_counted(cli, runs):
    assert runs
    found = json.loads(cli("experiments", "--format", "json").out)
    assert [(each["name"], each["runs"]) for each in found] == [("Default", 0), ("digits", 3)]


@pytest.mark.usefixtures("runs")
def test_the_database_may_be_named_after_the_verb(capfd, tmp_path):
    assert main(["experiments", "--db", str(tmp_path / "tracking.db")]) == 0
    assert "digits" in capfd.readouterr().out


@pytest.mark.usefixtures("runs")
def test_what_stands_above_a_column_names_it(cli):
    names = "run_id,run_name,status,start_time,end_time,duration_seconds,user_id,lifecycle_stage"
    headings = cli("runs", "--columns", names).out.splitlines()[0].split()
    for heading in [*headings, "run"]:
        assert cli("runs", "--columns", heading).code == 0, heading


@pytest.mark.parametrize(
    ("mixed", "separate"),
    [
        (["metrics", "wide_1a", "-n", 2, "loss"], ["metrics", "-n", 2, "wide_1a", "loss"]),
        (["compare", "wide_1a", "--different", "broken"], ["compare", "wide_1a", "broken"]),
        (["artifacts", "wide_1a", "--format", "csv", "model"], ["artifacts", "wide_1a", "model"]),
    ],
)
def test_an_option_may_stand_between_a_run_and_what_follows_it(cli, runs, mixed, separate):
    assert runs
    options = [argument for argument in mixed if argument not in separate]
    said = cli(*mixed)
    assert (said.code, said.out) == (0, cli(*separate, *options).out)


def test_runs_are_filtered_and_ordered(cli, runs):
    said = cli(
        "runs",
        "--filter",
        "metrics.accuracy > 0",
        "--order",
        "metrics.accuracy",
        "--format",
        "json",
    )
    assert [run["run_id"] for run in json.loads(said.out)] == [runs["narrow_2b"], runs["wide_1a"]]


def test_a_table_is_short_and_csv_is_exact(cli, runs):
    assert runs
    columns = (
        "--columns",
        "name,started,duration,metrics.accuracy",
        "--filter",
        "run_name = 'wide_1a'",
    )
    assert cli("runs", *columns).out.splitlines()[1].split() == [
        *("wide_1a", "2025-10-09", "2", "min", "5", "s", "0.9253")
    ]
    row = next(csv.DictReader(io.StringIO(cli("runs", *columns, "--format", "csv").out)))
    assert row == {
        "run_name": "wide_1a",
        "start_time": "2025-10-09T08:53:20.123Z",
        "duration_seconds": "125.0",
        "metrics.accuracy": "0.92531",
    }


def test_columns_are_comma_separated_or_repeated(cli, runs):
    assert runs
    said = cli("runs", "-c", "run_name, status", "-c", "params.batch_size", "--format", "csv")
    assert said.out.splitlines()[0] == "run_name,status,params.batch_size"


def test_a_limit_says_that_there_are_more(cli, runs):
    assert runs
    said = cli("runs", "--limit", 2)
    assert len(said.out.splitlines()) == 3
    assert "--limit 0 shows all" in said.err


def test_numbers_that_json_lacks_become_texts(cli, runs):
    assert (
        json.loads(cli("metrics", runs["broken"], "loss", "--format", "json").out)[0]["value"]
        == "NaN"
    )


def test_show_tells_everything_about_a_run(cli, runs):
    said = cli("show", "wide_1a")
    for text in (
        runs["wide_1a"],
        "digits",
        "FINISHED",
        "First.",
        "hidden_size",
        "candidate",
        "60,000",
    ):
        assert text in said.out
    assert "weights.txt" in said.out


def test_a_row_that_another_program_left_half_empty_is_shown(cli, runs, tmp_path):
    with TrackingClient(tmp_path / "tracking.db").store.database.write() as connection:
        connection.execute("UPDATE runs SET start_time = NULL, artifact_uri = NULL, status = NULL")
    assert cli("runs").code == 0
    said = cli("show", runs["wide_1a"])
    assert (said.code, "hidden_size" in said.out) == (0, True)


def test_show_as_json_holds_what_was_logged(cli, runs):
    run = json.loads(cli("show", runs["wide_1a"], "--format", "json").out)
    assert run["params"] == {"batch_size": "64", "hidden_size": "128"}
    assert run["metrics"]["loss"]["low_step"] == 1
    assert [file["path"] for file in run["artifacts"]] == ["data.txt", "model/weights.txt"]


def test_compare_puts_differences_first(cli, runs):
    assert runs
    out = cli("compare", "wide_1a", "narrow_2b").out
    different, same = out.split("The same")
    assert "params.hidden_size" in different
    assert "metrics.accuracy" in different
    assert "params.batch_size" in same


def test_compare_of_two_runs_tells_how_far_metrics_moved(cli, runs):
    assert runs
    line = next(
        line
        for line in cli("compare", "wide_1a", "narrow_2b").out.splitlines()
        if "accuracy" in line
    )
    assert line.split() == ["metrics.accuracy", "0.9253", "0.5470", "-0.3783"]


def test_metrics_are_summed_up_in_a_line_each(cli, runs):
    assert runs
    line = cli("metrics", "wide_1a").out.splitlines()[2]
    assert line.split() == ["loss", "1", "2", "0.5000", "1", "2", "0", "3"]


def test_a_history_is_written_exactly(cli, runs):
    assert runs
    rows = list(csv.reader(io.StringIO(cli("metrics", "wide_1a", "loss", "--format", "csv").out)))
    assert rows[1:] == [
        ["loss", "0", "2025-10-09T08:53:21.000Z", "2.0"],
        ["loss", "1", "2025-10-09T08:53:21.000Z", "0.5"],
        ["loss", "2", "2025-10-09T08:53:21.000Z", "1.0"],
    ]


def test_artifacts_are_listed_as_a_tree_and_copied(cli, runs, tmp_path):
    assert runs
    assert [line.split()[0] for line in cli("artifacts", "wide_1a").out.splitlines()] == [
        *("data.txt", "model/", "weights.txt")
    ]
    assert cli("artifacts", "wide_1a", "model", "--download", tmp_path / "copy").code == 0
    assert (tmp_path / "copy/model/weights.txt").read_text() == "weights"


@pytest.mark.parametrize("text", ["id", "start of the id", "name", "start of the name"])
def test_a_run_is_found_by(cli, runs, text):
    run_id = runs["wide_1a"]
    names = {
        "id": run_id,
        "start of the id": run_id[:12],
        "name": "wide_1a",
        "start of the name": "wid",
    }
    assert run_id in cli("show", names[text]).out


def test_an_active_run_goes_before_a_deleted_one_of_its_name(cli, runs, tmp_path):
    client = TrackingClient(tmp_path / "tracking.db")
    client.delete_run(runs["wide_1a"])
    again = client.create_run("0", run_name="wide_1a").info.run_id
    client.set_terminated(again)
    assert again in cli("show", "wide_1a").out


def test_an_ambiguous_name_lists_the_candidates(cli, runs, tmp_path):
    TrackingClient(tmp_path / "tracking.db").update_run(runs["narrow_2b"], name="wide_1a")
    said = cli("show", "wide_1a")
    assert said.code == 1
    assert runs["wide_1a"][:8] in said.err
    assert runs["narrow_2b"][:8] in said.err


def test_an_abandoned_run_is_failed_before_it_is_listed(cli, python, tmp_path):
    python(
        "import os, sys, tracker; "
        "tracker.TrackingClient(sys.argv[1]).create_run('0', run_name='lost'); os._exit(1)",
        str(tmp_path / "tracking.db"),
        check=False,
    )
    assert cli("runs", "--columns", "name,status").out.splitlines()[1].split() == ["lost", "FAILED"]


def test_a_query_gives_its_rows(cli, runs):
    assert runs
    said = cli("sql", "SELECT name, 1.5 AS x FROM runs ORDER BY name LIMIT 1", "--format", "json")
    assert json.loads(said.out) == [{"name": "broken", "x": 1.5}]


def test_a_query_is_cut_at_the_limit_and_says_so(cli, runs):
    assert runs
    said = cli("sql", "SELECT key FROM metrics", "--limit", 2)
    assert len(said.out.splitlines()) == 3
    assert "--limit 0" in said.err


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM runs",
        "DROP TABLE runs",
        "ATTACH 'other.db' AS other",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM runs",
    ],
)
def test_a_query_that_would_do_more_than_read_is_refused(cli, runs, query, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    said = cli("sql", query)
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert len(json.loads(cli("runs", "--format", "json").out)) == len(runs)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_endless_query_is_stopped(cli, runs):
    assert runs
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
    said = cli("sql", query, "--timeout", 1)
    assert said.code == 1
    assert "--timeout" in said.err


@pytest.mark.parametrize("limit", [0, 2**31, 10**30])
def test_a_query_gives_all_rows_where_the_limit_says_so(cli, runs, limit):
    assert runs
    said = cli("sql", "SELECT name FROM runs", "--limit", limit, "--timeout", 10**400)
    assert (len(said.out.splitlines()), said.err) == (4, "")


def test_a_query_that_is_no_text_is_refused(runs, tmp_path):
    assert runs
    command = [sys.executable, "-m", "tracker", "--db", tmp_path / "tracking.db", "sql"]
    for argument, piped in ((b"SELECT '\xff'", b""), (b"-", b"SELECT '\xff'")):
        done = subprocess.run([*command, argument], input=piped, check=False, capture_output=True)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"is not valid Unicode at character 9" in done.stderr
