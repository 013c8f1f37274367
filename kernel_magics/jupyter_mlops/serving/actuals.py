"""Taking what really happened: in threads of its own, so that a store that waits keeps nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import bodies, intake, questions
from jupyter_mlops.serving.intake import Intake
from jupyter_mlops.serving.problems import Problem, discreet

if TYPE_CHECKING:
    from jupyter_mlops.domain.answers import Actuals
    from jupyter_mlops.services.workspace import Workspace
    from jupyter_mlops.serving.desk import Visit

THREADS: Final = 2
"""While one waits for its turn to write, another reads what it is about; more only queue."""
MOST_TOLD: Final = 16
"""Requests with actuals that are taken at once; who comes besides is told to come again."""
TURN_SECONDS: Final = 5.0
"""How long one waits for a thread, and then for its turn to write."""
LONGEST_SECONDS: Final = 60.0
"""How long anybody waits for an answer, should a database neither answer nor fail."""
ROOM: Final = 4 * bodies.LARGEST_ACTUALS
AGAIN: Final = {"Retry-After": "1"}


class Told:
    """Takes actuals; one that is refused for want of time may be told again with its ids."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = replace(ws, patience=TURN_SECONDS)
        self._intake = Intake(ROOM)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="actuals")
        self._free = asyncio.Semaphore(THREADS)
        self._count = 0

    async def take(self, visit: Visit) -> Actuals:
        """Return what was made of a body of actuals, once they are kept.

        Raises:
            Problem: 429, others are being taken; 503, the store does not answer; or what is wrong.
        """
        self._check_busy()
        intake.kind_of(visit.headers, (questions.JSON,))
        with self._intake.room(visit.headers, bodies.LARGEST_ACTUALS) as most:
            body = await intake.read(visit.receive, most)
            visit.came = len(body)
            with self._place():
                return await self._kept(visit.deployment, bodies.told(body))

    def _check_busy(self) -> None:
        if self._count >= MOST_TOLD:
            raise Problem(
                429, "too_many_requests", "Other actuals are being kept.", "try again.", AGAIN
            )

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the places of those whose actuals are kept, which a slow sender does not."""
        self._check_busy()
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def _kept(self, deployment: str, told: bodies.Told) -> Actuals:
        from jupyter_mlops.services.scoring import receive_actuals

        receive = partial(receive_actuals, id=told.id, value=told.value, time=told.time)
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise _silent() from None
        loop = asyncio.get_running_loop()
        try:
            work = loop.run_in_executor(self._threads, receive, self._ws, deployment, told.rows)
            return await asyncio.wait_for(work, LONGEST_SECONDS)
        except MlopsError as error:
            raise discreet(error) from None
        except TimeoutError:
            raise _silent() from None
        finally:
            self._free.release()


def _silent() -> Problem:
    return Problem(
        503,
        "store_unavailable",
        "The store does not answer.",
        "tell the same actuals again: of each case the newest counts, and counts once.",
        AGAIN,
    )
