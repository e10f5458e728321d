"""A database that came from elsewhere may hang, exhaust or break nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tracker.client import TrackingClient
from tracker.exceptions import IncompatibleDatabaseError, TrackerError
from tracker.schema import COLUMNS
from tracker.store import upkeep

READING = [
    ["experiments"],
    ["runs"],
    ["runs", "--format", "json"],
    ["show", "a"],
    ["compare", "a", "b"],
    ["metrics", "a"],
    ["artifacts", "a"],
    ["tag", "a"],
    ["note", "a"],
    ["check"],
    ["gc", "--dry-run"],
    ["backup", "{folder}/copy"],
    ["export", "a", "-o", "{folder}/a.zip"],
    ["sql", "SELECT name FROM runs"],
]
CHANGING = [["tag", "a", "x=y"], ["rename", "a", "b"], ["delete", "a"], ["gc"]]
SECONDS = 30
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"


@pytest.fixture
def sound(tmp_path):
    """A database with two runs, `a` and `b`."""
    client = TrackingClient(tmp_path / "made/tracking.db")
    for name in "ab":
        run_id = client.create_run("0", run_name=name).info.run_id
        client.log_metric(run_id, "loss", 0.5)
        client.log_param(run_id, "lr", 0.1)
        client.set_terminated(run_id)
    path = tmp_path / "sound/tracking.db"
    path.parent.mkdir()
    upkeep.copy_database(client.store.database, path)
    return path


@pytest.fixture
def hostile(sound, tmp_path):
    """A copy of the database after some statements."""

    def make(*statements):
        path = tmp_path / "hostile/tracking.db"
        shutil.copytree(sound.parent, path.parent)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                connection.execute(statement)
        return path

    return make


def tracker(path, *arguments):
    """The command line in a process that may take no more than some seconds and a gigabyte."""
    filled = [argument.format(folder=path.parent) for argument in arguments]
    limit = "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 30, 1 << 30)); "
    code = "" if sys.platform == "win32" else limit
    code += "from tracker.__main__ import main; import sys; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--db", str(path), *filled]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)


def views(table, columns):
    """Statements that put a view in the place of a table: endless, and of exponential size."""
    names = columns.split()
    yield f"ALTER TABLE {table} RENAME TO old_{table}"
    yield f"CREATE VIEW v0 AS {ENDLESS}"
    for depth in range(1, 40):
        yield f"CREATE VIEW v{depth} AS SELECT a.x FROM v{depth - 1} a, v{depth - 1} b"
    yield f"CREATE VIEW {table} AS SELECT {', '.join(f'x AS {name}' for name in names)} FROM v39"


@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_a_view_in_the_place_of_a_table_is_refused_unread(hostile, table, spelled):
    path = hostile(*views(spelled(table), COLUMNS[table]))
    for read_only in (True, False):
        with pytest.raises(IncompatibleDatabaseError, match=f"(?i)'{table}' is a view"):
            TrackingClient(path, read_only=read_only)


@pytest.mark.parametrize("verb", [*READING, *CHANGING], ids=" ".join)
def test_no_verb_reads_a_view_in_the_place_of_a_table(hostile, verb):
    said = tracker(hostile(*views("runs", COLUMNS["runs"])), *verb)
    if verb[0] == "sql":
        assert (said.returncode, said.stdout) == (1, "")
    assert (said.returncode, "'runs' is a view" in said.stderr) == (1, True)


def test_a_virtual_table_in_the_place_of_a_table_is_refused(hostile):
    path = hostile("DROP TABLE tags", "CREATE VIRTUAL TABLE tags USING fts4(key, value, run_uuid)")
    with pytest.raises(IncompatibleDatabaseError, match="'tags' is a virtual table"):
        TrackingClient(path, read_only=True)


def test_a_computed_column_is_refused(hostile):
    slow = "instr(zeroblob(1000000), zeroblob(500000) || x'01')"
    path = hostile(f"ALTER TABLE runs ADD COLUMN slow INTEGER AS ({slow}) VIRTUAL")
    with pytest.raises(IncompatibleDatabaseError, match="'slow' of runs is computed"):
        TrackingClient(path, read_only=True)


@pytest.mark.parametrize("table", ["runs", "tags", "metrics", "latest_metrics"])
def test_a_trigger_is_not_run_and_does_not_hinder_reading(hostile, table):
    slow = "instr(zeroblob(1000000), zeroblob(500000) || x'01')"
    path = hostile(
        f"CREATE TRIGGER own AFTER UPDATE ON {table} BEGIN DELETE FROM tags; END",
        f"CREATE TRIGGER other BEFORE INSERT ON {table} BEGIN SELECT {slow}; END",
    )
    client = TrackingClient(path, read_only=True)
    assert {run.info.run_name for run in client.search_runs(["0"])} == {"a", "b"}
    with pytest.raises(IncompatibleDatabaseError, match=r"has a trigger .*DROP TRIGGER"):
        TrackingClient(path)
    assert "DROP TRIGGER" in tracker(path, "tag", "a", "x=y").stderr


def test_views_and_triggers_of_other_names_are_no_ones_business(hostile):
    path = hostile(
        f"CREATE VIEW mine AS {ENDLESS}",
        "CREATE TABLE notes (x)",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END",
    )
    TrackingClient(path).log_metric(TrackingClient(path).create_run("0").info.run_id, "m", 1)


BAD_NAME = "CAST(x'ff' AS TEXT)"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE sqlite_master SET name = {BAD_NAME} WHERE name = 'tags'",
        f"UPDATE sqlite_master SET name = {BAD_NAME} WHERE name = 'index_tags_run_uuid'",
        f"UPDATE sqlite_master SET tbl_name = {BAD_NAME} WHERE name = 'runs'",
        f"UPDATE sqlite_master SET sql = replace(sql, 'user_id', {BAD_NAME}) WHERE name = 'runs'",
        f"UPDATE sqlite_master SET sql = replace(sql, 'name V', {BAD_NAME} || ' V')",
        f"UPDATE sqlite_master SET type = {BAD_NAME} WHERE name = 'runs'",
    ],
)
@pytest.mark.parametrize("verb", [["runs"], ["check"], ["tag", "a", "x=y"]], ids=" ".join)
def test_undecodable_names_are_one_sentence(hostile, statement, verb):
    said = tracker(hostile(statement), *verb)
    assert "Traceback" not in said.stderr
    assert said.returncode in {0, 1}
    if said.returncode:
        assert said.stderr.startswith("error: ") or "BAD" in said.stdout


VALUES = ["x'00ff'", "17", "1.5", "''", "char(27) || '[2J'", BAD_NAME, "zeroblob(100000)"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "column",
    ["runs.run_uuid", "runs.name", "runs.status", "runs.lifecycle_stage", "runs.start_time",
     "runs.artifact_uri", "runs.user_id", "metrics.key", "latest_metrics.value", "params.value",
     "tags.key", "tags.value", "experiments.name"],
)  # fmt: skip
def test_a_value_of_a_wrong_type_ends_no_list_in_a_traceback(hostile, column, value, capsys):
    from tracker.__main__ import main

    table, name = column.split(".")
    path = hostile("PRAGMA foreign_keys = OFF", f"UPDATE OR IGNORE {table} SET {name} = {value}")
    for verb in (["runs"], ["runs", "--format", "json"], ["show", "a"], ["compare", "a", "b"]):
        code = main(["--db", str(path), *verb])
        said = capsys.readouterr()
        assert code == 0 or said.err.startswith("error: ")
        assert "\x1b[2J" not in said.out + said.err
    assert main(["--db", str(path), "experiments"]) in {0, 1}


@pytest.mark.parametrize(
    "column", ["runs.run_uuid", "runs.name", "runs.status", "tags.key", "params.value"]
)
def test_check_names_values_of_a_wrong_type(hostile, column):
    table, name = column.split(".")
    said = tracker(hostile(f"UPDATE OR IGNORE {table} SET {name} = x'00ff'"), "check")
    assert said.returncode == 1
    assert f"of {column} are of a wrong type" in said.stdout


def test_a_list_shows_runs_with_ids_that_are_no_text(hostile):
    path = hostile(
        "PRAGMA foreign_keys = OFF", "UPDATE runs SET run_uuid = x'00ff' WHERE name = 'a'"
    )
    said = tracker(path, "runs", "--format", "json", "-c", "run_id,name")
    assert {run["run_name"] for run in json.loads(said.stdout)} == {"a", "b"}


@pytest.mark.parametrize("size", [0, 100, 4096, 20_000])
def test_a_file_that_is_cut_off_is_one_sentence(sound, tmp_path, size):
    path = tmp_path / "cut.db"
    path.write_bytes(sound.read_bytes()[:size])
    for read_only in (True, False):
        try:
            TrackingClient(path, read_only=read_only)
        except TrackerError:
            continue
        assert size == 0
        break
