"""Data sets described from arrays and tables. Digests and schemas are what MLflow 3.17 printed."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracker import TrackingClient, data
from tracker.exceptions import InvalidValueError, UnsupportedError


def described(dataset):
    """What a run records of a data set."""
    return dataset.to_entity()


X, Y = np.zeros((5, 3)), np.arange(5)
COLUMNS = {
    "long": ([1, 2, 3], "c247459b"),
    "double": ([0.5, 0.25, 1.0], None),
    "boolean": ([True, False, True], None),
    "datetime": (pd.to_datetime(["2020-01-01"] * 3), None),
    "integer": (np.array([1, 2, 3], "i4"), None),
    "float": (np.array([1, 2, 3], "f4"), None),
    "binary": ([b"x", b"y", b"z"], None),
    "string": (["x", "y", "z"], None),
}


@pytest.fixture
def client(tmp_path):
    return TrackingClient(tmp_path / "tracking.db")


@pytest.fixture
def run_id(client):
    return client.create_run("0").info.run_id


@pytest.mark.parametrize(
    ("features", "targets", "digest"),
    [
        (X, None, "4f7bb9d3"),
        (X, Y, "182e61df"),
        ({"p": X, "q": Y.astype("f4")}, None, "d0fddfb2"),
        (np.array(["a", "b"]), None, "88d43939"),
        (np.array([True]), None, "ed6b199d"),
    ],
)
def test_an_array_has_the_digest_that_mlflow_gives_it(features, targets, digest):
    assert data.from_numpy(features, targets=targets).digest == digest


def test_an_array_is_described_as_mlflow_describes_it():
    found = described(data.from_numpy(X, "data/x.npy", Y, name="zeros"))
    tensors = json.loads(found.schema)["mlflow_tensorspec"]
    assert json.loads(tensors["features"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}
    ]
    assert json.loads(found.profile)["features_shape"] == [5, 3]
    assert (found.name, found.source_type, found.source) == (
        "zeros",
        "local",
        '{"uri": "data/x.npy"}',
    )


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_has_the_type_that_mlflow_gives_it(kind):
    values, digest = COLUMNS[kind]
    found = described(data.from_pandas(pd.DataFrame({"a": values})))
    assert json.loads(found.schema) == {
        "mlflow_colspec": [{"type": kind, "name": "a", "required": True}]
    }
    assert digest in {None, found.digest}


def test_a_column_with_gaps_is_not_required():
    found = described(data.from_pandas(pd.DataFrame({"b": [0.5, 0.25, None]})))
    assert found.digest == "11b01124"
    assert json.loads(found.schema)["mlflow_colspec"][0]["required"] is False


def test_a_column_that_mlflow_has_no_type_for_leaves_the_schema_out():
    found = described(data.from_pandas(pd.DataFrame({"a": np.array([1], "u8")})))
    assert found.schema is None
    assert json.loads(found.profile) == {"num_rows": 1, "num_elements": 1}


@pytest.mark.parametrize(
    ("source", "kind", "where"),
    [
        ("https://x.org/a.csv", "http", {"url": "https://x.org/a.csv"}),
        ("s3://bucket/a.csv", "s3", {"uri": "s3://bucket/a.csv"}),
        ("data/a.csv", "local", {"uri": "data/a.csv"}),
    ],
)
def test_a_source_is_told_by_its_address(source, kind, where):
    found = described(data.from_pandas(pd.DataFrame({"a": [1]}), source))
    assert (found.source_type, json.loads(found.source)) == (kind, where)


def test_without_a_source_the_script_is_the_source():
    found = described(data.from_numpy(X))
    assert found.source_type == "code"
    assert json.loads(found.source)["tags"]["mlflow.source.type"] == "LOCAL"


def test_a_target_that_is_no_column_is_refused():
    with pytest.raises(InvalidValueError, match=r"no column 'label', only \['a'\]"):
        data.from_pandas(pd.DataFrame({"a": [1]}), targets="label")


FRAMES = {
    "no columns": (pd.DataFrame, "7dea362b", None),
    "no rows": (lambda: pd.DataFrame({"a": pd.Series([], dtype="f8")}), None, ["double"]),
    "one category": (
        lambda: pd.DataFrame({"c": pd.Categorical(["x", "x"])}),
        "81071683",
        ["string"],
    ),
    "categories of numbers": (
        lambda: pd.DataFrame({"c": pd.Categorical([1, 2])}),
        "6da93c2c",
        ["long"],
    ),
    "duplicate names": (
        lambda: pd.DataFrame([[1, 2, "x"], [3, 4, "y"]], columns=["a", "a", "b"]),
        "62a83401",
        None,
    ),
    "duplicate names of texts": (
        lambda: pd.DataFrame([["u", "v"], ["x", "y"]], columns=["a", "a"]),
        "8e6da4b5",
        None,
    ),
    "levels of rows": (
        lambda: pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])),
        "d70c46e4",
        ["long"],
    ),
    "levels of columns": (
        lambda: pd.DataFrame(
            [[1, 2], [3, 4]], columns=pd.MultiIndex.from_tuples([("x", "a"), ("y", "b")])
        ),
        "380dcdde",
        ["long", "long"],
    ),
    "numbers as names": (lambda: pd.DataFrame([[1.0, 2.0]]), "aa78c00e", ["double", "double"]),
    "datetimes": (
        lambda: pd.DataFrame({"a": pd.to_datetime(["2024-01-01", "2024-01-02"])}),
        "defee322",
        ["datetime"],
    ),
    "dates": (lambda: pd.DataFrame({"a": [date(2024, 1, 1)]}), "a17ca048", ["datetime"]),
    "sparse": (lambda: pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}), "5d6e9821", None),
    "lists": (lambda: pd.DataFrame({"a": [[1], [2]]}), "defee322", ["array"]),
    "nothing but gaps": (lambda: pd.DataFrame({"a": [None, None]}), "defee322", ["any"]),
    "strings with a gap": (lambda: pd.DataFrame({"a": ["x", None]}), None, ["string"]),
    "periods": (lambda: pd.DataFrame({"a": pd.period_range("2024", periods=2)}), None, None),
    "intervals": (lambda: pd.DataFrame({"a": pd.interval_range(0, 2)}), None, None),
    "nullable integers": (lambda: pd.DataFrame({"a": pd.array([1, None], "Int64")}), None, ...),
    "nullable booleans": (
        lambda: pd.DataFrame({"a": pd.array([True, None], "boolean")}),
        None,
        ...,
    ),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_is_described_as_mlflow_describes_it(kind, client, run_id):
    make, digest, types = FRAMES[kind]
    dataset = data.from_pandas(make(), "a.csv")
    client.log_input(run_id, dataset, "train")
    (stored,) = client.get_run(run_id).inputs.dataset_inputs
    assert digest in {None, stored.dataset.digest}
    schema = stored.dataset.schema and json.loads(stored.dataset.schema)["mlflow_colspec"]
    found = schema and [column["type"] for column in schema]
    assert types is ... or found == types


def test_a_described_table_gives_its_parts_back():
    df = pd.DataFrame({"x": [1.5, 2.5], "label": [0, 1]})
    dataset = data.from_pandas(df, "data/a.csv", targets="label", name="small")
    assert dataset.df is df
    assert (dataset.targets, dataset.predictions, dataset.name) == ("label", None, "small")
    assert dataset.profile == {"num_rows": 2, "num_elements": 4}
    assert dataset.schema.input_names() == ["x", "label"]
    assert (dataset.source.uri, dataset.source.to_json()) == ("data/a.csv", '{"uri": "data/a.csv"}')
    assert json.loads(dataset.to_json()) == dataset.to_dict()
    assert dataset.to_dict()["digest"] == dataset.digest


def test_described_arrays_give_their_parts_back():
    dataset = data.from_numpy(X, "https://x.org/x.npy", targets=Y)
    assert dataset.features is X
    assert dataset.targets is Y
    assert dataset.profile["targets_shape"] == (5,)
    assert dataset.source.url == "https://x.org/x.npy"
    assert set(dataset.schema["mlflow_tensorspec"]) == {"features", "targets"}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("https://x.org/a.csv", data.HTTPDatasetSource),
        ("s3://bucket/a.csv", data.FileSystemDatasetSource),
        ("data/a.csv", data.FileSystemDatasetSource),
        (None, data.CodeDatasetSource),
    ],
)
def test_the_source_of_a_stored_data_set_is_the_one_it_was_logged_with(
    client, run_id, source, kind
):
    dataset = data.from_numpy(X, source)
    client.log_input(run_id, dataset)
    (stored,) = client.get_run(run_id).inputs.dataset_inputs
    for given in (dataset, stored, stored.dataset):
        found = data.get_source(given)
        assert type(found) is kind
        assert found.to_dict() == dataset.source.to_dict()
    with pytest.raises(TypeError, match="not dict"):
        data.get_source({})


def test_a_local_source_is_loaded_from_its_place(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "copy").mkdir()
    source = data.from_numpy(X, tmp_path / "a.csv").source
    assert source.load() == str(tmp_path / "a.csv")
    assert (tmp_path / "copy" / "a.csv") == Path(source.load(tmp_path / "copy"))
    with pytest.raises(UnsupportedError, match=r"https://x.org/a.csv' is not fetched"):
        data.from_numpy(X, "https://x.org/a.csv").source.load()
