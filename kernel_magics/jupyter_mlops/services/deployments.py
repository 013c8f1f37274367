"""Deployments: what is live where, and how an approved change is carried out.

``deploy`` writes down what should be live and starts the prediction server when none runs. The
server, which believes no row, verifies the approval again, loads and warms the version, and only
then says in the store that it is live. Until that moment the champion serves on.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow, Deployments, Role
from jupyter_mlops.domain.answers import Rollout as RolloutAnswer
from jupyter_mlops.domain.arguments import DeploymentName, Ref, deed, read
from jupyter_mlops.domain.deployments import (
    ROLLOUT_SECONDS,
    champion_before,
    check_may_begin,
    check_may_retire,
)
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Refused, Unavailable
from jupyter_mlops.services import health, lookup, proof, server
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Served:
    """What a prediction server has to serve, or to load in order to serve it."""

    deployment: str
    rollout: int
    ref: str
    digest: str
    state: Literal["loading", "live"]


@deed()
def deploy(
    ws: Workspace,
    ref: Ref,
    *,
    to: DeploymentName,
    role: Role = "champion",
    reason: str = "",
) -> RolloutAnswer:
    """Carry out an approved change: a first release, or a replacement without a dropped request.

    Starts the workspace's prediction server when none runs. The version is verified, loaded and
    warmed before it takes over; if that fails, what was live stays live.
    """
    check_name(to, what="deployment")
    began = clock.monotonic()
    with ws.act("deployment:rollout", subject=f"deployment:{to}", reason=reason) as act:
        parent, version = lookup.version(act.session, ref)
        asked = proof.usable(act.session, version, to, now=ws.now())
        place = _place(ws, act, to, parent)
        before = lookup.champion(act.session, place)
        replaced = lookup.ref_of(act.session, before[1]) if before else None
        rollout = _begin(ws, act, place, version, asked, role)
        act.outcome = "begun"
        act.before, act.after = (
            {"version": replaced},
            {"version": f"{parent.name}:{version.number}"},
        )
    return _carried(ws, rollout, to, replaced, began)


@deed()
def rollback(ws: Workspace, deployment: DeploymentName, *, reason: str = "") -> RolloutAnswer:
    """Go back to the champion before this one, without a dropped request.

    It needs no new decision: it was approved and live before. Its approval is verified again.
    """
    began = clock.monotonic()
    with ws.act("deployment:rollback", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        _check_free(act.session, place)
        last = _before(act.session, place)
        version = act.session.get_one(tables.Version, last.version_id)
        serving = lookup.champion(act.session, place)
        replaced = lookup.ref_of(act.session, serving[1]) if serving else None
        rollout = _written(ws, act, _next(place, version, last.request_id, "rollback", last.role))
        act.outcome = "begun"
        act.before = {"version": replaced}
        act.after = {"version": lookup.ref_of(act.session, version)}
    return _carried(ws, rollout, deployment, replaced, began)


@read()
def deployments(ws: Workspace, query: str = "") -> Deployments:
    """List the fleet with its health; the query may hold a name, a model or a status."""
    with ws.look() as session:
        places = session.exec(
            sqlmodel.select(tables.Deployment).order_by(sqlmodel.col(tables.Deployment.name))
        ).all()
        bare = [_row(session, place) for place in places]
    rows = health.filled_in(ws, bare)
    words = query.lower().split()
    return Deployments(items=[row for row in rows if all(word in _text(row) for word in words)])


@deed()
def retire(ws: Workspace, deployment: DeploymentName, *, reason: str = "") -> DeploymentRow:
    """Stop a deployment and keep everything it did; its name is not used again."""
    with ws.act("deployment:retirement", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        check_may_retire(deployment, state=place.state)
        serving = lookup.champion(act.session, place)
        act.before = {"state": place.state}
        act.after = {"state": "retired"}
        place.state = "retired"
        act.session.add(place)
        for rollout in _rollouts(act.session, place, "live", "loading"):
            rollout.state, rollout.until = "ended", ws.now()
            act.session.add(rollout)
        if serving:
            act.before["version"] = lookup.ref_of(act.session, serving[1])
        act.session.flush()
        row = _row(act.session, place)
    return health.filled_in(ws, [row])[0]


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
        for going in _rollouts(act.session, place, "live"):
            going.state, going.until = "ended", now
            act.session.add(going)
        coming.state, coming.since = "live", now
        place.state, place.model_id = "live", version.model_id
        asked = act.session.get_one(tables.Request, coming.request_id)
        asked.state = "carried out"
        act.session.add_all([coming, place, asked])
        act.subject = f"deployment:{place.name}"
        act.outcome = "carried out"
        act.after = {"version": lookup.ref_of(act.session, version), "digest": version.digest}


def fail(ws: Workspace, rollout: int, because: str) -> None:
    """Say that a version could not be loaded; what was live stays live."""
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}", reason=because) as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return
        _give_up(act, coming, because)


def revision(ws: Workspace) -> int:
    """Return a number that changes whenever anything in the store does."""
    with ws.look() as session:
        newest = session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.seq))).one()
    return int(newest or 0)


def _place(ws: Workspace, act: Deed, name: str, parent: tables.Model) -> tables.Deployment:
    known = act.session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == name)
    ).first()
    if known is None:
        known = tables.Deployment(name=name, model_id=parent.id, state="waiting", at=ws.now())
        act.session.add(known)
        act.session.flush()
    _check_free(act.session, known)
    return known


def _check_free(session: Session, place: tables.Deployment) -> None:
    """Raise when a deployment is retired, or another change of it is on its way."""
    loading = _rollouts(session, place, "loading")
    waiting = session.get_one(tables.Version, loading[0].version_id) if loading else None
    ref = lookup.ref_of(session, waiting) if waiting else None
    check_may_begin(place.name, state=place.state, loading=ref)


def _begin(
    ws: Workspace,
    act: Deed,
    place: tables.Deployment,
    version: tables.Version,
    asked: int,
    role: str,
) -> int:
    """Write down what should be live; a rollout that failed under the same request is tried again."""
    again = act.session.exec(
        sqlmodel.select(tables.Rollout)
        .where(tables.Rollout.request_id == asked)
        .where(tables.Rollout.action == "deploy")
    ).first()
    return _written(ws, act, again or _next(place, version, asked, "deploy", role))


def _next(
    place: tables.Deployment, version: tables.Version, asked: int, action: str, role: str
) -> tables.Rollout:
    return tables.Rollout(
        deployment_id=place.id,
        version_id=version.id,
        request_id=asked,
        action=action,
        role=role,
        state="loading",
        at="",
    )


def _written(ws: Workspace, act: Deed, rollout: tables.Rollout) -> int:
    """Write down that a rollout is on its way; return its id."""
    rollout.state, rollout.because, rollout.at = "loading", "", ws.now()
    act.session.add(rollout)
    act.session.flush()
    return rollout.id


def _before(session: Session, place: tables.Deployment) -> tables.Rollout:
    """Return the rollout that carried out the champion before this one.

    Raises:
        Refused: there was none.
    """
    past = _rollouts(session, place)
    version = champion_before([(found.version_id, bool(found.since)) for found in past])
    if version is None:
        raise Refused(
            "{deployment} has no champion to go back to.",
            "`retire {deployment}` stops it; `deploy REF --to {deployment}` replaces it.",
            code="nothing_before",
            deployment=place.name,
        )
    return next(found for found in past if found.version_id == version and found.since)


def _carried(
    ws: Workspace, rollout: int, deployment: str, replaced: str | None, began: float
) -> RolloutAnswer:
    """Wait for the prediction server to carry a rollout out, and say what it came to."""
    with ws.look() as session:
        written = session.get_one(tables.Rollout, rollout)
        version = session.get_one(tables.Version, written.version_id)
        ref = lookup.ref_of(session, version)
    running = server.ensure(ws)
    _await_live(ws, rollout, deployment, version.digest)
    return RolloutAnswer(
        deployment=deployment,
        version=ref,
        digest=version.digest,
        replaced=replaced,
        request=written.request_id,
        url=f"{running['url']}/deployments/{deployment}/predictions",
        seconds=round(clock.monotonic() - began, 3),
    )


def _await_live(ws: Workspace, rollout: int, deployment: str, digest: str) -> None:
    """Wait until the prediction server answers with the version, or has said why it does not."""
    until = clock.monotonic() + ROLLOUT_SECONDS
    while clock.monotonic() < until:
        with ws.look() as session:
            now = session.get_one(tables.Rollout, rollout)
        if now.state == "live" and server.serves(ws, deployment) == digest:
            return
        if now.state not in ("live", "loading"):
            raise Refused(
                "{deployment} keeps what it served: {because}",
                "`check` tries the version again; `audit {deployment}` shows what happened.",
                code="rollout_failed",
                deployment=deployment,
                because=now.because,
            )
        ws.progress("loading", 0.5)
        clock.sleep(POLL_SECONDS)
    _withdraw(ws, rollout)
    raise Unavailable(
        "The prediction server did not load the version within {seconds} s; nothing was changed.",
        "look at {log}, then `serve` and deploy again.",
        code="rollout_timeout",
        seconds=int(ROLLOUT_SECONDS),
        log=ws.home.log_file,
    )


def _withdraw(ws: Workspace, rollout: int) -> None:
    with ws.act("deployment:rollout", subject=f"rollout:{rollout}") as act:
        coming = act.session.get_one(tables.Rollout, rollout)
        if coming.state != "loading":
            act.nothing()
            return
        _give_up(act, coming, "It was not loaded in time.")


def _give_up(act: Deed, coming: tables.Rollout, because: str) -> None:
    place = act.session.get_one(tables.Deployment, coming.deployment_id)
    version = act.session.get_one(tables.Version, coming.version_id)
    coming.state, coming.because = "failed", because
    act.session.add(coming)
    act.subject = f"deployment:{place.name}"
    act.outcome = "failed"
    act.after = {"version": lookup.ref_of(act.session, version), "because": because}


def _rollouts(session: Session, place: tables.Deployment, *states: str) -> list[tables.Rollout]:
    """Return a deployment's rollouts, oldest first: those in one of the states, or all."""
    query = sqlmodel.select(tables.Rollout).where(tables.Rollout.deployment_id == place.id)
    if states:
        query = query.where(sqlmodel.col(tables.Rollout.state).in_(states))
    return list(session.exec(query.order_by(sqlmodel.col(tables.Rollout.id))))


def _row(session: Session, place: tables.Deployment) -> DeploymentRow:
    """Return a deployment as the store knows it; its health is filled in from its log."""
    serving = lookup.champion(session, place)
    parent = session.get_one(tables.Model, place.model_id)
    return DeploymentRow(
        name=place.name,
        model=parent.name,
        version=lookup.ref_of(session, serving[1]) if serving else None,
        digest=serving[1].digest if serving else None,
        state=cast("Any", place.state),
        status="unknown",
        because="",
        since=serving[0].since if serving else None,
        risk=cast("Any", serving[1].risk if serving else parent.risk),
        owner=parent.owner,
        predictions=0,
        url=None,
    )


def _text(row: DeploymentRow) -> str:
    return f"{row['name']} {row['model']} {row['state']} {row['status']} {row['owner']}".lower()
