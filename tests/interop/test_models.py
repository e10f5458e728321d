"""Models and the registry between the tracker and several releases of MLflow."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tracker import TrackingClient

pytest.importorskip("sklearn")
SCRIPTS = Path(__file__).parent / "scripts"
REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.interop, pytest.mark.slow]

BY_VALUE = {"pytorch_class_of_the_script", "python_class", "python_function"}
# What a release cannot read: formats that came later, classes written by a later cloudpickle, and
# the protobuf of today's onnx.
UNREADABLE = {
    "2.4": {"sklearn_skops", "pytorch_program", "python_code", "onnx"} | BY_VALUE,
    "2.22": {"sklearn_skops", "pytorch_program"},
    "3.5": {"sklearn_skops", "pytorch_program"},
    "newest": set(),
}


@pytest.fixture(scope="session")
def run_script(environments):
    """Run a script with the tracker or with a release of MLflow; its answer."""

    def run(who, folder, script, *arguments, given=""):
        is_tracker = who == "tracker"
        interpreter = sys.executable if is_tracker else environments / who / "bin" / "python"
        paths = {"PYTHONPATH": str(REPOSITORY)} if is_tracker else {}
        paths["FRAMEWORKS"] = sysconfig.get_path("purelib")
        module = "tracker" if is_tracker else "mlflow"
        done = subprocess.run(
            [str(interpreter), "-W", "ignore", str(SCRIPTS / script), module, *arguments],
            cwd=folder,
            env=os.environ | paths | {"OMP_NUM_THREADS": "1"},
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=900,
        )
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def logged(run_script, tmp_path_factory):
    """A folder with a model of every flavor logged by the tracker: its URIs and predictions."""
    folder = tmp_path_factory.mktemp("models")
    uris = run_script("tracker", folder, "model_flavors.py", "log")
    return folder, uris, run_script("tracker", folder, "model_flavors.py", "load", given=dump(uris))


def dump(answer):
    return json.dumps(answer)


@pytest.mark.parametrize("release", ["2.22", "newest"])
def test_signatures_are_inferred_as_by_mlflow(run_script, tmp_path, release):
    ours = run_script("tracker", tmp_path, "infer_signatures.py")
    theirs = run_script(release, tmp_path, "infer_signatures.py", given=dump(ours["written"]))
    assert len(ours["inferred"]) > 90
    assert theirs["inferred"] == ours["inferred"]
    assert set(theirs["equal"].values()) == {True}
    back = run_script("tracker", tmp_path, "infer_signatures.py", given=dump(theirs["written"]))
    assert set(back["equal"].values()) == {True}


@pytest.mark.parametrize("release", list(UNREADABLE))
def test_mlflow_loads_and_predicts_with_our_models(run_script, tmp_path, logged, release):
    folder, uris, expected = logged
    shutil.copytree(folder, tmp_path / "copy")
    readable = {name: uri for name, uri in uris.items() if name not in UNREADABLE[release]}
    found = run_script(release, tmp_path / "copy", "model_flavors.py", "load", given=dump(readable))
    assert found == {name: expected[name] for name in readable}


@pytest.mark.parametrize("release", ["2.22", "newest"])
def test_mlflow_loads_our_registered_models_by_alias_and_version(
    run_script, tmp_path, logged, release
):
    folder, uris, expected = logged
    shutil.copytree(folder, tmp_path / "copy")
    client = TrackingClient(tmp_path / "copy" / "tracking.db")
    wanted = {}
    for name in ("sklearn_table", "pytorch", "xgboost_classifier", "lightgbm_booster", "onnx"):
        version = client.register_model(uris[name], name, aliases=["champion"]).version
        wanted[f"{name} alias"] = f"models:/{name}@champion"
        wanted[f"{name} version"] = f"models:/{name}/{version}"
    found = run_script(release, tmp_path / "copy", "model_flavors.py", "load", given=dump(wanted))
    assert found == {name: expected[name.split()[0]] for name in wanted}


@pytest.mark.parametrize("release", ["2.22", "newest"])
def test_the_tracker_loads_mlflows_models_without_mlflow(run_script, tmp_path, logged, release):
    wanted = [name for name in logged[1] if name not in UNREADABLE[release]]
    uris = run_script(release, tmp_path, "model_flavors.py", "log", *wanted)
    theirs = run_script(release, tmp_path, "model_flavors.py", "load", given=dump(uris))
    ours = run_script("tracker", tmp_path, "model_flavors.py", "load", given=dump(uris))
    assert ours == theirs


@pytest.mark.parametrize("release", ["2.22", "newest"])
def test_every_verb_of_the_registry_does_what_mlflows_does(run_script, tmp_path, release):
    for who in ("tracker", release):
        (tmp_path / who).mkdir()
    ours = run_script("tracker", tmp_path / "tracker", "register_models.py")
    theirs = run_script(release, tmp_path / release, "register_models.py")
    assert ours == theirs


@pytest.mark.parametrize("release", ["2.22", "newest"])
def test_mlflow_sees_our_registered_models_and_we_go_on_in_the_file_it_upgraded(
    open_mlflow, tmp_path, release
):
    client = TrackingClient(tmp_path / "tracking.db")
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "flavors: {}\n", "model/MLmodel")
    uri = f"runs:/{run_id}/model"
    client.register_model(uri, "digits", {"why": "better ✓"}, ["champion"])
    client.update_registered_model("digits", "Reads *digits*.")
    with open_mlflow(release, tmp_path) as mlflow:
        seen = mlflow.ask("registered", "tracking.db")
        assert seen["digits"]["description"] == "Reads *digits*."
        assert seen["digits"]["aliases"] == {"champion": 1}
        assert seen["digits"]["versions"] == [[1, "None", run_id, {"why": "better ✓"}]]
    client = TrackingClient(tmp_path / "tracking.db")
    client.register_model(uri, "digits", aliases=["champion"])
    client.register_model(uri, "letters")
    client.rename_registered_model("letters", "signs")
    client.set_model_version_tag("signs", 1, "a", "b")
    client.delete_model_version("digits", 1)
    with open_mlflow(release, tmp_path) as mlflow:
        seen = mlflow.ask("registered", "tracking.db")
    assert seen["digits"]["aliases"] == {"champion": 2}
    assert [version[0] for version in seen["digits"]["versions"]] == [2]
    assert seen["signs"]["versions"] == [[1, "None", run_id, {"a": "b"}]]


INSTALLED = """
import runpy, sys, tracker.as_mlflow
tracker.as_mlflow.install()
sys.argv[:] = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_study_written_for_mlflow_2_runs_here_and_is_read_by_mlflow(environments, tmp_path):
    pytest.importorskip("torch")
    script = str(SCRIPTS / "study_for_mlflow.py")
    paths = {"PYTHONPATH": str(REPOSITORY), "FRAMEWORKS": sysconfig.get_path("purelib")}

    def run(*command):
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | paths
        done = subprocess.run(
            [*map(str, command)], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().splitlines()[-1:]

    here = (sys.executable, "-W", "ignore", "-c", INSTALLED, script)
    run(*here, "write")
    [ours] = map(json.loads, run(*here, "read"))
    assert list(ours) == ["narrow", "wide"]
    assert ours["wide"]["curve"] == [[0, 1.0], [1, 0.5], [2, 0.333333]]
    del paths["PYTHONPATH"]
    for release in ("2.22", "newest"):
        python = environments / release / "bin" / "python"
        [theirs] = map(json.loads, run(python, "-W", "ignore", script, "read"))
        assert theirs == ours
