from __future__ import annotations

import json

import pytest

from tracker.client import TrackingClient

MLMODEL = (
    "flavors:\n  python_function:\n    loader_module: mlflow.onnx\n  onnx:\n    data: model.onnx\n"
)


@pytest.fixture
def digits(tmp_path, runs):
    """A database whose two trained runs are versions 1 and 2 of `digits`."""
    client = TrackingClient(tmp_path / "tracking.db")
    for name in ("wide_1a", "narrow_2b"):
        client.log_text(runs[name], MLMODEL, "model/MLmodel")
        client.register_model(f"runs:/{runs[name]}/model", "digits", {"why": f"it is {name}"})
    client.set_registered_model_alias("digits", "champion", 1)
    return client


def test_a_run_is_registered_by_its_name_with_aliases_and_tags(cli, runs, tmp_path):
    said = cli("models", "register", "wide", "digits", "--alias", "champion", "--tag", "why=a=b")
    assert said.out == "registered version 1 of digits, now @champion\n"
    client = TrackingClient(tmp_path / "tracking.db")
    version = client.get_model_version_by_alias("digits", "champion")
    assert (version.run_id, version.tags) == (runs["wide_1a"], {"why": "a=b"})


@pytest.mark.usefixtures("digits")
def test_models_are_listed_with_their_aliases(cli):
    assert "digits       2  champion → 1" in cli("models", "list").out
    [model] = json.loads(cli("models", "list", "--format", "json").out)
    assert (model["name"], model["latest_version"], model["aliases"]) == (
        "digits",
        2,
        {"champion": 1},
    )
    assert json.loads(cli("models", "list", "-f", "name = 'x'", "--format", "json").out) == []


@pytest.mark.usefixtures("digits")
def test_the_versions_of_a_model_are_shown_the_newest_first(cli, runs):
    lines = cli("models", "show", "digits").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["2", "1"]
    assert "why=it is narrow_2b" in lines[1]
    found = json.loads(cli("models", "show", "digits", "--format", "json").out)
    assert [version["run_id"] for version in found["versions"]] == [
        runs["narrow_2b"],
        runs["wide_1a"],
    ]
    csv = cli("models", "show", "digits", "--format", "csv").out.splitlines()
    assert csv[2].startswith(f"1,champion,{runs['wide_1a']},None,")


@pytest.mark.parametrize("named", ["1", "@champion"])
@pytest.mark.usefixtures("digits")
def test_one_version_is_shown_with_what_its_folder_says(cli, named):
    out = cli("models", "show", "digits", named).out
    assert "why" in out
    assert "python_function, onnx" in out
    found = json.loads(cli("models", "show", "digits", named, "--format", "json").out)
    assert found["model"]["flavors"] == ["python_function", "onnx"]


def test_a_version_whose_files_are_gone_is_shown_with_the_reason(cli, digits, runs):
    digits.artifacts(runs["wide_1a"]).delete()
    said = cli("models", "show", "digits", "1")
    assert (said.code, "no artifact" in said.out) == (0, True)


@pytest.mark.usefixtures("digits")
def test_versions_are_compared_by_their_runs(cli):
    out = cli("models", "compare", "digits", "@champion", "latest").out
    assert "1 (@champion)" in out
    assert "params.hidden_size" in out.split("The same")[0]
    rows = json.loads(cli("models", "compare", "digits", "1", "2", "--format", "json").out)
    assert {"field": "params.hidden_size", "differs": True, "1": "128", "2": "2"} in rows


def test_an_alias_is_moved_and_removed(cli, digits):
    assert cli("models", "alias", "digits", "champion", "latest").out == (
        "digits@champion is version 2\n"
    )
    assert digits.get_registered_model("digits").aliases == {"champion": 2}
    assert cli("models", "alias", "digits", "champion", "--delete").code == 0
    assert digits.get_registered_model("digits").aliases == {}


def test_a_version_and_a_model_are_deleted(cli, digits):
    assert cli("models", "delete", "digits", "@champion").out == "deleted version 1 of digits\n"
    assert cli("models", "delete", "digits", "--all").out == (
        "deleted digits with all its versions\n"
    )
    assert digits.search_registered_models() == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["register", "wide_1a", "a/b"], "no '/' and no ':'"),
        (["register", "wide_1a", "digits", "--alias", "latest"], "neither 'latest'"),
        (["register", "wide_1a", "digits", "--tag", "x"], "KEY=VALUE"),
        (["register", "wide_1a", "digits", "--path", "missing"], "no artifact 'missing'"),
        (["register", "broken", "digits"], "no artifact 'model'"),
        (["register", "nothing", "digits"], "no run 'nothing'"),
        (["show", "digit"], "did you mean 'digits'"),
        (["show", "digits", "9"], "no version 9"),
        (["show", "digits", "@nobody"], "no alias 'nobody'"),
        (["show", "digits", "x"], "does not name a model"),
        (["alias", "digits", "champion"], "or give --delete"),
        (["alias", "digits", "champion", "9"], "no version 9"),
        (["alias", "digits", "nobody", "--delete"], "no alias 'nobody'"),
        (["delete", "digits"], "or give --all"),
        (["compare", "digits", "1"], "two versions or more"),
        (["list", "-f", "speed = 1"], "no attribute 'speed'"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(cli, digits, arguments, reason):
    before = digits.get_registered_model("digits")
    said = cli("models", *arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: ")
    assert reason in said.err
    assert digits.get_registered_model("digits") == before


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["list", "--nope"], ["alias", "digits"]])
def test_wrong_usage_exits_with_2(cli, arguments, capfd):
    with pytest.raises(SystemExit) as ended:
        cli("models", *arguments)
    assert ended.value.code == 2
    assert "usage:" in capfd.readouterr().err


def test_without_models_the_list_says_how_to_add_one(cli, runs):  # noqa: ARG001
    assert "models register RUN NAME" in cli("models", "list").out


def test_gc_leaves_a_run_that_a_version_points_to_and_says_so(cli, digits, runs):
    digits.delete_run(runs["wide_1a"])
    said = cli("gc")
    assert "version 1 of the registered model 'digits' would lose its files" in said.out + said.err
    assert digits.get_run(runs["wide_1a"]).info.lifecycle_stage == "deleted"
    assert cli("models", "show", "digits", "1").code == 0
    digits.delete_model_version("digits", 1)
    cli("gc")
    assert digits.model_files("models:/digits/2")
    assert runs["wide_1a"] not in "\n".join(digits.store.database.connection.iterdump())


def test_a_table_of_versions_shows_of_a_promotion_the_sentence_why(cli, digits, runs):
    tags = {"promotion.why": "0.97 against 0.92: better.", "promotion.rule": "{}", "team": "a"}
    digits.register_model(f"runs:/{runs['wide_1a']}/model", "digits", tags)
    table = cli("models", "show", "digits").out
    assert "0.97 against 0.92: better." in table
    assert "promotion" not in table
    assert "team=a" in table
    assert "promotion.rule={}" in cli("models", "show", "digits", "--format", "csv").out
