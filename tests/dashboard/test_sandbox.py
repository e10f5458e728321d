"""The SQL page's queries: they read, briefly, and nothing else."""

from __future__ import annotations

import pytest

from dashboard import sandbox
from dashboard.recipes import RECIPES
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


def test_a_value_of_a_gigabyte_is_refused(source):
    with pytest.raises(SourceError, match="too big"):
        sandbox.ask(source, "SELECT randomblob(1000000000)")
