from __future__ import annotations

import json
import re

import pytest

from tracker.__main__ import build_parser, main
from tracker.client import TrackingClient


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "wide_la"], "did you mean 'wide_1a'?"),
        (["runs", "-e", "digit_s"], "did you mean 'digits'?"),
        (["runs", "--columns", "stauts"], "did you mean 'status'?"),
        (["runs", "--filter", "metrics.loss >"], "metrics.loss >\n"),
        (["metrics", "wide_1a", "los"], "did you mean 'loss'?"),
        (["artifacts", "wide_1a", "model/weight.txt"], "did you mean 'model/weights.txt'?"),
        (["compare", "wide_1a"], "two runs or more"),
        (["tag", "wide_1a", "novalue"], "KEY=VALUE"),
        (["delete"], "Name a run"),
        (["delete", "--experiment", ""], "no experiment ''"),
        (["sql", "SELEC 1"], "SQLite cannot run"),
        (["import", "nowhere"], "nothing to import"),
        (["export", "--experiment", "Default"], "no runs"),
    ],
)
def test_a_mistake_is_one_clear_error(cli, runs, arguments, message):
    assert runs
    said = cli(*arguments)
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert message in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuchverb"], "no verb 'nosuchverb': see `python -m tracker --help`"),
        (["undelete"], "did you mean 'restore'?"),
        (["models"], "arguments are required: VERB"),
        (["models", "nosuchverb"], "no verb 'nosuchverb': see `python -m tracker models --help`"),
        (["models", "rm"], "did you mean 'delete'?"),
        (["models", "ls"], "did you mean 'list'?"),
        (["runs", "--limit", "-1"], "'-1' is not an integer of at least 0"),
        (["show"], "arguments are required: RUN"),
        (["ui", "--port", "70000"], "70000 is not a port"),
        (["serve", "model", "--port", "70000"], "70000 is not a port"),
        (["serve", "model", "--poll", "-1"], "'-1' is not a number from 0.01 on"),
        (["serve", "model", "--poll", "nan"], "'nan' is not a number from 0.01 on"),
    ],
)
def test_wrong_usage_exits_with_2(cli, capfd, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        cli(*arguments)
    assert message in capfd.readouterr().err


def test_without_a_verb_all_verbs_are_shown(cli):
    said = cli()
    assert said.code == 2
    assert re.search(r"^  runs +list runs", said.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["runs", "--filter", "metrics.loss < 1", "-f", "metrics.loss > 1"], "-f/--filter"),
        (["export", "wide_1a", "-o", "a.zip", "--output=b.zip"], "-o/--output"),
        (["gc", "--db", "another.db"], "--db"),
    ],
)
def test_an_option_that_takes_one_value_is_not_given_two(cli, capfd, arguments, option):
    with pytest.raises(SystemExit, match="2"):
        cli(*arguments)
    assert f"argument {option}: given twice, but it takes one value" in capfd.readouterr().err


def test_what_a_verb_does_not_take_is_answered_with_how_it_is_used(cli, capfd):
    with pytest.raises(SystemExit, match="2"):
        cli("show", "wide_1a", "broken")
    assert capfd.readouterr().err.splitlines() == [
        "usage: python -m tracker show [-h] [--db FILE] [--format {text,json}] RUN",
        "python -m tracker show: error: unrecognized arguments: broken",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        *("experiments", "runs", "show a", "compare a b", "metrics a", "artifacts a", "sql SELECT"),
        *("ui", "tag a", "note a", "rename a b", "delete a", "restore a", "check", "gc --dry-run"),
        *("gc", "backup b", "export a", "push --to http://127.0.0.1:1", "models list"),
        *("models show a", "models register a b", "models alias a b 1", "serve models:/a@b"),
    ],
)
def test_a_missing_database_is_named_and_not_made(cli, tmp_path, arguments):
    said = cli(*arguments.split())
    assert said.code == 1
    assert "There is no tracking database" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_not_there_makes_no_database(cli, tmp_path):
    assert cli("import", "nothing").code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said_to_be_none(cli, tmp_path):
    (tmp_path / "tracking.db").write_text("hello" * 1000)
    said = cli("runs")
    assert said.code == 1
    assert "not an SQLite database" in said.err


def test_every_verb_of_the_help_explains_itself(cli, capfd):
    with pytest.raises(SystemExit, match="0"):
        cli("--help")
    verbs = re.findall(r"^  ([a-z]+)  ", capfd.readouterr().out, re.MULTILINE)
    (listed,) = (action.choices for action in build_parser()._actions if action.dest == "verb")
    assert sorted(verbs) == sorted(listed)
    for verb in verbs:
        with pytest.raises(SystemExit, match="0"):
            cli(verb, "--help")


@pytest.fixture(params=[None, b"\xff\x00", ""], ids=["null", "blob", "empty"])
def without_location(request, runs, tmp_path):
    """A run whose row does not say where its files are; its id."""
    with TrackingClient(tmp_path / "tracking.db").store.database.write() as connection:
        connection.execute(
            "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (request.param, runs["wide_1a"])
        )
    return runs["wide_1a"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["artifacts", "wide_1a"],
        ["check"],
        ["export", "-e", "digits", "-o", "digits.zip"],
        ["backup", "copy"],
    ],
)
def test_files_that_nobody_can_find_are_said_so(
    cli, without_location, arguments, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said = cli(*arguments)
    assert said.code == 1
    assert "does not say where the files are" in said.out + said.err
    assert without_location in said.out + said.err or arguments[0] == "artifacts"


@pytest.mark.usefixtures("without_location")
@pytest.mark.parametrize(
    "arguments",
    [["show", "wide_1a"], ["runs"], ["runs", "--format", "json"], ["runs", "--format", "csv"]],
)
def test_a_run_whose_files_nobody_can_find_is_shown_all_the_same(cli, arguments):
    said = cli(*arguments)
    assert said.code == 0
    assert "wide_1a" in said.out


def test_gc_frees_other_runs_beside_one_whose_files_nobody_can_find(cli, without_location, runs):
    cli("delete", "wide_1a", "broken")
    said = cli("gc")
    assert said.code == 1
    assert said.out.startswith("1 deleted run and ")
    assert f"Run {without_location} stays: " in said.err
    assert "There is no run" in cli("show", runs["broken"]).err


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("rnus", "there is no verb 'rnus'; did you mean 'runs'?"),
        ("ls", "there is no verb 'ls'; did you mean 'runs'?"),
        ("list", "there is no verb 'list'; did you mean 'runs'?"),
        ("expor", "there is no verb 'expor'; did you mean 'export'?"),
        ("dashboard", "there is no verb 'dashboard'; did you mean 'ui'?"),
        ("qqq", "there is no verb 'qqq': see `"),
    ],
)
def test_an_unknown_verb_names_the_nearest(cli, capfd, verb, said):
    with pytest.raises(SystemExit, match="2"):
        cli(verb)
    assert said in capfd.readouterr().err


def test_help_is_a_verb_too(capfd):
    for arguments, heading in ((["help"], "usage:"), (["help", "runs"], "--filter")):
        with pytest.raises(SystemExit, match="0"):
            main([*arguments])
        assert heading in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--order", "metrics.los"], "No run has the metric 'los'; did you mean 'loss'?"),
        (["-f", "metrics.accurcy > 0.5"], "No run has the metric 'accurcy'; did you mean"),
        (
            ["-f", "NOT (params.lr = 1 OR tags.stgae = 'x')"],
            "the tag 'stgae'; did you mean 'stage'",
        ),
        (["-f", "params.hidden_sise < 3"], "No run has the parameter 'hidden_sise'; did you mean"),
        (["-c", "name,metrics.acuracy"], "No run has the metric 'acuracy'; did you mean"),
        (["-c", "params.zzz"], "No run has the parameter 'zzz'.\n"),
    ],
)
def test_a_key_that_no_run_has_is_named_with_the_nearest(cli, runs, arguments, said):
    assert runs
    found = cli("runs", *arguments)
    assert (found.code, said in found.err) == (0, True)


def test_a_key_that_some_run_has_is_not_named(cli, runs):
    assert runs
    said = cli("runs", "-f", "metrics.loss < 0", "-c", "name,tags.stage", "-o", "params.batch_size")
    assert "warning" not in said.err


@pytest.mark.parametrize("column", ["note", "description"])
def test_the_note_is_a_column(cli, runs, column):
    assert runs
    said = cli("runs", "-c", f"name,{column}", "--format", "json")
    assert {"First.\nSecond."} <= {run["tags.mlflow.note.content"] for run in json.loads(said.out)}
