"""Requests that wait: that they expired is said once, that they wait long is said again and again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import sqlmodel

from jupyter_mlops.domain.approvals import Policy, Timeout
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.remarks import WAITING
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import deliveries, lookup, proof, remarks, standing
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

_MESSAGES: Final[Mapping[Timeout, str]] = {
    "expire": "request.expired",
    "reject": "request.rejected",
    "escalate": "request.escalated",
}
"""What is told outside when nobody decided in time, by what the policy says of that."""


def look_after(ws: Workspace) -> tuple[int, int]:
    """Close requests that are too old and remind of those that wait; return how many of each."""
    with ws.look() as session:
        late = [asked.id for asked in _waiting(session) if _is_late(session, asked, ws.now())]
        due = [asked.id for asked in _waiting(session) if _is_due(session, asked, ws.clock())]
    expired = sum(_expire(ws, number) for number in late)
    return expired, sum(_remind(ws, number) for number in due if number not in late)


def _waiting(session: Session) -> list[tables.Request]:
    return list(
        session.exec(
            sqlmodel.select(tables.Request)
            .where(sqlmodel.col(tables.Request.state).in_(WAITING))
            .order_by(sqlmodel.col(tables.Request.id))
        ).all()
    )


def _is_late(session: Session, asked: tables.Request, now: str) -> bool:
    """Say whether a request has expired; one that is just being carried out came in time."""
    if proof.state_of(asked, now=now) != "expired" or asked.state not in WAITING:
        return False
    loading = sqlmodel.select(tables.Rollout.id).where(
        tables.Rollout.request_id == asked.id, tables.Rollout.state == "loading"
    )
    return session.exec(loading).first() is None


def _expire(ws: Workspace, number: int) -> bool:
    """Write down that a request has expired, with the one event that says so."""
    with ws.act("request:expiry", subject=f"request:{number}") as act:
        asked = lookup.request(act.session, number)
        if not _is_late(act.session, asked, ws.now()):
            act.nothing()  # another watcher was here first
            return False
        policy = _policy(act.session, asked)
        ends = policy.on_timeout if policy else "expire"
        act.before = {"state": asked.state}
        asked.state = "rejected" if ends == "reject" else "expired"
        act.session.add(asked)
        act.after = {"state": asked.state, "expires_at": asked.expires_at, "on_timeout": ends}
        deliveries.enqueue_request(act, ws, asked, _MESSAGES[ends], policy.tell if policy else ())
        return True


def _is_due(session: Session, asked: tables.Request, now: datetime) -> bool:
    """Say whether it is time to remind of a request that nobody has decided."""
    if proof.state_of(asked, now=iso(now)) != "open":
        return False
    policy = _policy(session, asked)
    if policy is None:
        return False
    reminded = [one.at for one in standing.remarks(session, asked) if one.kind == "reminder"]
    last = datetime.fromisoformat([asked.at, *reminded][-1])
    return now.astimezone(UTC) - last >= timedelta(days=policy.remind_days)


def _remind(ws: Workspace, number: int) -> bool:
    """Remind of a request: an event, and a message where somebody outside wants to hear."""
    with ws.act("request:reminder", subject=f"request:{number}") as act:
        asked = lookup.request(act.session, number)
        if not _is_due(act.session, asked, ws.clock()):
            act.nothing()
            return False
        remarks.add(ws, act, asked, "reminder", "")
        act.outcome = "sent"
        act.after = {"since": asked.at, "expires_at": asked.expires_at}
        policy = _policy(act.session, asked)
        names = policy.tell if policy else ()
        deliveries.enqueue_request(act, ws, asked, "request.waiting", names)
        return True


def _policy(session: Session, asked: tables.Request) -> Policy | None:
    """Return what was asked of a request; None where that was tampered with, so that nobody can decide it."""
    try:
        return proof.policy(session, asked.policy_digest)
    except MlopsError:
        return None
