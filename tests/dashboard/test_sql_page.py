"""The SQL page: its recipes, its result, and what it refuses; the sandbox has tests of its own."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.sql import RECIPES
from tracker.sandbox import select


def sql_script(path):
    from pathlib import Path

    from dashboard import view
    from dashboard.pages import sql
    from dashboard.source import open_source

    sql.show(view.only(open_source(Path(path)), []))


@pytest.fixture
def ask(database):
    def run(statement):
        test = AppTest.from_function(sql_script, default_timeout=30, args=(str(database),))
        test.run()
        test.text_area[0].set_value(statement).run()
        assert not test.exception
        return test

    return run


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_answers_on_the_study(database, name):
    answer = select(database, RECIPES[name])
    assert answer.columns
    assert bool(answer.rows) == (name != "Runs that failed")


def test_a_result_is_a_table_with_a_name_for_each_column(ask):
    table = ask("SELECT 1 AS a_2, 2 AS a, 3 AS a").dataframe[0].value
    assert list(table.columns) == ["a_2", "a", "a_3"]
    assert table.iloc[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM runs", "Only reading is allowed here"),
        ("SELECT load_extension('evil')", "not authorized to use function"),
        ("ATTACH DATABASE '/tmp/other.db' AS other", "Only reading is allowed here"),
        ("SELECT nothing FROM runs", "SQLite cannot run the query"),
        ("SELECT hex(zeroblob(9000000)) FROM metrics", "SQLite cannot run the query"),
    ],
)
def test_what_is_refused_is_one_sentence(ask, statement, sentence):
    (error,) = ask(statement).error
    assert sentence in error.value
    assert "Traceback" not in error.value


def test_a_long_result_is_cut_and_says_so(ask):
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    captions = [caption.value for caption in ask(f"{many} LIMIT 10001").caption]
    assert any(caption.startswith("10,000+ rows") for caption in captions)


def test_a_statement_from_a_link_waits_for_the_person_to_run_it(database):
    test = AppTest.from_function(sql_script, default_timeout=30, args=(str(database),))
    test.query_params["q"] = "SELECT 'sent' AS word"
    test.run()
    assert "came with a link" in test.info[0].value
    assert not test.dataframe
    test.button[0].click().run()
    assert test.dataframe[0].value["word"].tolist() == ["sent"]
    assert not test.info
    test.text_area[0].set_value("SELECT 'typed' AS word").run()
    assert test.dataframe[0].value["word"].tolist() == ["typed"]
