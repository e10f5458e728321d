"""The routes: MLflow's scoring protocol, the Open Inference Protocol, and a status page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from tracker import __version__
from tracker.serving import open_inference, protocol
from tracker.serving.batching import Batcher
from tracker.serving.champion import headers
from tracker.serving.errors import RequestError
from tracker.serving.limits import error_headers, read_body
from tracker.serving.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from tracker.serving.champion import Champion
    from tracker.serving.limits import Gate, Limits
    from tracker.serving.model import ServedModel
    from tracker.serving.request_log import RequestLog

    Handler = Callable[[Request], Awaitable[Response]]

JSON_TYPE = protocol.JSON_TYPE


class Service:
    """One worker's handlers and what they share.

    Args:
        champion: The model.
        gate: Who may ask.
        limits: The bounds of a request.
        record: Where a sample of requests and answers is kept; None keeps none.
        workers: How many processes share the port.
    """

    def __init__(
        self,
        champion: Champion,
        gate: Gate,
        limits: Limits,
        record: RequestLog | None = None,
        workers: int = 1,
    ) -> None:
        self._champion = champion
        self._gate = gate
        self._limits = limits
        self._record = record
        self._workers = workers
        self._statistics = Statistics()
        self._batcher = Batcher(lambda: champion.current)
        self._in_work = 0

    def app(self) -> Starlette:
        """The ASGI application."""
        model = "/v2/models/{name:str}"
        versioned = model + "/versions/{version:str}"
        routes = [
            self._route("/ping", self._ping, "GET"),
            self._route("/health", self._ping, "GET"),
            self._route("/version", self._version, "GET"),
            self._route("/status", self._status, "GET"),
            self._route("/invocations", self._invocations, "POST"),
            self._route("/v2/health/live", self._ping, "GET"),
            self._route("/v2/health/ready", self._ping, "GET"),
            self._route("/v2", self._server_metadata, "GET"),
        ]
        for path in (model, versioned):
            routes += [
                self._route(path, self._metadata, "GET"),
                self._route(path + "/ready", self._metadata, "GET"),
                self._route(path + "/infer", self._infer, "POST"),
            ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._batcher.run()),
            asyncio.create_task(self._champion.follow()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._record is not None:
                await asyncio.to_thread(self._record.close)

    def _route(self, path: str, handler: Handler, method: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._guarded(request, handler)

        return Route(path, endpoint, methods=[method])

    async def _guarded(self, request: Request, handler: Handler) -> Response:
        """Run a handler within the limits; errors become 4xx answers."""
        start = time.perf_counter()
        self._in_work += 1
        try:
            self._gate.check(request)
            self._limits.check_load(self._in_work)
            response = await handler(request)
        except RequestError as error:
            response = _failure(request, error)
        except ClientDisconnect:
            response = Response(status_code=400)
        finally:
            self._in_work -= 1
        if request.method == "POST":
            version = response.headers.get("x-model-version")
            self._statistics.add(response.status_code, time.perf_counter() - start, version)
        return response

    async def _ping(self, _: Request) -> Response:
        return Response(b"\n", media_type=JSON_TYPE)

    async def _version(self, _: Request) -> Response:
        return Response(__version__, media_type=JSON_TYPE)

    async def _status(self, _: Request) -> Response:
        status = {**self._champion.as_dict(), **self._statistics.as_dict()}
        status["workers"] = self._workers
        if self._record is not None:
            status["recorded"] = self._record.count
        return _json(status)

    async def _invocations(self, request: Request) -> Response:
        body = await read_body(request, self._limits)
        content_type = request.headers.get("content-type")
        arrays = protocol.decode(content_type, body, self._champion.current.input)
        served, outputs = await self._batcher.predict(arrays)
        answer = protocol.encode(outputs, named=served.backend.named_outputs)
        if self._record is not None:
            self._record.offer(content_type, body, answer, served.target.version)
        return Response(answer, media_type=JSON_TYPE, headers=headers(served))

    async def _infer(self, request: Request) -> Response:
        body = await read_body(request, self._limits)
        self._check_name(request, self._champion.current)
        arrays, request_id = open_inference.decode(body, self._champion.current.input)
        served, outputs = await self._batcher.predict(arrays)
        target = served.target
        answer = open_inference.encode(outputs, target.name, target.version, request_id)
        if self._record is not None:
            self._record.offer(JSON_TYPE, body, answer, target.version)
        return Response(answer, media_type=JSON_TYPE, headers=headers(served))

    async def _metadata(self, request: Request) -> Response:
        served = self._champion.current
        self._check_name(request, served)
        target = served.target
        described = open_inference.describe(target.name, target.version, served.input)
        return _json({**described, "ready": True})

    async def _server_metadata(self, _: Request) -> Response:
        return _json({"name": "ml-tracker", "version": __version__, "extensions": []})

    def _check_name(self, request: Request, served: ServedModel) -> None:
        """Refuse another model or version than the one in service."""
        target, asked = served.target, request.path_params
        if asked["name"] != target.name or asked.get("version", target.version) != target.version:
            raise RequestError(
                f"This server has {target.name!r} version {target.version}.", status=404
            )


def _failure(request: Request, error: RequestError) -> Response:
    if request.url.path.startswith("/v2"):
        body = {"error": str(error)}
    else:
        body = {"error_code": error.code, "message": str(error)}
    return _json(body, error.status, error_headers(error))


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps(value).encode()
    return Response(content, status_code=status, media_type=JSON_TYPE, headers=headers)
