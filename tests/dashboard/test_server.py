"""The server's own manners: whom it answers, what it hands out, and from where."""

from __future__ import annotations

import http.client
import io
import socket
import zipfile

import pytest

from dashboard.queries import run_lists
from dashboard.source import open_source

pytestmark = pytest.mark.slow


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.fixture(scope="module")
def run_id(database):
    return run_lists.run_page(open_source(database), run_lists.RunQuery(), 1)["run_id"].iloc[0]


@pytest.mark.parametrize("path", ["/", "/curves", "/_stcore/health"])
def test_a_foreign_host_is_refused(server, path):
    assert ask(server, path, Host="evil.example")[0].status == 403
    assert ask(server, path)[0].status == 200


def test_the_server_starts_without_a_warning(server):
    assert ask(server, "/curves")[0].status == 200
    printed = server.log.read_text()
    assert f"localhost:{server.port}" in printed
    assert "No runtime found" not in printed


def test_a_foreign_origin_is_refused_on_the_web_socket(server):
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Version": "13",
    }
    foreign, _ = ask(server, "/_stcore/stream", Origin="http://evil.example", **upgrade)
    assert foreign.status == 403


def test_another_port_of_this_machine_is_a_foreign_origin_too(server):
    assert ask(server, "/", Origin="http://127.0.0.1:1")[0].status == 403
    assert ask(server, "/", Origin=f"http://127.0.0.1:{server.port}")[0].status == 200


def test_a_foreign_origin_may_not_fetch_an_artifact(server, run_id):
    path = f"/artifact/{run_id}/model/best.pt"
    assert ask(server, path, Origin="http://evil.example")[0].status == 403
    assert ask(server, path)[0].getheader("Cross-Origin-Resource-Policy") == "same-origin"


def test_scripts_run_only_if_they_are_streamlits_own(server):
    policy = ask(server, "/")[0].getheader("Content-Security-Policy")
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "'unsafe-eval'" not in scripts


def test_it_listens_on_this_machine_only(server):
    outside = socket.gethostbyname(socket.gethostname())
    if outside.startswith("127."):
        pytest.skip("this machine has no address but its own")
    with pytest.raises(OSError), socket.create_connection((outside, server.port), timeout=2):  # noqa: PT011
        pass


@pytest.mark.parametrize(
    "path",
    [
        "../../../../tracking.db",
        "..%2f..%2f..%2f..%2ftracking.db",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/tracking.db",
        "model/%252e%252e/%252e%252e/x",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "..\\..\\tracking.db",
        "model/best.pt%00.png",
        "model",
        "",
    ],
)
def test_a_path_that_leads_out_of_the_run_is_not_served(server, run_id, path):
    answer, body = ask(server, f"/artifact/{run_id}/{path}")
    assert answer.status in {400, 404}
    assert b"SQLite format" not in body


def test_a_link_out_of_the_artifacts_is_not_followed(server, run_id, database):
    root = database.parent / "artifacts" / "1" / run_id / "artifacts"
    (root / "leak").symlink_to(database)
    try:
        assert ask(server, f"/artifact/{run_id}/leak")[0].status == 404
    finally:
        (root / "leak").unlink()


def test_a_download_may_start_in_the_middle(server, run_id):
    answer, body = ask(server, f"/artifact/{run_id}/model/best.pt", Range="bytes=49990-")
    assert (answer.status, len(body)) == (206, 10)


def test_an_artifact_is_an_attachment_whatever_it_holds(server, run_id, database):
    page = database.parent / "artifacts" / "1" / run_id / "artifacts" / "evil.html"
    page.write_text("<script>alert(1)</script>")
    answer, _ = ask(server, f"/artifact/{run_id}/evil.html")
    page.unlink()
    assert answer.getheader("Content-Type") == "application/octet-stream"
    assert answer.getheader("Content-Disposition").startswith("attachment")


def test_the_zip_of_a_run_holds_all_its_files(server, run_id, database):
    root = database.parent / "artifacts" / "1" / run_id / "artifacts"
    expected = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    _, body = ask(server, f"/zip/{run_id}")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == expected


def test_an_unknown_run_has_no_files(server):
    assert ask(server, f"/zip/{'0' * 32}")[0].status == 404


@pytest.mark.slow
def test_a_download_of_200_megabytes_does_not_grow_the_server(serve, study, tmp_path):
    psutil = pytest.importorskip("psutil")
    database = tmp_path / "tracking.db"
    connection = study.connect(database)
    study.add_experiment(connection, 1, "one")
    run = study.add_run(connection, "large")
    connection.close()
    file = tmp_path / "artifacts" / "1" / run / "artifacts" / "large.bin"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        stream.truncate(200 * 2**20)
    server = serve(database)
    process = psutil.Process(server.process.pid)
    ask(server, f"/artifact/{run}/large.bin", "HEAD")
    before = process.memory_info().rss
    _, body = ask(server, f"/artifact/{run}/large.bin")
    assert len(body) == 200 * 2**20
    assert process.memory_info().rss - before < 50 * 2**20
