"""What filters and orders find, by example."""

import math
import subprocess
import sys

import pytest

from tracker.exceptions import FilterError
from tracker.search import compile_run_search


@pytest.fixture
def runs(build, record):
    """Three runs: `a` and `b` are complete, `c` is open and has next to nothing."""
    return build(
        record(
            "a",
            attributes={"status": "FINISHED", "user_id": "ann", "start_time": 1, "end_time": 10},
            metrics={"loss": 0.5, "val loss": 2.0, "system/cpu": 50.0},
            params={
                "experiment_id": "05",
                "lr": "0.10",
                "model": "CNN",
                "it's": "x",
                "date": "2026-01-05",
            },
            tags={"mlflow.runName": "bold-fox", "team": "vision"},
            datasets=[{"name": "mnist", "digest": "d1", "context": "train"}],
        ),
        record(
            "b",
            attributes={"status": "FAILED", "user_id": "Bob", "start_time": 3, "end_time": 20},
            metrics={"loss": math.nan, "val loss": math.inf},
            params={"lr": "9", "model": "cnn", "date": "2026-02-05"},
            tags={"mlflow.runName": "calm-owl", "team": "100%"},
            datasets=[
                {"name": "mnist", "digest": "d2", "context": "test"},
                {"name": "strokes", "digest": "d3"},
            ],
        ),
        record("c", attributes={"status": "RUNNING", "start_time": 2}, params={"lr": "auto"}),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "bca"),
        (" \n\t", "bca"),
        ("metrics.loss < 1", "a"),
        ("metric.`val loss` >= 2", "ba"),
        ('metrics."val loss" = 2', "a"),
        ("metrics.'val loss' = 2.0e0", "a"),
        ("`metrics`.`loss`=.5", "a"),
        ("metrics.system/cpu > +1e1", "a"),
        ("metrics.loss != 0.5", "b"),
        ("metrics.loss = 0", ""),
        ("metrics.loss = nan", "b"),
        ("metrics.loss != NaN", "a"),
        ("metrics.loss IN (0.5, 1)", "a"),
        ("metrics.loss NOT IN (0.5, 1)", "b"),
        ("metrics.loss NOT BETWEEN 0 AND 1", "b"),
        ("metrics.`val loss` = inf", "b"),
        ("metrics.`val loss` < Infinity AND metrics.`val loss` > -inf", "a"),
        ("metrics.loss IS NULL", "c"),
        ("metrics.loss IS NOT NULL", "ba"),
        ("params.model = 'cnn'", "b"),
        ('param.model = "CNN"', "a"),
        ("parameter.model != 'cnn'", "a"),
        ("NOT parameters.model = 'cnn'", "ca"),
        ("params.model LIKE 'c%'", "b"),
        ("params.model NOT LIKE 'c%'", "a"),
        ("params.model ilike 'C_n'", "ba"),
        ("params.model in ('cnn', 'CNN',)", "ba"),
        ('params."it\'s" = "x"', "a"),
        ("params.lr = 0.1", "a"),
        ("params.lr = '0.1'", ""),
        ("params.experiment_id = '5'", ""),
        ("params.experiment_id = '05'", "a"),
        ("params.experiment_id = 5", "a"),
        ("params.lr < 10", "ba"),
        ("params.lr != 9", "a"),
        ("params.lr BETWEEN 1 AND 10 AND metrics.loss IS NOT NULL", "b"),
        ("params.date >= '2026-02'", "b"),
        ("params.missing IS NULL", "bca"),
        ("tags.team = 'vision' OR status = 'RUNNING'", "ca"),
        ("tags.team LIKE '%\\%%'", ""),
        ("tag.team ILIKE 'VISION'", "a"),
        ("run_name = 'bold-fox'", "a"),
        ("attributes.`Run name` != 'bold-fox'", "b"),
        ('"run name" LIKE "%owl"', "b"),
        ("run.status IN ('FAILED', 'RUNNING')", "bc"),
        ("attr.user_id = 'bob'", ""),
        ("attribute.end_time > 10", "b"),
        ("end_time IS NULL", "c"),
        ("NOT end_time > 10", "ca"),
        ("created >= 2 and Created <= 2.5", "c"),
        ("start_time < 99999999999999999999", "bca"),
        ("datasets.name = 'mnist' AND dataset.digest = 'd3'", "b"),
        ("datasets.name NOT IN ('mnist')", "b"),
        ("datasets.context != 'train'", "b"),
        ("datasets.context IS NULL", "c"),
        ("status = 'FAILED' OR status = 'FINISHED' AND metrics.loss > 1", "b"),
        ("(status = 'FAILED' OR status = 'FINISHED') AND NOT metrics.loss > 1", "ba"),
        ("not not (status='RUNNING')", "c"),
    ],
)
def test_a_filter_finds(runs, text, expected):
    assert "".join(run_id[0] for run_id in runs.run_ids(text)) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ([], "bca"),
        (["metrics.loss"], "abc"),
        (["metrics.loss DESC"], "abc"),
        (["metrics.`val loss` ASC"], "abc"),
        (["metrics.`val loss` desc"], "bac"),
        (["metrics.missing", "start_time"], "acb"),
        (["params.model"], "abc"),
        (["params.model DESC"], "bac"),
        ([" param.lr "], "abc"),
        (["tags.team DESC"], "abc"),
        (["end_time"], "abc"),
        (["attributes.end_time DESC"], "bac"),
        (["created"], "acb"),
        (["run_id DESC"], "cba"),
        (["datasets.digest DESC"], "bac"),
        ("run_id", "abc"),
    ],
)
def test_an_order_puts_missing_values_last_and_nan_before_them(runs, order_by, expected):
    assert "".join(run_id[0] for run_id in runs.run_ids("", order_by)) == expected


@pytest.mark.parametrize("char", "*?[]^-\\'\".")
def test_a_pattern_has_no_wildcards_but_percent_and_underscore(build, record, char):
    world = build(record("a", params={"x": f"1{char}23"}), record("b", params={"x": "1x23"}))
    quote = "'" if char == '"' else '"'
    found = world.run_ids(f"params.x LIKE {quote}1{char}_%{quote}")
    assert [run_id[0] for run_id in found] == ["a"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'it''s'", "it''s"),
        (r"'it\'s'", r"it\'s"),
        ('"it\'s"', "it's"),
        ('"a ""b"""', 'a ""b""'),
        (r'"a \"b\" c"', r"a \"b\" c"),
        (r"'C:\new\'", "C:\\new\\"),
        ("'a AND b = (c)'", "a AND b = (c)"),
        ("'two\nlines'", "two\nlines"),
    ],
)
def test_a_text_is_compared_as_it_stands_between_its_quotes(build, record, written, text):
    world = build(record("a", params={"x": text}))
    assert len(world.run_ids(f"params.x = {written}")) == 1


def test_equal_runs_are_ordered_by_id(build, record):
    world = build(*[record(letter, attributes={"start_time": 5}) for letter in "cab"])
    assert [run_id[0] for run_id in world.run_ids("", ["status"])] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["metrics.loss != 7", "metrics.loss != 7 OR status = 'FAILED'"])
def test_filter_and_order_on_one_metric_agree(runs, text):
    assert [run_id[0] for run_id in runs.run_ids(text, ["metrics.loss DESC"])] == ["a", "b"]


@pytest.mark.parametrize(
    ("stored", "number"),
    [
        ("0.30000000000000004", "0.30000000000000004"),
        ("9007199254740993", "9007199254740993"),
        ("1e5", "100000"),
        (" 5 ", "5"),
        ("inf", "1e999"),
        ("-inf", "-inf"),
    ],
)
def test_a_parameter_equals_the_number_it_spells(build, record, stored, number):
    world = build(record("a", params={"x": stored}))
    assert len(world.run_ids(f"params.x = {number}")) == 1


@pytest.mark.parametrize("stored", ["", "abc", "12abc", "0x10", "nan", "1,5", "True"])
@pytest.mark.parametrize("comparison", ["!= 3", "> -1e300", "< 1e300", "NOT IN (3)"])
def test_a_parameter_that_is_no_number_fulfils_no_numeric_comparison(
    build, record, stored, comparison
):
    world = build(record("a", params={"x": stored}))
    assert world.run_ids(f"params.x {comparison}") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["new", "old", "Default", "fuzz"]),
        ("name = 'old'", ["old"]),
        ("`name` LIKE 'n%'", ["new"]),
        ("attributes.name ILIKE 'OLD'", ["old"]),
        ("creation_time > 1 AND last_update_time < 9", ["new"]),
        ("experiment_id IN ('2', '3')", ["new", "old"]),
        ("experiment_id <= 1", ["Default", "fuzz"]),
        ("tags.team = 'vision'", ["old"]),
        ("tag.team IS NULL", ["new", "Default", "fuzz"]),
        ("NOT tags.team != 'vision' AND name != 'fuzz'", ["new", "old", "Default"]),
    ],
)
def test_an_experiment_filter_finds(experiments, text, expected):
    assert experiments.experiment_names(text) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (["name"], ["Default", "fuzz", "new", "old"]),
        (["creation_time"], ["old", "new", "fuzz", "Default"]),
        (["last_update_time DESC"], ["old", "new", "fuzz", "Default"]),
        (["tags.team", "experiment_id"], ["old", "Default", "fuzz", "new"]),
    ],
)
def test_an_experiment_order_ends_with_the_newest_first(experiments, order_by, expected):
    assert experiments.experiment_names("", order_by) == expected


@pytest.fixture
def experiments(build):
    """`Default` and `fuzz` have no times; `old` has a tag."""
    world = build()
    for number, name in ((2, "old"), (3, "new")):
        row = {"experiment_id": number, "name": name, "lifecycle_stage": "active"}
        row |= {"creation_time": number - 1, "last_update_time": 11 - number}
        world.insert("experiments", row)
    world.insert("experiment_tags", {"experiment_id": 2, "key": "team", "value": "vision"})
    return world


HOSTILE = [
    "'; DROP TABLE runs; --",
    "x' OR '1'='1",
    'x" OR "1"="1',
    "x) OR 1=1 --",
    "?) UNION SELECT sql FROM sqlite_master --",
    "runs.run_uuid",
    "\\'; DELETE FROM runs; --",
    "a` OR 1=1 --",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_only_a_value(build, record, text):
    quote = "'" if '"' in text else '"'
    world = build(record("a", params={"x": text}), record("b", params={"x": "y"}))
    values = f"({quote}{text}{quote}, {quote}{text}{quote})"
    found = world.run_ids(f"params.x IN {values}", ["params.x"])
    assert [run_id[0] for run_id in found] == ["a"]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_name_is_only_a_name(build, record, key):
    quote = next((quote for quote in "`\"'" if quote not in key), None)
    world = build(record("a", metrics={key: 1.0}), record("b"))
    name = f"metrics.{quote}{key}{quote}"
    found = world.run_ids(f"{name} = 1 OR {name} = 2", [f"{name} DESC"])
    assert [run_id[0] for run_id in found] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "1=1",
        "status = 'x' OR 1=1",
        "status = 'x'; DROP TABLE runs",
        "status = 'x' -- comment",
        "status = 'x' /* comment */",
        "status = (SELECT 'FINISHED')",
        "status = status",
        "status = char(70)",
        "runs.status = 'x'",
        "sqlite_version() = '3'",
        "status COLLATE NOCASE = 'x'",
        "status IN (SELECT status FROM runs)",
        "status = ?",
        "status = :name",
        "status = x'46'",
        "status UNION SELECT 1",
        "params.x = 'a' || 'b'",
        "rowid = 1",
        "lifecycle_stage = 'deleted'",
    ],
)
def test_sql_beyond_the_language_is_refused(text):
    with pytest.raises(FilterError):
        compile_run_search(text, [])


@pytest.mark.parametrize(
    "entry",
    [
        "start_time; DROP TABLE runs",
        "start_time, (SELECT 1)",
        "random()",
        "1",
        "start_time COLLATE NOCASE",
        "start_time DESC NULLS FIRST",
        "CASE WHEN 1 THEN start_time END",
        "runs.start_time",
        "rowid",
        "",
    ],
)
def test_sql_in_an_order_is_refused(entry):
    with pytest.raises(FilterError):
        compile_run_search("", [entry])


def test_the_grammar_is_not_imported_before_the_first_search():
    code = "import sys, tracker.search; print('tracker.search.parser' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert printed.stdout.strip() == b"False"
