"""Artifacts as a tree, and logged tables as tables."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from dashboard.widgets import file_tree, logged_table
from tracker.entities import FileInfo


def files(*paths):
    return [FileInfo(path, is_dir=False, file_size=10) for path in paths]


def lines(*paths):
    return [f"{'  ' * row.depth}{row.name}" for row in file_tree.rows(files(*paths))]


def test_folders_come_first_and_hold_what_lies_in_them():
    assert lines("b/c/y.txt", "b/x.txt", "a.txt") == [
        "b",
        "  c",
        "    y.txt",
        "  x.txt",
        "a.txt",
    ]


def test_a_folder_weighs_what_lies_in_it_and_beneath():
    sizes = {row.path: row.size for row in file_tree.rows(files("b/c/y", "b/x", "a"))}
    assert (sizes["b/"], sizes["b/c/"], sizes["a"]) == (20, 10, 10)


def test_a_chain_of_folders_stands_in_one_line():
    assert lines("deep/er/still/x.txt") == ["deep/er/still", "  x.txt"]


def test_few_files_begin_open_and_many_closed():
    few, many = (files(*(f"a/{n}" for n in range(count))) for count in (3, 100))
    assert file_tree.closed_at_first(few) == set()
    assert file_tree.closed_at_first(many) == {"a/"}


def test_a_thousand_folders_in_one_another_break_nothing():
    shown = lines("a/" * 1000 + "x", "a/" * 20 + "y")
    assert [line.strip() for line in shown if line.strip() in "xy"] == ["y", "x"]


@pytest.fixture
def table():
    """The table of a JSON text."""
    return lambda text: logged_table.read(json.loads(BytesIO(text.encode()).read()), 1000)


def test_a_logged_table_is_a_table_whose_numbers_are_numbers(table):
    found = table('{"columns": ["x", "x", "z"], "data": [[1, "a", [1]], [2.5, null, true]]}')
    assert [column.cells.tolist() for column in found.values()] == [
        [1.0, 2.5],
        ["a", None],
        ["[1]", "true"],
    ]
    assert [column.config["label"] for column in found.values()] == ["x", "x", "z"]


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{}", '{"columns": [], "data": []}', '{"columns": ["x"], "data": [[1, 2]]}'),
        *('{"columns": "x", "data": [["a"]]}', '{"columns": ["x"], "data": {"a": 1}}'),
    ],
)
def test_other_json_is_no_table(table, text):
    assert table(text) is None


def test_a_table_keeps_numbers_that_no_float_can_hold(table):
    found = table('{"columns": ["id"], "data": [[9007199254740993]]}')
    assert found["0"].cells.tolist() == ["9007199254740993"]


def test_the_preview_of_a_large_logged_table_is_drawn():
    from streamlit.testing.v1 import AppTest

    def script():
        from dashboard.widgets import columns, logged_table

        data = [list(range(400)) for _ in range(1000)]
        columns.show(logged_table.read({"columns": list(range(400)), "data": data}, 1000))

    test = AppTest.from_function(script, default_timeout=30).run()
    assert not test.exception
    assert test.dataframe[0].value.shape == (1000, 400)


def test_the_preview_of_a_logged_table_is_a_table(tmp_path):
    from streamlit.testing.v1 import AppTest

    def script(folder):
        from pathlib import Path

        from dashboard.widgets import preview
        from tracker.entities import FileInfo
        from tracker.files import open_artifacts

        file = Path(folder) / "table.json"
        artifact = FileInfo(file.name, is_dir=False, file_size=file.stat().st_size)
        preview.show(open_artifacts(folder, Path(folder)), artifact)

    (tmp_path / "table.json").write_text('{"columns": ["x", "y"], "data": [[1, "a"], [2, "b"]]}')
    test = AppTest.from_function(script, args=(str(tmp_path),)).run()
    assert test.dataframe[0].value.to_numpy().tolist() == [[1.0, "a"], [2.0, "b"]]
    assert len(test.json) == 0
