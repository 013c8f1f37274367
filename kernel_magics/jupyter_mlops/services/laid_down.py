"""The policies in force, and what they ask of a change."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import policies as rules
from jupyter_mlops.domain.answers import Risk
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.policies import Change, Written
from jupyter_mlops.domain.policy_reading import kept
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import lookup
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

ENDED: Final = "{}"
"""What stands for a policy that was withdrawn."""


def asked_of(session: Session, change: Change) -> Policy:
    """Return what the policies in force ask of a change, together."""
    return rules.together(in_force(session), change)


def in_force(session: Session, at: str = "") -> list[Written]:
    """Return the policies that apply, or applied at a moment: those a workspace came with, and later ones."""
    written = {
        name: kept(name, row.body)
        for name, row in newest(session, at).items()
        if row.body != ENDED and name != rules.PEOPLE
    }
    return list(({one.name: one for one in rules.CAME} | written).values())


def remembered(session: Session, asked: Policy, at: str) -> str:
    """Keep what is asked of a request, so that it can be read again, and return its digest."""
    body = asked.canonical()
    digest = chain.digest(body)
    known = session.exec(
        sqlmodel.select(tables.Policy.id).where(
            tables.Policy.digest == digest, tables.Policy.body == body
        )
    ).first()
    if known is None:
        session.add(tables.Policy(risk=asked.risk, digest=digest, body=body, at=at))
    return digest


def written_down(
    ws: Workspace, act: Deed, asked: Policy, evidence: str, **about: Any
) -> tables.Request:
    """Write a request down, bound to its evidence and to what policies ask of it; return it with its number."""
    row = tables.Request(
        state="open",
        policy_digest=remembered(act.session, asked, ws.now()),
        evidence_digest=chain.digest(evidence),
        evidence=evidence,
        nonce=secrets.token_hex(16),
        requester=ws.actor.to_dict(),
        at=ws.now(),
        expires_at=iso(ws.clock() + timedelta(days=asked.valid_days)),
        **about,
    )
    act.session.add(row)
    act.session.flush()
    return row


def change_of(
    session: Session, version: tables.Version, deployment: str, role: str = "champion"
) -> Change:
    """Return the change that carries a version into a role of a deployment, as policies look at it."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
    ).first()
    serving = lookup.champion(session, place) if place else None
    return Change(
        subject="replacement" if serving else "deployment",
        risk=cast("Risk", version.risk),
        deployment=deployment,
        model=session.get_one(tables.Model, version.model_id).name,
        role=role,
        tags=tuple(version.tags),
    )


def newest(session: Session, at: str = "") -> dict[str, tables.PolicyVersion]:
    """Return the newest version of each policy that was written, or was at a moment, its digest tried anew.

    A row that no event of the audit log tells of was not written by this word, and is not believed.

    Raises:
        Corrupt: a policy was changed, or put there by another way.
    """
    rows = session.exec(
        sqlmodel.select(tables.PolicyVersion).order_by(sqlmodel.col(tables.PolicyVersion.number))
    ).all()
    newest = {row.name: row for row in rows if not at or row.at <= at}
    told = _told(session) if newest else set()
    for row in newest.values():
        if chain.digest(row.body) != row.digest or (row.name, row.digest) not in told:
            raise Corrupt(
                "The policy {name} was changed after it was written.",
                "`audit --verify` says what else was.",
                code="policy_changed",
                name=row.name,
            )
    return newest


def _told(session: Session) -> set[tuple[str, str]]:
    """Return the names and digests of all policies that the audit log tells of."""
    event = tables.AuditEvent
    bodies = session.exec(
        sqlmodel.select(event.subject, event.body).where(
            event.action == "policy:change:done",
            sqlmodel.col(event.subject).startswith("policy:"),
        )
    ).all()
    found: set[tuple[str, str]] = set()
    for subject, body in bodies:
        after = json.loads(body)["after"] or {}
        if isinstance(digest := after.get("digest"), str):
            found.add((subject.removeprefix("policy:"), digest))
        for name, one in after.items():
            if isinstance(one, dict) and isinstance(one.get("digest"), str):
                found.add((name, one["digest"]))
    return found
