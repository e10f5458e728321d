"""One or several worker processes of uvicorn around the service."""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import os
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from tracker.client import TrackingClient
from tracker.serving.app import Service
from tracker.serving.champion import Champion
from tracker.serving.errors import ServingError
from tracker.serving.limits import LOCAL_HOSTS, BoundedProtocol, Gate, Limits
from tracker.serving.request_log import RequestLog
from tracker.serving.resolve import resolver
from tracker.validation import LAST_PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.applications import Starlette

    from tracker.serving.model import ServedModel

SETTINGS_VARIABLE = "TRACKER_SERVING"
TOKEN_VARIABLE = "TRACKER_SERVING_TOKEN"  # noqa: S105
PORTS_TRIED = 20
EXPERIMENT = "serving"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `python -m tracker serve` was asked for.

    Args:
        uri: The model: `models:/name@alias`, `models:/name/1`, `runs:/ID/path`, or a folder.
        database: The tracking database, as `TrackingClient` takes it.
        host: Address to listen on.
        port: The first port to try; 0 lets the system choose.
        workers: Number of processes.
        poll_seconds: Time between two looks at the registry.
        record_share: Of requests kept in a run, between 0 and 1; 0 keeps none.
        body_bytes: Size of a request's body.
        hosts: Further accepted values of the Host header; `*` accepts any.
    """

    uri: str
    database: str
    host: str = "127.0.0.1"
    port: int = 5001
    workers: int = 1
    poll_seconds: float = 1.0
    record_share: float = 0.0
    body_bytes: int = Limits.body_bytes
    hosts: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """True if only this machine reaches the server."""
        return self.host in {"127.0.0.1", "localhost", "::1"}

    @property
    def limits(self) -> Limits:
        """The bounds of one worker."""
        return Limits(body_bytes=self.body_bytes)

    @property
    def gate(self) -> Gate:
        """Who may ask; on a local address, only requests to a local host name."""
        any_host = "*" in self.hosts or not (self.local or self.hosts)
        hosts = None if any_host else LOCAL_HOSTS | {name.lower() for name in self.hosts}
        return Gate(hosts, os.environ.get(TOKEN_VARIABLE) or None)


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests in work are answered first.

    Args:
        settings: What to serve and where.
        announce: Called with sentences for the person who started it.

    Raises:
        ServingError: The model cannot be loaded or no port is free.
    """
    champion = _champion(settings)  # Fails before a port is taken.
    target = champion.current.target
    if champion.current.input is None:
        announce("The model has no signature; the shapes of requests are not checked.")
    listener = listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    if settings.port not in (0, port):
        announce(f"Port {settings.port} is in use; port {port} is used instead.")
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(f"Serving {target.name} version {target.version} at http://{shown}:{port}/invocations")
    if settings.workers == 1:
        service = _service(settings, champion)
        uvicorn.Server(_config(settings, service.app())).run(sockets=[listener])
        return
    os.environ[SETTINGS_VARIABLE] = json.dumps(dataclasses.asdict(settings))
    config = _config(settings, "tracker.serving.server:worker_app")
    Multiprocess(config, [listener]).run()


def worker_app() -> Starlette:
    """The application of one of several workers, from the environment of its parent."""
    values = json.loads(os.environ[SETTINGS_VARIABLE])
    settings = Settings(**{**values, "hosts": tuple(values["hosts"])})
    return _service(settings, _champion(settings)).app()


def load_once(settings: Settings) -> ServedModel:
    """The model that would be served now.

    Raises:
        ServingError: It cannot be loaded.
    """
    return _champion(settings).current


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at the port, or the next free one of twenty.

    Raises:
        ServingError: None of them is free, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(port + PORTS_TRIED - 1, LAST_PORT) if port else 0
    for candidate in range(port, last + 1):
        # With the protocol named, asyncio sends an answer at once (TCP_NODELAY).
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ServingError(f"Cannot listen on {host}: {error.strerror}.") from error
        else:
            listener.set_inheritable(True)
            return listener
    raise ServingError(f"No port from {port} to {last} is free; use --port.")


def _champion(settings: Settings) -> Champion:
    resolve = resolver(settings.uri, lambda: TrackingClient(settings.database, read_only=True))
    return Champion(resolve, settings.poll_seconds)


def _service(settings: Settings, champion: Champion) -> Service:
    record = None
    if settings.record_share > 0:
        record = _record(settings, champion)
    return Service(champion, settings.gate, settings.limits, record, settings.workers)


def _record(settings: Settings, champion: Champion) -> RequestLog:
    client = TrackingClient(settings.database)
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment_id = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    target = champion.current.target
    run = client.create_run(experiment_id, run_name=f"{target.name} v{target.version}")
    client.log_param(run.info.run_id, "model", settings.uri)
    return RequestLog(client, run.info.run_id, settings.record_share)


def _config(settings: Settings, app: Any) -> uvicorn.Config:
    logging.getLogger("tracker.serving").setLevel(logging.INFO)
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        timeout_keep_alive=int(settings.limits.idle_seconds),
        timeout_graceful_shutdown=10,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
