"""Where questions are answered: bodies in, a model asked, the log written, answers out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import aside, bodies, inference, intake, questions, tabular
from jupyter_mlops.serving.actuals import Told
from jupyter_mlops.serving.intake import Intake
from jupyter_mlops.serving.journal import Journal
from jupyter_mlops.serving.places import STREAMED, Answered, Place, refused
from jupyter_mlops.serving.problems import Problem, of_error
from jupyter_mlops.serving.questions import ARROW, Features, Question
from jupyter_mlops.serving.records import as_rows

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.serving.counts import Counts
    from jupyter_mlops.serving.fleet import Fleet
    from jupyter_mlops.serving.repeats import Repeats

Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Header = tuple[bytes, bytes]

MOST_AT_ONCE: Final = 512
MOST_OF_ONE: Final = 256
TOO_MANY: Final = 429
INLINE_ROWS: Final = 200
INLINE_SHEET: Final = 2_000
"""Rows that are answered on the loop when they are a sheet: they take as long as a few others."""
INLINE_BYTES: Final = 1 << 20
RECENT_SECONDS: Final = 0.02
RECOUNT_SECONDS: Final = 0.002
JSON: Final = (b"content-type", b"application/json")


@dataclass(slots=True)
class Visit:
    """A request on its way through this server, and what is known of it so far."""

    deployment: str
    query: bytes
    client: Any
    headers: Headers
    receive: Receive
    began: float
    rows: int = 0
    came: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back, whole or piece by piece."""

    status: int
    kind: Header
    body: bytes | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways to ask: the kinds of body it takes, how they are read, how it is answered."""

    kinds: Sequence[str]
    read: Callable[[str, bytes, Features], Question]
    is_plain: bool = False
    kind: Header = JSON
    tell: questions.Tell | None = None

    @property
    def wanted(self) -> bytes:
        """Return what tells this way of answering from the ordinary one; empty for that."""
        return b"" if self.kind is JSON else self.kind[1]


PLAIN: Final = Way(questions.KINDS, questions.read, is_plain=True)
"""Rows, and nothing besides asked for."""
AS_ARROW: Final = replace(
    PLAIN, kind=(b"content-type", ARROW.encode()), tell=tabular.answered_as_arrow
)
"""The same, answered as an Arrow stream."""


class Desk:
    """Answers questions about the deployments of a fleet, and takes what really happened."""

    def __init__(self, ws: Workspace, fleet: Fleet, repeats: Repeats, counts: Counts) -> None:
        self._ws = ws
        self._fleet = fleet
        self._repeats = repeats
        self._counts = counts
        self._intake = Intake()
        self._told = Told(ws)
        self._journals: dict[str, Journal] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = ws.telemetry.turn()
        self._clients: dict[Any, float] = {}
        self._counted = 0.0
        self._busy: Counter[str] = Counter()
        self._at_once = 0

    def can_write(self) -> bool:
        """Say whether every log can be written, after trying again those that could not."""
        for journal in self._journals.values():
            journal.mend()
        return not any(journal.is_broken for journal in self._journals.values())

    def turn(self) -> None:
        """Have every segment end that is written, where somebody asks for it; called beside the loop."""
        if self._loop is not None and self._turn.is_asked():
            for journal in list(self._journals.values()):
                with contextlib.suppress(
                    RuntimeError
                ):  # the loop has ended, and all segments with it
                    self._loop.call_soon_threadsafe(journal.turn)

    def close(self) -> None:
        """Make every log durable and end its segment."""
        for journal in self._journals.values():
            journal.close()

    def place(self, deployment: str) -> Place:
        """Return how a deployment is served.

        Raises:
            Problem: 404, it is not.
        """
        place = self._fleet.get(deployment)
        if place is None:
            raise Problem(
                404,
                "deployment_not_found",
                "No such deployment is live here.",
                "`deployments` lists them.",
            )
        return place

    async def predictions(self, visit: Visit) -> Reply:
        """Answer rows of JSON, CSV or Arrow."""
        way = AS_ARROW if visit.headers.get(b"accept") == AS_ARROW.kind[1] else PLAIN
        if visit.query:
            read = partial(_wished, questions.wish(visit.query))
            way = replace(way, read=read, is_plain=False)
        return await self._asked(visit, way)

    async def infer(self, visit: Visit) -> Reply:
        """Answer tensors of the Open Inference Protocol."""
        length = visit.headers.get(inference.LENGTH, b"")
        header = int(length) if length.isdigit() else None
        # one of the protocol's own clients does not say what kind of body it sends
        kinds = (questions.JSON, "", *(("application/octet-stream",) if header else ()))

        def read(_kind: str, body: bytes, features: Features) -> Question:
            return inference.read(body, features, header=header)

        return await self._asked(visit, Way(kinds, read))

    async def actuals(self, visit: Visit) -> Reply:
        """Take what really happened."""
        return Reply(200, JSON, json.dumps(await self._told.take(visit)).encode())

    async def _asked(self, visit: Visit, way: Way) -> Reply:
        deployment = visit.deployment
        self._clients[visit.client] = visit.began
        self._check_busy(deployment)
        try:
            self.place(deployment), self._journal(deployment)
            kind = intake.kind_of(visit.headers, way.kinds)
            if intake.is_small(visit.headers):
                body = await intake.read(visit.receive, intake.SMALL)
                return await self._in_turn(visit, way, kind, body)
            with self._intake.room(visit.headers, bodies.LARGEST) as most:
                body = await intake.read(visit.receive, most)
                return await self._in_turn(visit, way, kind, body)
        except MlopsError as error:
            raise of_error(error) from None
        except Problem as problem:
            if deployment in self._journals:
                self._counts.refused(deployment, problem.code)
            if deployment in self._journals and problem.status != TOO_MANY:
                self._journals[deployment].note(refused(problem, visit.rows, visit.began))
            raise

    def _check_busy(self, deployment: str) -> None:
        if self._at_once >= MOST_AT_ONCE or self._busy[deployment] >= MOST_OF_ONE:
            raise Problem(
                TOO_MANY,
                "too_many_requests",
                "The server is busy.",
                "try again.",
                {"Retry-After": "1"},
            )

    async def _in_turn(self, visit: Visit, way: Way, kind: str, body: bytes) -> Reply:
        """Answer while holding one of the places of those who are worked on."""
        visit.came = len(body)
        self._check_busy(visit.deployment)
        self._at_once += 1
        self._busy[visit.deployment] += 1
        try:
            return Reply(200, way.kind, await self._once(visit, way, kind, body))
        finally:
            self._at_once -= 1
            self._busy[visit.deployment] -= 1

    async def _once(
        self, visit: Visit, way: Way, kind: str, body: bytes
    ) -> bytes | Iterable[bytes]:
        """Answer, or return the answer that was given to this key before."""
        key = visit.headers.get(b"idempotency-key")
        if not key:
            answered = await self._answered(visit, way, kind, body, {})
            return answered.body if visit.rows < STREAMED else answered.pieces
        extra = {
            "key": hashlib.sha256(key).hexdigest(),
            "body_digest": hashlib.sha256(body + way.wanted).hexdigest(),
        }
        repeated = self._repeats.find(visit.deployment, extra)
        if repeated is not None:
            return repeated
        try:
            answered = await self._answered(visit, way, kind, body, extra)
        except Exception:  # not when cancelled: whether it is on disk, only the log will tell
            self._repeats.ended(visit.deployment, extra)
            raise
        told = answered.body
        self._repeats.keep(visit.deployment, extra, told)
        return told

    async def _answered(
        self, visit: Visit, way: Way, kind: str, body: bytes, extra: dict[str, str]
    ) -> Answered:
        place = self.place(visit.deployment)
        asked = await aside.off_loop(len(body) > INLINE_BYTES, _question, place, way, kind, body)
        visit.rows = asked.count
        answered: Answered
        if place.is_quick:
            is_long = asked.count > (INLINE_ROWS if asked.sheet is None else INLINE_SHEET)
            answered = await aside.off_loop(is_long, place.answer, asked, visit.began, extra)
        else:
            work = partial(place.answer, asked, visit.began, extra)
            answered = await aside.in_time(place.executor, work)
        await self._journal(visit.deployment).write(answered.head, asked.record, answered.table)
        if answered.failed is not None:
            self._journal(visit.deployment).note(answered.failed)
            self._counts.refused(visit.deployment, "model_failed")
        if place.challengers:
            given = answered.head, asked.record
            if answered.table is not None:
                given = as_rows(answered.table)
            for challenger in place.challengers:
                challenger.offer(*given)
        took = (time.perf_counter() - visit.began) * 1000
        self._counts.answered(visit.deployment, asked.count, took)
        return answered

    def _journal(self, deployment: str) -> Journal:
        journal = self._journals.get(deployment)
        if journal is None:
            self._loop = asyncio.get_running_loop()
            opened = partial(self._ws.telemetry.open_log, deployment)
            journal = self._journals[deployment] = Journal(opened, self._active)
        return journal

    def _active(self) -> int:
        """Return how many clients have asked something just now: whom a group may wait for."""
        now = time.perf_counter()
        if now - self._counted >= RECOUNT_SECONDS:
            since = now - RECENT_SECONDS
            self._clients = {c: at for c, at in self._clients.items() if at >= since}
            self._counted = now
        return len(self._clients)


def _wished(wish: questions.Wish, kind: str, body: bytes, features: Features) -> Question:
    return questions.read(kind, body, features, wish)


def _question(place: Place, way: Way, kind: str, body: bytes) -> Question:
    """Read a body by the types of the model where that says all, and strictly where it does not."""
    asked = None
    if way.is_plain and place.reads_types:
        asked = questions.by_types(place.champion, kind, body)
    if asked is None:
        asked = way.read(kind, body, place.champion.loaded.features)
    return asked if way.tell is None else replace(asked, tell=way.tell)
