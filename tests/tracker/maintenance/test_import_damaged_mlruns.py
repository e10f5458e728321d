"""A file store after crashes, version control and other systems: all that can be read is taken."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tracker.__main__ import main
from tracker.client import TrackingClient

SCRIPT = Path(__file__).with_name("damaged_mlruns.py")


def script():
    spec = importlib.util.spec_from_file_location("damaged_mlruns", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IDS = script().IDS


@pytest.fixture
def store(tmp_path):
    """The folder of the file store and the one that its links lead to."""
    root, elsewhere = tmp_path / "mlruns", tmp_path / "elsewhere"
    subprocess.run([sys.executable, SCRIPT, root, elsewhere], check=True)
    return root, elsewhere


def names(client):
    return {run.info.run_id: run.info.run_name for run in client.search_runs(["1", "2", "3", "4"])}


def test_all_that_can_be_read_arrives(client, merge, store):
    root, elsewhere = store
    merged = merge(root, [str(elsewhere)])
    assert merged.troubles == []
    assert (merged.runs_new, merged.experiments_new) == (len(IDS), 4)
    assert names(client) == {IDS[name]: name for name in IDS} | {IDS["conflict"]: "ours"}
    for name, run_id in IDS.items():
        run = client.get_run(run_id)
        assert (run.data.params, run.data.tags["mlflow.user"].strip()) == ({"lr": "0.1"}, "ada")
        assert run.data.metrics["val/acc"] == 0.5
        assert run.info.status == ("FAILED" if name == "no_meta" else "FINISHED")
        weights = client.artifacts(run_id).local_path("model/weights.bin")
        assert weights.read_text() == f"weights of {name}"
    histories = {
        name: len(client.get_metric_history(run_id, "loss")) for name, run_id in IDS.items()
    }
    assert histories == dict.fromkeys(IDS, 100) | {"torn": script().POINTS - 1, "binary": 0}
    assert len(client.get_metric_history(IDS["torn"], "tail")) == 2


def test_experiments_keep_the_names_that_can_be_read(client, merge, store):
    root, elsewhere = store
    merge(root, [str(elsewhere)])
    found = {each.name for each in client.search_experiments()}
    assert found == {"Default", "It's a study", "linked experiment", "3", "fourth"}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("torn", "/metrics/loss:40001: '41000' is not a point"),
        ("torn", "/metrics/tail:3: "),
        ("conflict", "/meta.yaml:7: '<<<<<<< HEAD' cannot be read"),
        ("nul", "/meta.yaml: ends in NUL bytes"),
        ("no_meta", "/meta.yaml: ends in NUL bytes"),
        ("binary", "/metrics/loss: "),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(merge, store, run, said):
    root, elsewhere = store
    damaged = merge(root, [str(elsewhere)]).damaged
    assert any(f"{IDS[run]}{said}" in each for each in damaged), damaged
    assert not any(IDS["whole"] in each or IDS["junk"] in each for each in damaged)
    assert any("lost: is a link to" in each for each in damaged)


def test_imported_twice_it_is_the_same(client, merge, store):
    root, elsewhere = store
    merge(root, [str(elsewhere)])
    before = list(client.store.database.connection.iterdump())
    again = merge(root, [str(elsewhere)])
    assert (again.runs_unchanged, again.runs_new, again.runs_completed) == (len(IDS), 0, 0)
    assert again.copied.files == 0
    assert list(client.store.database.connection.iterdump()) == before


def test_a_second_import_completes_the_first_once_it_is_mended(client, merge, store):
    root, elsewhere = store
    merge(root)
    torn = root / "1" / IDS["torn"] / "metrics/loss"
    torn.write_text(torn.read_text().replace("\n41000\n", "\n41000 5714.25 40000\n"))
    merged = merge(root, [str(elsewhere)])
    assert (merged.runs_new, merged.runs_completed) == (1, 1)
    assert len(client.get_metric_history(IDS["torn"], "loss")) == script().POINTS
    assert client.get_run(IDS["linked"]).info.run_name == "linked"


@pytest.mark.parametrize("by", ["--allow", "variable", "nobody"])
def test_a_link_out_of_the_store_is_followed_where_it_is_allowed(
    store, tmp_path, by, monkeypatch, capsys
):
    root, elsewhere = store
    arguments = ["--db", str(tmp_path / "tracking.db"), "import", str(root)]
    if by == "--allow":
        arguments += ["--allow", str(elsewhere)]
    if by == "variable":
        monkeypatch.setenv("TRACKER_ALLOWED_ROOTS", str(elsewhere))
    code = main(arguments)
    said = capsys.readouterr()
    found = names(TrackingClient(tmp_path / "tracking.db"))
    assert code == (1 if by == "nobody" else 0)
    assert (IDS["linked"] in found) == (by != "nobody")
    assert (f"{IDS['linked']}: is a link to" in said.err) == (by == "nobody")
    assert ("--allow FOLDER" in said.err) == (by == "nobody")
    assert said.out.startswith(f"{len(found)} runs new, 0 completed")
