"""Deployments: what is live where, and how an approved change is carried out.

``deploy`` writes down what should be live and starts the prediction server when none runs. The
server, which believes no row, verifies the approval again, loads and warms the version, and only
then says in the store that it is live. Until that moment the champion serves on.
"""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow, Deployments, Role
from jupyter_mlops.domain.answers import Rollout as RolloutAnswer
from jupyter_mlops.domain.arguments import DeploymentName, Ref, deed, read
from jupyter_mlops.domain.deployments import (
    ROLLOUT_SECONDS,
    WHOLE,
    champion_before,
    check_may_begin,
    check_may_retire,
    check_may_share,
    check_share,
)
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Refused, Unavailable
from jupyter_mlops.services import health, lookup, proof, rollouts, server
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

POLL_SECONDS = 0.02


@deed()
def deploy(
    ws: Workspace,
    ref: Ref,
    *,
    to: DeploymentName,
    role: Role = "champion",
    share: float | None = None,
    reason: str = "",
) -> RolloutAnswer:
    """Carry out an approved change: a first release, or a replacement without a dropped request.

    Starts the workspace's prediction server when none runs. The version is verified, loaded and
    warmed before it takes over; if that fails, what was live stays live. With a `share` below 1 it
    is a canary: that share of the cases asks it, each case always the same version. Say a larger
    share to raise it, `promote` to give it everything, `rollback` to take it back.
    """
    check_name(to, what="deployment")
    wanted = WHOLE if share is None else share
    check_share(wanted)
    began = clock.monotonic()
    with ws.act("deployment:rollout", subject=f"deployment:{to}", reason=reason) as act:
        parent, version = lookup.version(act.session, ref)
        tried = _tried(act.session, to, version)
        if tried is not None:
            replaced, rollout = _give(ws, act, tried, wanted), tried.id
        else:
            asked = proof.usable(act.session, version, to, now=ws.now())
            place = _place(ws, act, to, parent)
            before = lookup.champion(act.session, place)
            check_may_share(to, wanted, has_champion=before is not None)
            replaced = lookup.ref_of(act.session, before[1]) if before else None
            rollout = _begin(ws, act, place, version, asked, role, wanted)
            act.outcome = "begun"
            act.before = {"version": replaced}
            act.after = {"version": f"{parent.name}:{version.number}", "share": wanted}
    return _carried(ws, rollout, to, replaced, began)


@deed()
def promote(ws: Workspace, deployment: DeploymentName, *, reason: str = "") -> RolloutAnswer:
    """Give a canary all of the traffic: it becomes the champion, by the approval it went out with."""
    began = clock.monotonic()
    with ws.act("deployment:promotion", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        tried = rollouts.candidate(act.session, place)
        if tried is None:
            raise Refused(
                "{deployment} tries nothing out that could be promoted.",
                "`deploy REF --to {deployment} --share 0.1` tries an approved version out.",
                code="nothing_to_promote",
                deployment=deployment,
            )
        replaced = _give(ws, act, tried, WHOLE)
    return _carried(ws, tried.id, deployment, replaced, began)


@deed()
def rollback(ws: Workspace, deployment: DeploymentName, *, reason: str = "") -> RolloutAnswer:
    """Go back to the champion before this one, without a dropped request.

    A canary is taken back first: the champion then answers everything again. Either needs no new
    decision, since it leads to what was approved and live before; that is verified again.
    """
    began = clock.monotonic()
    with ws.act("deployment:rollback", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        tried = rollouts.candidate(act.session, place)
        if tried is not None:
            replaced, rollout = _take_back(ws, act, place, tried)
        else:
            replaced, rollout = _go_back(ws, act, place)
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
        for rollout in rollouts.of_place(act.session, place, "live", "loading"):
            rollout.state, rollout.until = "ended", ws.now()
            act.session.add(rollout)
        if serving:
            act.before["version"] = lookup.ref_of(act.session, serving[1])
        act.session.flush()
        row = _row(act.session, place)
    return health.filled_in(ws, [row])[0]


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


def _tried(session: Session, name: str, version: tables.Version) -> tables.Rollout | None:
    """Return the canary of this very version, whose share may be changed."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == name)
    ).first()
    found = rollouts.candidate(session, place) if place else None
    return found if found is not None and found.version_id == version.id else None


def _give(ws: Workspace, act: Deed, tried: tables.Rollout, share: float) -> str | None:
    """Change the share of a canary, after verifying its approval; return the champion's ref."""
    proof.verify(act.session, tried)
    place = act.session.get_one(tables.Deployment, tried.deployment_id)
    version = act.session.get_one(tables.Version, tried.version_id)
    serving = lookup.champion(act.session, place)
    replaced = lookup.ref_of(act.session, serving[1]) if serving else None
    ref = lookup.ref_of(act.session, version)
    act.outcome = "carried out"
    act.before = {"version": replaced, "share": tried.share}
    act.after = {"version": ref, "digest": version.digest, "share": share}
    if share >= WHOLE:
        rollouts.end(act.session, place, now=ws.now())
        tried.state, tried.since, tried.until = "live", ws.now(), ""
        place.model_id = version.model_id
    tried.share = share
    act.session.add_all([tried, place])
    return replaced


def _take_back(
    ws: Workspace, act: Deed, place: tables.Deployment, tried: tables.Rollout
) -> tuple[str | None, int]:
    """End a canary; return its ref and the champion's rollout."""
    version = act.session.get_one(tables.Version, tried.version_id)
    serving = lookup.champion(act.session, place)
    if serving is None:
        raise _nothing_before(place.name)
    tried.state, tried.until, tried.because = "ended", ws.now(), act.reason
    act.session.add(tried)
    taken = lookup.ref_of(act.session, version)
    act.outcome = "carried out"
    act.before = {"version": taken, "share": tried.share}
    act.after = {"version": lookup.ref_of(act.session, serving[1]), "share": WHOLE}
    return taken, serving[0].id


def _go_back(ws: Workspace, act: Deed, place: tables.Deployment) -> tuple[str | None, int]:
    """Write down that the champion before this one comes back; return what it replaces."""
    _check_free(act.session, place)
    last = _before(act.session, place)
    version = act.session.get_one(tables.Version, last.version_id)
    serving = lookup.champion(act.session, place)
    replaced = lookup.ref_of(act.session, serving[1]) if serving else None
    rollout = _written(ws, act, _next(place, version, last.request_id, "rollback", last.role))
    act.outcome = "begun"
    act.before = {"version": replaced}
    act.after = {"version": lookup.ref_of(act.session, version)}
    return replaced, rollout


def _check_free(session: Session, place: tables.Deployment) -> None:
    """Raise when a deployment is retired, or another change of it is on its way."""
    loading = rollouts.of_place(session, place, "loading")
    waiting = session.get_one(tables.Version, loading[0].version_id) if loading else None
    ref = lookup.ref_of(session, waiting) if waiting else None
    tried = rollouts.candidate(session, place)
    trying = session.get_one(tables.Version, tried.version_id) if tried else None
    check_may_begin(
        place.name,
        state=place.state,
        loading=ref,
        trying=lookup.ref_of(session, trying) if trying else None,
    )


def _begin(
    ws: Workspace,
    act: Deed,
    place: tables.Deployment,
    version: tables.Version,
    asked: int,
    role: str,
    share: float,
) -> int:
    """Write down what should be live; a rollout that failed under the same request is tried again."""
    again = act.session.exec(
        sqlmodel.select(tables.Rollout)
        .where(tables.Rollout.request_id == asked)
        .where(tables.Rollout.action == "deploy")
    ).first()
    rollout = again or _next(place, version, asked, "deploy", role)
    rollout.share, rollout.gate = share, "swap" if share >= WHOLE else "canary"
    return _written(ws, act, rollout)


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
    past = [found for found in rollouts.of_place(session, place) if found.share >= WHOLE]
    version = champion_before([(found.version_id, bool(found.since)) for found in past])
    if version is None:
        raise _nothing_before(place.name)
    return next(found for found in past if found.version_id == version and found.since)


def _nothing_before(deployment: str) -> Refused:
    return Refused(
        "{deployment} has no champion to go back to.",
        "`retire {deployment}` stops it; `deploy REF --to {deployment}` replaces it.",
        code="nothing_before",
        deployment=deployment,
    )


def _carried(
    ws: Workspace, rollout: int, deployment: str, replaced: str | None, began: float
) -> RolloutAnswer:
    """Wait for the prediction server to carry a rollout out, and say what it came to."""
    with ws.look() as session:
        written = session.get_one(tables.Rollout, rollout)
        version = session.get_one(tables.Version, written.version_id)
        ref = lookup.ref_of(session, version)
    running = server.ensure(ws)
    _await_live(ws, rollout, deployment, server.Serving(version.digest, written.share))
    return RolloutAnswer(
        deployment=deployment,
        version=ref,
        digest=version.digest,
        replaced=replaced,
        request=written.request_id,
        share=written.share,
        url=f"{running['url']}/deployments/{deployment}/predictions",
        seconds=round(clock.monotonic() - began, 3),
    )


def _await_live(ws: Workspace, rollout: int, deployment: str, wanted: server.Serving) -> None:
    """Wait until the prediction server answers with the version, or has said why it does not."""
    until = clock.monotonic() + ROLLOUT_SECONDS
    while clock.monotonic() < until:
        with ws.look() as session:
            now = session.get_one(tables.Rollout, rollout)
        if now.state == "live" and wanted in server.serves(ws, deployment):
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
        rollouts.give_up(act, coming, "It was not loaded in time.")


def _row(session: Session, place: tables.Deployment) -> DeploymentRow:
    """Return a deployment as the store knows it; its health is filled in from its log."""
    serving = lookup.champion(session, place)
    parent = session.get_one(tables.Model, place.model_id)
    tried = rollouts.candidate(session, place)
    trying = session.get_one(tables.Version, tried.version_id) if tried else None
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
        canary=lookup.ref_of(session, trying) if trying else None,
        share=tried.share if tried else None,
    )


def _text(row: DeploymentRow) -> str:
    return f"{row['name']} {row['model']} {row['state']} {row['status']} {row['owner']}".lower()
