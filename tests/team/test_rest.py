"""The way to a server: credentials, redirects, TLS, retries, and what is not an MLflow server."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import socket
import threading

import pytest
import trustme

from tracker.exceptions import InvalidValueError, ServerError, ServerUnreachableError
from tracker.team.credentials import access_to
from tracker.team.rest import RestClient
from tracker.team.server import Server

SECRET = "correct horse"  # noqa: S105
BASIC = f"Basic {base64.b64encode(f'ada:{SECRET}'.encode()).decode()}"


@pytest.fixture
def rest_client():
    """Makes clients, which note their waits."""
    with contextlib.ExitStack() as clients:

        def make(url, patience_seconds=20.0, **environment):
            waits = []
            client = RestClient(
                access_to(url, {"HOME": "/nonexistent", **environment}),
                patience_seconds=patience_seconds,
                on_wait=lambda _, pause: waits.append(pause),
            )
            client.waits = waits
            return clients.enter_context(client)

        yield make


def with_password(url, secret=SECRET):
    return url.replace("://", f"://ada:{secret.replace(' ', '%20')}@")


# Credentials


def in_variables(_home, url):
    return url, {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": SECRET}


def in_url(_home, url):
    return with_password(url), {}


def in_credentials_file(home, url):
    path = home / ".mlflow" / "credentials"
    path.parent.mkdir()
    path.write_text(
        f"[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = {SECRET}\n"
    )
    return url, {}


def in_netrc(home, url):
    (home / ".netrc").write_text(f'machine 127.0.0.1 login ada password "{SECRET}"\n')
    (home / ".netrc").chmod(0o600)
    return url, {}


@pytest.mark.parametrize("place", [in_variables, in_url, in_credentials_file, in_netrc])
def test_name_and_password_come_from_where_mlflows_users_keep_them(
    http, tmp_path, place, rest_client
):
    with http.HttpServer(lambda _: http.Reply()) as server:
        url, environment = place(tmp_path, server.url)
        client = rest_client(url, **{"HOME": str(tmp_path), **environment})
        client.get("/x")
    assert server.seen[0].headers["authorization"] == BASIC
    assert SECRET not in f"{client.access!r} {client.access.address}"


def test_a_token_goes_along_as_a_bearer_and_a_workspace_as_its_header(http, rest_client):
    with http.HttpServer(lambda _: http.Reply()) as server:
        variables = {"MLFLOW_TRACKING_TOKEN": "t0ken", "MLFLOW_WORKSPACE": "vision"}
        rest_client(server.url, **variables).get("/x")
    assert server.seen[0].headers["authorization"] == "Bearer t0ken"
    assert server.seen[0].headers["x-mlflow-workspace"] == "vision"


def test_variables_win_over_files(http, tmp_path, rest_client):
    in_netrc(tmp_path, "")
    variables = {"HOME": str(tmp_path), "MLFLOW_TRACKING_TOKEN": "t0ken"}
    with http.HttpServer(lambda _: http.Reply()) as server:
        rest_client(server.url, **variables).get("/x")
    assert server.seen[0].headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("content", [f"[mlflow\n{SECRET}", f"{SECRET} = 1", "\0\xff"])
def test_an_unreadable_file_of_credentials_is_named_and_not_shown(tmp_path, content):
    path = tmp_path / ".mlflow" / "credentials"
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    with pytest.raises(InvalidValueError, match="credentials' cannot be read") as caught:
        access_to("http://127.0.0.1", {"HOME": str(tmp_path)})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "mlflow.example.org", "ftp://host", "http://", "http://host:port", "http://a b"]
)
def test_what_is_no_url_of_a_server_is_refused_with_an_example(url):
    with pytest.raises(InvalidValueError, match="is not the URL of a server: write it like"):
        access_to(url, {})


def test_a_refused_url_does_not_show_its_password():
    with pytest.raises(InvalidValueError) as caught:
        access_to(f"ftp://ada:{SECRET}@host", {})
    assert SECRET not in str(caught.value)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_server_is_not_followed_and_told(http, status, rest_client):
    with http.HttpServer(lambda _: http.Reply()) as stranger:
        reply = http.Reply(status, "", {"Location": f"{stranger.url}/x"})
        with http.HttpServer(lambda _: reply) as server:
            client = rest_client(with_password(server.url))
            with pytest.raises(ServerError, match=f"redirects to another one, {stranger.url}"):
                client.post("/x", {"a": 1})
    assert stranger.seen == []
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "https://evil.example", "file:///etc", "h:"]
)
def test_a_redirect_to_another_host_is_not_followed(http, target, rest_client):
    with (
        http.HttpServer(lambda _: http.Reply(302, "", {"Location": target})) as server,
        pytest.raises(ServerError, match="no credentials and no data are sent there"),
    ):
        rest_client(with_password(server.url)).get("/x")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_server_keeps_method_body_and_credentials(http, status, rest_client):
    def answer(seen):
        if seen.path == "/old":
            return http.Reply(status, "", {"Location": "/new?a=1"})
        return http.Reply(body='{"found": true}')

    with http.HttpServer(answer) as server:
        found = rest_client(with_password(server.url)).post("/old", {"a": "ü"})
    assert found == {"found": True}
    first, last = server.seen
    assert (last.method, last.path, last.body) == ("POST", "/new?a=1", first.body)
    assert last.headers["authorization"] == BASIC


def test_a_circle_of_redirects_ends(http, rest_client):
    with (
        http.HttpServer(lambda _: http.Reply(302, "", {"Location": "/x"})) as server,
        pytest.raises(ServerError, match="redirects in a loop"),
    ):
        rest_client(server.url).get("/x")


# TLS


@pytest.fixture
def authority(tmp_path):
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    made.path = tmp_path / "authority.pem"
    return made


def test_a_certificate_of_an_unknown_authority_is_refused_with_the_variable_that_helps(
    http, authority, rest_client
):
    with http.HttpServer(lambda _: http.Reply(), http.tls_of(authority, "127.0.0.1")) as server:
        client = rest_client(with_password(server.url))
        with pytest.raises(ServerUnreachableError, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
            client.get("/x")
    assert server.seen == []
    assert client.waits == []  # Trying again would not help.


def test_a_certificate_for_another_name_is_refused(http, authority, rest_client):
    with (
        http.HttpServer(lambda _: http.Reply(), http.tls_of(authority, "other.org")) as server,
        pytest.raises(ServerUnreachableError, match="certificate is not trusted"),
    ):
        rest_client(server.url, MLFLOW_TRACKING_SERVER_CERT_PATH=str(authority.path)).get("/x")
    assert server.seen == []


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"])
def test_a_private_authority_is_trusted_where_a_variable_names_it(
    http, authority, variable, rest_client
):
    with http.HttpServer(lambda _: http.Reply(), http.tls_of(authority, "127.0.0.1")) as server:
        assert rest_client(server.url, **{variable: str(authority.path)}).get("/x") == {}


def test_checking_is_off_only_where_the_variable_says_so(http, authority, rest_client):
    with http.HttpServer(lambda _: http.Reply(), http.tls_of(authority, "other.org")) as server:
        assert rest_client(server.url, MLFLOW_TRACKING_INSECURE_TLS="true").get("/x") == {}
        with pytest.raises(ServerUnreachableError):
            rest_client(server.url, MLFLOW_TRACKING_INSECURE_TLS="false").get("/x")


def test_a_certificate_file_that_is_none_is_named(http, tmp_path, authority, rest_client):
    (tmp_path / "none.pem").write_text("nothing")
    with http.HttpServer(lambda _: http.Reply(), http.tls_of(authority, "127.0.0.1")) as server:
        variable = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(tmp_path / "none.pem")}
        with pytest.raises(InvalidValueError, match=r"none\.pem"):
            rest_client(server.url, **variable).get("/x")


# Trying again


def test_a_busy_server_is_asked_again_when_it_says(http, rest_client):
    replies = [http.Reply(429, "", {"Retry-After": "1"}), http.Reply(503), http.Reply()]
    with http.HttpServer(lambda _: replies.pop(0)) as server:
        client = rest_client(server.url)
        assert client.get("/x") == {}
    assert client.waits == [1.0, 0.25]


def test_the_date_of_a_retry_is_measured_by_the_servers_clock(http, rest_client):
    until = email.utils.formatdate(1_000_000_001, usegmt=True)
    replies = [http.Reply(429, "", {"Retry-After": until}), http.Reply()]
    with http.HttpServer(lambda _: replies.pop(0)) as server:
        server.date = email.utils.formatdate(1_000_000_000, usegmt=True)  # Years behind.
        client = rest_client(server.url)
        client.get("/x")
    assert client.waits == [1.0]


def test_a_server_that_asks_for_more_patience_than_there_is_fails_with_its_status(
    http, rest_client
):
    reply = http.Reply(429, "", {"Retry-After": "3600"})
    with (
        http.HttpServer(lambda _: reply) as server,
        pytest.raises(ServerError, match="answers 429 Too Many Requests"),
    ):
        rest_client(server.url, 2.0).get("/x")
    assert len(server.seen) == 1


def test_a_fault_of_the_server_is_tried_a_few_times_only(http, rest_client):
    with (
        http.HttpServer(lambda _: http.Reply(500, "<html>", {})) as server,
        pytest.raises(ServerError, match="answers 500 Internal Server Error"),
    ):
        rest_client(server.url).get("/x")
    assert len(server.seen) == 4


@pytest.mark.parametrize("fault", ["cut off", "half an answer"])
def test_a_broken_answer_is_asked_for_again(http, fault, rest_client):
    broken = {"cut off": http.CUT_OFF, "half an answer": http.Reply(body="{", claimed_size=9)}
    replies = [broken[fault], broken[fault], http.Reply(body='{"a": 1}')]
    with http.HttpServer(lambda _: replies.pop(0)) as server:
        assert rest_client(server.url).get("/x") == {"a": 1}


def test_connections_are_kept_and_no_more_than_requests_at_once(http, rest_client):
    ports = set()

    def answer(seen):
        ports.add(seen.headers["x-from"])
        return http.Reply()

    with http.HttpServer(answer) as server:
        client = rest_client(server.url)
        for _ in range(5):  # A new thread each time, as when a run is followed.
            thread = threading.Thread(target=client.get, args=("/x",))
            thread.start()
            thread.join()
    assert len(ports) == 1


def test_a_file_that_breaks_off_is_fetched_anew_and_whole(http, tmp_path, rest_client):
    replies = [http.Reply(body=b"abc", claimed_size=6), http.Reply(body=b"abcdef")]
    with http.HttpServer(lambda _: replies.pop(0)) as server, (tmp_path / "f").open("w+b") as file:
        rest_client(server.url).download("/x", file)
    assert (tmp_path / "f").read_bytes() == b"abcdef"


def test_what_must_not_be_done_twice_is_looked_for_first(http, rest_client):
    replies = [http.CUT_OFF, http.Reply(body='{"created": 2}')]
    with http.HttpServer(lambda _: replies.pop(0)) as server:
        found = rest_client(server.url).post("/x", {}, lambda: {"created": 1})
    assert found == {"created": 1}
    assert len(server.seen) == 1


def test_a_server_that_is_down_is_told_in_one_sentence(rest_client):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ServerUnreachableError) as caught:
        Server(rest_client(with_password(f"http://127.0.0.1:{port}"), 0.1)).check()
    assert str(caught.value) == (
        f"The server at http://127.0.0.1:{port} cannot be reached: connection refused."
    )


# What is not an MLflow server


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>Welcome</html>", "text/html"),
        (200, "[]", "application/json"),
        (200, '{"login": "please"}', "application/json"),
        (404, "<html>Not found</html>", "text/html"),
        (404, "", "text/plain"),
    ],
)
def test_another_kind_of_server_is_recognized(http, status, body, kind, rest_client):
    with (
        http.HttpServer(lambda _: http.Reply(status, body, {"Content-Type": kind})) as server,
        pytest.raises(ServerError, match="is not an MLflow server"),
    ):
        Server(rest_client(server.url)).check()


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\0" * 70_000])
def test_what_does_not_speak_http_is_told(http, banner, rest_client):
    with (
        http.raw_server(lambda connection: connection.sendall(banner)) as port,
        pytest.raises(ServerUnreachableError, match="cannot be reached"),
    ):
        Server(rest_client(f"http://127.0.0.1:{port}", 0.1)).check()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "requires a login"), (403, "denies this user access")],
)
def test_a_server_that_refuses_the_caller_is_told_without_the_credentials(
    http, status, sentence, rest_client
):
    with (
        http.HttpServer(lambda _: http.Reply(status, "no", {})) as server,
        pytest.raises(ServerError, match=sentence) as caught,
    ):
        Server(rest_client(with_password(server.url))).check()
    assert SECRET not in str(caught.value)
    assert len(server.seen) == 1


def test_a_batch_that_is_too_large_is_sent_in_halves(http, rest_client):
    def answer(seen):
        return http.Reply(413 if len(seen.body) > 3_000 else 200)

    points = [("loss", (float(step), 1, step)) for step in range(200)]
    with http.HttpServer(answer) as server:
        Server(rest_client(server.url)).log_points("r", points)
    sent = b"".join(seen.body for seen in server.seen if len(seen.body) <= 3_000)
    assert [sent.count(b'"step": %d}' % step) for step in range(200)] == [1] * 200


@pytest.mark.parametrize(
    "body",
    [
        '{"run": null}',
        '{"run": {"info": [], "data": 3}}',
        '{"run": {"info": {"start_time": "x"}, "data": {"metrics": [1], "tags": {"a": 1}}}}',
        '{"run": {"data": {"metrics": [{"key": "a", "value": {}}], "params": [null]}}}',
        '{"run": {"inputs": {"dataset_inputs": [7, {"dataset": 1, "tags": 2}]}}}',
    ],
)
def test_strange_answers_are_read_without_harm(http, body, rest_client):
    with http.HttpServer(lambda _: http.Reply(body=body)) as server:
        assert Server(rest_client(server.url)).get_run("r").info.status == "RUNNING"
