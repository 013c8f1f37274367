"""Who may come in: callers of this server by its own name, with its token."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from typing import Final

from jupyter_mlops.serving.problems import Problem

GUESSES: Final = 60
"""Wrong tokens that are looked at before they are slowed down."""
GUESSES_A_SECOND: Final = 5.0

CODES: Final = frozenset({"host_not_allowed", "unauthorized", "too_many_guesses"})


class Door:
    """Compares names and tokens; who guesses is slowed down, who has the token never is."""

    def __init__(self, token: str, hosts: frozenset[str]) -> None:
        self._bearer = f"Bearer {token}".encode()
        self._hosts = {host.encode() for host in hosts}
        self._left = float(GUESSES)
        self._at = time.monotonic()

    def check(self, headers: Mapping[bytes, bytes], *, public: bool) -> None:
        """Let a request in.

        Raises:
            Problem: 400 for another name, 401 without the token, 429 after many wrong ones.
        """
        if headers.get(b"host", b"") not in self._hosts:
            raise Problem(400, "host_not_allowed", "This server is not known by that name.")
        if public:
            return
        said = headers.get(b"authorization", b"")
        if not hmac.compare_digest(said, self._bearer):
            raise self._guessed() if said else _unauthorized()

    def _guessed(self) -> Problem:
        now = time.monotonic()
        self._left = min(GUESSES, self._left + (now - self._at) * GUESSES_A_SECOND)
        self._at = now
        if self._left < 1:
            return Problem(
                429,
                "too_many_guesses",
                "Too many wrong tokens.",
                "server.json in the workspace holds the right one.",
                {"Retry-After": "10"},
            )
        self._left -= 1
        return _unauthorized()


def _unauthorized() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "A bearer token is needed.",
        "server.json in the workspace holds it.",
        {"WWW-Authenticate": "Bearer"},
    )
