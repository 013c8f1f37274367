"""Group commit: many requests, one sync; nobody is answered before their frame is on disk.

A group closes when it holds every request that is being worked on, or after a short moment at the
latest. The sync itself blocks the loop: it takes a tenth of a millisecond, and everybody who could
run is waiting for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

from jupyter_mlops.errors import MlopsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from jupyter_mlops.store.segments import Log

PATIENCE: Final = 0.002
TURN_SECONDS: Final = 600.0
"""How long a segment is written before it is ended for sealing, however little is in it."""
READY_SECONDS: Final = 5.0
LARGE: Final = 1 << 20
"""Bytes of a request from which on it is written beside the loop, not on it."""
NO_ROWS: Final = b'{"rows":[]}'


class Journal:
    """The log of one deployment, as the loop that answers requests uses it."""

    def __init__(self, open_log: Callable[[], Log], working: Callable[[], int]) -> None:
        self._open = open_log
        self._log = open_log()
        self._large: Log | None = None
        self._large_lock = threading.Lock()
        self._working = working
        self._turns: asyncio.TimerHandle | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._backstop: asyncio.TimerHandle | None = None

    @property
    def is_broken(self) -> bool:
        """Say whether the disk has failed; nothing can be answered until it takes writes again."""
        return self._log.is_broken

    def mend(self) -> None:
        """Try the disk again where it has failed: where nobody asks, nobody else does."""
        self._log.mend()

    async def write(self, head: bytes, body: bytes, table: pa.RecordBatch | None = None) -> None:
        """Append a request and return once it is durable; its rows are the body, or the table.

        Raises:
            Unavailable: it is not, and will not be.
        """
        if len(body) > LARGE:
            await asyncio.to_thread(self._write_large, head, body, table)
            return
        self._append(self._log, head, body, table)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(done)
        if len(self._waiting) >= self._working():
            loop.call_soon(self._close_if_full)
        if self._turns is None:
            self._turns = loop.call_later(TURN_SECONDS, self._make_ready)
        if self._backstop is None:
            self._backstop = loop.call_later(PATIENCE, self.flush)
        await done

    def _append(self, log: Log, head: bytes, body: bytes, table: pa.RecordBatch | None) -> None:
        if table is None:
            log.append(head, body)
        else:
            log.append(head, NO_ROWS)
            log.append_table(table)

    def _write_large(self, head: bytes, body: bytes, table: pa.RecordBatch | None) -> None:
        """Write what takes long into a segment of its own, beside the loop."""
        with self._large_lock:
            if self._large is None:
                self._large = self._open()
            self._append(self._large, head, body, table)
            self._large.commit()

    def note(self, head: bytes) -> None:
        """Append a frame that nobody waits for; the next sync takes it along."""
        with contextlib.suppress(MlopsError):
            self._log.append(head, NO_ROWS)

    def flush(self) -> None:
        """Make everything appended durable and let those who wait go on, or tell them why they cannot."""
        if self._backstop is not None:
            self._backstop.cancel()
            self._backstop = None
        waiting, self._waiting = self._waiting, []
        try:
            self._log.commit()
        except Exception as error:  # noqa: BLE001  (whatever it is, those who wait have to be told)
            for done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def close(self) -> None:
        """Flush, and end the segments so that they can be sealed."""
        self.flush()
        if self._turns is not None:
            self._turns.cancel()
        self._log.close()
        if self._large is not None:
            self._large.close()

    def turn(self) -> None:
        """End the segments now, so that they can be sealed; the next request has the clock set anew."""
        if self._turns is not None:
            self._turns.cancel()
        self._turn()

    def _make_ready(self) -> None:
        self._log.make_ready()
        loop = asyncio.get_running_loop()
        self._turns = loop.call_later(READY_SECONDS, self._turn)

    def _turn(self) -> None:
        """Begin another segment, so that this one can be sealed; a request sets the clock anew."""
        self._turns = None
        with contextlib.suppress(MlopsError):
            self._log.roll()
        if self._large_lock.acquire(blocking=False):  # one that is being written ends another time
            if self._large is not None:
                self._large.close()
            self._large = None
            self._large_lock.release()

    def _close_if_full(self) -> None:
        if self._waiting and len(self._waiting) >= self._working():
            self.flush()
