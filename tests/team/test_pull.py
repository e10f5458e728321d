"""Runs pulled from a real MLflow server."""

from __future__ import annotations

import pytest

from tracker import tags
from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def elsewhere(tmp_path):
    """A database in an empty folder."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "tracking.db"


def test_what_was_pushed_comes_back_as_it_was(
    cli, mlflow, make_runs, client, name, described, elsewhere
):
    first, second = make_runs(2)
    client.set_tag(second, tags.MLFLOW_PARENT_RUN_ID, first)
    cli("push", "--to", mlflow.url)
    dry = cli("pull", "--from", mlflow.url, "--experiment", name, "--dry-run", db=elsewhere)
    assert dry.out == "2 runs to bring, 0 here already; 1 experiment to create; 4 files (40 B)\n"
    assert list(elsewhere.parent.iterdir()) == []
    said = cli("pull", "--from", mlflow.url, "--experiment", name, db=elsewhere)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("2 runs new, 0 completed, 0 unchanged; 1 experiment new; 4 files")
    assert described(TrackingClient(elsewhere), name) == described(client, name)
    again = cli("pull", "--from", mlflow.url, "--experiment", name, db=elsewhere)
    assert again.out.startswith("0 runs new, 0 completed, 2 unchanged")
    back = cli("push", "--to", mlflow.url, db=elsewhere)
    assert back.out.startswith("0 runs sent and verified, 2 unchanged")


def test_pulling_into_the_database_that_pushed_changes_nothing(
    cli, mlflow, make_runs, client, name, described
):
    make_runs(2)
    before = described(client, name)
    cli("push", "--to", mlflow.url)
    said = cli("pull", "--from", mlflow.url, "--experiment", name)
    assert said.out.startswith("0 runs new, 0 completed, 2 unchanged; 0 experiments new")
    assert described(client, name) == before


def test_runs_of_mlflow_itself_keep_the_servers_ids_and_push_back_to_themselves(
    cli, mlflow, name, rest, elsewhere, tmp_path
):
    script = tmp_path / "made.py"
    script.write_text(SCRIPT)
    run_id = mlflow.ask(script, name).split()[-1]
    assert cli("pull", "--from", mlflow.url, run_id, db=elsewhere).code == 0
    client = TrackingClient(elsewhere)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.params) == ("FAILED", {"p": "1"})
    assert [point.value for point in client.get_metric_history(run_id, "m")] == [1.5, 2.5]
    assert client.artifacts(run_id).local_path("t.txt").read_bytes() == b"hello"
    client.set_tag(run_id, "from", "elsewhere")
    assert cli("push", "--to", mlflow.url, db=elsewhere).code == 0
    found = list(rest.search_runs([rest.experiment_named(name).experiment_id], ""))
    assert [(each.info.run_id, each.data.tags["from"]) for each in found] == [(run_id, "elsewhere")]


SCRIPT = """
import sys, mlflow
mlflow.set_experiment(sys.argv[1])
run = mlflow.start_run()
mlflow.log_param("p", 1)
mlflow.log_metric("m", 1.5, step=0)
mlflow.log_metric("m", 2.5, step=1)
mlflow.log_text("hello", "t.txt")
mlflow.end_run("FAILED")
print(run.info.run_id)
"""


def test_runs_are_chosen_by_name_and_filter(cli, mlflow, make_runs, name, elsewhere):
    make_runs(3)
    cli("push", "--to", mlflow.url)
    chosen = ("--experiment", name, "--filter", "attributes.run_name != 'run_0'")
    said = cli("pull", "--from", mlflow.url, *chosen, db=elsewhere)
    assert said.out.startswith("2 runs new")
    named = ("run_0", "run_1", "--experiment", name)
    dry = cli("pull", "--from", mlflow.url, *named, "--dry-run", "--no-artifacts", db=elsewhere)
    assert dry.out.startswith("1 run to bring, 1 here already; 0 experiments to create; 0 files")
    said = cli("pull", "--from", mlflow.url, *named, db=elsewhere)
    assert said.out.startswith("1 run new, 0 completed, 1 unchanged")


def test_an_interrupted_pull_is_completed_by_the_next(
    cli, http, mlflow, make_runs, client, name, described, elsewhere, monkeypatch
):
    make_runs(3)
    cli("push", "--to", mlflow.url)
    monkeypatch.setattr("tracker.cli.team.PATIENCE_SECONDS", 0.1)

    def disturb(_seen, _forward):
        asked = [route for _, route in server.routes]
        return http.Reply(503, "", {}) if asked.count("metrics/get-history") > 3 else None

    with http.HttpServer(http.Forward(mlflow.port, disturb)) as server:
        said = cli("pull", "--from", server.url, "--experiment", name, db=elsewhere)
    assert said.code == 1
    assert len(described(TrackingClient(elsewhere), name)["runs"]) < 3
    said = cli("pull", "--from", mlflow.url, "--experiment", name, db=elsewhere)
    assert said.code == 0
    assert described(TrackingClient(elsewhere), name) == described(client, name)


def test_an_unknown_experiment_is_told(cli, mlflow, elsewhere):
    said = cli("pull", "--from", mlflow.url, "--experiment", "nowhere", db=elsewhere)
    assert (said.code, said.err) == (1, "error: The server has no experiment 'nowhere'.\n")


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_an_unknown_run_is_told_and_the_others_are_brought(
    cli, mlflow, make_runs, name, elsewhere, options
):
    make_runs(1)
    cli("push", "--to", mlflow.url)
    named = ("run_0", "run_O", "--experiment", name)
    said = cli("pull", "--from", mlflow.url, *named, *options, db=elsewhere)
    assert said.out.startswith("1 run")
    assert (said.code, said.err) == (1, "warning: The server has no run 'run_O' that is meant.\n")


@pytest.mark.parametrize("uri", ["/etc", "file:///etc", "../../etc", "dbfs:/x", "https://evil/x"])
def test_files_that_a_server_claims_to_have_elsewhere_are_not_looked_at(
    cli, http, mlflow, make_runs, name, elsewhere, uri
):
    make_runs(1)
    cli("push", "--to", mlflow.url)

    def disturb(_seen, forward):
        reply = forward()
        body = reply.body.replace(b"mlflow-artifacts:/", f"{uri}/".encode())
        return http.Reply(reply.status, body, reply.headers)

    with http.HttpServer(http.Forward(mlflow.port, disturb)) as server:
        said = cli("pull", "--from", server.url, "--experiment", name, db=elsewhere)
    assert said.code == 1
    assert "which only it can reach: start it with `--serve-artifacts`" in said.err


@pytest.mark.parametrize("answer", ["../../evil", "/etc/passwd", "..", "a\\\\b", "C:/x"])
def test_names_of_files_that_lead_out_of_the_folder_are_not_taken(
    cli, http, mlflow, make_runs, name, elsewhere, tmp_path, answer
):
    make_runs(1)
    cli("push", "--to", mlflow.url)

    def disturb(seen, forward):
        if seen.method == "GET" and "mlflow-artifacts" in seen.path and "path=" in seen.path:
            return http.Reply(body=f'{{"files": [{{"path": "{answer}", "file_size": 3}}]}}')
        if "mlflow-artifacts" in seen.path:
            return http.Reply(body=b"abc")
        return forward()

    with http.HttpServer(http.Forward(mlflow.port, disturb)) as server:
        cli("pull", "--from", server.url, "--experiment", name, db=elsewhere)
    taken = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"abc"]
    assert all("artifacts" in path.parts for path in taken)
