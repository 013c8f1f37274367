"""Anchors: places outside this workspace that hold its signed checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain import anchored, webhooks
from jupyter_mlops.domain.anchored import AHEAD, FOREIGN, AnchorRow, Anchors, Asked
from jupyter_mlops.domain.arguments import deed, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Conflict, Invalid, MlopsError, NotFound, Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.services import checkpoints, deliveries, signing
from jupyter_mlops.services.anchoring import appended, pushed, reached
from jupyter_mlops.services.anchoring.appended import Unreached
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed(here=True)
def anchor(
    ws: Workspace, where: str, *, kind: Asked = "auto", remove: bool = False, reason: str = ""
) -> Anchors:
    """Leave signed checkpoints of the audit log at a place outside, from now on; `--remove` ends that.

    A place is an append-only file (its path; it may belong to somebody else), a git repository (a path,
    `ssh://…`, `git@HOST:PATH`, `https://….git`), which gets a commit for each checkpoint in its branch
    `mlops-anchor`, or a webhook (`https://…`), whose secret is shown this once. It is reached at once, or
    not added. `watch` and `serve` make a checkpoint every hundred events or ten minutes, and leave there
    later what could not be left in time. What cannot write to the workspace cannot change what it holds:
    choose a place that nobody who works here can write anew.
    """
    if remove:
        _removed(ws, where, reason)
        return _shown(ws)
    row, problem = _candidate(ws, anchored.place(where, kind), kind)
    with ws.act("anchor:addition", subject=f"anchor:{_named(row)}", reason=reason) as act:
        if problem:
            raise problem
        if _found(act.session, row.address):
            raise Conflict(
                "{where} is an anchor already.",
                "`anchors` lists them.",
                code="anchor_exists",
                where=_named(row),
            )
        act.session.add(row)
        act.after = {"kind": row.kind, "where": _named(row), "events": row.size}
    told = _shown(ws)
    return {**told, "secret": row.secret} if row.secret else told


@read()
def anchors(ws: Workspace) -> Anchors:
    """List the places outside that hold checkpoints: how far each was reached, and how long ago.

    `audit --verify` compares the log with them.
    """
    return _shown(ws)


def _shown(ws: Workspace) -> Anchors:
    with ws.look() as session:
        rows = session.exec(sqlmodel.select(tables.Anchor).order_by(_by_id())).all()
        last = checkpoints.newest(session)
        events = count(session)
        key = signing.present(ws, session)
        return Anchors(
            items=[_row(ws, session, row, events, last) for row in rows],
            events=events,
            checkpoint=last.note if last else "",
            key=key.shown if key else "",
        )


def count(session: Session) -> int:
    """Return how many events the log has."""
    return session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.seq))).one() or 0


def age_of(ws: Workspace, session: Session, size: int) -> tuple[float | None, str]:
    """Return how many seconds ago so many events were signed, and when; None where nobody knows."""
    at = checkpoints.signed_at(session, size) if size else None
    return (max(0.0, (ws.clock() - at).total_seconds()), iso(at)) if at else (None, "")


def _row(
    ws: Workspace,
    session: Session,
    row: tables.Anchor,
    events: int,
    last: tables.Checkpoint | None,
) -> AnchorRow:
    state, because = _state(row, events, last.size if last else 0)
    age, signed_at = age_of(ws, session, row.size)
    return AnchorRow(
        where=_named(row),
        kind=cast("Any", row.kind),
        state=state,
        events=row.size,
        behind=max(0, events - row.size),
        age=age,
        signed_at=signed_at,
        at=row.at,
        because=because,
    )


def _state(row: tables.Anchor, events: int, newest: int) -> tuple[anchored.State, str]:
    if row.failure in (AHEAD, FOREIGN):
        return "disagrees", failure_told(row.failure)
    if row.failure:
        said = failure_told(row.failure)
        return "unreachable", tell(
            "{reason} What waits is left there once it answers: {n} events.",
            reason=said,
            n=f"{events - row.size:,}",
        )
    if row.size < newest:
        return "behind", tell("{n} events wait for it.", n=f"{events - row.size:,}")
    return "current", tell("It holds the newest checkpoint, of {n} events.", n=f"{row.size:,}")


def failure_told(failure: str) -> str:
    """Return why an anchor was not reached, as a sentence."""
    if failure == AHEAD:
        return tell("It holds a checkpoint of more events than the log has: say `audit --verify`.")
    if failure == FOREIGN:
        return tell("It holds a checkpoint of another workspace: say `audit --verify`.")
    return tell("It cannot be reached: {reason}.", reason=failure.rstrip("."))


def _candidate(
    ws: Workspace, place: anchored.Place, kind: Asked
) -> tuple[tables.Anchor, MlopsError | None]:
    """Return an anchor that was reached, not kept yet, or why it cannot be one."""
    row = tables.Anchor(kind=place.kind, address=place.address, at=ws.now(), failure="")
    if problem := _settled(ws, row):
        return row, problem
    if kind not in ("auto", row.kind):
        return row, _unreached(row, f"it is of the kind {row.kind}")
    try:
        last = checkpoints.made(ws)
    except MlopsError as error:
        return row, error
    with ws.look() as session:
        origin = signing.origin(session)
        if _found(session, row.address):
            return row, None  # it is told so in the deed
    try:
        reached.leave(ws, row, [last], newest=last.size, origin=origin)
    except Unreached as error:
        return row, _unreached(row, str(error))
    row.size, row.notes, row.reached_at, row.tried_at = last.size, 1, ws.now(), ws.now()
    return row, None


def _settled(ws: Workspace, row: tables.Anchor) -> MlopsError | None:
    """Find out what kind of place a path is, and whether it is one outside; make a webhook's secret."""
    if row.kind == "webhook":
        row.secret = webhooks.new_secret()
        return deliveries.problem_with(ws, webhooks.read_url(row.address))
    if row.kind != "path":
        return None
    try:
        path = appended.resolved(row.address)
        row.kind = "git" if pushed.is_repository(path) else "file"
        row.address = str(path)
        if path.is_relative_to(ws.home.folder.resolve()):
            return _inside(path)
        if path.is_dir() and row.kind == "file":
            return _unreached(row, "it is a folder without a git repository")
        held = appended.read(row.address) if row.kind == "file" and path.exists() else ""
    except (Unreached, OSError, RuntimeError, ValueError) as error:
        row.kind = "file" if row.kind == "path" else row.kind
        return _unreached(row, str(error))
    return _holds_else(path) if held and not _is_ours(held) else None


def _is_ours(held: str) -> bool:
    """Say whether a file holds checkpoints and nothing else, so that nothing else is appended to."""
    from jupyter_mlops.domain import checkpoints as rules

    found = rules.seen(held)
    return found.unreadable is None and bool(found.notes)


def _removed(ws: Workspace, where: str, reason: str) -> None:
    with ws.act("anchor:removal", subject="anchor", reason=reason) as act:
        rows = act.session.exec(sqlmodel.select(tables.Anchor)).all()
        meant = {where, str(Path(where).expanduser().absolute())} if where.strip() else {where}
        found = [row for row in rows if {row.address, _named(row)} & meant]
        if len(found) != 1:
            raise NotFound(
                "{where} is no anchor.",
                "`anchors` lists what is.",
                code="anchor_not_found",
                where=where,
            )
        act.subject = f"anchor:{_named(found[0])}"
        act.before = {"kind": found[0].kind, "where": _named(found[0]), "events": found[0].size}
        act.session.delete(found[0])


def _found(session: Session, address: str) -> tables.Anchor | None:
    return session.exec(
        sqlmodel.select(tables.Anchor).where(tables.Anchor.address == address)
    ).first()


def _named(row: tables.Anchor) -> str:
    return anchored.shown(row.kind, row.address)


def _by_id() -> Any:
    return sqlmodel.col(tables.Anchor.id)


def _inside(path: Path) -> Invalid:
    return Invalid(
        "{path} is inside the workspace: whoever changes the log could change it, too.",
        "name a place outside, best one of somebody else.",
        code="anchor_inside",
        path=path,
    )


def _holds_else(path: Path) -> Conflict:
    return Conflict(
        "{path} holds something else than checkpoints, and nothing is appended to that.",
        "name a file that is not there yet, or one that is empty.",
        code="anchor_holds_else",
        path=path,
    )


def _unreached(row: tables.Anchor, why: str) -> MlopsError:
    if why in (AHEAD, FOREIGN):
        return Conflict(
            "{where} holds checkpoints that are not of this log as it is.",
            "`audit --verify --anchor {where}` says what is wrong; or name another place.",
            code="anchor_disagrees",
            where=_named(row),
        )
    return Unavailable(
        "{where} cannot be an anchor, since it was not reached: {why}.",
        "see whether it is there and can be written to; nothing was added.",
        code="anchor_unreached",
        where=_named(row),
        why=why.rstrip("."),
    )
