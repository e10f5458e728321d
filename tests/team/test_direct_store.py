"""A server with logins, whose clients keep files in the store themselves, without its proxy."""

from __future__ import annotations

import pytest

from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]

PASSWORD = "correct horse battery"  # noqa: S105
# With a cache, because the server hashes the password at each request, as slowly as it should.
SETTINGS = """
[mlflow]
default_permission = READ
database_uri = sqlite:///logins.db
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 600
"""


@pytest.fixture(scope="module")
def store(servers, environments, tmp_path_factory):
    """The URL of an S3 store."""
    pytest.importorskip("s3fs")
    with servers.s3_store(environments, tmp_path_factory.mktemp("store")) as url:
        yield url


@pytest.fixture(scope="module")
def direct(servers, environments, store, tmp_path_factory):
    """MLflow's server, which asks for a login and has its files in the store."""
    folder = tmp_path_factory.mktemp("direct")
    (folder / "logins.ini").write_text(SETTINGS)
    with servers.mlflow_server(
        environments,
        folder,
        direct=f"s3://{servers.BUCKET}/direct",
        app="basic-auth",
        variables={
            "MLFLOW_AUTH_CONFIG_PATH": "logins.ini",
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret",
            "AWS_ENDPOINT_URL": store,
        },
    ) as server:
        yield server


@pytest.fixture
def log_in(monkeypatch):
    """Sets the name and the password that MLflow's clients take, too."""

    def as_user(name, password=PASSWORD):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)

    return as_user


@pytest.fixture
def store_access(servers, store, monkeypatch):
    """This process may use the store."""
    for key, text in (servers.STORE_CREDENTIALS | {"AWS_ENDPOINT_URL": store}).items():
        monkeypatch.setenv(key, text)


@pytest.mark.usefixtures("store_access")
def test_files_go_to_the_store_and_come_back_where_it_is_allowed(
    cli, direct, make_runs, client, name, described, tmp_path, log_in
):
    make_runs(1)
    log_in("admin")
    refused = cli("push", "--to", direct.url)
    assert refused.code == 1
    assert "allow that with `--allow s3://team`" in refused.err
    assert cli("push", "--to", direct.url, "--allow", "s3://team").code == 0
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "tracking.db"
    said = cli("pull", "--from", direct.url, "--allow", "s3://team", db=back)
    assert (said.code, said.err) == (0, "")
    assert described(TrackingClient(back), name) == described(client, name)


def test_a_server_with_logins_takes_what_the_user_may_send(
    cli, direct, client, name, rest_of, log_in
):
    run_id = client.create_run(client.create_experiment(name), run_name="run").info.run_id
    client.set_terminated(run_id)

    def said():
        found = cli("push", "--to", direct.url)
        assert PASSWORD not in found.out + found.err
        return found

    assert f"The server at {direct.url} requires a login (401)" in said().err
    log_in("admin", f"{PASSWORD}!")
    assert f"The server at {direct.url} requires a login (401)" in said().err
    log_in("admin")
    assert said().out.startswith("1 run sent and verified")
    user = {"username": "grace", "password": PASSWORD}
    rest_of(direct).rest.post("/api/2.0/mlflow/users/create", user)
    log_in("grace")
    assert said().out.startswith("0 runs sent and verified, 1 unchanged")
    client.set_tag(run_id, "reviewed", "yes")
    assert f"Run 'run': The server at {direct.url} denies this user access (403)" in said().err
