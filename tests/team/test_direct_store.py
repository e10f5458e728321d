"""A server whose clients keep files in the store themselves: no proxy, the store's credentials."""

from __future__ import annotations

import pytest

from tracker.client import TrackingClient

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def direct(servers, environments, tmp_path, monkeypatch):
    """MLflow's server with its files in an S3 store, which this process may use."""
    pytest.importorskip("s3fs")
    folder = tmp_path / "server"
    folder.mkdir()
    with servers.s3_store(environments, folder) as store:
        for key, text in (servers.STORE_CREDENTIALS | {"AWS_ENDPOINT_URL": store}).items():
            monkeypatch.setenv(key, text)
        url = f"s3://{servers.BUCKET}/direct"
        with servers.mlflow_server(environments, folder, direct=url) as server:
            yield server


def test_files_go_to_the_store_and_come_back_where_it_is_allowed(
    cli, direct, make_runs, client, name, described, tmp_path
):
    make_runs(1)
    refused = cli("push", "--to", direct.url)
    assert refused.code == 1
    assert "allow that with `--allow s3://team`" in refused.err
    assert cli("push", "--to", direct.url, "--allow", "s3://team").code == 0
    (tmp_path / "back").mkdir()
    back = tmp_path / "back" / "tracking.db"
    said = cli("pull", "--from", direct.url, "--allow", "s3://team", db=back)
    assert (said.code, said.err) == (0, "")
    assert described(TrackingClient(back), name) == described(client, name)
