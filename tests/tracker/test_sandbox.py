"""A person's own query reads, briefly, and does nothing else."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from tracker import TrackingClient
from tracker.exceptions import DatabaseError, InvalidValueError
from tracker.sandbox import Limits, select, unique_names

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
HUNDRED = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100)"
LONG = "(SELECT x, hex(randomblob(400000)) AS y FROM n)"
VALUE = "hex(zeroblob(400000))"
LIMITS = Limits(seconds=20)


@pytest.fixture
def path(tmp_path):
    client = TrackingClient(tmp_path / "tracking.db")
    run_id = client.create_run("0", run_name="one").info.run_id
    client.log_history(run_id, "loss", [0.5, 0.25, 0.125])
    client.store.database.close()
    return tmp_path / "tracking.db"


def test_a_query_gives_its_columns_and_rows_with_every_type(path):
    answer = select(
        path,
        "SELECT 1 AS i, 0.1 AS f, 'ü\ud83d'||x'' AS s, x'00ff' AS b, NULL AS n".replace(
            "\ud83d", "☃"
        ),
        LIMITS,
    )
    assert answer.columns == ["i", "f", "s", "b", "n"]
    assert answer.rows == [(1, 0.1, "ü☃", b"\x00\xff", None)]
    assert not answer.is_cut


@pytest.mark.parametrize("value", ["9e999", "-9e999", "9223372036854775807", "-0.0", "1e-320"])
def test_every_number_comes_back_as_it_is(path, value):
    with closing(sqlite3.connect(":memory:")) as connection:
        expected = connection.execute(f"SELECT {value}").fetchone()
    assert select(path, f"SELECT {value}", LIMITS).rows == [expected]


def test_a_text_that_is_not_unicode_is_shown_with_replacement_characters(path):
    assert select(path, "SELECT CAST(x'61ff62' AS TEXT)", LIMITS).rows == [("a\ufffdb",)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM runs",
        "UPDATE runs SET name = 'x'",
        "WITH a AS (SELECT 1) INSERT INTO tags (key, value, run_uuid) SELECT 1, 2, 3",
        "CREATE TEMP TABLE t (x)",
        "CREATE VIRTUAL TABLE temp.t USING fts4(x)",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA temp_store_directory = '/'",
        "VACUUM INTO '/tmp/copy.db'",
        "SELECT load_extension('evil')",
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
        "SELECT fts3_tokenizer('simple')",
        "BEGIN IMMEDIATE",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "",
    ],
)
def test_whatever_is_not_one_reading_statement_is_refused(path, statement):
    before = path.read_bytes()
    with pytest.raises(InvalidValueError, match=r"Only reading|SQLite cannot run|gives no rows"):
        select(path, statement, LIMITS)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT value FROM json_each('[1, 2]')", [(1,), (2,)]),
        ("SELECT atom FROM json_tree('{\"a\": [3]}') WHERE atom NOTNULL", [(3,)]),
        ("SELECT name FROM pragma_table_info('tags')", [("key",), ("value",), ("run_uuid",)]),
        ("PRAGMA page_size", [(4096,)]),
        ("SELECT json_extract('{\"a\": 1}', '$.a')", [(1,)]),
        ("SELECT r.name, e.value FROM runs r, json_each('[7]') e", [("one", 7)]),
        ("SELECT SUM(value) OVER () FROM metrics LIMIT 1", [(0.875,)]),
    ],
)
def test_what_only_reads_works(path, statement, rows):
    assert select(path, statement, LIMITS).rows == rows


@pytest.mark.parametrize(
    "statement",
    [
        f"{ENDLESS} SELECT MAX(x) FROM n",
        # All of it in one instruction, between which SQLite does not look at the time.
        "SELECT instr(zeroblob(1000000), CAST(zeroblob(500000) AS BLOB) || x'01')",
        "SELECT replace(hex(zeroblob(400000)), hex(zeroblob(200000)) || '1', '')",
        f"{ENDLESS} SELECT x FROM n WHERE x < 0",
    ],
)
def test_a_query_that_takes_too_long_is_stopped_wherever_it_is(path, statement):
    with pytest.raises(InvalidValueError, match=r"took more than 0\.5 s and was stopped"):
        select(path, statement, replace(LIMITS, seconds=0.5))


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_a_long_result_is_cut_and_says_so(path, rows):
    answer = select(path, f"{ENDLESS} SELECT x FROM n LIMIT {rows + 1}", replace(LIMITS, rows=rows))
    assert (len(answer.rows), answer.is_cut) == (rows, True)
    answer = select(path, f"{ENDLESS} SELECT x FROM n LIMIT {rows}", replace(LIMITS, rows=rows))
    assert (len(answer.rows), answer.is_cut) == (rows, False)


@pytest.mark.parametrize("value", ["randomblob(1000000000)", "hex(zeroblob(9000000))"])
def test_a_large_value_is_refused(path, value):
    with pytest.raises(InvalidValueError, match="too big"):
        select(path, f"SELECT {value} AS x FROM metrics", LIMITS)


def test_a_result_is_cut_before_it_fills_the_memory(path):
    limits = replace(LIMITS, result_bytes=5_000_000)
    answer = select(path, f"{ENDLESS} SELECT {VALUE} AS x FROM n LIMIT 600", limits)
    assert answer.is_cut
    assert 0 < sum(len(row[0]) for row in answer.rows) <= limits.result_bytes


def test_a_row_that_alone_would_fill_the_memory_is_refused(path):
    with pytest.raises(InvalidValueError, match="one row is larger than 5 MB"):
        select(path, f"SELECT {', '.join([VALUE] * 9)}", replace(LIMITS, result_bytes=5_000_000))


def test_too_many_columns_are_refused(path):
    with pytest.raises(InvalidValueError, match="too many columns"):
        select(path, f"SELECT {', '.join(['1'] * 101)}", LIMITS)


def test_what_is_gathered_on_the_way_is_bounded_too(path):
    limits = replace(LIMITS, memory_bytes=60_000_000, value_bytes=500_000_000)
    with pytest.raises(InvalidValueError, match="more than 60 MB of memory"):
        select(path, f"{ENDLESS} SELECT json_group_array({VALUE}) FROM n", limits)


def test_sorting_takes_no_memory_that_grows_with_what_is_sorted(path):
    limits = replace(LIMITS, memory_bytes=100_000_000)
    many = HUNDRED.replace("100", "300")  # 240 MB.
    assert len(select(path, f"{many} SELECT x FROM {LONG} ORDER BY y || x", limits).rows) == 300


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size there")
def test_temporary_files_do_not_fill_the_disk(path):
    limits = replace(LIMITS, file_bytes=20_000_000, memory_bytes=60_000_000)
    with pytest.raises(DatabaseError, match="The query failed"):
        select(path, f"{HUNDRED} SELECT x FROM {LONG} ORDER BY y || x", limits)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_database_that_nobody_may_write_is_read(path):
    TrackingClient(path).store.database.close()
    path.chmod(0o444)
    assert select(path, "SELECT name FROM runs", LIMITS).rows == [("one",)]


def test_a_missing_database_is_not_created(tmp_path):
    with pytest.raises(DatabaseError, match="no tracking database at"):
        select(tmp_path / "none.db", "SELECT 1", LIMITS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["a_2", "a", "a"], ["a_2", "a", "a_3"]),
        (["a", "a", "a_2", "a_2"], ["a", "a_3", "a_2", "a_2_2"]),
        ([], []),
    ],
)
def test_columns_of_one_name_are_told_apart(names, unique):
    assert unique_names(names) == unique
