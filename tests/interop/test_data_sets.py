"""Data sets described from arrays and tables. Digests and schemas are what MLflow 3.17 printed."""

import json

import numpy as np
import pandas as pd
import pytest

from tracker import data
from tracker.exceptions import InvalidValueError

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
    found = data.from_numpy(X, "data/x.npy", Y, name="zeros")
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
    found = data.from_pandas(pd.DataFrame({"a": values}))
    assert json.loads(found.schema) == {
        "mlflow_colspec": [{"type": kind, "name": "a", "required": True}]
    }
    assert digest in {None, found.digest}


def test_a_column_with_gaps_is_not_required():
    found = data.from_pandas(pd.DataFrame({"b": [0.5, 0.25, None]}))
    assert found.digest == "11b01124"
    assert json.loads(found.schema)["mlflow_colspec"][0]["required"] is False


def test_a_column_that_mlflow_has_no_type_for_leaves_the_schema_out():
    found = data.from_pandas(pd.DataFrame({"a": np.array([1], "u8")}))
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
    found = data.from_pandas(pd.DataFrame({"a": [1]}), source)
    assert (found.source_type, json.loads(found.source)) == (kind, where)


def test_without_a_source_the_script_is_the_source():
    found = data.from_numpy(X)
    assert found.source_type == "code"
    assert json.loads(found.source)["tags"]["mlflow.source.type"] == "LOCAL"


def test_a_target_that_is_no_column_is_refused():
    with pytest.raises(InvalidValueError, match=r"no column 'label', only \['a'\]"):
        data.from_pandas(pd.DataFrame({"a": [1]}), targets="label")
