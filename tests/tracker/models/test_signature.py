from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.exceptions import InvalidValueError, UnsupportedError
from tracker.models import ModelSignature, infer_signature
from tracker.types import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)
from tracker.types.datatypes import merge

NAMES = st.text(min_size=1, max_size=8)
SCALARS = st.sampled_from(list(DataType))
TYPES = st.recursive(
    SCALARS | st.just(AnyType()),
    lambda inner: st.one_of(
        inner.map(Array),
        inner.map(Map),
        st.lists(
            st.builds(Property, NAMES, inner, st.booleans()),
            min_size=1,
            max_size=3,
            unique_by=lambda each: each.name,
        ).map(Object),
    ),
    max_leaves=6,
)
COLUMNS = st.lists(
    st.builds(ColSpec, TYPES, NAMES, st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each.name,
)
TENSORS = st.lists(
    st.builds(
        TensorSpec,
        st.sampled_from(["float32", "int64", "bool", "str"]),
        st.lists(st.integers(-1, 5), max_size=4),
        NAMES,
    ),
    min_size=1,
    max_size=3,
)


@given(COLUMNS | TENSORS)
def test_a_schema_is_read_back_from_its_json(inputs):
    schema = Schema(inputs)
    assert Schema.from_json(schema.to_json()) == schema


@given(TYPES, TYPES)
def test_merging_types_does_not_depend_on_their_order(one, other):
    def merged(first, second):
        try:
            return merge(first, second)
        except InvalidValueError:
            return None

    assert merged(one, other) == merged(other, one)
    assert merged(one, one) == one


def test_a_required_scalar_column_has_no_key_that_mlflow_2_4_refuses():
    assert ColSpec("double", "a").to_dict() == {"type": "double", "name": "a"}
    assert ColSpec("double", "a", required=False).to_dict()["required"] is False
    assert ColSpec(Array("long"), "a").to_dict()["required"] is True


def test_a_schema_is_read_without_numpy(python):
    code = """
import sys
sys.modules["numpy"] = None
from tracker.types import Schema
print(Schema.from_json('[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}]'))
"""
    assert python(code).stdout == "[Tensor('float32', (-1,))]\n"


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        "a",
        [ColSpec("long", "a"), TensorSpec("float32", (-1,), "b")],
        [ColSpec("long", "a"), ColSpec("long")],
        [ColSpec("long", required=False)],
        [TensorSpec("float32", (-1,)), TensorSpec("float32", (-1,))],
    ],
)
def test_what_is_not_a_schema_is_refused(inputs):
    with pytest.raises(InvalidValueError, match="is not a schema"):
        Schema(inputs)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[1]", '[{"type": "tensor"}]', '[{"type": "array"}]', '[{"name": "a"}]'],
)
def test_what_is_not_a_schemas_json_is_refused(text):
    with pytest.raises(InvalidValueError, match="is not a schema"):
        Schema.from_json(text)


@pytest.mark.parametrize("dtype", ["number", 3, None, float])
def test_an_unknown_type_is_refused_with_those_that_exist(dtype):
    with pytest.raises(InvalidValueError, match="boolean, integer, long"):
        ColSpec(dtype)


def test_a_tensor_takes_a_dtype_of_numpy():
    np = pytest.importorskip("numpy")
    spec = TensorSpec(np.dtype(np.float32), (-1, 28, 28), name="images")
    assert (spec.type, spec.shape, spec.name) == (np.dtype("float32"), (-1, 28, 28), "images")
    with pytest.raises(InvalidValueError, match="numpy dtype"):
        TensorSpec(3, (-1,))


def test_a_signature_is_read_back_from_an_mlmodel_entry():
    signature = ModelSignature(
        Schema([ColSpec("double", "a")]),
        Schema([TensorSpec("float32", (-1, 10))]),
        ParamSchema([ParamSpec("day", "datetime", dt.datetime(2026, 11, 30))]),  # noqa: DTZ001
    )
    entry = json.loads(json.dumps(signature.to_dict()))
    assert ModelSignature.from_dict(entry) == signature


def test_a_signature_needs_something():
    with pytest.raises(InvalidValueError, match="needs inputs, outputs or params"):
        ModelSignature()
    with pytest.raises(InvalidValueError, match="are a Schema"):
        ModelSignature(inputs=[1])


def test_what_has_no_type_is_any_with_a_warning():
    with pytest.warns(UserWarning, match="input as 'any'") as caught:
        signature = infer_signature({1, 2})
    assert signature.inputs == Schema([ColSpec(AnyType())])
    assert caught[0].filename == __file__


def test_a_torch_tensor_is_described_as_the_array_it_is():
    torch = pytest.importorskip("torch")
    signature = infer_signature(torch.zeros(2, 3), {"a": torch.zeros(2, requires_grad=True)})
    assert signature.inputs == Schema([TensorSpec("float32", (-1, 3))])
    assert signature.outputs == Schema([TensorSpec("float32", (-1,), "a")])


@pytest.mark.parametrize("value", [object(), [[1, 2]], {1, 2}, 1j])
def test_a_parameter_without_a_type_is_refused(value):
    pytest.importorskip("numpy")
    with pytest.raises(InvalidValueError, match=r"parameter|MLflow has no type"):
        infer_signature([1], params={"a": value})


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (ParamSpec("a", "long", 1), "x"),
        (ParamSpec("a", "long", 1), 1.5),
        (ParamSpec("a", "boolean", True), 1),  # noqa: FBT003
        (ParamSpec("a", "double", 1.0), True),
        (ParamSpec("a", "long", [1], (-1,)), 1),
    ],
)
def test_a_parameter_of_another_type_is_refused(spec, value):
    with pytest.raises(InvalidValueError, match="'a'"):
        spec.checked(value)


def test_parameters_become_pythons_own_types():
    np = pytest.importorskip("numpy")
    params = infer_signature([1], params={"a": np.float32(0.5), "b": np.array([1, 2])}).params
    assert [(type(each.default), each.default) for each in params] == [
        (float, 0.5),
        (list, [1, 2]),
    ]


def test_two_parameters_of_one_name_are_refused():
    spec = ParamSpec("a", "long", 1)
    with pytest.raises(InvalidValueError, match="'a' twice"):
        ParamSchema([spec, spec])


def test_types_of_conversations_are_refused_by_name():
    import tracker.types

    with pytest.raises(UnsupportedError, match="'responses'"):
        _ = tracker.types.responses
