"""What a connection may cost: time for its head and body, room for its headers, nothing for idling.

One sweep a second looks at every connection, so that a request pays for no timer of its own.
"""

from __future__ import annotations

import resource
import weakref
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from jupyter_mlops.serving.problems import GUARDS, Problem

if TYPE_CHECKING:
    import asyncio

HEAD_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 12
BODY_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 2.0
"""How long a body may go on arriving that was answered before its end."""
GRACE_SECONDS: Final = 8.0
SLOWEST: Final = 1024
"""Bytes a second below which a body is given up, once the grace is over."""
UNREAD_SECONDS: Final = 30.0
"""How long an answer may wait for a caller that does not read it."""
CLOSING_SECONDS: Final = 90.0
SWEEP_SECONDS: Final = 1.0
LARGEST_HEAD: Final = 64 << 10
MOST_HEADERS: Final = 100
MOST_DISCARDED: Final = 4 << 20
"""How much of a body that is answered already is read, so that the caller hears the answer."""
MOST_CONNECTIONS: Final = 4096
FEWEST_CONNECTIONS: Final = 64
OTHER_FILES: Final = 512
"""What a process keeps open besides connections: logs, workers, libraries."""

_CONTINUE: Final = b"HTTP/1.1 100 "

RETRY: Final = {"Retry-After": "1"}
CODES: Final = frozenset({"invalid_http", "head_too_large", "too_slow", "too_many_connections"})

_swept: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class Wire(HttpToolsProtocol):
    """One connection that keeps to the limits, or is told which one it broke and closed."""

    _heading = True
    _came = 0
    _head = 0
    _now = 0
    _unread_since = 0.0
    _idle_after = 0.0
    _idle_since = 0.0
    _broke: Problem | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection; the one that has been waiting longest makes room where there is none."""
        super().connection_made(transport)
        self._at = self.loop.time()
        if len(self.connections) > most_connections():
            self._make_room()
        if self.server_state not in _swept:
            _swept.add(self.server_state)
            self.loop.call_later(SWEEP_SECONDS, _sweep, self.loop, self.server_state)

    def data_received(self, data: bytes) -> None:
        """Read on; what is not HTTP is answered with a problem, and the connection ends."""
        self._now = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # to nothing that is offered here: it is answered as the request it is
        except httptools.HttpParserError:
            self._turn_away(self._broke or _malformed())
            return
        if self._heading:
            self._head += self._now
            if self._head > LARGEST_HEAD:
                self._turn_away(_head_too_large())

    def on_message_begin(self) -> None:
        """Begin to count for one request."""
        super().on_message_begin()
        self._heading, self._head, self._came = True, 0, 0
        self._at = self.loop.time()

    def on_headers_complete(self) -> None:
        """Refuse a head that is too large before anybody works on it."""
        self._heading = False
        if len(self.headers) > MOST_HEADERS or self._head + self._now > LARGEST_HEAD:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > LARGEST_HEAD or len(self.headers) > MOST_HEADERS:
                self._broke = _head_too_large()
                raise self._broke
        super().on_headers_complete()
        if self.scope["method"] == "POST":  # others may be answered with a head alone
            self.cycle.transport = cast("asyncio.Transport", Together(self.transport))

    def on_body(self, body: bytes) -> None:
        """Count a part of a body; one that nobody waits for any more is not read to its end."""
        self._came += len(body)
        if self.cycle.response_complete and self._came > MOST_DISCARDED:
            self.transport.close()
            return
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Go on with the next request; the sweep closes who sends none, no timer does."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """Remember since when an answer waits for its reader."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Forget that it waited."""
        self._unread_since = 0.0
        super().resume_writing()

    def check(self, now: float) -> None:
        """End this connection if it has broken a limit of time."""
        passed = now - self._at
        if self._unread_since and now - self._unread_since > UNREAD_SECONDS:
            self.transport.abort()
        elif self.transport.is_closing():
            if passed > CLOSING_SECONDS:
                self.transport.abort()
        elif self._heading:
            if passed > HEAD_SECONDS:
                self._turn_away(_too_slow() if self._head else None)
        elif self.cycle is not None and self.cycle.more_body and not self.pipeline:
            allowed = LINGER_SECONDS if self.cycle.response_complete else BODY_SECONDS
            crawls = passed > GRACE_SECONDS and self._came < SLOWEST * passed
            if passed > allowed or crawls:
                self._turn_away(_too_slow())
        elif self.waits_since is not None:
            self._check_idle(now)

    def _check_idle(self, now: float) -> None:
        """Close a connection that has been idle since it was first seen so, with nothing asked since."""
        if self._idle_after != self._at:
            self._idle_after, self._idle_since = self._at, now
        elif now - self._idle_since > IDLE_SECONDS:
            self.transport.close()

    @property
    def waits_since(self) -> float | None:
        """Return since when this connection has been idle or about to ask, None while it is served."""
        served = self.cycle is not None and not self.cycle.response_complete
        return None if served else self._at

    def _make_room(self) -> None:
        """Give up the connections that have waited longest, several at once: it is looked rarely."""
        waiting = sorted(
            (each.waits_since, id(each), each)
            for each in self.connections
            if isinstance(each, Wire) and each is not self and each.waits_since is not None
        )
        for _, _, each in waiting[: 1 + len(waiting) // 20]:
            self.connections.discard(each)
            each.transport.abort()
        if not waiting:
            self._turn_away(
                Problem(503, "too_many_connections", "The server is full.", "try again.", RETRY)
            )

    def _turn_away(self, problem: Problem | None) -> None:
        """Answer with a problem if an answer is due, and end the connection."""
        cycle = self.cycle
        running = cycle is not None and not cycle.response_complete
        if running and not cycle.more_body:
            cycle.keep_alive = False  # what came before the broken request is still answered
            self.flow.pause_reading()
            return
        reading = cycle is not None and cycle.more_body and not self._heading
        if running:
            cycle.disconnected = True
            cycle.message_event.set()
        answered = reading and cycle.response_started
        if problem is not None and not answered and not self.pipeline:
            self._tell(problem)
        self.transport.close()

    def _tell(self, problem: Problem) -> None:
        body = problem.body()
        headers = [
            (b"content-type", b"application/problem+json"),
            *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
            *GUARDS,
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        note = getattr(self.app, "turned_away", None)
        if note is not None:
            note(problem)


class Together:
    """A transport that sends the head of an answer with the first part of its body, in one call."""

    __slots__ = ("_head", "_to", "close", "is_closing", "write")

    def __init__(self, to: asyncio.Transport) -> None:
        self._to = to
        self._head = b""
        self.is_closing = to.is_closing
        self.close = to.close
        self.write = self._hold

    def _hold(self, data: bytes) -> None:
        if data.startswith(_CONTINUE):
            self._to.write(data)
            return
        self._head = data
        self.write, self.close = self._send, self._end

    def _send(self, data: bytes) -> None:
        self._to.writelines((self._head, data))
        self.write, self.close = self._to.write, self._to.close

    def _end(self) -> None:
        """Close after a head whose body never came."""
        self._to.write(self._head)
        self._to.close()


def _sweep(loop: Any, state: Any) -> None:
    """Look at every connection, as long as there are any."""
    now = loop.time()
    for each in list(state.connections):
        if isinstance(each, Wire):
            each.check(now)
    if state.connections:
        loop.call_later(SWEEP_SECONDS, _sweep, loop, state)
    else:
        _swept.discard(state)


def _malformed() -> Problem:
    return Problem(400, "invalid_http", "The request is not HTTP/1.1.")


def _head_too_large() -> Problem:
    return Problem(
        431,
        "head_too_large",
        f"A request has at most {MOST_HEADERS} headers and {LARGEST_HEAD} bytes of them.",
    )


def _too_slow() -> Problem:
    return Problem(408, "too_slow", "The request took too long to arrive.", "try again.")


def allow_connections() -> None:
    """Let this process hold as many connections as it takes, as far as the system agrees."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Return how many connections are held at once: those that the system lets this process have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, soft - OTHER_FILES))
