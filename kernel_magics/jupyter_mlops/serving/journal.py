"""Group commit: many requests, one sync; nobody is answered before their frame is on disk.

A group closes when it holds every request that is being worked on, or after a short moment at the
latest. The sync itself blocks the loop: it takes a tenth of a millisecond, and everybody who could
run is waiting for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.store.segments import Log

PATIENCE: Final = 0.002


class Journal:
    """The log of one deployment, as the loop that answers requests uses it."""

    def __init__(self, log: Log, working: Callable[[], int]) -> None:
        self._log = log
        self._working = working
        self._waiting: list[asyncio.Future[None]] = []
        self._backstop: asyncio.TimerHandle | None = None

    @property
    def is_broken(self) -> bool:
        """Say whether the disk has failed; nothing can be answered any more."""
        return self._log.is_broken

    async def write(self, head: bytes, body: bytes) -> None:
        """Append a frame and return once it is durable.

        Raises:
            Unavailable: it is not, and will not be.
        """
        self._log.append(head, body)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(done)
        if len(self._waiting) >= self._working():
            loop.call_soon(self._close_if_full)
        if self._backstop is None:
            self._backstop = loop.call_later(PATIENCE, self.flush)
        await done

    def note(self, head: bytes) -> None:
        """Append a frame that nobody waits for; the next sync takes it along."""
        with contextlib.suppress(MlopsError):
            self._log.append(head, b'{"rows":[]}')

    def flush(self) -> None:
        """Make everything appended durable and let those who wait go on."""
        if self._backstop is not None:
            self._backstop.cancel()
            self._backstop = None
        waiting, self._waiting = self._waiting, []
        try:
            self._log.commit()
        except MlopsError as error:
            for done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def close(self) -> None:
        """Flush, and end the segment so that it can be sealed."""
        self.flush()
        self._log.close()

    def _close_if_full(self) -> None:
        if self._waiting and len(self._waiting) >= self._working():
            self.flush()
