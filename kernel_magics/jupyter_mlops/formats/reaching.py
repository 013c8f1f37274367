"""Reaching an address that somebody else named, without being led to one that nobody meant.

The name is resolved here, every address it has is checked, and the connection goes to a checked one
and no other: a name that answers differently a moment later changes nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from jupyter_mlops.domain.webhooks import Target, is_public

Resolve = Callable[[str, int], list[str]]


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


def failure(error: Exception) -> str:
    """Return what went wrong in one word or two, such as ``blocked`` or ``timeout``."""
    return next(code for kind, code in _FAILED if isinstance(error, kind))


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
    if not found or not all(is_public(one) and not is_own(one) for one in found):
        raise Blocked
    return found


@contextlib.contextmanager
def connected(target: Target, found: list[str], deadline: float) -> Any:
    """Connect to the first address that answers, and to it only."""
    connection = _first(target, found, deadline)
    try:
        if str(connection.getpeername()[0]) not in found:
            raise Blocked
        if target.scheme == "https":
            connection.settimeout(left(deadline))
            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=target.host)
        yield connection
    finally:
        connection.close()


def _first(target: Target, found: list[str], deadline: float) -> socket.socket:
    last: OSError = TimeoutError()
    for address in found:
        try:
            return socket.create_connection((address, target.port), timeout=left(deadline))
        except OSError as error:
            last = error
    raise last


def left(deadline: float) -> float:
    """Return the seconds until a deadline.

    Raises:
        TimeoutError: it has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def is_own(address: str) -> bool:
    """Say whether an address is one of this machine's: a service here may listen on it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as own:
        own.bind((address, 0))
        return True
    return False
