from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.client import TrackingClient
from tracker.text import clean, cut, display_width

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\x9b2J\u202eb\r\nc"


def on_terminal(tmp_path, *arguments, **environment):
    """What the command line writes to a terminal of 100 columns."""
    primary, secondary = pty.openpty()
    command = [sys.executable, "-m", "tracker", "--db", str(tmp_path / "tracking.db"), *arguments]
    with subprocess.Popen(
        command,
        stdout=secondary,
        stderr=secondary,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm", **environment},
    ):
        os.close(secondary)
        written = b""
        try:
            while block := os.read(primary, 65536):
                written += block
        except OSError:  # The other end was closed.
            pass
    os.close(primary)
    return written.decode()


@pytest.fixture
def hostile(tmp_path):
    client = TrackingClient(tmp_path / "tracking.db")
    experiment_id = client.create_experiment(HOSTILE)
    run_id = client.create_run(experiment_id, run_name=HOSTILE, tags={"tag": HOSTILE}).info.run_id
    client.log_param(run_id, "param", HOSTILE)
    client.set_tag(run_id, "mlflow.note.content", HOSTILE)
    client.set_terminated(run_id)
    return run_id


@pytest.mark.parametrize(
    "arguments",
    [
        ("experiments",),
        ("runs",),
        ("runs", "--columns", "name,params.param,tags.tag"),
        ("runs", "--format", "csv"),
        ("runs", "--format", "json"),
        ("show", "RUN"),
        ("note", "RUN"),
        ("tag", "RUN"),
        ("tag", "RUN", "a=b"),
        ("metrics", "RUN"),
        ("sql", "SELECT name, char(27) || '[2J' FROM runs"),
        ("show", "\x1b[31m"),
    ],
)
def test_no_text_of_a_database_commands_the_terminal(hostile, tmp_path, arguments):
    named = [hostile if each == "RUN" else each for each in arguments]
    written = on_terminal(tmp_path, *named, NO_COLOR="1")
    assert re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", written) is None
    assert "red" in written or "31m" in written or "2J" in written


def test_colors_are_for_terminals_that_want_them(hostile, tmp_path):
    assert hostile
    assert "\x1b[32mFINISHED" in on_terminal(tmp_path, "runs")
    assert "\x1b" not in on_terminal(tmp_path, "runs", NO_COLOR="1")


def test_a_table_fits_the_terminal(tmp_path):
    client = TrackingClient(tmp_path / "tracking.db")
    run_id = client.create_run("0", run_name="数" * 120).info.run_id
    client.set_terminated(run_id)
    for line in on_terminal(tmp_path, "runs", NO_COLOR="1").splitlines():
        assert display_width(line) <= 100


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    client = TrackingClient(tmp_path / "tracking.db")
    run_id = client.create_run("0", run_name="long").info.run_id
    client.log_history(run_id, "loss", list(range(50_000)))
    client.set_terminated(run_id)
    command = (
        f"'{sys.executable}' -m tracker --db tracking.db metrics long loss --format csv | head -1"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout == "metric,step,timestamp,value\n".replace("metric", "key")
    assert done.stderr == ""


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(hostile, tmp_path, stream):
    command = f"'{sys.executable}' -m tracker --db tracking.db tag {hostile} a=b {stream}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    client = TrackingClient(tmp_path / "tracking.db")
    assert client.get_run(hostile).data.tags["a"] == "b"
    assert client.store.database.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_pipe_that_takes_only_ascii_gets_everything(hostile, tmp_path):
    assert hostile
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "--db", str(tmp_path / "tracking.db"), "runs"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        check=True,
        capture_output=True,
    )
    assert b"red" in done.stdout


@given(st.text())
def test_clean_text_is_harmless_whatever_it_was(text):
    assert (
        re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", clean(text)) is None
    )


@given(st.text(), st.integers(1, 40))
def test_cut_text_fits(text, width):
    assert display_width(cut(clean(text), width)) <= width


@pytest.fixture
def odd(tmp_path):
    """A database whose run has parameters that are hard to write."""
    client = TrackingClient(tmp_path / "tracking.db")
    run_id = client.create_run("0", run_name="ünï").info.run_id
    values = {"odd": "ünï – 数字 \x1b[2J", "formula": "=1+1", "at": "@SUM(1)", "minus": "-2+3",
              "number": "-0.5", "plus": "+1e-3", "option": "-adam", "tab": "\t=1"}  # fmt: skip
    client.log_params(run_id, values)
    return tmp_path / "tracking.db", values


def written(database, encoding, *arguments):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "tracker", "--db", database, *arguments]
    return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("verb", [["runs"], ["show", "ünï"], ["sql", "SELECT value FROM params"]])
def test_json_is_json_whatever_the_encoding(odd, encoding, verb):
    database, values = odd
    found = json.loads(written(database, encoding, *verb, "--format", "json").decode(encoding))
    assert values["odd"] in list(strings(found))


def strings(value):
    """Every string in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_csv_is_utf_8_and_holds_no_formulas(odd, encoding):
    database, values = odd
    text = written(database, encoding, "runs", "--format", "csv").decode("utf-8")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    found = {key: row[f"params.{key}"] for key in values}
    escaped = ("formula", "at", "minus", "option", "tab")
    assert found == {key: f"'{text}" if key in escaped else text for key, text in values.items()}
