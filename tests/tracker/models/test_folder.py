"""What every flavor has in common: the folder, its options, the run it is logged into."""

from __future__ import annotations

import json

import pytest

import tracker
from tracker.exceptions import (
    AlreadyExistsError,
    ArtifactError,
    InvalidValueError,
    NotFoundError,
    UnsupportedError,
)
from tracker.models import Model, ModelSignature, get_model_info
from tracker.types import ColSpec, Schema

SIGNATURE = ModelSignature(Schema([ColSpec("double", "a")]))


pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def loader(tmp_path):
    """A model without a framework and without a pickle: a module that loads it."""
    file = tmp_path / "doubling_loader.py"
    file.write_text(
        "class M:\n    predict = lambda self, x: 2 * x\ndef _load_pyfunc(p): return M()\n"
    )
    return {"loader_module": "doubling_loader", "code_paths": [str(file)]}


def test_a_saved_model_is_loaded_from_its_folder(tmp_path, loader):
    tracker.pyfunc.save_model(tmp_path / "model", **loader, signature=None)
    assert tracker.pyfunc.load_model(tmp_path / "model").predict(21) == 42


def test_the_folder_holds_what_mlflow_expects(tmp_path, loader):
    tracker.pyfunc.save_model(tmp_path / "model", **loader)
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["MLmodel", "code", "conda.yaml", "python_env.yaml", "requirements.txt"]


def test_a_path_with_something_in_it_is_refused(tmp_path, loader):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("keep")
    with pytest.raises(AlreadyExistsError, match="name a new folder"):
        tracker.pyfunc.save_model(tmp_path / "model", **loader)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine.txt"]


def test_a_logged_model_says_where_it_is(loader):
    with tracker.start_run() as run:
        info = tracker.pyfunc.log_model("nested/model", **loader, signature=SIGNATURE)
    assert info.model_uri == f"runs:/{run.info.run_id}/nested/model"
    assert get_model_info(info.model_uri) == info
    assert info.signature == SIGNATURE
    assert tracker.pyfunc.load_model(info.model_uri).metadata.run_id == run.info.run_id


def test_a_model_is_found_by_its_uri_its_artifact_uri_and_its_path(loader):
    with tracker.start_run():
        info = tracker.pyfunc.log_model(name="model", artifact_path="ignored", **loader)
        uri = tracker.get_artifact_uri("model")
    path = tracker.artifacts.download_artifacts(info.model_uri)
    found = {
        Model.load(where).model_uuid for where in (info.model_uri, uri, path, f"{path}/MLmodel")
    }
    assert found == {info.model_uuid}


def test_a_logged_model_starts_a_run_where_none_is_active(loader):
    info = tracker.pyfunc.log_model("model", **loader)
    assert tracker.active_run().info.run_id == info.run_id


def test_the_run_lists_its_models_as_in_mlflow_2(loader):
    with tracker.start_run() as run:
        for name in ("a", "b"):
            tracker.pyfunc.log_model(name, **loader)
    entries = json.loads(tracker.get_run(run.info.run_id).data.tags["mlflow.log-model.history"])
    assert [entry["artifact_path"] for entry in entries] == ["a", "b"]
    assert list(entries[0]["flavors"]) == ["python_function"]


def test_the_list_of_a_runs_models_keeps_the_newest_that_fit(loader):
    with tracker.start_run() as run:
        for number in range(40):
            tracker.pyfunc.log_model(f"model-{number}", **loader)
    text = tracker.get_run(run.info.run_id).data.tags["mlflow.log-model.history"]
    assert len(text) <= 8_000
    assert json.loads(text)[-1]["artifact_path"] == "model-39"


@pytest.mark.parametrize("name", [None, "", "/", 3])
def test_a_model_without_a_name_is_refused_and_no_run_started(loader, name):
    with pytest.raises(InvalidValueError, match="name='model'"):
        tracker.pyfunc.log_model(name, **loader)
    assert tracker.active_run() is None


def test_an_argument_that_does_not_exist_is_refused_by_its_name(loader):
    with pytest.raises(UnsupportedError, match="'auth_policy'"):
        tracker.pyfunc.log_model("model", **loader, auth_policy={})


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path):
    with (
        tracker.start_run() as run,
        pytest.raises(InvalidValueError, match="where there is nothing"),
    ):
        tracker.pyfunc.log_model("model", loader_module="m", code_paths=[tmp_path / "missing.py"])
    assert tracker.list_artifacts("model", run_id=run.info.run_id) == []


def test_metadata_comes_back_with_its_types(tmp_path, loader):
    metadata = {"épocas": 3, "rate": 1e-5, "tags": ["a", None], "on": True, "note": "a: 'b'\n#c"}
    tracker.pyfunc.save_model(tmp_path / "model", **loader, metadata=metadata)
    assert Model.load(tmp_path / "model").metadata == metadata


def test_requirements_are_those_given(tmp_path, loader):
    tracker.pyfunc.save_model(
        tmp_path / "model", **loader, pip_requirements=["a==1"], extra_pip_requirements=["b"]
    )
    assert (tmp_path / "model" / "requirements.txt").read_text() == "a==1\nb\n"
    assert '"a==1"' in (tmp_path / "model" / "conda.yaml").read_text()


def test_requirements_and_environments_come_from_files(tmp_path, loader):
    (tmp_path / "mine.txt").write_text("# ours\na\n\nb>2\n")
    tracker.pyfunc.save_model(
        tmp_path / "one", **loader, pip_requirements=str(tmp_path / "mine.txt")
    )
    assert (tmp_path / "one" / "requirements.txt").read_text() == "a\nb>2\n"
    conda = "name: mine\ndependencies:\n- python=3.11\n- pip:\n  - c\n"
    (tmp_path / "mine.yaml").write_text(conda)
    tracker.pyfunc.save_model(tmp_path / "two", **loader, conda_env=tmp_path / "mine.yaml")
    assert (tmp_path / "two" / "requirements.txt").read_text() == "c\n"


def test_an_environment_given_twice_or_missing_is_refused(tmp_path, loader):
    with pytest.raises(InvalidValueError, match="not both"):
        tracker.pyfunc.save_model(tmp_path / "a", **loader, conda_env={}, pip_requirements=["b"])
    with pytest.raises(ArtifactError, match=r"missing\.txt"):
        tracker.pyfunc.save_model(
            tmp_path / "b", **loader, pip_requirements=str(tmp_path / "missing.txt")
        )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no flavors"),
        ("flavors: 3\n", "names no flavors"),
        ("flavors:\n  a: b\n", "names no flavors"),
        ("flavors: {}\nsignature:\n  inputs: nonsense\n", "not a schema"),
        ("\0", "no 'key: value'"),
        ("flavors: &a b\n", "kind of YAML"),
    ],
)
def test_a_broken_mlmodel_file_is_refused_with_its_path(tmp_path, text, reason):
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(InvalidValueError, match=reason) as caught:
        Model.load(tmp_path)
    assert str(tmp_path / "MLmodel") in str(caught.value)


def test_a_model_that_is_not_there_is_refused(tmp_path):
    for uri in (tmp_path, str(tmp_path / "nothing"), f"runs:/{'0' * 32}/model"):
        with pytest.raises(NotFoundError, match="model"):
            Model.load(uri)


@pytest.mark.parametrize("name", ["../secret.pkl", "/etc/passwd", "missing.pkl"])
def test_a_file_named_outside_of_the_model_is_not_read(tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.pkl").write_bytes(b"")
    entry = {"loader_module": "mlflow.pyfunc.model", "python_model": name}
    Model(flavors={"python_function": entry}).save(folder / "MLmodel")
    with pytest.raises(NotFoundError, match="has no file"):
        tracker.pyfunc.load_model(folder)


def test_a_flavor_that_is_not_here_is_refused_by_name(tmp_path):
    entry = {"loader_module": "mlflow.keras"}
    Model(flavors={"python_function": entry}).save(tmp_path / "MLmodel")
    with pytest.raises(UnsupportedError, match=r"mlflow\.keras"):
        tracker.pyfunc.load_model(tmp_path)
    with pytest.raises(InvalidValueError, match="no flavor 'sklearn', only python_function"):
        tracker.sklearn.load_model(tmp_path)


def test_frameworks_that_are_not_here_are_refused_by_name():
    for name in ("keras", "transformers", "spark", "evaluate"):
        with pytest.raises(UnsupportedError, match=name):
            getattr(tracker, name)
    for name in ("build_docker", "validate_serving_input"):
        with pytest.raises(UnsupportedError, match=name):
            getattr(tracker.models, name)


def test_autologging_can_only_be_switched_off():
    for module in (tracker, tracker.sklearn, tracker.pytorch, tracker.xgboost, tracker.lightgbm):
        module.autolog(disable=True)
        with pytest.raises(UnsupportedError, match="autolog"):
            module.autolog()


def test_models_cost_nothing_until_one_is_used(python):
    code = "import sys, tracker; tracker.log_metric; print('tracker.models' in sys.modules)"
    assert python(code).stdout == "False\n"
    code = "import sys, tracker; tracker.pyfunc, tracker.sklearn, tracker.pytorch, tracker.onnx\n"
    found = python(f"{code}print({{'numpy', 'pandas', 'torch', 'sklearn'}} & set(sys.modules))")
    assert found.stdout == "set()\n"
