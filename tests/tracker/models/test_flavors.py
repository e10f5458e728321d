"""Each flavor: what it writes and what comes back; for MLflow's part see the interop tests."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

import tracker
from tracker.exceptions import InvalidValueError, UnsafeModelError, UnsupportedError
from tracker.models import Model

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pytest.importorskip("cloudpickle")
pytestmark = pytest.mark.usefixtures("database")

ROWS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [1.0, 1.0]])
LABELS = np.array([0, 1, 1, 0])


def regression():
    linear_model = pytest.importorskip("sklearn.linear_model")
    return linear_model.LinearRegression().fit(ROWS, LABELS)


def files_of(folder):
    common = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - common


@pytest.mark.parametrize(("kind", "file"), [("pickle", "model.pkl"), ("skops", "model.skops")])
def test_a_scikit_learn_model_comes_back(tmp_path, kind, file):
    if kind == "skops":
        pytest.importorskip("skops")
    model = regression()
    tracker.sklearn.save_model(model, tmp_path / "m", serialization_format=kind)
    assert files_of(tmp_path / "m") == {file}
    found = tracker.sklearn.load_model(tmp_path / "m")
    assert (found.predict(ROWS) == model.predict(ROWS)).all()


def test_another_method_can_stand_behind_predict(tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LogisticRegression().fit(ROWS, LABELS)
    tracker.sklearn.save_model(model, tmp_path / "m", pyfunc_predict_fn="predict_proba")
    predicted = tracker.pyfunc.load_model(tmp_path / "m").predict(ROWS)
    assert (predicted == model.predict_proba(ROWS)).all()


def test_a_function_of_the_script_is_kept_by_value(tmp_path, python):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    model = preprocessing.FunctionTransformer(lambda rows: rows[::-1])
    tracker.sklearn.save_model(model, tmp_path / "m")
    settings = Model.load(tmp_path / "m").flavors["sklearn"]
    assert settings["serialization_format"] == "cloudpickle"
    assert "cloudpickle==" in (tmp_path / "m" / "requirements.txt").read_text()
    code = "import tracker; print(tracker.sklearn.load_model('m').transform([1, 2]))"
    assert python(code).stdout == "[2, 1]\n"


def test_a_skops_file_with_strange_types_is_neither_written_nor_read(tmp_path):
    pytest.importorskip("skops")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    model = preprocessing.FunctionTransformer(files_of)
    options = {"serialization_format": "skops"}
    with pytest.raises(InvalidValueError, match="files_of"):
        tracker.sklearn.save_model(model, tmp_path / "a", **options)
    trusted = [f"{files_of.__module__}.files_of"]
    tracker.sklearn.save_model(model, tmp_path / "b", **options, skops_trusted_types=trusted)
    assert Model.load(tmp_path / "b").flavors["sklearn"]["skops_trusted_types"] == trusted
    with pytest.raises(UnsafeModelError, match="not trusted"):
        tracker.sklearn.load_model(tmp_path / "b")


def test_a_table_model_gets_its_signature_and_example_from_the_example(tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    table = pd.DataFrame({"a": [0.0, 1.0], "b": ["x", "y"]}).assign(b=[1, 2])
    model = linear_model.LinearRegression().fit(table, [0.0, 1.0])
    tracker.sklearn.save_model(model, tmp_path / "m", input_example=table)
    found = Model.load(tmp_path / "m")
    assert found.get_input_schema().input_names() == ["a", "b"]
    assert found.get_output_schema().is_tensor_spec()
    pd.testing.assert_frame_equal(found.load_input_example(tmp_path / "m"), table)


def test_a_model_that_does_not_take_its_example_is_saved_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="cannot predict its input example"):
        tracker.sklearn.save_model(regression(), tmp_path / "m", input_example=[["a"]])
    assert Model.load(tmp_path / "m").signature is None


@pytest.mark.parametrize(
    "example",
    [
        np.zeros((2, 3), np.float32).tolist(),
        np.ones((2, 2)),
        {"a": np.ones(2), "b": np.zeros((2, 2))},
        {"a": 1, "b": ["x"]},
        "text",
        pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
    ],
)
def test_an_input_example_comes_back_as_it_was(tmp_path, example):
    model = {"python_model": lambda model_input: [str(model_input)]}
    tracker.pyfunc.save_model(tmp_path / "m", **model, input_example=example)
    found = Model.load(tmp_path / "m").load_input_example(tmp_path / "m")
    assert type(found) is type(example)
    if isinstance(example, pd.DataFrame):
        pd.testing.assert_frame_equal(found, example)
    else:
        np.testing.assert_equal(found, example)


def test_an_example_that_is_not_json_is_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="input example"):
        tracker.pyfunc.save_model(tmp_path / "m", python_model=len, input_example=object())


def test_a_pytorch_module_comes_back(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 3)
    tracker.pytorch.save_model(model, tmp_path / "m")
    assert files_of(tmp_path / "m") == {"data/model.pth", "data/pickle_module_info.txt"}
    assert (tmp_path / "m" / "data" / "pickle_module_info.txt").read_text() == "pickle"
    rows = torch.ones(2, 2)
    assert torch.equal(tracker.pytorch.load_model(tmp_path / "m")(rows), model(rows))
    assert "cloudpickle" not in (tmp_path / "m" / "requirements.txt").read_text()


def test_a_module_of_the_script_loads_in_another_process(tmp_path, python):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def forward(self, x):
            return x * 2

    tracker.pytorch.save_model(Net(), tmp_path / "m")
    code = "import torch, tracker; print(tracker.pytorch.load_model('m')(torch.ones(1)).item())"
    assert python(code).stdout == "2.0\n"


def test_a_pytorch_program_takes_any_number_of_rows(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout(0.9))
    options = {"serialization_format": "pt2", "input_example": ROWS[:1].astype("float32")}
    tracker.pytorch.save_model(model, tmp_path / "m", **options)
    assert "data/model.pt2" in files_of(tmp_path / "m")
    assert model.training
    generic = tracker.pyfunc.load_model(tmp_path / "m")
    assert generic.predict(ROWS.astype("float32")).shape == (4, 3)
    assert generic.predict(ROWS[:1].astype("float32")).shape == (1, 3)


def test_a_named_tensor_is_unpacked_for_pytorch_and_warned_about(tmp_path):
    torch = pytest.importorskip("torch")
    schema = tracker.types.Schema([tracker.types.TensorSpec("float32", (-1, 2), "images")])
    signature = tracker.models.ModelSignature(inputs=schema)
    with pytest.warns(UserWarning, match="refuses PyTorch models whose input tensor has a name"):
        tracker.pytorch.save_model(torch.nn.Linear(2, 1), tmp_path / "m", signature=signature)
    generic = tracker.pyfunc.load_model(tmp_path / "m")
    rows = ROWS.astype("float32")
    assert (generic.predict({"images": rows}) == generic.predict(rows)).all()


def test_what_is_not_a_module_and_an_unknown_format_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    with pytest.raises(InvalidValueError, match="Module, not dict"):
        tracker.pytorch.save_model({}, tmp_path / "a")
    with pytest.raises(InvalidValueError, match="'onnx'"):
        tracker.pytorch.save_model(torch.nn.ReLU(), tmp_path / "b", serialization_format="onnx")
    with pytest.raises(InvalidValueError, match="needs input_example"):
        tracker.pytorch.save_model(torch.nn.ReLU(), tmp_path / "c", serialization_format="pt2")


@pytest.mark.parametrize("kind", ["ubj", "json"])
def test_xgboost_models_come_back_as_their_class(tmp_path, kind):
    xgboost = pytest.importorskip("xgboost")
    pytest.importorskip("sklearn")
    booster = xgboost.train({}, xgboost.DMatrix(ROWS, LABELS), 2)
    classifier = xgboost.XGBClassifier(n_estimators=2).fit(ROWS, LABELS)
    for name, model in (("booster", booster), ("classifier", classifier)):
        tracker.xgboost.save_model(model, tmp_path / name, model_format=kind)
        assert files_of(tmp_path / name) == {f"model.{kind}"}
        assert type(tracker.xgboost.load_model(tmp_path / name)) is type(model)
    predicted = tracker.pyfunc.load_model(tmp_path / "booster").predict(ROWS)
    assert (predicted == booster.predict(xgboost.DMatrix(ROWS))).all()


def test_an_xgboost_model_of_a_class_elsewhere_is_not_loaded(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.train({}, xgboost.DMatrix(ROWS, LABELS), 2)
    tracker.xgboost.save_model(booster, tmp_path / "m")
    text = (tmp_path / "m" / "MLmodel").read_text()
    (tmp_path / "m" / "MLmodel").write_text(text.replace("xgboost.core.Booster", "os.system"))
    with pytest.raises(InvalidValueError, match="not xgboost's"):
        tracker.xgboost.load_model(tmp_path / "m")


def test_lightgbm_models_come_back_as_their_class(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    rows, labels = np.repeat(ROWS, 10, axis=0), np.repeat(LABELS, 10)
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, labels), 2)
    classifier = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, labels)
    for model, file in ((booster, "model.lgb"), (classifier, "model.pkl")):
        name = type(model).__name__
        tracker.lightgbm.save_model(model, tmp_path / name)
        assert files_of(tmp_path / name) == {file}
        assert type(tracker.lightgbm.load_model(tmp_path / name)) is type(model)
        generic = tracker.pyfunc.load_model(tmp_path / name)
        assert (generic.predict(rows) == model.predict(rows)).all()


def test_a_lightgbm_classifier_is_kept_without_a_pickle_where_asked(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    pytest.importorskip("skops")
    rows, labels = np.repeat(ROWS, 10, axis=0), np.repeat(LABELS, 10)
    classifier = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, labels)
    tracker.lightgbm.save_model(classifier, tmp_path / "m", serialization_format="skops")
    found = tracker.lightgbm.load_model(tmp_path / "m")
    assert (found.predict(rows) == classifier.predict(rows)).all()


@pytest.fixture
def onnx_model():
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [onnx.helper.make_tensor_value_info("x", floats, ["n", 2])],
        [onnx.helper.make_tensor_value_info("y", floats, ["n", 2])],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_an_onnx_model_comes_back_with_the_signature_of_its_graph(tmp_path, onnx_model):
    tracker.onnx.save_model(onnx_model, tmp_path / "m")
    assert tracker.onnx.load_model(tmp_path / "m") == onnx_model
    generic = tracker.pyfunc.load_model(tmp_path / "m")
    [tensor] = generic.metadata.get_input_schema()
    assert (tensor.name, tensor.dtype, tensor.shape) == ("x", "float32", (-1, 2))
    assert (generic.predict(ROWS)["y"] == 2 * ROWS).all()
    assert (generic.predict({"x": ROWS})["y"] == 2 * ROWS).all()
    assert (generic.predict(pd.DataFrame(ROWS))["y"] == 2 * ROWS).all()


def test_an_onnx_model_with_columns_answers_a_table_with_a_table(tmp_path, onnx_model):
    table = pd.DataFrame(ROWS, columns=["a", "b"], index=list("wxyz"))
    signature = tracker.models.infer_signature(table)
    tracker.onnx.save_model(onnx_model, tmp_path / "m", signature=signature)
    predicted = tracker.pyfunc.load_model(tmp_path / "m").predict(table[["b", "a"]])
    assert list(predicted.columns) == ["y"]
    assert list(predicted.index) == list("wxyz")
    assert (np.stack(predicted["y"]) == 2 * ROWS).all()


def test_an_onnx_model_is_taken_from_a_file_and_from_bytes(tmp_path, onnx_model):
    (tmp_path / "given.onnx").write_bytes(onnx_model.SerializeToString())
    tracker.onnx.save_model(tmp_path / "given.onnx", tmp_path / "a")
    tracker.onnx.save_model(onnx_model.SerializeToString(), tmp_path / "b")
    assert tracker.onnx.load_model(tmp_path / "a") == tracker.onnx.load_model(tmp_path / "b")


class Scaled(tracker.pyfunc.PythonModel):
    def load_context(self, context):
        self.factor = json.loads(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        return model_input * self.factor + context.model_config["offset"] + params["extra"]


def test_a_model_in_python_finds_its_artifacts_its_settings_and_its_parameters(tmp_path):
    (tmp_path / "factor.json").write_text("3")
    with tracker.start_run() as run:
        tracker.log_artifact(tmp_path / "factor.json")
        info = tracker.pyfunc.log_model(
            "model",
            python_model=Scaled(),
            artifacts={"factor": f"runs:/{run.info.run_id}/factor.json"},
            model_config={"offset": 100},
            signature=tracker.models.infer_signature([1], params={"extra": 0.5}),
        )
    model = tracker.pyfunc.load_model(info.model_uri)
    assert model.predict(2) == 106.5
    assert model.predict(2, params={"extra": 1}) == 107.0
    assert type(model.unwrap_python_model()).__name__ == "Scaled"
    with pytest.raises(InvalidValueError, match="no parameter 'more'"):
        model.predict(2, params={"more": 1})
    assert tracker.pyfunc.load_model(info.model_uri, model_config={"offset": 0}).predict(2) == 6.5


def test_a_plain_function_and_one_argument_are_enough(tmp_path, python):
    class Short(tracker.pyfunc.PythonModel):
        def predict(self, model_input):
            return -model_input

    tracker.pyfunc.save_model(tmp_path / "short", python_model=Short())
    tracker.pyfunc.save_model(tmp_path / "function", python_model=lambda model_input: -model_input)
    for name in ("short", "function"):
        code = f"import tracker; print(tracker.pyfunc.load_model({name!r}).predict(3))"
        assert python(code).stdout == "-3\n"


def test_a_model_from_code_sees_the_tracker_as_mlflow(tmp_path):
    (tmp_path / "code.py").write_text(
        "import mlflow\nfrom mlflow.pyfunc import PythonModel\n"
        "class M(PythonModel):\n    def predict(self, context, model_input):\n"
        "        return (mlflow.log_metric.__module__, model_input)\n"
        "mlflow.models.set_model(M())\n"
    )
    tracker.pyfunc.save_model(tmp_path / "m", python_model=str(tmp_path / "code.py"))
    before = set(sys.modules)
    assert tracker.pyfunc.load_model(tmp_path / "m").predict(1) == ("tracker.fluent", 1)
    assert not {name for name in set(sys.modules) - before if name.startswith("mlflow")}
    (tmp_path / "m" / "code.py").write_text("")
    with pytest.raises(InvalidValueError, match="sets no model"):
        tracker.pyfunc.load_model(tmp_path / "m")


def test_a_model_in_python_needs_one_of_two_and_must_be_callable(tmp_path):
    with pytest.raises(InvalidValueError, match="one of the two"):
        tracker.pyfunc.save_model(tmp_path / "a")
    with pytest.raises(InvalidValueError, match="not dict"):
        tracker.pyfunc.save_model(tmp_path / "b", python_model={})


def test_a_framework_that_is_not_installed_is_named_with_the_command(tmp_path, python):
    Model(flavors={"xgboost": {"data": "m"}}).save(tmp_path / "MLmodel")
    (tmp_path / "m").touch()
    code = (
        "import sys; sys.modules['xgboost'] = None\nimport tracker\ntracker.xgboost.load_model('.')"
    )
    done = python(code, check=False)
    assert (
        "UnsupportedError: The xgboost flavor needs xgboost: `pip install xgboost`." in done.stderr
    )


@pytest.mark.parametrize("allowed", ["false", "False", "0"])
def test_pickles_are_refused_where_the_environment_says_so(tmp_path, monkeypatch, allowed):
    torch = pytest.importorskip("torch")
    tracker.sklearn.save_model(regression(), tmp_path / "sklearn")
    tracker.pytorch.save_model(torch.nn.ReLU(), tmp_path / "pytorch")
    tracker.pyfunc.save_model(tmp_path / "python", python_model=Scaled())
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", allowed)
    for name in ("sklearn", "pytorch", "python"):
        with pytest.raises(UnsafeModelError, match="MLFLOW_ALLOW_PICKLE_DESERIALIZATION"):
            tracker.pyfunc.load_model(tmp_path / name)


def test_formats_without_pickles_load_where_pickles_are_refused(tmp_path, monkeypatch, onnx_model):
    xgboost = pytest.importorskip("xgboost")
    pytest.importorskip("skops")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    tracker.onnx.save_model(onnx_model, tmp_path / "onnx")
    booster = xgboost.train({}, xgboost.DMatrix(ROWS, LABELS), 2)
    tracker.xgboost.save_model(booster, tmp_path / "xgboost")
    tracker.sklearn.save_model(regression(), tmp_path / "skops", serialization_format="skops")
    for name in ("onnx", "xgboost", "skops"):
        tracker.pyfunc.load_model(tmp_path / name).predict(ROWS)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04cos\nmissing_name\n."])
def test_a_broken_pickle_is_refused_in_one_sentence(tmp_path, content):
    tracker.sklearn.save_model(regression(), tmp_path / "m")
    file = tmp_path / "m" / "model.pkl"
    file.unlink()
    file.write_bytes(content)
    with pytest.raises(InvalidValueError, match="cannot be read"):
        tracker.sklearn.load_model(tmp_path / "m")


def test_a_pickle_of_a_missing_module_says_what_to_do(tmp_path):
    tracker.sklearn.save_model(regression(), tmp_path / "m")
    (tmp_path / "m" / "model.pkl").write_bytes(b"cnot_installed_here\nThing\n.")
    with pytest.raises(
        UnsupportedError, match=r"needs the module 'not_installed_here'.*code_paths"
    ):
        tracker.sklearn.load_model(tmp_path / "m")


def test_a_class_of_ones_own_module_comes_along_in_code_paths(tmp_path, python):
    pytest.importorskip("sklearn")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own_estimator.py").write_text(
        "from sklearn.base import BaseEstimator\n"
        "class Own(BaseEstimator):\n    def predict(self, data):\n        return 'own'\n"
    )
    with contextlib.ExitStack() as stack:
        sys.path.insert(0, str(tmp_path / "elsewhere"))
        stack.callback(sys.path.remove, str(tmp_path / "elsewhere"))
        from own_estimator import Own

        code_paths = [tmp_path / "elsewhere" / "own_estimator.py"]
        tracker.sklearn.save_model(Own(), tmp_path / "m", code_paths=code_paths)
    for module in ("sklearn", "pyfunc"):
        code = f"import tracker; print(tracker.{module}.load_model('m').predict([1]))"
        assert python(code).stdout == "own\n"
