"""The watcher: profiles kept up to date, and what is to be said about them, round by round.

One at a time works on a workspace, and holds ``watch.lock`` while it does; when it dies, the next
one that tries takes over. The prediction server starts one and tells it on its standard input when
to seal; one that was started by ``watch`` seals what nobody else does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import sqlmodel

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.answers import Watch
from jupyter_mlops.domain.arguments import Text, deed
from jupyter_mlops.errors import Conflict, MlopsError, Refused, Unavailable, UsageError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    cluster,
    compacting,
    deliveries,
    erasure,
    evaluation,
    keeping,
    labelled,
    lifetimes,
    retention,
    segments,
    waiting,
    withdrawals,
)
from jupyter_mlops.services.anchoring import reached
from jupyter_mlops.services.evaluation import WATCHER
from jupyter_mlops.services.workspace import Workspace, open_local
from jupyter_mlops.store import tables

ROUND_SECONDS: Final = 5.0
SEAL_SECONDS: Final = 30.0
START_SECONDS: Final = 30.0
GLANCE_SECONDS: Final = 0.05
SEAL: Final = b"seal\n"
"""What a server says to its watcher when there is something to seal and time for it."""
SERVER, ALONE = "server", "watch"


@dataclass(frozen=True)
class Round:
    """What a round has done: pieces of logs profiled, predictions in them, alerts that opened."""

    pieces: int
    rows: int
    opened: int


def watched(ws: Workspace, *, seconds: float = 60.0, count: keeping.Count | None = None) -> Round:
    """Make one round: bring profiles up to date, judge what they tell, forget what is long over.

    Requests that wait are looked after, and champions whose approval was withdrawn.

    While too much of the log waits to be sealed, nothing is judged: it would all have to be read.
    """
    kept = keeping.keep(ws, seconds=seconds, count=count)
    labelled.keep(ws, seconds=seconds)
    with ws.look() as session:
        names = session.exec(
            sqlmodel.select(tables.Deployment.name).where(tables.Deployment.state != "retired")
        ).all()
    opened = 0 if segments.is_behind(ws) else sum(_opened(ws, name) for name in names)
    waiting.look_after(ws.as_actor(WATCHER))
    opened += withdrawals.follow(ws.as_actor(WATCHER))
    retention.forget(ws)
    compacting.compact(ws)
    erasure.settle(ws)
    lifetimes.keep_to(ws)
    return Round(kept.pieces, kept.rows, opened)


def _opened(ws: Workspace, deployment: str) -> int:
    """Judge what is new about a deployment; one that cannot be judged must not keep others waiting."""
    try:
        return evaluation.evaluate(ws, deployment).opened
    except Refused:  # nothing was live there yet
        return 0
    except (MlopsError, OSError, ValueError) as error:
        sys.stderr.write(f"watch: {deployment}: {type(error).__name__}: {error}\n")
        return 0


@deed(here=True)
def watch(ws: Workspace, *, once: bool = False, stop: bool = False, on: Text = "") -> Watch:
    """Keep profiles up to date and judge them every few seconds, from now on, in the background.

    `serve` starts a watcher by itself; this word is for a workspace without a server. One watcher
    works on a workspace at a time, and another takes over when it dies. `once` makes one round here
    and now, for cron; `stop` ends the watcher that this word started.

    `on` names a Dask scheduler, such as `tcp://host:8786`, whose workers count the pieces of that one
    round: for a history that is too large for one machine. Workers need this package and the prediction
    log at the same paths. It takes `jupyter-mlops[dask]`.
    """
    if on and not once:
        raise UsageError(
            "--on is for one round.",
            "`watch --once --on {on}` makes it.",
            code="on_without_once",
            on=on,
        )
    if once:
        with cluster.counting(ws, on) if on else contextlib.nullcontext() as count:
            return _once(ws, count)
    if stop:
        return _stopped(ws)
    if (found := holder(ws)) is not None:
        return _told(found, tell("Watched already, by process {pid}.", pid=found["pid"]))
    with ws.act("watch:start", subject="watch") as act:
        pid = ws.launcher([sys.executable, "-m", __name__, ALONE], ws.home.log_file)
        act.outcome = "begun"
        act.after = {"pid": pid}
    found = _await(lambda: holder(ws))
    if found is None:
        raise Unavailable(
            "The watcher did not start.",
            "{log} holds what it wrote.",
            code="watcher_not_started",
            log=ws.home.log_file,
        )
    return _told(found, tell("Watched from now on, by process {pid}.", pid=found["pid"]))


def holder(ws: Workspace) -> dict[str, Any] | None:
    """Return who watches a workspace now (``pid``, ``since``, ``by``); None when nobody does."""
    try:
        with (ws.home.folder / "watch.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(file)
    except FileNotFoundError:
        pass
    return None


def take(ws: Workspace, by: str) -> IO[str] | None:
    """Become the one that watches, for as long as the file is open; None where somebody else is."""
    file = (ws.home.folder / "watch.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "since": ws.now(), "by": by}))
    file.flush()
    return file


def main(by: str = SERVER) -> int:
    """Watch until told to end: by a signal, or by the end of the server that started this."""
    from jupyter_mlops.services.scoring import settle

    segments.give_way()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ws = open_local(mouth="server", actor=Actor("server", kind="service"))
    orders = _alone(ws) if by == ALONE else _of_server(os.getppid())
    mine: IO[str] | None = None
    for seals in orders:
        mine = mine or take(ws, by)
        if seals and (mine or by == SERVER):
            _try(lambda: settle(ws))
            _try(lambda: segments.seal(ws))
        if mine:
            _try(lambda: watched(ws))
            deliveries.deliver_apart(ws)
            reached.tend_apart(ws)
    return 0


def _try(do: Callable[[], object]) -> None:
    """Go on when a round fails: the next one begins where it stopped."""
    try:
        do()
    except (MlopsError, OSError, ValueError) as error:
        sys.stderr.write(f"watch: {type(error).__name__}: {error}\n")
        sys.stderr.flush()


def _of_server(parent: int) -> Iterator[bool]:
    """Give each round whether to seal; a server that is gone leaves its end of the pipe."""
    while os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], ROUND_SECONDS)
        told = os.read(0, 4096) if ready else None
        if told == b"":
            return
        yield told is not None


def _alone(ws: Workspace) -> Iterator[bool]:
    """Give each round whether to seal: now and then, what no server seals."""
    sealed = 0.0
    while True:
        due = time.monotonic() - sealed > SEAL_SECONDS and bool(ws.telemetry.finished())
        sealed = time.monotonic() if due else sealed
        yield due
        time.sleep(ROUND_SECONDS)


def _once(ws: Workspace, count: keeping.Count | None) -> Watch:
    mine = take(ws, ALONE)
    if mine is None:
        found = holder(ws) or {}
        return _told(found, tell("Watched already, by process {pid}.", pid=found.get("pid", 0)))
    with mine:
        segments.seal(ws)
        done = watched(ws, seconds=float("inf"), count=count)
        deliveries.deliver(ws)
        reached.tend(ws)
    because = tell(
        "{n} predictions of {pieces} pieces are profiled; alerts opened: {opened}.",
        n=f"{done.rows:,}",
        pieces=done.pieces,
        opened=done.opened,
    )
    return _told({}, because, done)


def _stopped(ws: Workspace) -> Watch:
    found = holder(ws)
    if found is None:
        return _told({}, tell("Nobody watches here."))
    if found.get("by") != ALONE:
        raise Conflict(
            "The watcher belongs to the prediction server and goes with it.",
            "`stop` ends the prediction server.",
            code="watcher_of_server",
        )
    with ws.act("watch:stop", subject="watch") as act:
        act.after = {"pid": found["pid"]}
        with contextlib.suppress(ProcessLookupError):
            os.kill(found["pid"], signal.SIGTERM)
    _await(lambda: holder(ws) is None)
    return _told({}, tell("✓ the watcher, process {pid}, has stopped", pid=found["pid"]))


def _await(is_so: Callable[[], Any]) -> Any:
    until = time.monotonic() + START_SECONDS
    while not (found := is_so()) and time.monotonic() < until:
        time.sleep(GLANCE_SECONDS)
    return found


def _read(file: IO[str]) -> dict[str, Any]:
    try:
        told = json.loads(file.read())
    except ValueError:  # it has only just taken the lock
        return {"pid": 0, "since": "", "by": ""}
    return told if isinstance(told, dict) else {}


def _told(found: dict[str, Any], because: str, done: Round | None = None) -> Watch:
    return Watch(
        running=bool(found),
        pid=found.get("pid", 0),
        since=found.get("since", ""),
        pieces=done.pieces if done else 0,
        rows=done.rows if done else 0,
        because=because,
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
