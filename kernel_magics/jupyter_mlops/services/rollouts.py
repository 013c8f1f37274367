"""Rollouts as the prediction server carries them out: what to serve, verified, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlmodel

from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.services import lookup, proof
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True)
class Served:
    """What a prediction server has to serve, or to load in order to serve it."""

    deployment: str
    rollout: int
    ref: str
    digest: str
    state: Literal["loading", "live"]
    share: float = WHOLE


def served(ws: Workspace) -> list[Served]:
    """Return what should be live, and what waits to be loaded."""
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Deployment, tables.Rollout, tables.Version, tables.Model)
            .where(tables.Deployment.id == tables.Rollout.deployment_id)
            .where(tables.Rollout.version_id == tables.Version.id)
            .where(tables.Version.model_id == tables.Model.id)
            .where(sqlmodel.col(tables.Rollout.state).in_(("live", "loading")))
            .order_by(sqlmodel.col(tables.Rollout.id))
        ).all()
    return [
        Served(
            deployment=place.name,
            rollout=rollout.id,
            ref=f"{parent.name}:{version.number}",
            digest=version.digest,
            state="live" if rollout.state == "live" else "loading",
            share=rollout.share,
        )
        for place, rollout, version, parent in rows
    ]


def verify(ws: Workspace, rollout: int) -> None:
    """Raise unless a rollout stands on a complete approval of these very bytes."""
    with ws.look() as session:
        proof.verify(session, session.get_one(tables.Rollout, rollout))


def carry_out(ws: Workspace, rollout: int) -> None:
    """Say that a loaded version answers now; the one before it ends at the same moment."""
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}") as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return
        proof.verify(act.session, coming)
        place = act.session.get_one(tables.Deployment, coming.deployment_id)
        version = act.session.get_one(tables.Version, coming.version_id)
        now = ws.now()
        if coming.share >= WHOLE:
            end(act.session, place, now=now)
        coming.state, coming.since = "live", now
        place.state, place.model_id = "live", version.model_id
        asked = act.session.get_one(tables.Request, coming.request_id)
        asked.state = "carried out"
        act.session.add_all([coming, place, asked])
        act.subject = f"deployment:{place.name}"
        act.outcome = "carried out"
        act.after = {
            "version": lookup.ref_of(act.session, version),
            "digest": version.digest,
            "share": coming.share,
        }


def fail(ws: Workspace, rollout: int, because: str) -> None:
    """Say that a version could not be loaded; what was live stays live."""
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}", reason=because) as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return
        give_up(act, coming, because)


def revision(ws: Workspace) -> int:
    """Return a number that changes whenever anything in the store does."""
    with ws.look() as session:
        newest = session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.seq))).one()
    return int(newest or 0)


def give_up(act: Deed, coming: tables.Rollout, because: str) -> None:
    """Write down that a rollout came to nothing, and why."""
    place = act.session.get_one(tables.Deployment, coming.deployment_id)
    version = act.session.get_one(tables.Version, coming.version_id)
    coming.state, coming.because = "failed", because
    act.session.add(coming)
    act.subject = f"deployment:{place.name}"
    act.outcome = "failed"
    act.after = {"version": lookup.ref_of(act.session, version), "because": because}


def end(session: Session, place: tables.Deployment, *, now: str) -> None:
    """End everything that is live at a deployment, candidates included."""
    for going in of_place(session, place, "live"):
        going.state, going.until = "ended", now
        session.add(going)


def candidate(session: Session, place: tables.Deployment) -> tables.Rollout | None:
    """Return the version that is tried out on a share of the traffic, if one is."""
    live = of_place(session, place, "live")
    return next((found for found in live if found.share < WHOLE), None)


def of_place(session: Session, place: tables.Deployment, *states: str) -> list[tables.Rollout]:
    """Return a deployment's rollouts, oldest first: those in one of the states, or all."""
    query = sqlmodel.select(tables.Rollout).where(tables.Rollout.deployment_id == place.id)
    if states:
        query = query.where(sqlmodel.col(tables.Rollout.state).in_(states))
    return list(session.exec(query.order_by(sqlmodel.col(tables.Rollout.id))))
