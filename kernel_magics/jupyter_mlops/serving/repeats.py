"""Requests that come twice: the same key and the same body get the same answer, counted once."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import processes
from jupyter_mlops.serving.problems import Problem, of_error
from jupyter_mlops.serving.records import as_answer

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

HOURS: Final = 24
SLACK: Final = timedelta(minutes=5)
CLEAN_EVERY: Final = 60
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_REBUILT: Final = "rebuilt"


class Repeats:
    """Remembers the answers of a day by their idempotency keys, for every process of the server."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._mine = os.getpid()
        self._kept = ws.telemetry.open_repeats()
        self._tidied = ws.telemetry.open_repeats()  # for the thread that keeps house
        self._owed: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._ticks = 0

    def remember(self, deployments: Iterable[str]) -> None:
        """Know what the log knows, before anybody is answered.

        The log of a day is read only when the file is new or the machine has gone down since: its
        last rows are not synced. Otherwise only what dead processes left is looked for.
        """
        boot = _boot()
        if not boot or self._tidied.fact(_REBUILT) != boot:
            since = self._ws.clock() - timedelta(hours=HOURS)
            for deployment in deployments:
                self._take_from_log(deployment, since)
            self._tidied.note(_REBUILT, boot)
        self._settle({self._mine})

    def find(self, deployment: str, extra: Mapping[str, str]) -> bytes | None:
        """Return the answer that was given, or None when this is the first time.

        Raises:
            Problem: 422 when the key came with another body, 409 when its first request still runs,
                503 when it cannot be known.
        """
        try:
            known = self._kept.claim(deployment, extra["key"], extra["body_digest"], self._mine)
        except MlopsError as error:
            raise of_error(error) from None
        if known is None:
            return None
        if known.said is None:
            raise Problem(
                409,
                "still_running",
                "The first request with this key still runs.",
                "try again.",
                {"Retry-After": "1"},
            )
        if known.body != extra["body_digest"]:
            raise Problem(
                422,
                "idempotency_mismatch",
                "This Idempotency-Key came with another body.",
                "use a new key for a new request.",
            )
        return known.said

    def keep(self, deployment: str, extra: Mapping[str, str], answer: bytes) -> None:
        """Remember an answer by its key; a file that takes nothing now is asked again later."""
        try:
            self._kept.keep(deployment, extra["key"], extra["body_digest"], answer)
        except MlopsError:
            self._owed[deployment, extra["key"]] = (extra["body_digest"], answer)

    def ended(self, deployment: str, extra: Mapping[str, str]) -> None:
        """Say that the request with this key came to nothing, and may be tried again."""
        with contextlib.suppress(MlopsError):
            self._kept.drop(deployment, extra["key"])

    def tidy(self) -> None:
        """Keep what is still owed, settle what dead processes left, forget what is too old."""
        for (deployment, key), (body, said) in list(self._owed.items()):
            self._tidied.keep(deployment, key, body, said)
            del self._owed[deployment, key]
        self._settle(set())
        self._ticks += 1
        if self._ticks % CLEAN_EVERY == 1:
            self._tidied.clean()

    def close(self) -> None:
        """Let go of the file."""
        self._kept.close()
        self._tidied.close()

    def _settle(self, dead: set[int]) -> None:
        """Look in the log for what dead processes had claimed; what is not there may be tried again."""
        living = {told.pid for told in processes.living(self._ws.home)}
        left = self._tidied.left_by(dead | (self._tidied.owners() - living - {self._mine}))
        since: defaultdict[str, int] = defaultdict(lambda: 2**62)
        for deployment, _, at in left:
            since[deployment] = min(since[deployment], at)
        for deployment, at in since.items():
            self._take_from_log(deployment, datetime.fromtimestamp(at, UTC) - SLACK)
        for deployment, key, _ in left:
            self._tidied.drop(deployment, key)

    def _take_from_log(self, deployment: str, since: datetime) -> None:
        import pyarrow.compute as pc

        log = self._ws.telemetry.read_requests(deployment, since)
        for row in log.filter(pc.is_valid(log["key"])).to_pylist():
            if row["key"] and row["answer"] is not None:
                self._tidied.keep(
                    deployment,
                    row["key"],
                    row["body_digest"],
                    as_answer(row["answer"]),
                    int(row["at"].timestamp()),
                )


def _boot() -> str:
    """Return what changes when the machine starts, or nothing where that cannot be known."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
