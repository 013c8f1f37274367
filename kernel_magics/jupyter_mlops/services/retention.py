"""Findings that are settled and old go; how many there were in each window stays, and so do alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import holds
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.evaluation import WATCHER
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

AT_ONCE: Final = timedelta(days=1)
"""How much longer the oldest may stay, so that they go once a day and not one by one."""


def forget(ws: Workspace) -> int:
    """Remove the settled findings that are older than the rules keep them; return how many.

    Settled is one that no alert tells of, or whose alert ended before that time. A removal is a deed
    with its event, per deployment, and none is made where something is held; ``evaluation`` still says how many findings each window had.
    """
    acting = ws.as_actor(WATCHER)
    with acting.look() as session:
        places = [(one.id, one.name) for one in session.exec(sqlmodel.select(tables.Deployment))]
    return sum(_forgotten(acting, number, name) for number, name in places)


def _forgotten(ws: Workspace, number: int, name: str) -> int:
    keep = timedelta(days=written.monitoring(ws, name).keep_days)
    until = ws.clock() - keep
    with ws.look() as session:
        if not _oldest(session, number, iso(until - AT_ONCE)) or _is_held(session, number):
            return 0
    with ws.act("deployment:retention", subject=f"deployment:{name}") as act:
        if _is_held(act.session, number):
            act.nothing()
            return 0
        settled = _settled(number, iso(until))
        done = act.session.exec(sqlmodel.delete(tables.Finding).where(*settled))
        removed = int(done.rowcount)
        if not removed:
            act.nothing()
        act.after = {"findings": removed, "until": iso(until), "days": keep.days}
    return removed


def _is_held(session: Session, number: int) -> bool:
    """Say whether a deployment, or a version that it ever served, has to be kept as it is."""
    return bool(holds.of_place(session, session.get_one(tables.Deployment, number)))


def _oldest(session: Session, number: int, until: str) -> bool:
    query = sqlmodel.select(tables.Finding.id).where(*_settled(number, until))
    return session.exec(query.limit(1)).first() is not None


def _settled(number: int, until: str) -> list[Any]:
    """Return the condition of findings that ended before a moment, and whose alert did."""
    finding, alert = tables.Finding, tables.Alert
    over = sqlmodel.select(alert.id).where(
        alert.deployment_id == number, alert.resolved_at != "", alert.resolved_at < until
    )
    told = sqlmodel.col(finding.alert_id)
    return [
        finding.deployment_id == number,
        finding.end < until,
        sqlmodel.or_(told.is_(None), told.in_(over)),
    ]
