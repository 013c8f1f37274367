"""Break-glass: what one person had carried out alone, seen by everybody until others have approved it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.services import deliveries, lookup, proof
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

PART = "approval"


@dataclass(frozen=True)
class Emergency:
    """A version that answers by the word of one person, whom everybody may ask why."""

    deployment: str
    ref: str
    request: int
    person: str
    reason: str
    at: str


def standing(session: Session) -> Iterator[Emergency]:
    """Go through what answers by one person's word, and was not approved by others since."""
    rows = session.exec(
        sqlmodel.select(tables.Rollout, tables.Decision)
        .where(tables.Rollout.request_id == tables.Decision.request_id)
        .where(tables.Decision.outcome == "break-glass", tables.Rollout.state == "live")
        .order_by(sqlmodel.col(tables.Rollout.id))
    ).all()
    for rollout, decision in rows:
        asked = session.get_one(tables.Request, rollout.request_id)
        if not _is_approved_since(session, asked):
            yield Emergency(
                deployment=asked.deployment,
                ref=json.loads(asked.evidence)["ref"],
                request=asked.id,
                person=decision.person,
                reason=decision.comment,
                at=decision.at,
            )


def is_one(session: Session, asked: tables.Request) -> bool:
    """Say whether a request was carried out by one person's word."""
    return _emergency(session, asked) is not None


def raised(ws: Workspace, act: Deed, rollout: tables.Rollout) -> None:
    """Tell everybody, in the transaction that carries it out, that one person's word did it."""
    asked = act.session.get_one(tables.Request, rollout.request_id)
    decision = _emergency(act.session, asked)
    if decision is None or _is_approved_since(act.session, asked):
        return
    place = act.session.get_one(tables.Deployment, rollout.deployment_id)
    version = act.session.get_one(tables.Version, rollout.version_id)
    now = ws.now()
    row = tables.Alert(
        deployment_id=place.id, part=PART, subject=f"request:{asked.id}", severity="critical",
        state="open", status="failing", why="break_glass", version=lookup.ref_of(act.session, version),
        figures={"version": lookup.ref_of(act.session, version), "person": decision.person,
                 "reason": decision.comment[:200]},
        causes=[], since=now, last_seen=now, followed=now, windows=1, quiet=0, at=now, comment="",
    )  # fmt: skip
    act.session.add(row)
    act.session.flush()
    deliveries.enqueue(act, ws, place, row, "open", "")


def settled(ws: Workspace, act: Deed, asked: tables.Request) -> None:
    """Lay the alerts to rest of what others have approved now."""
    alert = tables.Alert
    rows = act.session.exec(
        sqlmodel.select(alert, tables.Deployment)
        .where(alert.deployment_id == tables.Deployment.id)
        .where(tables.Deployment.name == asked.deployment)
        .where(alert.part == PART, alert.why == "break_glass", alert.resolved_at == "")
    ).all()
    for row, place in rows:
        former = act.session.get_one(tables.Request, int(row.subject.partition(":")[2]))
        if _is_approved_since(act.session, former):
            row.state, row.resolved_at = "resolved", ws.now()
            act.session.add(row)
            deliveries.enqueue(act, ws, place, row, "resolve", "")


def _emergency(session: Session, asked: tables.Request) -> tables.Decision | None:
    found = proof.decisions(session, asked)
    return next((one for one in found if one.outcome == "break-glass"), None)


def _is_approved_since(session: Session, asked: tables.Request) -> bool:
    """Say whether others have approved the same bytes for the same role there, as the policy asks."""
    row = tables.Request
    same = session.exec(
        sqlmodel.select(row)
        .where(row.manifest_digest == asked.manifest_digest, row.deployment == asked.deployment)
        .where(row.role == asked.role, sqlmodel.col(row.state).in_(("approved", "carried out")))
    ).all()
    return any(proof.is_complete(session, one) for one in same)
