"""The routes, as one plain ASGI application: nothing stands between a request and its model."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import bodies, described, inference, questions
from jupyter_mlops.serving.counts import Counts
from jupyter_mlops.serving.journal import Journal
from jupyter_mlops.serving.places import Answered, Place, refused
from jupyter_mlops.serving.problems import Problem, of_error
from jupyter_mlops.serving.questions import Features, Question

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.serving.fleet import Fleet
    from jupyter_mlops.serving.repeats import Repeats

Headers = Mapping[bytes, bytes]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MOST_AT_ONCE: Final = 512
MOST_OF_ONE: Final = 256
INLINE_ROWS: Final = 200
INLINE_BYTES: Final = 1 << 20
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
    ("GET", "/v2/models/{deployment}/ready"),
    ("POST", "/v2/models/{deployment}/infer"),
    ("POST", "/deployments/{deployment}/predictions"),
    ("POST", "/deployments/{deployment}/actuals"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways to ask: the kinds of body it takes, and how they are read."""

    kinds: Sequence[str]
    read: Callable[[str, bytes, Features], Question]


@dataclass(slots=True)
class Rows:
    """How many rows a request turned out to have."""

    count: int = 0


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
        self._busy: Counter[str] = Counter()
        self._farewell: list[tuple[bytes, bytes]] = []

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
            await _send(send, problem.status, [PROBLEM, *extra, *self._farewell], problem.body())
            return
        await _send(send, status, [kind, *self._farewell], body)

    def take_leave(self) -> None:
        """Say from now on that this server is not ready, and end each connection with its answer."""
        self._farewell = [(b"connection", b"close")]

    def close(self) -> None:
        """Make every log durable and end its segment."""
        for journal in self._journals.values():
            journal.close()

    def _check(self, scope: Scope, headers: Headers) -> None:
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
        self, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[int, tuple[bytes, bytes], bytes]:
        path, method = scope["path"], scope["method"]
        parts = path.strip("/").split("/")
        named = parts[1:] if parts[0] == "v2" else parts
        if len(named) == 3:  # noqa: PLR2004
            doing = {
                ("deployments", "predictions"): self._predictions,
                ("deployments", "actuals"): self._actuals,
                ("models", "infer"): self._infer,
            }.get((named[0], named[2]))
            if doing is not None and (parts[0] == "v2") == (named[0] == "models"):
                _only(method, "POST")
                return 200, JSON, await doing(named[1], scope, headers, receive)
        return self._look(path, parts, method, headers[b"host"].decode("latin-1"))

    def _look(
        self, path: str, parts: list[str], method: str, host: str
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
                json.dumps(described.openapi(list(self._fleet), f"http://{host}")).encode(),
            ),
        }
        if path in cold:
            _only(method, "GET")
            return cold[path]()
        if len(parts) == 3 and parts[:2] == ["v2", "models"]:  # noqa: PLR2004
            _only(method, "GET")
            return 200, JSON, json.dumps(described.model(self._place(parts[2]))).encode()
        if len(parts) == 4 and parts[:2] == ["v2", "models"] and parts[3] == "ready":  # noqa: PLR2004
            _only(method, "GET")
            told = {"name": self._place(parts[2]).deployment, "ready": True}
            return 200, JSON, json.dumps(told).encode()
        raise Problem(404, "not_found", "There is nothing here.", "GET /openapi.json lists routes.")

    def _ready(self) -> tuple[int, tuple[bytes, bytes], bytes]:
        broken = any(journal.is_broken for journal in self._journals.values())
        broken = broken or bool(self._farewell)
        return (503, JSON, b'{"ready":false}') if broken else (200, JSON, b'{"ready":true}')

    async def _predictions(
        self, deployment: str, scope: Scope, headers: Headers, receive: Receive
    ) -> bytes:
        query = scope.get("query_string", b"")
        asked_for = questions.wish(query) if query else questions.NO_WISH

        def read(kind: str, body: bytes, features: Features) -> Question:
            return questions.read(kind, body, features, asked_for)

        return await self._asked(deployment, scope, headers, receive, Way(questions.KINDS, read))

    async def _infer(
        self, deployment: str, scope: Scope, headers: Headers, receive: Receive
    ) -> bytes:
        length = headers.get(inference.LENGTH, b"")
        header = int(length) if length.isdigit() else None
        # one of the protocol's own clients does not say what kind of body it sends
        kinds = (questions.JSON, "", *(("application/octet-stream",) if header else ()))

        def read(_kind: str, body: bytes, features: Features) -> Question:
            return inference.read(body, features, header=header)

        return await self._asked(deployment, scope, headers, receive, Way(kinds, read))

    async def _asked(
        self, deployment: str, scope: Scope, headers: Headers, receive: Receive, way: Way
    ) -> bytes:
        began = time.perf_counter()
        self._clients[scope.get("client")] = began
        if self._busy.total() >= MOST_AT_ONCE or self._busy[deployment] >= MOST_OF_ONE:
            raise Problem(
                429, "too_many_requests", "The server is busy.", "try again.", {"Retry-After": "1"}
            )
        self._busy[deployment] += 1
        rows = Rows()
        try:
            return await self._once(deployment, headers, receive, way, began, rows)
        except MlopsError as error:
            raise of_error(error) from None
        except Problem as problem:
            if deployment in self._journals:
                self._counts.refused(deployment, problem.code)
                self._journals[deployment].note(refused(problem, rows.count, began))
            raise
        finally:
            self._busy[deployment] -= 1
            if not self._busy[deployment]:
                del self._busy[deployment]

    async def _once(
        self,
        deployment: str,
        headers: Headers,
        receive: Receive,
        way: Way,
        began: float,
        rows: Rows,
    ) -> bytes:
        """Answer, or return the answer that was given to this key before."""
        place, journal = self._place(deployment), self._journal(deployment)
        kind, body = await _read(headers, receive, way.kinds)
        key = headers.get(b"idempotency-key")
        if not key:
            return (await self._answered(place, journal, way, kind, body, began, {}, rows)).body
        extra = {
            "key": hashlib.sha256(key).hexdigest(),
            "body_digest": hashlib.sha256(body).hexdigest(),
        }
        repeated = self._repeats.find(deployment, extra, key)
        if repeated is not None:
            return repeated
        try:
            answered = await self._answered(place, journal, way, kind, body, began, extra, rows)
        finally:
            self._repeats.ended(deployment, key)
        self._repeats.keep(deployment, extra, answered.body)
        return answered.body

    async def _answered(
        self,
        place: Place,
        journal: Journal,
        way: Way,
        kind: str,
        body: bytes,
        began: float,
        extra: dict[str, str],
        rows: Rows,
    ) -> Answered:
        features = place.champion.loaded.features
        asked = await _off_loop(len(body) > INLINE_BYTES, way.read, kind, body, features)
        rows.count = len(asked.rows)
        answered: Answered
        if place.is_quick:
            aside = rows.count > INLINE_ROWS
            answered = await _off_loop(aside, place.answer, asked, began, extra)
        else:
            work = partial(place.answer, asked, began, extra)
            answered = await asyncio.get_running_loop().run_in_executor(place.executor, work)
        await journal.write(answered.head, asked.record)
        self._counts.answered(place.deployment, rows.count, (time.perf_counter() - began) * 1000)
        return answered

    async def _actuals(
        self, deployment: str, _scope: Scope, headers: Headers, receive: Receive
    ) -> bytes:
        from jupyter_mlops.services.scoring import receive_actuals

        _, body = await _read(headers, receive, (questions.JSON,))
        told = bodies.told(body)
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

    def _place(self, deployment: str) -> Place:
        place = self._fleet.get(deployment)
        if place is None:
            raise Problem(
                404,
                "deployment_not_found",
                "No such deployment is live here.",
                "`deployments` lists them.",
            )
        return place

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


async def _off_loop(aside: bool, work: Callable[..., Any], *words: Any) -> Any:
    """Do what takes long in a thread, and what does not at once."""
    return await asyncio.to_thread(work, *words) if aside else work(*words)


async def _read(headers: Headers, receive: Receive, kinds: Sequence[str]) -> tuple[str, bytes]:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if kind not in kinds or headers.get(b"content-encoding"):
        allowed = " or ".join(filter(None, kinds))
        raise Problem(415, "unsupported_media_type", f"Send {allowed}, not compressed.")
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
    return kind, parts[0] if len(parts) == 1 else b"".join(parts)


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
