"""The SQL page's queries: they read, briefly, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard import sandbox
from dashboard.pages.sql import RECIPES
from dashboard.source import SourceError, open_source


@pytest.fixture
def source(database):
    return open_source(database)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_answers_on_the_study(source, name):
    answer = sandbox.ask(source, RECIPES[name])
    assert list(answer.table.columns)
    assert answer.table.empty == (name == "Runs that failed")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM runs",
        "UPDATE runs SET name = 'x'",
        "WITH a AS (SELECT 1) INSERT INTO tags (key, value, run_uuid) SELECT 1, 2, 3",
        "CREATE TEMP TABLE t (x)",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "PRAGMA writable_schema = ON",
        "VACUUM INTO '/tmp/copy.db'",
        "SELECT load_extension('evil')",
        "BEGIN IMMEDIATE",
    ],
)
def test_whatever_is_not_reading_is_refused(source, statement):
    with pytest.raises(SourceError, match=r"Only reading|SQLite says"):
        sandbox.ask(source, statement)


def test_two_statements_are_refused(source):
    with pytest.raises(SourceError, match="one statement"):
        sandbox.ask(source, "SELECT 1; SELECT 2")


def test_an_endless_query_is_stopped(source):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n"
    with pytest.raises(SourceError, match=r"Stopped after 0\.2 seconds"):
        sandbox.ask(source, endless, 0.2)


def test_a_long_result_is_cut_and_says_so(source):
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    answer = sandbox.ask(source, f"{many} LIMIT 10001")
    assert (len(answer.table), answer.is_cut) == (10_000, True)


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
VALUE = "hex(zeroblob(400000))"


@pytest.mark.parametrize("value", ["randomblob(1000000000)", "hex(zeroblob(9000000))"])
def test_a_large_value_is_refused(source, value):
    with pytest.raises(SourceError, match="too big"):
        sandbox.ask(source, f"SELECT {value} AS x FROM metrics LIMIT 600")


def test_a_result_is_cut_before_it_fills_the_memory(source):
    answer = sandbox.ask(source, f"{ENDLESS} SELECT {VALUE} AS x FROM n LIMIT 600")
    assert answer.is_cut
    assert 0 < answer.table["x"].str.len().sum() <= sandbox.RESULT_BYTES


def test_a_row_that_alone_would_fill_the_memory_is_refused(source):
    columns = ", ".join([VALUE] * 90)
    with pytest.raises(SourceError, match="One row is larger than 50 MB"):
        sandbox.ask(source, f"SELECT {columns}")


def test_a_thousand_columns_are_refused(source):
    with pytest.raises(SourceError, match="too many columns"):
        sandbox.ask(source, f"SELECT {', '.join(['1'] * 1000)}")


def test_fetching_is_stopped_too(source):
    with pytest.raises(SourceError, match=r"Stopped after 0 seconds"):
        sandbox.ask(source, f"{ENDLESS} SELECT x FROM n LIMIT 10", 0.0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_what_is_gathered_on_the_way_is_bounded_too(source, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY_BYTES", 60_000_000)
    with pytest.raises(SourceError, match="Stopped at 60 MB of memory"):
        sandbox.ask(source, f"{ENDLESS} SELECT json_group_array({VALUE}) FROM n")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_sorting_takes_no_memory_that_grows_with_what_is_sorted(source, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY_BYTES", 60_000_000)
    long = "(SELECT step, hex(randomblob(400000)) AS x FROM metrics LIMIT 100)"
    assert len(sandbox.ask(source, f"SELECT step FROM {long} ORDER BY x || step").table) == 100


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT 1 AS a_2, 2 AS a, 3 AS a", ["a_2", "a", "a_3"]),
        ("SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a_2", ["a", "a_3", "a_2", "a_2_2"]),
    ],
)
def test_columns_of_one_name_are_told_apart(source, statement, names):
    assert list(sandbox.ask(source, statement).table.columns) == names
