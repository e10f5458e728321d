"""What a caller gives, fitted to a model's signature."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.exceptions import InvalidValueError
from tracker.models import ModelSignature, infer_signature
from tracker.models.inputs import fit, fit_params
from tracker.types import Array, ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

COLUMNS = Schema([ColSpec("double", "a"), ColSpec("long", "b"), ColSpec("string", "c", False)])  # noqa: FBT003
IMAGES = Schema([TensorSpec("float32", (-1, 2, 2), "images")])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(JSON.filter(lambda data: data is not None))
@pytest.mark.filterwarnings("ignore:The signature describes")
def test_a_signature_is_inferred_of_any_json_and_read_back(data):
    signature = infer_signature(data)
    assert ModelSignature.from_dict(signature.to_dict()) == signature


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"b": [1], "more": [0], "a": [2.0]}),
        {"b": [1], "a": [2]},
        {"b": 1, "a": 2},
        [{"a": 2, "b": 1}],
        pd.DataFrame({"a": [2], "b": [1]}),
    ],
)
def test_columns_are_put_in_order_and_superfluous_ones_left_out(data):
    fitted = fit(data, COLUMNS)
    assert list(fitted.columns) == ["a", "b"]
    assert (fitted["a"].dtype, fitted["a"][0], fitted["b"][0]) == (np.float64, 2.0, 1)


def test_an_array_takes_the_names_of_the_columns():
    schema = Schema([ColSpec("double", "a"), ColSpec("double", "b")])
    fitted = fit(np.array([[1, 2], [3, 4]]), schema)
    assert (list(fitted.columns), fitted["b"].tolist()) == (["a", "b"], [2.0, 4.0])


def test_a_series_is_the_column_of_its_name():
    fitted = fit(pd.Series([1.0, 2.0], name="a"), Schema([ColSpec("double", "a")]))
    assert fitted["a"].tolist() == [1.0, 2.0]


def test_a_missing_column_is_named():
    with pytest.raises(InvalidValueError, match="The input lacks 'a'; it has 'b', 'c'"):
        fit({"b": [1], "c": ["x"]}, COLUMNS)


@pytest.mark.parametrize("data", [{"a": [1.0], "b": [1.5]}, {"a": ["x"], "b": [1]}])
def test_a_column_of_another_type_is_named(data):
    with pytest.raises(InvalidValueError, match="does not fit"):
        fit(data, COLUMNS)


def test_what_is_no_table_is_refused():
    with pytest.raises(InvalidValueError, match="takes a table"):
        fit(object(), COLUMNS)


def test_columns_of_lists_are_left_as_they_are():
    data = [{"a": [1.0, 2.0]}]
    assert fit(data, Schema([ColSpec(Array("double"), "a")])) is data
    assert fit("text", Schema([ColSpec("string")])) == "text"
    assert fit("anything", None) == "anything"


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((3, 2, 2)),
        np.zeros((3, 2, 2), np.float32).tolist(),
        {"images": np.zeros((1, 2, 2))},
    ],
)
def test_an_array_gets_the_type_of_the_tensor(data):
    fitted = fit(data, IMAGES)
    array = fitted["images"] if isinstance(data, dict) else fitted
    assert (array.dtype, array.shape[1:]) == (np.float32, (2, 2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.zeros((3, 2)), r"'images' has the shape \(-1, 2, 2\), not \(3, 2\)"),
        (np.zeros((3, 2, 3)), "not \\(3, 2, 3\\)"),
        (np.array("x"), "does not fit"),
        ([[1.0], [1.0, 2.0]], "takes an array of float32"),
        ({"image": np.zeros((1, 2, 2))}, "lacks 'images'"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_with_both_shapes(data, reason):
    with pytest.raises(InvalidValueError, match=reason):
        fit(data, IMAGES)


def test_fractions_are_never_cut_to_integers():
    with pytest.raises(InvalidValueError, match="is of int64, which float64 does not fit"):
        fit(np.zeros((1, 2)), Schema([TensorSpec("int64", (-1, 2))]))


def test_several_tensors_come_by_name():
    schema = Schema([TensorSpec("float32", (-1,), "a"), TensorSpec("int64", (-1,), "b")])
    fitted = fit({"b": [1, 2], "a": [1, 2], "more": 3}, schema)
    assert {name: str(each.dtype) for name, each in fitted.items()} == {
        "a": "float32",
        "b": "int64",
    }
    with pytest.raises(InvalidValueError, match="several tensors"):
        fit(np.zeros(2), schema)


def test_parameters_have_their_defaults_and_are_checked():
    schema = ParamSchema([ParamSpec("a", "long", 1), ParamSpec("b", "double", 0.5)])
    assert fit_params(None, schema) == {"a": 1, "b": 0.5}
    assert fit_params({"b": 2}, schema) == {"a": 1, "b": 2.0}
    assert fit_params({"any": 1}, None) == {"any": 1}
    with pytest.raises(InvalidValueError, match="no parameter 'c'"):
        fit_params({"c": 1}, schema)
    with pytest.raises(InvalidValueError, match="'a' is long"):
        fit_params({"a": "x"}, schema)
