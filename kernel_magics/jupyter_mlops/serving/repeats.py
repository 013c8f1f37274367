"""Requests that come twice: the same key and the same body get the same answer, counted once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

HOURS: Final = 24
MOST: Final = 100_000


class Repeats:
    """Remembers the answers of a day by their idempotency keys; rebuilt from the log at start."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._kept: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._running: set[tuple[str, bytes]] = set()

    def remember_log(self, deployment: str) -> None:
        """Take up the keyed answers that the log of the last day holds."""
        since = self._ws.clock() - timedelta(hours=HOURS)
        for row in self._ws.telemetry.read_requests(deployment, since).to_pylist():
            if row["key"]:
                self._put(deployment, row["key"], row["body_digest"], row["answer"].encode())

    def find(self, deployment: str, extra: Mapping[str, str], key: bytes) -> bytes | None:
        """Return the answer that was given, or None when this is the first time.

        Raises:
            Problem: 422 when the key came with another body, 409 when its first request still runs.
        """
        known = self._kept.get((deployment, extra["key"]))
        if known is None:
            if (deployment, key) in self._running:
                raise Problem(
                    409,
                    "still_running",
                    "The first request with this key still runs.",
                    "try again.",
                    {"Retry-After": "1"},
                )
            self._running.add((deployment, key))
            return None
        if known[0] != extra["body_digest"]:
            raise Problem(
                422,
                "idempotency_mismatch",
                "This Idempotency-Key came with another body.",
                "use a new key for a new request.",
            )
        return known[1]

    def keep(self, deployment: str, extra: Mapping[str, str], answer: bytes) -> None:
        """Remember an answer by its key."""
        self._put(deployment, extra["key"], extra["body_digest"], answer)

    def ended(self, deployment: str, key: bytes) -> None:
        """Say that the request with this key does not run any more."""
        self._running.discard((deployment, key))

    def _put(self, deployment: str, key: str, body_digest: str, answer: bytes) -> None:
        self._kept[deployment, key] = (body_digest, answer)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
