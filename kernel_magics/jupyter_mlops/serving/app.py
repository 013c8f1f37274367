"""The routes, as one plain ASGI application: nothing stands between a request and its model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.serving import anchored, described, door, openapi
from jupyter_mlops.serving.access import AccessLog
from jupyter_mlops.serving.counts import Counts
from jupyter_mlops.serving.desk import JSON, Desk, Header, Receive, Reply, Visit
from jupyter_mlops.serving.door import Door
from jupyter_mlops.serving.problems import GUARDS, Problem, internal

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.serving.fleet import Fleet
    from jupyter_mlops.serving.repeats import Repeats

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PROBLEM: Final = (b"content-type", b"application/problem+json")
METRICS: Final = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
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


class App:
    """Answers HTTP; knows who may come in and where they go, and nothing of how processes start."""

    def __init__(
        self,
        ws: Workspace,
        fleet: Fleet,
        repeats: Repeats,
        *,
        token: str,
        hosts: frozenset[str],
        counts: Counts | None = None,
    ) -> None:
        self._home = ws.home
        self._fleet = fleet
        self._counts = counts or Counts()
        self._door = Door(token, hosts)
        self._desk = Desk(ws, fleet, repeats, self._counts)
        self._doing = {
            ("deployments", "predictions"): self._desk.predictions,
            ("deployments", "actuals"): self._desk.actuals,
            ("models", "infer"): self._desk.infer,
        }
        self._access = AccessLog(
            ws.home.access,
            [path for _, path in ROUTES],
            PUBLIC,
            lambda name: fleet.get(name) is not None,
        )
        self._farewell: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is a problem with a code, never a traceback."""
        if scope["type"] != "http":
            return
        visit = Visit(
            deployment="",
            query=scope.get("query_string", b""),
            client=scope.get("client"),
            headers={},
            receive=receive,
            began=time.perf_counter(),
        )
        try:
            visit.headers = dict(scope["headers"])
            self._door.check(visit.headers, public=scope["path"] in PUBLIC)
            reply = await self._route(scope["method"], scope["path"], visit)
        except Problem as problem:
            await self._refuse(problem, scope, visit, send)
        except Exception as error:  # noqa: BLE001  (the rim: a fault of ours is told as one)
            await self._refuse(internal(error), scope, visit, send)
        else:
            went = await self._send(send, reply.status, [reply.kind], reply.body)
            self._note(scope, visit, reply.status, went)

    async def _refuse(self, problem: Problem, scope: Scope, visit: Visit, send: Send) -> None:
        """Answer with a problem that its line in the access log can be found by."""
        request = self._access.number()
        extra = [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
        named = (b"x-request-id", request.encode())
        went = await self._send(send, problem.status, [PROBLEM, named, *extra], problem.body())
        if problem.code in door.CODES:
            self._counts.turned_away(problem.code)
        self._note(scope, visit, problem.status, went, code=problem.code, request=request)

    async def _send(
        self, send: Send, status: int, headers: list[Header], body: bytes | Iterable[bytes]
    ) -> int:
        """Send an answer, and return its bytes; one in pieces is on disk already, all of it."""
        headers += [*self._farewell, *GUARDS]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        if isinstance(body, bytes):
            headers.append((b"content-length", str(len(body)).encode()))
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return len(body)
        await send(start)
        went = 0
        for piece in body:
            went += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # others are answered in between
        await send({"type": "http.response.body", "body": b""})
        return went

    def _note(
        self,
        scope: Scope,
        visit: Visit,
        status: int,
        went: int,
        *,
        code: str = "",
        request: str = "",
    ) -> None:
        self._access.note(
            scope["method"],
            scope["path"],
            status,
            code,
            visit.began,
            rows=visit.rows,
            came=visit.came,
            went=went,
            request=request,
        )

    def turned_away(self, problem: Problem) -> None:
        """Count a connection that never became a request."""
        self._counts.turned_away(problem.code)
        self._access.note("", "", problem.status, problem.code, time.perf_counter())

    def take_leave(self) -> None:
        """Say from now on that this server is not ready, and end each connection with its answer."""
        self._farewell = [(b"connection", b"close")]

    def turn(self) -> None:
        """Have segments end that are written, where somebody asks for it."""
        self._desk.turn()

    def close(self) -> None:
        """Make every log durable and end its segment."""
        self._desk.close()
        self._access.close()

    async def _route(self, method: str, path: str, visit: Visit) -> Reply:
        parts = path.strip("/").split("/")
        named = parts[1:] if parts[0] == "v2" else parts
        if len(named) == 3:  # noqa: PLR2004
            doing = self._doing.get((named[0], named[2]))
            if doing is not None and (parts[0] == "v2") == (named[0] == "models"):
                _only(method, "POST")
                visit.deployment = named[1]
                return await doing(visit)
        return self._look(path, parts, method, visit.headers[b"host"].decode("latin-1"))

    def _look(self, path: str, parts: list[str], method: str, host: str) -> Reply:
        cold: dict[str, Callable[[], Reply]] = {
            "/v2/health/live": lambda: Reply(200, JSON, b'{"live":true}'),
            "/v2/health/ready": self._ready,
            "/v2": lambda: _json(described.server()),
            "/metrics": self._metrics,
            "/openapi.json": lambda: _json(openapi.document(list(self._fleet), f"http://{host}")),
        }
        if path in cold:
            _only(method, "GET")
            return cold[path]()
        if len(parts) == 3 and parts[:2] == ["v2", "models"]:  # noqa: PLR2004
            _only(method, "GET")
            return _json(described.model(self._desk.place(parts[2])))
        if len(parts) == 4 and parts[:2] == ["v2", "models"] and parts[3] == "ready":  # noqa: PLR2004
            _only(method, "GET")
            return _json({"name": self._desk.place(parts[2]).deployment, "ready": True})
        raise Problem(404, "not_found", "There is nothing here.", "GET /openapi.json lists routes.")

    def _metrics(self) -> Reply:
        return Reply(200, METRICS, self._counts.exposition() + anchored.exposition(self._home))

    def _ready(self) -> Reply:
        if self._farewell or not self._desk.can_write():
            return Reply(503, JSON, b'{"ready":false}')
        return Reply(200, JSON, b'{"ready":true}')


def _json(told: Any) -> Reply:
    return Reply(200, JSON, json.dumps(told).encode())


def _only(method: str, allowed: str) -> None:
    if method != allowed:
        raise Problem(405, "method_not_allowed", f"Use {allowed}.", "", {"Allow": allowed})
