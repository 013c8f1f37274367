"""Asking an address for answers: once, in so many seconds, for so many bytes, and nowhere else."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

from jupyter_mlops.domain.webhooks import Target
from jupyter_mlops.formats.reaching import addresses, connected, failure, left

LARGEST: Final = 16 << 20
"""Bytes of an answer, its head and all, that are read."""
_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class Reply:
    """What came back: a status with its body, or in ``failed`` why nothing did."""

    status: int
    body: bytes
    ms: float
    failed: str = ""


class _TooLarge(OSError):
    """More came than is read."""


class _Timed(io.RawIOBase):
    """Reads a connection until a deadline, and not more than the largest answer."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = LARGEST

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, into: Any) -> int:
        """Read what is there, or wait for it as long as there is time."""
        self._connection.settimeout(left(self._deadline))
        count = self._connection.recv_into(into, min(len(into), _PIECE))
        self._left -= count
        if self._left < 0:
            raise _TooLarge
        return count

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return the reader that the standard library's parser wants of a socket."""
        return io.BufferedReader(self)


def ask(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Collection[str] = (),
    seconds: float,
) -> Reply:
    """Post a question once and return what came back; it never raises and never takes longer.

    No redirect is followed and no proxy asked. A resolver or a handshake that hangs is left behind in
    a thread of its own.
    """
    began = time.monotonic()
    told: list[tuple[int, bytes, str]] = []

    def send() -> None:
        told.append(_asked(target, body, headers, allowed, began + seconds))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(seconds)
    ms = round((time.monotonic() - began) * 1000, 1)
    status, answer, failed = told[0] if told else (0, b"", "timeout")
    return Reply(status, answer, ms, failed)


def _asked(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    allowed: Collection[str],
    deadline: float,
) -> tuple[int, bytes, str]:
    try:
        found = addresses(target, allowed)
        with connected(target, found, deadline) as connection:
            connection.settimeout(left(deadline))
            connection.sendall(_question(target, body, headers))
            return *_read(connection, deadline), ""
    except _TooLarge:
        return 0, b"", "too large"
    except (HTTPException, ValueError):
        return 0, b"", "no http"
    except Exception as error:  # noqa: BLE001  (whatever it is, nothing came back)
        return 0, b"", failure(error)


def _read(connection: socket.socket, deadline: float) -> tuple[int, bytes]:
    response = HTTPResponse(_Timed(connection, deadline), method="POST")  # type: ignore[arg-type]
    response.begin()
    return response.status, response.read()


def _question(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.origin.partition('://')[2]}"]
    lines += ["Connection: close", "Content-Type: application/json", "Accept: application/json"]
    lines += [f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
