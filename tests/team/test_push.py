"""Runs pushed to a real MLflow server, read back by MLflow's own client."""

from __future__ import annotations

import re
import sqlite3
import threading

import pytest

from tracker import tags
from tracker.entities import Metric
from tracker.team.push import is_active

pytestmark = [pytest.mark.interop, pytest.mark.slow]

WRITES = ("POST", "PUT")
READING = {"runs/search", "experiments/search"}


def writes(server):
    """The requests that change something, by what they do."""
    return [route for method, route in server.routes if method in WRITES and route not in READING]


@pytest.fixture
def in_between(http, mlflow):
    """Starts a server before MLflow's that a test may disturb."""

    def start(disturb=lambda _seen, _forward: None):
        return http.HttpServer(http.Forward(mlflow.port, disturb))

    return start


def test_mlflow_reads_back_what_was_pushed(
    cli, mlflow, make_runs, client, name, read_back, described, but_for_ids
):
    make_runs(3)
    said = cli("push", "--to", mlflow.url, "--experiment", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("3 runs sent and verified, 0 unchanged; 75 points, 6 files (")
    there = read_back(name)
    assert {run["tags"][tags.TRACKER_RUN_ID] for run in there["runs"].values()} == {
        run["id"] for run in described(client, name)["runs"].values()
    }
    assert but_for_ids(there) == but_for_ids(described(client, name))


def test_pushing_again_sends_nothing(cli, in_between, make_runs):
    make_runs(2)
    with in_between() as server:
        cli("push", "--to", server.url)
        server.seen.clear()
        said = cli("push", "--to", server.url)
    assert said.out == "0 runs sent and verified, 2 unchanged; 0 points, 0 files (0 B)\n"
    assert writes(server) == []
    assert not any(route == "metrics/get-history" for _, route in server.routes)


@pytest.mark.parametrize("points", [20, 2_000])
@pytest.mark.parametrize("lacks_samples", [False, True])
def test_a_point_that_the_server_lost_is_missed_and_sent_by_the_next_push(
    cli, http, in_between, make_runs, lacks_samples, points
):
    make_runs(1, points)

    def disturb(seen, _forward):
        if lacks_samples and seen.route == "metrics/get-history-bulk-interval":
            return http.Reply(404, "<html>", {"Content-Type": "text/html"})
        seen.body = re.sub(rb'{"key": "loss", "value": 0.5,[^}]*}, ', b"", seen.body)
        return None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
        server.answer.disturb = lambda _seen, _forward: None
        again = cli("push", "--to", server.url)
    assert said.code == 1
    assert said.err == (
        f"warning: Run 'run_0': its copy on the server is not complete (it has {points - 1:,} "
        f"points of 'loss', not the {points:,} of the run): push it again.\n"
    )
    assert again.out.startswith("1 run sent and verified, 0 unchanged; 1 point, 0 files")


@pytest.mark.parametrize("points", [20, 2_000])
def test_a_point_that_the_server_changed_is_missed(cli, in_between, make_runs, points):
    make_runs(1, points)

    def disturb(seen, _forward):
        seen.body = re.sub(rb'("key": "loss", "value": )1.0,', rb"\g<1>3.0,", seen.body)

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert said.err == (
        "warning: Run 'run_0': its copy on the server is not complete (its points of 'loss' are "
        "others): push it again.\n"
    )


@pytest.mark.parametrize("reads_tokens", [True, False])
def test_a_long_history_is_verified_by_a_sample_and_its_count(
    cli, http, in_between, client, name, reads_tokens
):
    run_id = client.create_run(client.create_experiment(name)).info.run_id
    client.log_batch(run_id, [Metric("loss", float(time), time, 0) for time in range(3_000)])
    client.set_terminated(run_id)

    def disturb(seen, _forward):
        if not reads_tokens and "page_token" in seen.path:
            return http.Reply(400, "{}", {"Content-Type": "application/json"})
        return None

    with in_between(disturb) as server:
        assert cli("push", "--to", server.url).code == 0
    asked = [route for _, route in server.routes if "get-history" in route]
    ways = ["metrics/get-history-bulk-interval", "metrics/get-history", "metrics/get-history"]
    assert asked == ways[: 2 if reads_tokens else 3]


def test_only_what_has_changed_since_is_sent(cli, in_between, make_runs, client):
    first, _ = make_runs(2)
    with in_between() as server:
        cli("push", "--to", server.url)
        client.set_tag(first, "reviewed", "yes")
        client.log_metric(first, "loss", 0.125, step=10_000)
        client.log_text(first, "SAME everywhere", "same.txt")
        server.seen.clear()
        said = cli("push", "--to", server.url)
    assert said.out.startswith("1 run sent and verified, 1 unchanged; 1 point, 1 file (15 B)")
    # Open, the tag, the point, the file, the digest, closed again.
    batches = ["runs/log-batch", "runs/log-batch"]
    kept = [route for route in writes(server) if not route.startswith("mlflow-artifacts")]
    assert kept == ["runs/update", *batches, "runs/log-batch", "runs/update"]


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(cli, in_between, make_runs, client):
    first, _ = make_runs(2)
    with in_between() as server:
        said = cli("push", "--to", server.url, "--dry-run")
        assert writes(server) == []
        cli("push", "--to", server.url)
        client.set_tag(first, "reviewed", "yes")
        later = cli("push", "--to", server.url, "--dry-run")
    assert said.out.startswith("2 runs to send, 0 to complete, 0 unchanged; 1 experiment to create")
    assert later.out.startswith("0 runs to send, 1 to complete, 1 unchanged; 0 experiments to")


def test_runs_are_chosen_by_name_filter_and_experiment(cli, mlflow, make_runs, client, name):
    make_runs(3)
    client.create_run(client.create_experiment(f"{name} other"), run_name="elsewhere")

    def sent(*arguments):
        out = cli("push", "--to", mlflow.url, *arguments).out
        return re.findall(r"^(\d+) runs? sent and verified, (\d+) unchanged", out)[0]

    assert sent("run_1") == ("1", "0")
    assert sent("--experiment", name, "--filter", "attributes.run_name != 'run_0'") == ("1", "1")
    assert sent("--experiment", name) == ("1", "2")


def test_nested_runs_arrive_below_their_parents_which_come_along(
    cli, mlflow, client, name, read_back
):
    experiment_id = client.create_experiment(name)
    parent = client.create_run(experiment_id, run_name="parent").info.run_id
    middle = client.create_run(experiment_id, 1, {tags.MLFLOW_PARENT_RUN_ID: parent}, "middle")
    leaf = client.create_run(
        experiment_id, 0, {tags.MLFLOW_PARENT_RUN_ID: middle.info.run_id}, "leaf"
    )
    orphan = {tags.MLFLOW_PARENT_RUN_ID: "0" * 32}
    client.create_run(experiment_id, 0, orphan, "orphan")
    cli("push", "--to", mlflow.url, leaf.info.run_id, "orphan")
    runs = read_back(name)["runs"]
    assert runs["leaf"]["tags"][tags.MLFLOW_PARENT_RUN_ID] == runs["middle"]["id"]
    assert runs["middle"]["tags"][tags.MLFLOW_PARENT_RUN_ID] == runs["parent"]["id"]
    assert runs["orphan"]["tags"][tags.MLFLOW_PARENT_RUN_ID] == "0" * 32


def test_a_push_killed_at_any_point_is_completed_by_the_next(
    cli, start_cli, in_between, make_runs, client, name, read_back, described, but_for_ids
):
    make_runs(3, points=2_500)
    for stop_at in (3, 9, 17):
        reached = threading.Event()

        def disturb(_seen, _forward, stop_at=stop_at, reached=reached):
            if len(writes(server)) >= stop_at:
                reached.set()

        with in_between(disturb) as server:
            process = start_cli("push", "--to", server.url)
            assert reached.wait(60)
            process.kill()
            process.communicate()
    with in_between() as server:
        said = cli("push", "--to", server.url)
    assert said.code == 0
    assert but_for_ids(read_back(name)) == but_for_ids(described(client, name))


def test_failing_requests_and_lost_answers_leave_one_whole_copy_of_each_run(
    cli, http, in_between, make_runs, client, name, read_back, described, but_for_ids, monkeypatch
):
    monkeypatch.setattr("tracker.team.rest.PAUSES", (0.0, 0.01))
    make_runs(3, points=1_500)
    counted = threading.Lock()
    count = 0

    def disturb(seen, forward):
        nonlocal count
        with counted:
            count += 1
            fate = count % 4
        if fate == 0:
            return http.Reply(503, "busy", {})
        if fate == 2 and seen.method in WRITES:
            forward()
            return http.CUT_OFF
        return None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert said.code == 0
    assert but_for_ids(read_back(name)) == but_for_ids(described(client, name))


def test_a_second_push_at_the_same_time_is_told_to_wait(cli, start_cli, in_between, make_runs):
    make_runs(1)
    arrived, go_on = threading.Event(), threading.Event()

    def disturb(seen, _forward):
        if seen.route == "runs/create":
            arrived.set()
            go_on.wait(60)

    with in_between(disturb) as server:
        process = start_cli("push", "--to", server.url)
        assert arrived.wait(60)
        said = cli("push", "--to", server.url)
        go_on.set()
        assert process.wait(60) == 0
        process.communicate()
    assert said.code == 1
    assert said.err.startswith(f"error: Another process is pushing to {server.url} from this")


def test_of_two_copies_made_at_once_from_two_machines_one_stays(
    cli, in_between, make_runs, name, rest
):
    (run_id,) = make_runs(1)
    doubled = []

    def disturb(seen, forward):
        """Somebody else creates another copy, after this push has looked and before it creates."""
        if seen.route == "runs/create" and not doubled:
            doubled.append(forward())

    with in_between(disturb) as server:
        first = cli("push", "--to", server.url)
        second = cli("push", "--to", server.url)
    assert (first.code, second.code) == (0, 0)
    copies = [run for run in rest.search_runs([id_of(rest, name)], "") if is_active(run)]
    assert len(doubled) == 1
    assert [run.info.status for run in copies] == ["FINISHED"]
    assert copies[0].data.tags[tags.TRACKER_RUN_ID] == run_id


# What the server does not take


def set_in_file(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_texts_longer_than_the_server_takes_go_along_as_files(
    cli, mlflow, make_runs, tmp_path, name, read_back
):
    (run_id,) = make_runs(1)
    path = tmp_path / "tracking.db"
    long = "é" * 20_000
    set_in_file(
        path, "INSERT INTO params (key, value, run_uuid) VALUES ('p/q', ?, ?)", long, run_id
    )
    set_in_file(path, "INSERT INTO tags (key, value, run_uuid) VALUES ('t', ?, ?)", long, run_id)
    said = cli("push", "--to", mlflow.url)
    assert said.code == 0
    assert "6,000 of the 20,000 characters of the parameter 'p/q'" in said.err
    run = read_back(name)["runs"]["run_0"]
    assert run["params"]["p/q"] == "é" * 6_000
    assert {"long_values/params/p/q.txt", "long_values/tags/t.txt"} <= set(run["files"])
    assert cli("push", "--to", mlflow.url).out.startswith("0 runs sent and verified, 1 unchanged")


def test_names_that_the_server_refuses_are_told_and_the_rest_arrives(
    cli, mlflow, make_runs, client, tmp_path, name, read_back
):
    (run_id,) = make_runs(1)
    client.log_text(run_id, "x", "a#b.txt")
    path = tmp_path / "tracking.db"
    set_in_file(path, "UPDATE params SET key = 'l?r' WHERE key = 'lr'")
    set_in_file(path, "UPDATE metrics SET key = 'lo?s' WHERE key = 'loss'")
    said = cli("push", "--to", mlflow.url)
    assert said.code == 1
    for kind, key in (("parameter", "l?r"), ("metric", "lo?s"), ("file", "a#b.txt")):
        assert said.err.count(f"warning: Run 'run_0': the {kind} {key!r} was not sent: ") == 1
    run = read_back(name)["runs"]["run_0"]
    assert run["status"] == "FINISHED"
    assert set(run["params"]) == {"text", "empty"}
    assert set(run["histories"]) == {"odd"}
    assert set(run["files"]) == {"notes/a b.txt", "same.txt"}


def test_an_experiment_that_the_server_refuses_costs_its_own_runs_only(
    cli, http, in_between, make_runs, client, name
):
    make_runs(1)
    client.set_experiment_tag(client.get_experiment_by_name(name).experiment_id, "long", "x" * 9)
    secret = client.create_experiment(f"{name} secret")
    client.create_run(secret, run_name="hidden")
    denied = http.Reply(403, '{"error_code": "PERMISSION_DENIED", "message": "No."}')

    def disturb(seen, _forward):
        is_secret = seen.route == "experiments/create" and b"secret" in seen.body
        is_long = seen.route == "experiments/set-experiment-tag" and b'"long"' in seen.body
        refused = http.Reply(400, '{"error_code": "INVALID_PARAMETER_VALUE", "message": "Long."}')
        return denied if is_secret else refused if is_long else None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert said.code == 1
    assert said.out.startswith("1 run sent and verified")
    assert f"Experiment '{name} secret': The server at {server.url} denies this user" in said.err
    assert f"Experiment {name!r}: the tag 'long' of 9 characters was not sent: Long." in said.err


def test_a_server_from_before_data_sets_takes_the_rest(
    cli, http, in_between, make_runs, name, read_back
):
    make_runs(1)

    def disturb(seen, _forward):
        if seen.route == "runs/log-inputs":
            return http.Reply(404, "<html>", {"Content-Type": "text/html"})
        return None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert said.code == 1
    assert said.err == (
        "warning: Run 'run_0': its data sets were not sent: data sets came with MLflow 2.4, and "
        "the server is older\n"
    )
    assert read_back(name)["runs"]["run_0"]["status"] == "FINISHED"


def test_data_sets_that_two_pushes_bring_at_once_arrive(
    cli, http, in_between, make_runs, name, read_back
):
    make_runs(1)
    refused = []

    def disturb(seen, _forward):
        """What MLflow answers where another run brings the same new data set."""
        if seen.route == "runs/log-inputs" and not refused:
            refused.append(seen)
            return http.Reply(400, '{"error_code": "BAD_REQUEST", "message": "UNIQUE"}')
        return None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert (said.code, len(refused)) == (0, 1)
    assert len(read_back(name)["runs"]["run_0"]["inputs"]) == 1


def test_a_file_that_a_proxy_finds_too_large_is_told_with_the_setting(
    cli, http, in_between, make_runs
):
    make_runs(1)

    def disturb(seen, _forward):
        return http.Reply(413, "", {}) if seen.method == "PUT" else None

    with in_between(disturb) as server:
        said = cli("push", "--to", server.url)
    assert said.code == 1
    assert "the file 'same.txt' was not sent: " in said.err
    assert "client_max_body_size" in said.err


def test_a_copy_that_was_deleted_on_the_server_is_told(cli, mlflow, make_runs, name, rest):
    make_runs(2)
    cli("push", "--to", mlflow.url)
    copy = next(run for run in rest.search_runs([id_of(rest, name)], "run_name = 'run_0'"))
    rest.delete_run(copy.info.run_id)
    said = cli("push", "--to", mlflow.url)
    assert said.code == 1
    assert said.out.startswith("0 runs sent and verified, 1 unchanged")
    assert said.err == (
        f"warning: Run 'run_0' is deleted on the server: restore it there (`mlflow runs restore "
        f"--run-id {copy.info.run_id}`), then push again.\n"
    )


def test_a_deleted_experiment_of_the_same_name_is_told(cli, mlflow, make_runs, name, rest):
    make_runs(1)
    experiment = rest.create_experiment(name)
    arguments = {"experiment_id": experiment.experiment_id}
    rest.rest.post("/api/2.0/mlflow/experiments/delete", arguments)
    for option in ((), ("--dry-run",)):
        said = cli("push", "--to", mlflow.url, *option)
        assert said.code == 1
        assert f"The experiment {name!r} is deleted on the server: restore it there" in said.err


def test_a_tag_that_a_colleague_has_set_on_the_server_stays(
    cli, mlflow, make_runs, client, name, rest, read_back
):
    (run_id,) = make_runs(1)
    cli("push", "--to", mlflow.url)
    copy = next(rest.search_runs([id_of(rest, name)], ""))
    rest.log_texts(copy.info.run_id, "tags", {"seen by": "grace"})
    client.set_tag(run_id, "reviewed", "yes")
    assert cli("push", "--to", mlflow.url).code == 0
    found = read_back(name)["runs"]["run_0"]["tags"]
    assert (found["seen by"], found["reviewed"]) == ("grace", "yes")


def id_of(rest, name):
    return rest.experiment_named(name).experiment_id


@pytest.mark.parametrize("option", ["--to", "--from"])
def test_no_password_is_ever_shown(http, cli, make_runs, option):
    make_runs(1)
    with http.HttpServer(lambda _: http.Reply(401, "Unauthorized", {})) as server:
        url = server.url.replace("://", "://ada:s3cret@")
        said = cli("push" if option == "--to" else "pull", option, url)
    assert said.code == 1
    assert said.err.startswith(f"error: The server at {server.url} requires a login (401)")
    assert "s3cret" not in said.out + said.err


def test_a_clock_that_goes_wrong_is_told_and_times_stay(
    cli, in_between, make_runs, name, read_back
):
    make_runs(1)
    with in_between() as server:
        server.date = "Sun, 09 Sep 2001 01:46:40 GMT"
        said = cli("push", "--to", server.url)
    assert said.code == 0
    assert "behind this machine's; times stay as they were logged." in said.err
    assert read_back(name)["runs"]["run_0"]["start_time"] == 1_700_000_000_000


def test_an_unreachable_server_is_one_sentence(cli, make_runs, monkeypatch):
    make_runs(1)
    monkeypatch.setattr("tracker.cli.team.FIRST_ANSWER_SECONDS", 0.5)
    said = cli("push", "--to", "http://127.0.0.1:9")
    assert said.code == 1
    assert said.err.splitlines()[-1] == (
        "error: The server at http://127.0.0.1:9 cannot be reached: connection refused."
    )
