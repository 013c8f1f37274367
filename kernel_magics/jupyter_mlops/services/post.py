"""Posting to an address that somebody else named, without being led to one that nobody meant.

The name is resolved here, every address it has is checked, and the connection goes to a checked one
and no other: a name that answers differently a moment later changes nothing. Redirects are not
followed, no proxy is asked, and of the answer only its status line is read.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.domain.webhooks import Target, is_public

SECONDS: Final = 10.0
"""From resolving the name to the status line, all together."""
LARGEST_LINE: Final = 4096
_REDIRECTS: Final = range(300, 400)
_FINE: Final = range(200, 300)

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Outcome:
    """How a message fared: a code such as ``200``, ``blocked`` or ``timeout``; no word of the body."""

    code: str
    ms: float

    @property
    def delivered(self) -> bool:
        """Say whether the receiver took it."""
        return self.code.isdigit() and int(self.code) in _FINE


class Blocked(Exception):
    """The address is one that nothing may be sent to."""


_FAILED: Final[tuple[tuple[type[Exception], str], ...]] = (
    (Blocked, "blocked"),
    (TimeoutError, "timeout"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (socket.gaierror, "not found"),
    (Exception, "unreachable"),
)
"""What went wrong, and what it is called; the first that fits."""


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a host, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def addresses(target: Target, allowed: Collection[str], resolving: Resolve = resolve) -> list[str]:
    """Return the addresses of a target when something may be sent to every one of them.

    ``allowed`` holds the places (``host:port``) inside that the workspace's owner allows.

    Raises:
        Blocked: one of them is private, our own, or otherwise not out on the internet.
        OSError: the host has none.
    """
    found = resolving(target.host, target.port)
    if target.place in allowed:
        return found
    if not found or not all(is_public(one) and not _is_own(one) for one in found):
        raise Blocked
    return found


def post(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Collection[str] = (),
    resolving: Resolve = resolve,
    seconds: float = SECONDS,
) -> Outcome:
    """Send a message once and return how it fared; it never raises and never takes longer.

    A resolver or a handshake that hangs is left behind in a thread of its own.
    """
    began = time.monotonic()
    deadline = began + seconds
    told: list[str] = []

    def send() -> None:
        told.append(_sent(target, body, headers, allowed, resolving, deadline))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(seconds)
    ms = (time.monotonic() - began) * 1000
    return Outcome(told[0] if told else "timeout", round(ms, 1))


def _sent(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Collection[str],
    resolving: Resolve,
    deadline: float,
) -> str:
    try:
        found = addresses(target, allowed, resolving)
        with _connected(target, found, deadline) as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(_request(target, body, headers))
            return _status(connection, deadline)
    except (Blocked, OSError, UnicodeError) as error:
        return next(code for kind, code in _FAILED if isinstance(error, kind))


@contextlib.contextmanager
def _connected(target: Target, found: list[str], deadline: float) -> Any:
    """Connect to the first address that answers, and to it only."""
    connection = _first(target, found, deadline)
    try:
        if str(connection.getpeername()[0]) not in found:
            raise Blocked
        if target.scheme == "https":
            connection.settimeout(_left(deadline))
            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=target.host)
        yield connection
    finally:
        connection.close()


def _first(target: Target, found: list[str], deadline: float) -> socket.socket:
    last: OSError = TimeoutError()
    for address in found:
        try:
            return socket.create_connection((address, target.port), timeout=_left(deadline))
        except OSError as error:
            last = error
    raise last


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    host = target.origin.partition("://")[2]
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _status(connection: socket.socket, deadline: float) -> str:
    """Read the status line and nothing after it."""
    line = b""
    while b"\n" not in line and len(line) < LARGEST_LINE:
        connection.settimeout(_left(deadline))
        piece = connection.recv(LARGEST_LINE)
        if not piece:
            break
        line += piece
    words = line.partition(b"\n")[0].split()
    is_told = len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit()
    if not is_told or len(words[1]) != 3:  # noqa: PLR2004  (digits of a status)
        return "no http"
    code = int(words[1])
    return f"redirect {code}" if code in _REDIRECTS else str(code)


def _is_own(address: str) -> bool:
    """Say whether an address is one of this machine's: a service here may listen on it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as own:
        own.bind((address, 0))
        return True
    return False


def as_body(told: Mapping[str, Any]) -> bytes:
    """Return a message as JSON that is plain ASCII, so that no receiver reads it otherwise."""
    return json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
