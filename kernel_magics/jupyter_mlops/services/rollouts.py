"""Rollouts as the prediction server carries them out: what to serve, verified, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sqlmodel

from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.services import emergencies, lookup, pinned
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
    role: str = "champion"


def served(ws: Workspace) -> list[Served]:
    """Return what should answer, and what waits to be loaded in order to."""
    return [item for item in _current(ws) if item.share > 0]


def beside(ws: Workspace) -> list[Served]:
    """Return what should score in shadow, or waits to: challengers, and candidates that begin there."""
    return [item for item in _current(ws) if item.share <= 0]


def _current(ws: Workspace) -> list[Served]:
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
            role=rollout.role,
        )
        for place, rollout, version, parent in rows
    ]


def verify(ws: Workspace, rollout: int) -> None:
    """Raise unless a rollout stands on a complete approval of these very bytes."""
    with ws.look() as session:
        pinned.check(ws, session, session.get_one(tables.Rollout, rollout))


def packed(ws: Workspace, item: Served, *, compiled: bool) -> tuple[dict[str, Any], str, bytes]:
    """Return the manifest of what is to be served, and the bytes of its model with their format.

    Raises:
        Corrupt: the manifest or the bytes are not what was registered.
    """
    from jupyter_mlops import formats
    from jupyter_mlops.services import registry

    with ws.look() as session:
        _, version = lookup.version(session, item.ref)
    manifest = registry.read_manifest(version)
    fast = manifest["compiled"] if compiled else None
    data = ws.artifacts.get(fast or manifest["artifact"])
    return manifest, formats.sniff(data), data


@dataclass(frozen=True)
class Ahead:
    """What may soon be carried out: the newest version and request there are, and new ones' formats."""

    version: int
    request: int
    formats: frozenset[str]


def ahead(ws: Workspace, known: Ahead | None) -> Ahead:
    """Return what was registered or requested since the last look; at the first, nothing is new."""
    version, request = tables.Version, tables.Request
    with ws.look() as session:
        newest = [
            int(session.exec(sqlmodel.select(sqlmodel.func.max(one.id))).one() or 0)
            for one in (version, request)
        ]
        if known is None or newest == [known.version, known.request]:
            return Ahead(newest[0], newest[1], frozenset())
        asked = sqlmodel.select(request.version_id).where(request.id > known.request)
        rows = session.exec(
            sqlmodel.select(version.manifest).where(
                sqlmodel.or_(version.id > known.version, sqlmodel.col(version.id).in_(asked))
            )
        ).all()
    found = frozenset(str(json.loads(manifest)["format"]) for manifest in rows)
    return Ahead(newest[0], newest[1], found)


def go_by_themselves(ws: Workspace) -> list[tables.Rollout]:
    """Return what is on its way to become a champion by a plan of its own."""
    with ws.look() as session:
        live = session.exec(
            sqlmodel.select(tables.Rollout)
            .where(tables.Rollout.state == "live", tables.Rollout.share < WHOLE)
            .order_by(sqlmodel.col(tables.Rollout.id))
        ).all()
    return [found for found in live if found.plan]


def carry_out(ws: Workspace, rollout: int) -> bool:
    """Say that a loaded version answers now; the one before it ends at the same moment.

    Return whether it was still to be carried out, and is approved therefore.
    """
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}") as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return False
        pinned.check(ws, act.session, coming)
        place = act.session.get_one(tables.Deployment, coming.deployment_id)
        version = act.session.get_one(tables.Version, coming.version_id)
        now = ws.now()
        if coming.share >= WHOLE:
            end(act.session, place, now=now, version=version.id)
            place.state, place.model_id = "live", version.model_id
        coming.state, coming.since = "live", now
        if coming.plan:
            coming.plan = {**coming.plan, "began": now}
        emergencies.raised(ws, act, coming)
        asked = act.session.get_one(tables.Request, coming.request_id)
        asked.state = "carried out"
        act.session.add_all([coming, place, asked])
        act.subject = f"deployment:{place.name}"
        act.outcome = "carried out"
        act.after = {
            "version": lookup.ref_of(act.session, version),
            "digest": version.digest,
            "role": coming.role,
            "gate": coming.gate,
            "share": coming.share,
        }
    return True


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


def give_up_beside(ws: Workspace, rollout: int, because: str) -> None:
    """Say that what scored in shadow failed too often; nobody but it is touched."""
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}", reason=because) as act:
        going = act.session.get_one(tables.Rollout, rollout)
        if going.state not in ("live", "loading") or going.share > 0:
            act.nothing()
            return
        give_up(act, going, because)
        going.until = ws.now()


def end(session: Session, place: tables.Deployment, *, now: str, version: int) -> None:
    """End what is live at a deployment when a version takes over: champion, candidate, its own shadow.

    Other challengers go on, beside the new champion.
    """
    for going in of_place(session, place, "live"):
        if going.role == "champion" or going.version_id == version:
            going.state, going.until = "ended", now
            session.add(going)


def candidate(session: Session, place: tables.Deployment) -> tables.Rollout | None:
    """Return the version that is on its way to become the champion, in shadow or on a share."""
    found = of_place(session, place, "live", "loading")
    ways = [at for at in found if at.role == "champion" and at.share < WHOLE and at.since]
    return ways[0] if ways else None


def challengers(session: Session, place: tables.Deployment) -> list[tables.Rollout]:
    """Return what challenges the champion, oldest first."""
    return [at for at in of_place(session, place, "live", "loading") if at.role == "challenger"]


def of_place(session: Session, place: tables.Deployment, *states: str) -> list[tables.Rollout]:
    """Return a deployment's rollouts, oldest first: those in one of the states, or all."""
    query = sqlmodel.select(tables.Rollout).where(tables.Rollout.deployment_id == place.id)
    if states:
        query = query.where(sqlmodel.col(tables.Rollout.state).in_(states))
    return list(session.exec(query.order_by(sqlmodel.col(tables.Rollout.id))))
