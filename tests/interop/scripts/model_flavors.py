"""Logs a model of every flavor, or loads such models, through MLflow's API.

    python model_flavors.py mlflow|tracker log [FLAVOR ...]     -> {flavor: URI}
    python model_flavors.py mlflow|tracker load < {name: URI}   -> {name: predictions}

The same calls run against MLflow and against the tracker. The database is `tracking.db` of the
working folder; answers are JSON.
"""

import importlib
import json
import logging
import os
import re
import sys
import warnings
from pathlib import Path

# The frameworks of the interpreter that runs the tests, after MLflow's own packages.
sys.path += filter(None, os.environ.get("FRAMEWORKS", "").split(os.pathsep))

import numpy as np
import pandas as pd

ROWS = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.5], [1.0, 0.5, 0.25], [2.0, 2.0, 2.0]])
TABLE = pd.DataFrame(ROWS, columns=["a", "b", "c"])
LABELS = np.array([0, 1, 0, 1])
FOUR_ROWS = np.repeat(ROWS, 10, axis=0)
FOUR_LABELS = np.repeat(LABELS, 10)
LOADER = """
class Half:
    def predict(self, data):
        return data / 2


def _load_pyfunc(path):
    return Half()
"""
CODE = """
import mlflow


class Third(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input / 3


mlflow.models.set_model(Third())
"""


def sklearn_table(mlflow, name):
    """A regression on a table with a signature."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(TABLE, LABELS)
    signature = mlflow.models.infer_signature(TABLE, model.predict(TABLE))
    options = {"signature": signature, "input_example": TABLE, "pip_requirements": ["scikit-learn"]}
    return mlflow.sklearn.log_model(model, name, serialization_format="pickle", **options)


def sklearn_pipeline(mlflow, name):
    """A pipeline on an array."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(5, random_state=0)
    model = make_pipeline(StandardScaler(), forest).fit(ROWS, LABELS)
    return mlflow.sklearn.log_model(
        model, name, serialization_format="pickle", pip_requirements=["scikit-learn"]
    )


def sklearn_skops(mlflow, name):
    """A regression without a pickle."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(ROWS, LABELS)
    return mlflow.sklearn.log_model(
        model, name, serialization_format="skops", pip_requirements=["scikit-learn"]
    )


def pytorch(mlflow, name):
    """Layers of PyTorch's own."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()).double()
    return mlflow.pytorch.log_model(model, name, pip_requirements=["torch"], **_pickled(mlflow))


def pytorch_class_of_the_script(mlflow, name):
    """A module whose class no other process can import."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, x):
            return self.layer(x).relu()

    torch.manual_seed(0)
    model = Net().double()
    return mlflow.pytorch.log_model(model, name, pip_requirements=["torch"], **_pickled(mlflow))


def pytorch_program(mlflow, name):
    """An exported program."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2).double()
    options = {"serialization_format": "pt2", "input_example": ROWS}
    return mlflow.pytorch.log_model(model, name, pip_requirements=["torch"], **options)


def xgboost_booster(mlflow, name):
    """A Booster."""
    import xgboost

    model = xgboost.train({"max_depth": 2}, xgboost.DMatrix(ROWS, LABELS), 3)
    return mlflow.xgboost.log_model(model, name, pip_requirements=["xgboost"])


def xgboost_classifier(mlflow, name):
    """A classifier of the scikit-learn API."""
    import xgboost

    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(ROWS, LABELS)
    return mlflow.xgboost.log_model(model, name, pip_requirements=["xgboost"])


def lightgbm_booster(mlflow, name):
    """A Booster."""
    import lightgbm

    data = lightgbm.Dataset(FOUR_ROWS, FOUR_LABELS)
    model = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1}, data, 3)
    return mlflow.lightgbm.log_model(model, name, pip_requirements=["lightgbm"])


def lightgbm_classifier(mlflow, name):
    """A classifier of the scikit-learn API."""
    import lightgbm

    model = lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=1, verbose=-1)
    model.fit(FOUR_ROWS, FOUR_LABELS)
    options = {"serialization_format": "cloudpickle"} if _is_new(mlflow) else {}
    return mlflow.lightgbm.log_model(model, name, pip_requirements=["lightgbm"], **options)


def onnx(mlflow, name):
    """A graph of one node."""
    from onnx import TensorProto, helper

    weights = helper.make_tensor("w", TensorProto.DOUBLE, [3, 2], [1, 2, 3, 4, 5, 6])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["n", 2])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return mlflow.onnx.log_model(model, name, pip_requirements=["onnx"])


def python_class(mlflow, name):
    """A model in Python with an artifact and parameters."""

    class AddOffset(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            self.offset = json.loads(Path(context.artifacts["offset"]).read_text())

        def predict(self, context, model_input, params=None):  # noqa: ARG002
            return model_input + self.offset

    Path("offset.json").write_text("10")
    return mlflow.pyfunc.log_model(
        name, python_model=AddOffset(), artifacts={"offset": "offset.json"}, pip_requirements=[]
    )


def python_function(mlflow, name):
    """A plain function."""
    return mlflow.pyfunc.log_model(name, python_model=_double, pip_requirements=[])


def python_code(mlflow, name):
    """A file that sets the model."""
    Path("third.py").write_text(CODE)
    return mlflow.pyfunc.log_model(name, python_model="third.py", pip_requirements=[])


def own_loader(mlflow, name):
    """A module of one's own that loads the model."""
    Path("half_loader.py").write_text(LOADER)
    return mlflow.pyfunc.log_model(
        name, loader_module="half_loader", code_paths=["half_loader.py"], pip_requirements=[]
    )


def _double(model_input):
    return model_input * 2


FLAVORS = {
    function.__name__: function
    for function in (
        sklearn_table,
        sklearn_pipeline,
        sklearn_skops,
        pytorch,
        pytorch_class_of_the_script,
        pytorch_program,
        xgboost_booster,
        xgboost_classifier,
        lightgbm_booster,
        lightgbm_classifier,
        onnx,
        python_class,
        python_function,
        python_code,
        own_loader,
    )
}


def _is_new(mlflow):
    """Whether it has the formats of MLflow 3.14, or is the tracker."""
    numbers = re.findall(r"\d+", mlflow.__version__)
    return mlflow.__name__ == "tracker" or (int(numbers[0]), int(numbers[1])) >= (3, 14)


def _pickled(mlflow):
    return {"serialization_format": "pickle"} if _is_new(mlflow) else {}


def log(mlflow, names):
    """Log models in one run and print where they are."""
    with mlflow.start_run() as run:
        for name in names or FLAVORS:
            FLAVORS[name](mlflow, name)
    return {name: f"runs:/{run.info.run_id}/{name}" for name in names or FLAVORS}


def load(mlflow, uris):
    """Predict with each model, as the generic model and as its own flavor."""
    return {name: _predictions(mlflow, name, uri) for name, uri in uris.items()}


def _predictions(mlflow, name, uri):
    generic = mlflow.pyfunc.load_model(uri)
    data = TABLE if name.startswith("sklearn_table") else ROWS
    found = {"generic": _plain(generic.predict(data))}
    flavor = next((f for f in generic.metadata.flavors if f != "python_function"), None)
    if flavor is None:
        return found
    model = getattr(mlflow, flavor).load_model(uri)
    found["class"] = type(model).__name__
    if flavor == "sklearn":
        found["native"] = _plain(model.predict(data))
    elif flavor == "pytorch":
        import torch

        found["native"] = _plain(model(torch.from_numpy(ROWS)).detach())
    return found


def _plain(predicted):
    if isinstance(predicted, dict):
        return {key: _plain(value) for key, value in predicted.items()}
    return np.asarray(predicted, dtype=float).round(5).tolist()


def main():
    """Do what the command line says."""
    warnings.simplefilter("ignore")
    logging.disable()
    module, command, *names = sys.argv[1:]
    mlflow = importlib.import_module(module)
    for flavor in ("sklearn", "pytorch", "xgboost", "lightgbm", "onnx", "pyfunc", "models"):
        importlib.import_module(f"{module}.{flavor}")
    mlflow.set_tracking_uri("sqlite:///tracking.db")
    answer = log(mlflow, names) if command == "log" else load(mlflow, json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
