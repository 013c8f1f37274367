"""Posting to an address that somebody else named, which is reached as `formats.reaching` says.

Redirects are not followed, no proxy is asked, and of the answer only its status line is read.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.domain.webhooks import Target
from jupyter_mlops.formats.reaching import (
    Blocked,
    Resolve,
    addresses,
    connected,
    failure,
    left,
    resolve,
)

__all__ = ["Blocked", "Outcome", "Resolve", "addresses", "as_body", "post", "resolve"]

SECONDS: Final = 10.0
"""From resolving the name to the status line, all together."""
LARGEST_LINE: Final = 4096
_REDIRECTS: Final = range(300, 400)
_FINE: Final = range(200, 300)


@dataclass(frozen=True)
class Outcome:
    """How a message fared: a code such as ``200``, ``blocked`` or ``timeout``; no word of the body."""

    code: str
    ms: float

    @property
    def delivered(self) -> bool:
        """Say whether the receiver took it."""
        return self.code.isdigit() and int(self.code) in _FINE


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
        with connected(target, found, deadline) as connection:
            connection.settimeout(left(deadline))
            connection.sendall(_request(target, body, headers))
            return _status(connection, deadline)
    except (Blocked, OSError, UnicodeError) as error:
        return failure(error)


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
        connection.settimeout(left(deadline))
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


def as_body(told: Mapping[str, Any]) -> bytes:
    """Return a message as JSON that is plain ASCII, so that no receiver reads it otherwise."""
    return json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
