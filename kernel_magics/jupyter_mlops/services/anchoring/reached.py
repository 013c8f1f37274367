"""Reaching anchors: what has not arrived yet is left there, and how that went is kept."""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlmodel

from jupyter_mlops.domain import checkpoints as rules
from jupyter_mlops.domain.anchored import AHEAD, FOREIGN
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import checkpoints, signing
from jupyter_mlops.services.anchoring import appended, lag, posted, pushed
from jupyter_mlops.services.anchoring.appended import Unreached
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

AGAIN: Final = timedelta(seconds=60)
"""How long an anchor that failed is left alone."""
AT_ONCE: Final = 200
"""Checkpoints that are left at an anchor in one go; what waits longer comes with the next."""
CHANGED_SECONDS: Final = 600.0
_tending = threading.Lock()
_refused: dict[str, float] = {}
"""Workspaces whose log is not to be signed any more, and when that was last seen."""


def tend(ws: Workspace) -> None:
    """Make the checkpoint that is due, and leave every one that did not arrive yet at its anchors."""
    if time.monotonic() - _refused.get(ws.home.url, -CHANGED_SECONDS) >= CHANGED_SECONDS:
        try:
            if checkpoints.is_due(ws):
                checkpoints.made(ws)
        except MlopsError as error:
            _refused[ws.home.url] = time.monotonic()
            sys.stderr.write(f"watch: checkpoint: {error.message}\n")
    with ws.look() as session:
        rows = session.exec(sqlmodel.select(tables.Anchor)).all()
        last = checkpoints.newest(session)
    for row in rows:
        if last and row.size != last.size and _may_try(ws, row):
            reach(ws, row)
    lag.write(ws, any_anchor=bool(rows))


def tend_apart(ws: Workspace) -> threading.Thread | None:
    """Do so in a thread of its own, since an anchor may let one wait; None while one is at it."""
    if not _tending.acquire(blocking=False):
        return None

    def run() -> None:
        try:
            tend(ws)
        except (MlopsError, OSError, ValueError) as error:
            sys.stderr.write(f"watch: anchors: {type(error).__name__}: {error}\n")
        finally:
            _tending.release()

    thread = threading.Thread(target=run, name="mlops-anchors", daemon=True)
    thread.start()
    return thread


def reach(ws: Workspace, row: tables.Anchor) -> str:
    """Leave at an anchor what has not arrived there yet; return why that failed, or nothing."""
    waiting, newest, origin = _waiting(ws, row)
    failure = ""
    try:
        leave(ws, row, waiting, newest=newest, origin=origin)
    except Unreached as error:
        failure = str(error)
    with ws.act("anchor:reach", subject="workspace") as act:
        act.nothing()
        kept = act.session.get(tables.Anchor, row.id)
        if kept is None:
            return failure
        kept.tried_at, kept.failure = ws.now(), failure
        if not failure and waiting:
            kept.reached_at = kept.tried_at
            kept.notes += sum(1 for one in waiting if one.size > kept.size)
            kept.size = max(kept.size, waiting[-1].size)
        act.session.add(kept)
    return failure


def leave(
    ws: Workspace,
    row: tables.Anchor,
    waiting: list[tables.Checkpoint],
    *,
    newest: int,
    origin: str,
) -> None:
    """Leave checkpoints at an anchor, unless what it holds already says that the log was changed.

    Raises:
        Unreached: it was not reached, or holds what it should not.
    """
    if row.kind == "webhook":
        posted.send(ws, row.address, row.secret, [one.note for one in waiting])
        return
    try:
        found = rules.seen(content(ws, row) or "")
    except Unreached:
        if row.kind == "git" or Path(row.address).exists():
            raise
        found = rules.Seen(())  # a file that is not there yet
    if any(one.origin != origin for one in found.notes):
        raise Unreached(FOREIGN)
    if max((one.size for one in found.notes), default=0) > newest:
        raise Unreached(AHEAD)
    there = {one.size for one in found.notes}
    notes = [one.note for one in waiting if one.size not in there]
    if notes and row.kind == "git":
        pushed.push(ws.home.anchors, row.address, notes, int(ws.clock().timestamp()))
    elif notes:
        appended.append(row.address, notes)


def content(ws: Workspace, row: tables.Anchor) -> str | None:
    """Return what an anchor holds; None where nobody can ask it.

    Raises:
        Unreached: it does not answer.
    """
    if row.kind == "webhook":
        return None
    if row.kind == "git":
        return pushed.read(ws.home.anchors, row.address)
    return appended.read(row.address)


def _waiting(ws: Workspace, row: tables.Anchor) -> tuple[list[tables.Checkpoint], int, str]:
    """Return the checkpoints that an anchor lacks; a new one gets the newest alone."""
    size = sqlmodel.col(tables.Checkpoint.size)
    with ws.look() as session:
        last = checkpoints.newest(session)
        query = sqlmodel.select(tables.Checkpoint).where(size > row.size).order_by(size)
        if row.size == 0 and last is not None:
            query = query.where(size == last.size)
        waiting = list(session.exec(query.limit(AT_ONCE)).all())
        return waiting, last.size if last else 0, signing.origin(session)


def _may_try(ws: Workspace, row: tables.Anchor) -> bool:
    try:
        return not row.failure or datetime.fromisoformat(row.tried_at) <= ws.clock() - AGAIN
    except ValueError:
        return True
