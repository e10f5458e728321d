"""What cannot be written as the file that its name promises is one sentence."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import date
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tracker.exceptions import InvalidValueError

mpl.use("agg")


@pytest.mark.parametrize(("mode", "name"), [("F", "map.png"), ("RGB", "map.psd")])
def test_an_image_that_its_format_cannot_hold_is_refused(client, run_id, mode, name):
    with pytest.raises(InvalidValueError, match="end 'map"):
        client.log_image(run_id, Image.new(mode, (2, 2)), name)


@pytest.mark.parametrize(
    ("figure", "message"),
    [(Figure(), r"'plot\.xyz' cannot be drawn"), ("text", "figure, not str")],
    ids=["figure", "text"],
)
def test_a_figure_that_cannot_be_drawn_is_refused(client, run_id, figure, message):
    with pytest.raises(InvalidValueError, match=message):
        client.log_figure(run_id, figure, "plot.xyz")


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}])
def test_a_table_is_not_appended_to_what_is_none(client, run_id, content):
    client.log_dict(run_id, content, "rows.json")
    with pytest.raises(InvalidValueError, match="is not a table that log_table wrote"):
        client.log_table(run_id, {"a": [1]}, "rows.json")


@pytest.mark.parametrize("name", ["settings.json", "settings.yaml"])
def test_numbers_of_numpy_and_paths_stand_in_a_dictionary_of_either_kind(client, run_id, name):
    yaml = pytest.importorskip("yaml")
    client.log_dict(run_id, {"lr": np.float32(0.5), "where": Path("data")}, name)
    text = Path(client.download_artifacts(run_id, name)).read_text()
    assert yaml.safe_load(text) == {"lr": 0.5, "where": "data"}


def test_tables_beyond_the_room_of_their_tag_are_kept_all_the_same(client, run_id):
    for number in range(250):
        client.log_table(run_id, {"a": [number]}, f"tables/{number}.json")
    known = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert known[:2] == [{"path": f"tables/{n}.json", "type": "table"} for n in range(2)]
    assert len(client.list_artifacts(run_id, "tables")) == 250


def table(client, run_id, name="rows.json"):
    """What the file says to a reader that takes nothing but JSON."""
    text = Path(client.download_artifacts(run_id, name)).read_text()
    return json.loads(text, parse_constant=pytest.fail)


def test_rows_with_other_columns_or_another_order_of_them_are_appended_by_name(client, run_id):
    for rows in ({"a": [1], "b": [2]}, {"b": [3], "a": [4]}, {"c": ["x"]}):
        client.log_table(run_id, rows, "rows.json")
    assert table(client, run_id) == {
        "columns": ["a", "b", "c"],
        "data": [[1, 2, None], [4, 3, None], [None, None, "x"]],
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (np.float32("inf"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT", "s"), None),
        ({"loss": np.array([1.5, float("nan")])}, {"loss": [1.5, None]}),
        (pd.Timestamp("2024-01-02 03:04:05.678"), "2024-01-02T03:04:05.678"),
        (pd.Timestamp("2024-01-02 03:04", tz="Asia/Tokyo"), "2024-01-01T18:04:00.000Z"),
        (np.datetime64("2024-01-02", "ns"), "2024-01-02T00:00:00.000"),
        (date(2024, 1, 2), "2024-01-02T00:00:00.000"),
        (pd.Timedelta("26h"), "P1DT2H0M0S"),
        (np.True_, True),
        (np.longdouble(1.5), 1.5),
        (np.int64(2**60), 2**60),
    ],
    ids=repr,
)
def test_a_cell_is_valid_json_and_as_mlflow_writes_it(client, run_id, value, written):
    client.log_table(run_id, {"cell": [value]}, "rows.json")
    client.log_table(run_id, pd.DataFrame({"cell": [value]}), "rows.json")
    assert table(client, run_id)["data"] == [[written], [written]]


def test_what_an_earlier_release_wrote_is_mended_when_rows_are_appended(client, run_id):
    client.log_text(run_id, '{"columns": ["a"], "data": [[NaN], [Infinity], [1]]}', "rows.json")
    client.log_table(run_id, {"a": [2]}, "rows.json")
    assert table(client, run_id)["data"] == [[None], [None], [1], [2]]


@pytest.mark.parametrize(
    "column",
    [np.array(7), 7, [7, 7], (7, 7), np.array([7, 7]), pd.Series([7, 7]), {"x": 7, "y": 7}],
    ids=repr,
)
def test_a_column_is_what_mlflow_takes_for_one(client, run_id, column):
    client.log_table(run_id, {"name": ["a", "b"], "value": column}, "rows.json")
    assert table(client, run_id)["data"] == [["a", 7], ["b", 7]]


@pytest.mark.interop
@pytest.mark.skipif("MLFLOW_PYTHON" not in os.environ, reason="MLFLOW_PYTHON names no interpreter")
def test_mlflow_reads_a_table_and_goes_on_with_it(client, run_id):
    client.log_table(run_id, {"a": [1.5, float("nan")], "t": [pd.Timestamp(0)] * 2}, "rows.json")
    client.store.database.close()
    command = [os.environ["MLFLOW_PYTHON"], "-W", "ignore", "-c", GO_ON_WITH_MLFLOW, run_id]
    folder = client.store.database.folder
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {"a": [1.5, None, 2.0], "t": ["1970-01-01T00:00:00.000"] * 3}
    client.log_table(run_id, {"a": [3]}, "rows.json")
    assert [row[0] for row in table(client, run_id)["data"]] == [1.5, None, 2.0, 3]


GO_ON_WITH_MLFLOW = """
import json
import sys
import mlflow
import pandas
mlflow.set_tracking_uri("sqlite:///tracking.db")
client = mlflow.MlflowClient()
rows = pandas.DataFrame({"t": [pandas.Timestamp(0)], "a": [2]})
client.log_table(sys.argv[1], rows, "rows.json")
table = client.load_table("0", "rows.json", [sys.argv[1]])
cells = {name: [None if cell != cell else cell for cell in table[name]] for name in table}
print(json.dumps(cells))
"""
