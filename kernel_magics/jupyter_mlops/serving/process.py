"""One process that answers: it begins, follows the store, keeps house, takes leave and ends."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.services import pinned, segments
from jupyter_mlops.services.processes import Announcement
from jupyter_mlops.services.scoring import settle
from jupyter_mlops.services.workspace import Workspace, open_local
from jupyter_mlops.serving.app import App
from jupyter_mlops.serving.chores import Chores
from jupyter_mlops.serving.counts import Counts
from jupyter_mlops.serving.fleet import Fleet
from jupyter_mlops.serving.leaving import FAREWELL_SECONDS, let_nobody_in
from jupyter_mlops.serving.orders import Orders, tell_where
from jupyter_mlops.serving.repeats import Repeats
from jupyter_mlops.serving.saying import say
from jupyter_mlops.serving.wire import IDLE_SECONDS, Wire, allow_connections

if TYPE_CHECKING:
    from jupyter_mlops.config import Home

DRAIN_SECONDS: Final = 30
HEAR_SECONDS: Final = 1.0
SEAL_SECONDS: Final = 3.0
"""How long a server that ends still seals; what is left is sealed when it starts again."""
GLANCE_SECONDS: Final = 0.02
COLLECT: Final = (20_000, 20, 50)
_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG


class Server(uvicorn.Server):
    """Says that it answers once it does, and takes that back when it ends."""

    def __init__(
        self, app: App, orders: Orders, announcement: Announcement, home_file: Path | None
    ) -> None:
        super().__init__(_config(app))
        self._app = app
        self._orders = orders
        self._announcement = announcement
        self._home_file = home_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start answering, then say so."""
        await super().startup(sockets)
        self._announcement.say(answers=True)
        if self._home_file is not None:
            tell_where(self._orders, self._home_file)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say nothing any more, take leave of who still comes, then answer what is open."""
        if self._home_file is not None:
            self._home_file.unlink(missing_ok=True)
        self._announcement.withdraw()
        self._app.take_leave()
        await asyncio.sleep(FAREWELL_SECONDS)
        if self._home_file is not None:
            for bound in sockets or ():
                let_nobody_in(bound)
        else:
            await self._leave_the_door_to_others()
        await self._hear_out()
        await super().shutdown(sockets)

    async def _leave_the_door_to_others(self) -> None:
        """Let nobody in here any more: the other processes, and the one to come, listen at the same address.

        Where all of them end, their parent has seen to it that nobody knocks any more.
        """
        await asyncio.sleep(GLANCE_SECONDS)  # who waited to be let in is let in
        for listening in self.servers:
            listening.close()

    async def _hear_out(self) -> None:
        """Wait for those who have connected and not asked yet: closing now would be an error to them."""
        until = time.monotonic() + HEAR_SECONDS
        await asyncio.sleep(GLANCE_SECONDS)  # who waited to be let in is let in
        while self._somebody_has_not_asked() and time.monotonic() < until:  # noqa: ASYNC110  (no event says so)
            await asyncio.sleep(GLANCE_SECONDS)

    def _somebody_has_not_asked(self) -> bool:
        connections = self.server_state.connections
        return any(getattr(found, "cycle", None) is None for found in connections)


def opened(home: Home, copy: str = "") -> Workspace:
    """Return the workspace in the hands of the server, which has a copy of its own of who decides what."""
    where = home.folder if home.is_sqlite else home.url
    ws = open_local(where, mouth="server", actor=Actor("server", kind="service"))
    return replace(ws, pinned=Path(copy) if copy else home.pinned_file)


def serve(
    ws: Workspace, orders: Orders, bound: socket.socket, *, home_file: Path | None = None
) -> int:
    """Answer until told to stop; with ``home_file``, as a server of one process."""
    _pin(ws)
    announcement = Announcement(ws.home, server=orders.server)
    fleet = Fleet(ws, compiled=orders.compiled, announcement=announcement)
    fleet.begin()
    _spare_the_collector()
    if orders.slot == 0:
        settle(ws)
    repeats = Repeats(ws)
    repeats.remember([place.deployment for place in fleet])
    counts = Counts.shared(ws.home.run, orders.slot)
    hosts = frozenset(orders.hosts)
    app = App(ws, fleet, repeats, token=orders.token, hosts=hosts, counts=counts)
    # uvicorn raises the signal once more when it has drained; what follows still has to run
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _drained)
    allow_connections()
    server = Server(app, orders, announcement, home_file)
    watcher = threading.Thread(target=fleet.watch, args=(say,), daemon=True)
    watcher.start()
    chores = Chores(
        ws,
        orders.place,
        seals=orders.slot == 0,
        each=[counts.write, repeats.tidy, app.turn],
    )
    chores.begin()
    try:
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(server.serve(sockets=[bound]))
    finally:
        fleet.stop()
        watcher.join(timeout=5)
        chores.end()
        app.close()
        repeats.close()
        if home_file is not None:
            segments.seal(ws, seconds=SEAL_SECONDS)
    return 0


def _pin(ws: Workspace) -> None:
    """Say what this server goes by, and what it does not accept of the store."""
    pin = pinned.begin(ws)
    if pin is None:
        return
    n = len(pin.people.people) if pin.people else 0
    say(f"pinned at {pin.since} in {ws.pinned}: {n} people, {len(pin.policies)} policies")
    for held in pin.held:
        say(f"not accepted: {held}")


def _spare_the_collector() -> None:
    """Keep what was made at the start out of every collection, and collect less often.

    A request of a thousand rows makes many small objects and no cycles; looking through everything
    that was ever imported, again and again, takes longer than answering it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def end_with(parent: int) -> None:
    """End when the process that started this one ends, whatever this one is doing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _loop() -> Any:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Wire,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=IDLE_SECONDS,
    )


def _drained(_number: int, _frame: object) -> None:
    """Let the process end by itself."""
