"""The routes, as one plain ASGI application: nothing stands between a request and its model."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import bodies, described
from jupyter_mlops.serving.counts import Counts
from jupyter_mlops.serving.journal import Journal
from jupyter_mlops.serving.models import Model, refused
from jupyter_mlops.serving.problems import Problem, of_error

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.serving.fleet import Fleet
    from jupyter_mlops.serving.repeats import Repeats

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MOST_AT_ONCE: Final = 512
INLINE_ROWS: Final = 200
RECENT_SECONDS: Final = 0.02
JSON: Final = (b"content-type", b"application/json")
PROBLEM: Final = (b"content-type", b"application/problem+json")
GUARDS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
]
PUBLIC: Final = ("/v2/health/live", "/v2/health/ready")
ROUTES: Final = (
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2"),
    ("GET", "/v2/models/{deployment}"),
    ("POST", "/deployments/{deployment}/predictions"),
    ("POST", "/deployments/{deployment}/actuals"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
)


class App:
    """Answers HTTP; knows its fleet, its journals and nothing of how processes start."""

    def __init__(
        self, ws: Workspace, fleet: Fleet, repeats: Repeats, *, token: str, hosts: frozenset[str]
    ) -> None:
        self._ws = ws
        self._fleet = fleet
        self._repeats = repeats
        self._bearer = f"Bearer {token}".encode()
        self._hosts = {host.encode() for host in hosts}
        self._journals: dict[str, Journal] = {}
        self._counts = Counts()
        self._clients: dict[Any, float] = {}
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is a problem with a code, never a traceback."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        try:
            self._check(scope, headers)
            status, kind, body = await self._route(scope, headers, receive)
        except Problem as problem:
            extra = [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
            await _send(send, problem.status, [PROBLEM, *extra], problem.body())
            return
        await _send(send, status, [kind], body)

    def close(self) -> None:
        """Make every log durable and end its segment."""
        for journal in self._journals.values():
            journal.close()

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if headers.get(b"host", b"") not in self._hosts:
            raise Problem(400, "host_not_allowed", "This server is not known by that name.")
        if scope["path"] in PUBLIC:
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._bearer):
            raise Problem(
                401,
                "unauthorized",
                "A bearer token is needed.",
                "server.json in the workspace holds it.",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _route(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[int, tuple[bytes, bytes], bytes]:
        path, method = scope["path"], scope["method"]
        parts = path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "deployments":  # noqa: PLR2004
            doing = {"predictions": self._predictions, "actuals": self._actuals}.get(parts[2])
            if doing is not None:
                _only(method, "POST")
                return 200, JSON, await doing(parts[1], scope, headers, receive)
        return self._look(path, parts, method)

    def _look(
        self, path: str, parts: list[str], method: str
    ) -> tuple[int, tuple[bytes, bytes], bytes]:
        cold: dict[str, Callable[[], tuple[int, tuple[bytes, bytes], bytes]]] = {
            "/v2/health/live": lambda: (200, JSON, b'{"live":true}'),
            "/v2/health/ready": self._ready,
            "/v2": lambda: (200, JSON, json.dumps(described.server()).encode()),
            "/metrics": lambda: (
                200,
                (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
                self._counts.exposition(),
            ),
            "/openapi.json": lambda: (
                200,
                JSON,
                json.dumps(described.openapi(list(self._fleet))).encode(),
            ),
        }
        if path in cold:
            _only(method, "GET")
            return cold[path]()
        if len(parts) == 3 and parts[:2] == ["v2", "models"]:  # noqa: PLR2004
            _only(method, "GET")
            return 200, JSON, json.dumps(described.model(self._model(parts[2]))).encode()
        raise Problem(404, "not_found", "There is nothing here.", "GET /openapi.json lists routes.")

    def _ready(self) -> tuple[int, tuple[bytes, bytes], bytes]:
        broken = any(journal.is_broken for journal in self._journals.values())
        return (503, JSON, b'{"ready":false}') if broken else (200, JSON, b'{"ready":true}')

    async def _predictions(
        self, deployment: str, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> bytes:
        began = time.perf_counter()
        self._clients[scope.get("client")] = began
        if self._busy >= MOST_AT_ONCE:
            raise Problem(
                429, "too_many_requests", "The server is busy.", "try again.", {"Retry-After": "1"}
            )
        self._busy += 1
        try:
            model = self._model(deployment)
            journal = self._journal(deployment)
            return await self._answered(model, journal, headers, receive, began)
        finally:
            self._busy -= 1

    async def _answered(
        self,
        model: Model,
        journal: Journal,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        began: float,
    ) -> bytes:
        rows = 0
        try:
            body = await _read(headers, receive)
            extra, repeated = self._repeated(model.deployment, headers, body)
            if repeated is not None:
                return repeated
            asked = bodies.asked(body)
            rows = len(asked.rows)
            if model.loaded.compiled and rows <= INLINE_ROWS:
                answered = model.answer(asked, began, extra)
            else:
                answered = await asyncio.to_thread(model.answer, asked, began, extra)
            await journal.write(answered.head, body)
        except MlopsError as error:
            raise of_error(error) from None
        except Problem as problem:
            self._counts.refused(model.deployment, problem.code)
            journal.note(refused(problem, rows, began))
            raise
        finally:
            if headers.get(b"idempotency-key"):
                self._repeats.ended(model.deployment, headers[b"idempotency-key"])
        self._counts.answered(model.deployment, rows, (time.perf_counter() - began) * 1000)
        if extra:
            self._repeats.keep(model.deployment, extra, answered.body)
        return answered.body

    def _repeated(
        self, deployment: str, headers: Mapping[bytes, bytes], body: bytes
    ) -> tuple[dict[str, str], bytes | None]:
        key = headers.get(b"idempotency-key")
        if not key:
            return {}, None
        extra = {
            "key": hashlib.sha256(key).hexdigest(),
            "body_digest": hashlib.sha256(body).hexdigest(),
        }
        return extra, self._repeats.find(deployment, extra, key)

    async def _actuals(
        self, deployment: str, _scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> bytes:
        from jupyter_mlops.services.scoring import receive_actuals

        told = bodies.told(await _read(headers, receive))
        try:
            found = await asyncio.to_thread(
                receive_actuals,
                self._ws,
                deployment,
                told.rows,
                id=told.id,
                value=told.value,
                time=told.time,
            )
        except MlopsError as error:
            raise of_error(error) from None
        return json.dumps(found).encode()

    def _model(self, deployment: str) -> Model:
        model = self._fleet.get(deployment)
        if model is None:
            raise Problem(
                404,
                "deployment_not_found",
                "No such deployment is live here.",
                "`deployments` lists them.",
            )
        return model

    def _journal(self, deployment: str) -> Journal:
        journal = self._journals.get(deployment)
        if journal is None:
            try:
                log = self._ws.telemetry.open_log(deployment)
            except MlopsError as error:
                raise of_error(error) from None
            journal = self._journals[deployment] = Journal(log, self._active)
        return journal

    def _active(self) -> int:
        """Return how many clients have asked something just now: whom a group may wait for."""
        since = time.perf_counter() - RECENT_SECONDS
        if len(self._clients) > 1:
            self._clients = {c: at for c, at in self._clients.items() if at >= since}
        return len(self._clients)


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" or headers.get(b"content-encoding"):
        raise Problem(415, "unsupported_media_type", "Send application/json, not compressed.")
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > bodies.LARGEST:
        raise _too_large()
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "incomplete", "The request ended before its body did.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bodies.LARGEST:
            raise _too_large()
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large() -> Problem:
    return Problem(
        413, "too_large", f"A body has at most {bodies.LARGEST} bytes.", "send fewer rows at once."
    )


def _only(method: str, allowed: str) -> None:
    if method != allowed:
        raise Problem(405, "method_not_allowed", f"Use {allowed}.", "", {"Allow": allowed})


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, *GUARDS, length]}
    )
    await send({"type": "http.response.body", "body": body})
