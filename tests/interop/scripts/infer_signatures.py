"""Infers the signatures of many kinds of data, by MLflow or by the tracker.

    python infer_signatures.py mlflow|tracker

Prints what was inferred by the name of the data, and how the other side's signatures, which come
as JSON on stdin, read back.
"""

import datetime as dt
import importlib
import json
import os
import sys
import warnings

# The frameworks of the interpreter that runs the tests, after MLflow's own packages.
sys.path += filter(None, os.environ.get("FRAMEWORKS", "").split(os.pathsep))

import numpy as np
import pandas as pd
import scipy.sparse

DAY = dt.datetime(2026, 11, 30, 9, 30)  # noqa: DTZ001  MLflow's times have no zone.


def arrays():
    """Arrays of each kind of element and several shapes."""
    for name in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"):
        yield name, np.zeros((3, 2), name)
    for name in ("uint64", "float16", "float32", "float64", "complex64", "datetime64[ns]"):
        yield name, np.zeros(3, name)
    yield "texts", np.array(["a", "bcd"])
    yield "bytes", np.array([b"a", b"bcd"])
    yield "images", np.zeros((4, 1, 28, 28), np.float32)
    yield "empty array", np.zeros((0, 4))
    yield "array without dimensions", np.array(1.0)
    yield "array of objects", np.array(["a", 1, None], dtype=object)
    yield "arrays by name", {"a": np.zeros((2, 3), np.float32), "b": np.zeros(2, np.int64)}
    yield "csr", scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32))
    yield "csc", scipy.sparse.csc_matrix(np.eye(3))


def tables():
    """DataFrames and Series whose columns are of each kind."""
    for name in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"):
        yield f"column of {name}", pd.DataFrame({"a": np.zeros(3, name)})
    for name in ("uint64", "float16", "float32", "float64", "complex128", "datetime64[ns]"):
        yield f"column of {name}", pd.DataFrame({"a": np.zeros(3, name)})
    yield "column of timedelta", pd.DataFrame({"a": pd.to_timedelta([1, 2])})
    yield "column of texts", pd.DataFrame({"a": ["x", "y"], "b": ["x", None]})
    yield "column of bytes", pd.DataFrame({"a": [b"x", b"y"]})
    yield "column with NaN", pd.DataFrame({"a": [1.0, np.nan]})
    yield "nullable integers", pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})
    yield "nullable flags", pd.DataFrame({"a": pd.array([True, None], dtype="boolean")})
    yield "categories", pd.DataFrame({"a": pd.Categorical(["x", "y", "x"])})
    yield "categories of numbers", pd.DataFrame({"a": pd.Categorical([1, 2, 1])})
    yield "column of lists", pd.DataFrame({"a": [[1.0, 2.0], [3.0]]})
    yield "column of dicts", pd.DataFrame({"a": [{"x": 1, "y": "b"}, {"x": 2}]})
    yield "column of arrays", pd.DataFrame({"a": [np.zeros(2), np.ones(3)]})
    yield "mixed objects", pd.DataFrame({"a": pd.Series(["x", 1], dtype=object)})
    yield "objects that are integers", pd.DataFrame({"a": pd.Series([1, 2], dtype=object)})
    yield "times", pd.DataFrame({"a": pd.to_datetime(["2026-11-30", "2026-12-01"])})
    yield "numbered columns", pd.DataFrame(np.zeros((2, 3)))
    yield "several columns", pd.DataFrame({"a": [1], "b": [1.5], "c": ["x"], "d": [True]})
    yield "series", pd.Series([1.0, 2.0])
    yield "named series", pd.Series([1, 2], name="target")
    yield "named series with NaN", pd.Series([1.0, np.nan], name="target")


def plain():
    """What Python and JSON have."""
    yield "empty list", []
    yield "list of integers", [1, 2]
    yield "list of floats", [1.0, 2.0]
    yield "list of texts", ["a", "b"]
    yield "list of flags", [True, False]
    yield "list of bytes", [b"a"]
    yield "list of times", [DAY, DAY]
    yield "list of lists", [[1, 2], [3]]
    yield "list with None", [1, None]
    yield "list of None", [None]
    yield "mixed list", [1, "a"]
    yield "list of dicts", [{"a": 1, "b": "x"}, {"a": 2}]
    yield "list of dicts with None", [{"a": None, "b": 1.0}, {"a": 2, "b": 2.0}]
    yield "list of nested dicts", [{"a": {"b": [1, 2], "c": None}}, {"a": {"b": []}}]
    yield "list of messages", [{"messages": [{"role": "user", "content": "hi"}]}]
    yield "dict of lists", {"a": [1, 2], "b": ["x", "y"]}
    yield "dict of scalars", {"a": 1, "b": "x", "c": 1.5, "d": True, "e": None}
    yield "dict of lists with None", {"a": [1.0, None]}
    yield "nested dict", {"a": {"b": 1, "c": {"d": ["x"]}}, "e": [{"f": 1}, {"g": "y"}]}
    yield "dict of arrays and lists", {"a": np.zeros(2), "b": [1, 2]}
    yield "dict with integer keys", {1: [1], 2: [2]}
    yield "empty dict inside", {"a": {}, "b": 1}
    yield "text", "hello"
    yield "number", 1
    yield "float", 1.5
    yield "flag", True
    yield "bytes of Python", b"x"
    yield "time", DAY
    yield "day", DAY.date()
    yield "tuple", (1, 2)
    yield "set", {1, 2}
    yield "numpy scalars", [np.float32(1), np.float32(2)]
    yield "numpy integer", np.int64(3)
    yield "NaN", float("nan")


PARAMS = {
    "numbers": {"a": 1, "b": 1.5, "c": True, "d": "x"},
    "lists": {"a": [1, 2], "b": ["x"], "c": [0.5]},
    "numpy parameters": {"a": np.int32(1), "b": np.float32(0.5), "c": np.array([1, 2])},
    "time parameter": {"a": DAY, "b": [DAY]},
    "dictionary": {"a": {"b": 1, "c": "x"}},
}


def described(signature):
    """A signature with what its JSON leaves out."""
    found = {name: json.loads(text) for name, text in signature.to_dict().items() if text}
    for column in (*found.get("inputs", ()), *found.get("outputs", ())):
        if column["type"] != "tensor":
            column.setdefault("required", column["type"] not in {"any", "array", "object"})
    return found


def main():
    """Infer all and print them as JSON; read back what the other side inferred."""
    warnings.simplefilter("ignore")
    models = importlib.import_module(f"{sys.argv[1]}.models")
    signatures = {
        name: models.infer_signature(data)
        for kind in (arrays, tables, plain)
        for name, data in kind()
    }
    signatures |= {name: models.infer_signature([1], params=each) for name, each in PARAMS.items()}
    signatures["output"] = models.infer_signature(np.zeros((2, 3)), pd.Series([1, 2], name="y"))
    theirs = json.loads(sys.stdin.read() or "{}")
    read = {name: models.ModelSignature.from_dict(each) for name, each in theirs.items()}
    answer = {
        "inferred": {name: described(each) for name, each in signatures.items()},
        "written": {name: each.to_dict() for name, each in signatures.items()},
        "equal": {name: each == signatures[name] for name, each in read.items()},
    }
    sys.stdout.write(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
