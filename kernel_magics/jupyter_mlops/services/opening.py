"""What a new request meets: the same wish, a champion of another kind, and what it takes the place of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain.registry import Kindred, check_answers_alike
from jupyter_mlops.domain.remarks import UNDECIDED
from jupyter_mlops.errors import Conflict
from jupyter_mlops.services import demanded, evidence, laid_down, lookup, proof
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def check_new(
    ws: Workspace, session: Session, version: tables.Version, deployment: str, role: str
) -> None:
    """Raise while somebody asks for exactly this already."""
    waiting = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.version_id == version.id, tables.Request.deployment == deployment)
        .where(tables.Request.role == role, sqlmodel.col(tables.Request.state).in_(UNDECIDED))
    ).all()
    same = [asked for asked in waiting if proof.state_of(asked, now=ws.now()) in UNDECIDED]
    if not same:
        return
    raise Conflict(
        "Request {request} asks for exactly this already.",
        "`approve {request}` or `reject {request}` decides it; `withdraw {request}` takes it back.",
        code="already_requested",
        request=same[0].id,
    )


def superseded(session: Session, opened: tables.Request, version: tables.Version) -> list[int]:
    """Close what waits for changes and asks the same for an older version of the model."""
    found = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.version_id == tables.Version.id)
        .where(tables.Version.model_id == version.model_id)
        .where(tables.Version.number < version.number)
        .where(tables.Request.deployment == opened.deployment)
        .where(tables.Request.role == opened.role, tables.Request.state == "changes asked")
        .order_by(sqlmodel.col(tables.Request.id))
    ).all()
    for asked in found:
        asked.state = "superseded"
        session.add(asked)
    return [asked.id for asked in found]


def check_alike(
    session: Session, parent: tables.Model, version: tables.Version, deployment: str
) -> None:
    """Raise where a version answers another question than what the deployment serves."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
    ).first()
    if place is None or lookup.champion(session, place) is None:
        return
    serves = session.get_one(tables.Model, place.model_id)
    check_answers_alike(
        deployment,
        serves=Kindred(serves.target, serves.task, serves.classes),
        asked=Kindred(parent.target, parent.task, parent.classes),
        ref=f"{parent.name}:{version.number}",
    )


def opened(
    ws: Workspace,
    act: Deed,
    version: tables.Version,
    deployment: str,
    role: str,
    reason: str,
    found: Mapping[str, Any],
) -> tables.Request:
    """Write a request down with its evidence, bound to what policies in force ask of it."""
    change = laid_down.change_of(act.session, version, deployment, role)
    policy = laid_down.asked_of(act.session, change)
    checked = [*found["checks"], *demanded.found(act.session, version, policy, found["checks"])]
    frozen = evidence.canonical(
        {
            **found,
            "checks": checked,
            "ref": lookup.ref_of(act.session, version),
            "replaces": _replaced(act.session, deployment) if role == "champion" else None,
            "metrics": version.metrics,
        }
    )
    return laid_down.written_down(
        ws,
        act,
        policy,
        frozen,
        version_id=version.id,
        deployment=deployment,
        role=role,
        risk=version.risk,
        reason=reason,
        manifest_digest=version.digest,
    )


def _replaced(session: Session, deployment: str) -> str | None:
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
    ).first()
    serving = lookup.champion(session, place) if place else None
    return lookup.ref_of(session, serving[1]) if serving else None
