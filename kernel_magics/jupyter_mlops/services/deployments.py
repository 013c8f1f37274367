"""Deployments: what is live where, and how an approved change is carried out.

``deploy`` writes down what should be live and starts the prediction server when none runs. The
server, which believes no row, verifies the approval again, loads and warms the version, and only
then says in the store that it is live. Until that moment the champion serves on.
"""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, Literal

import sqlmodel

from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.answers import Role
from jupyter_mlops.domain.answers import Rollout as RolloutAnswer
from jupyter_mlops.domain.arguments import DeploymentName, Ref, deed
from jupyter_mlops.domain.deployments import (
    WHOLE,
    check_gate,
    check_may_begin,
    check_may_challenge,
    check_may_share,
    check_open,
)
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import gates, lookup, proof, registry, rollouts, standing
from jupyter_mlops.services.carried import carried
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed()
def deploy(
    ws: Workspace,
    ref: Ref,
    *,
    to: DeploymentName,
    role: Role = "champion",
    gate: Literal["auto", "swap", "shadow", "canary"] = "auto",
    share: float | None = None,
    reason: str = "",
) -> RolloutAnswer:
    """Carry out an approved change: a first release, or a replacement without a dropped request.

    Starts the workspace's prediction server when none runs. The version is verified, loaded and
    warmed before it takes over; if that fails, what was live stays live. The gate is chosen from
    risk, traffic and evidence, or said: `swap` takes over at once; `canary` answers a growing share
    of the cases, each case always asking the same version; `shadow` scores beside the champion
    first, then goes on as a canary. Both go on by themselves and take themselves back when they do
    worse than agreed. A `share` is kept as it is said; say a larger one to raise it, `promote` to
    give it everything, `rollback` to take it back. A `challenger` scores in shadow and answers
    nobody.
    """
    check_name(to, what="deployment")
    check_gate(role, gate, share)
    began = clock.monotonic()
    is_open = role == "champion" and share is None and gate != "swap"
    rate = gates.rows_per_hour(ws, to) if is_open else 0.0
    because = ""
    with ws.act("deployment:rollout", subject=f"deployment:{to}", reason=reason) as act:
        parent, version = lookup.version(act.session, ref)
        elsewhere.check_may_answer(ref, registry.read_manifest(version)["format"])
        tried = _tried(act.session, to, version) if role == "champion" else None
        wanted = WHOLE if share is None and gate == "swap" else share
        if tried is not None and wanted is not None:
            replaced, rollout = _give(ws, act, tried, wanted), tried.id
        else:
            if tried is not None:
                _check_free(
                    act.session, act.session.get_one(tables.Deployment, tried.deployment_id)
                )
            now = standing.latest(ws, act.session)
            asked = proof.usable(act.session, version, to, now=now, role=role)
            place = _place(ws, act, to, parent)
            before = lookup.champion(act.session, place)
            replaced = lookup.ref_of(act.session, before[1]) if before else None
            if role == "challenger":
                way = _challenge(act.session, place, version)
            else:
                _check_free(act.session, place)
                way = gates.way(
                    ws,
                    to,
                    gates.Asked(gate, share),
                    version=version,
                    champion=before[1] if before else None,
                    task=parent.task,
                    rate=rate,
                )
                check_may_share(to, way.share, has_champion=before is not None)
            rollout, because = _begin(ws, act, place, version, asked, role, way), way.because
            act.outcome = "begun"
            act.before = {"version": replaced}
            act.after = {
                "version": f"{parent.name}:{version.number}",
                "role": role,
                "gate": way.gate,
                "because": because,
                "share": way.share,
            }
    return carried(ws, rollout, to, replaced, began, because=because)


@deed()
def promote(
    ws: Workspace, deployment: DeploymentName, *, ref: Ref | None = None, reason: str = ""
) -> RolloutAnswer:
    """Make what is tried out the champion: a canary by its own approval, a challenger by another.

    A challenger was approved to score in shadow; it becomes champion once a request for that,
    `request REF --for DEPLOYMENT`, is approved. `ref` says which, where there are several.
    """
    began = clock.monotonic()
    with ws.act("deployment:promotion", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        tried = _chosen(act.session, place, ref)
        if tried.role == "champion":
            replaced, rollout = _give(ws, act, tried, WHOLE), tried.id
        else:
            replaced, rollout = _succeed(ws, act, place, tried)
    return carried(ws, rollout, deployment, replaced, began)


@deed()
def rollback(
    ws: Workspace, deployment: DeploymentName, *, ref: Ref | None = None, reason: str = ""
) -> RolloutAnswer:
    """Go back to the champion before this one, without a dropped request.

    A version that is on its way, in shadow or on a share, is taken back first: the champion then
    answers everything again. Neither needs a new decision, since it leads to what was approved and
    live before; that is verified again, and what was withdrawn since is passed over. `ref` takes back that version, such as a challenger.
    """
    began = clock.monotonic()
    with ws.act("deployment:rollback", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        tried = rollouts.candidate(act.session, place)
        if ref is not None:
            tried = _chosen(act.session, place, ref)
        if tried is not None:
            replaced, rollout = _take_back(ws, act, place, tried)
        else:
            replaced, rollout = _go_back(ws, act, place)
    return carried(ws, rollout, deployment, replaced, began)


def _place(ws: Workspace, act: Deed, name: str, parent: tables.Model) -> tables.Deployment:
    known = act.session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == name)
    ).first()
    if known is None:
        known = tables.Deployment(name=name, model_id=parent.id, state="waiting", at=ws.now())
        act.session.add(known)
        act.session.flush()
    check_open(name, state=known.state)
    return known


def _tried(session: Session, name: str, version: tables.Version) -> tables.Rollout | None:
    """Return the canary of this very version, whose share may be changed."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == name)
    ).first()
    found = rollouts.candidate(session, place) if place else None
    return found if found is not None and found.version_id == version.id else None


def _chosen(session: Session, place: tables.Deployment, ref: str | None) -> tables.Rollout:
    """Return what is tried out here: what ``ref`` names, else the candidate, else the challenger.

    Raises:
        Refused: nothing is, or it is not clear which is meant.
    """
    tried = rollouts.candidate(session, place)
    found = rollouts.challengers(session, place)
    if ref is not None:
        _, version = lookup.version(session, ref)
        found = [at for at in [tried, *found] if at is not None and at.version_id == version.id]
    elif tried is not None:
        return tried
    if len(found) == 1:
        return found[0]
    names = [lookup.ref_of(session, session.get_one(tables.Version, at.version_id)) for at in found]
    if ref is not None:
        raise Refused(
            "{deployment} does not try {ref} out.",
            "`deployments {deployment}` shows what it does.",
            code="not_tried",
            deployment=place.name,
            ref=ref,
        )
    if names:
        raise Refused(
            "{deployment} has several challengers: {refs}.",
            "say which: `--ref {first}`.",
            code="which_challenger",
            deployment=place.name,
            refs=", ".join(names),
            first=names[0],
        )
    raise Refused(
        "{deployment} tries nothing out that could be promoted.",
        "`deploy REF --to {deployment} --share 0.1` tries an approved version out.",
        code="nothing_to_promote",
        deployment=place.name,
    )


def _challenge(session: Session, place: tables.Deployment, version: tables.Version) -> gates.Way:
    """Return the way of a challenger: in shadow, for good."""
    beside = [
        lookup.ref_of(session, session.get_one(tables.Version, at.version_id))
        for at in rollouts.challengers(session, place)
    ]
    live = lookup.champion(session, place) is not None
    check_may_challenge(place.name, beside, lookup.ref_of(session, version), live=live)
    return gates.Way("shadow", 0.0)


def _succeed(
    ws: Workspace, act: Deed, place: tables.Deployment, tried: tables.Rollout
) -> tuple[str | None, int]:
    """Write down that a challenger takes over, by the approval that says so."""
    version = act.session.get_one(tables.Version, tried.version_id)
    now = standing.latest(ws, act.session)
    asked = proof.usable(act.session, version, place.name, now=now)
    _check_free(act.session, place)
    serving = lookup.champion(act.session, place)
    replaced = lookup.ref_of(act.session, serving[1]) if serving else None
    act.outcome = "begun"
    act.before = {"version": replaced}
    act.after = {"version": lookup.ref_of(act.session, version), "digest": version.digest}
    way = gates.Way("swap", WHOLE)
    return replaced, _begin(ws, act, place, version, asked, "champion", way)


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
    if tried.share <= 0 or tried.state == "loading":
        tried.state = "loading"  # it is not where requests are answered yet
    elif share >= WHOLE:
        rollouts.end(act.session, place, now=ws.now(), version=version.id)
        tried.state, tried.since, tried.until = "live", ws.now(), ""
        place.model_id = version.model_id
    tried.share, tried.plan = share, {}
    tried.gate = tried.gate if share >= WHOLE else "canary"
    act.session.add_all([tried, place])
    return replaced


def _take_back(
    ws: Workspace, act: Deed, place: tables.Deployment, tried: tables.Rollout
) -> tuple[str | None, int]:
    """End what is tried out; return its ref and the champion's rollout."""
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
    way: gates.Way,
) -> int:
    """Write down what should be live; a rollout that failed under the same request is tried again."""
    again = act.session.exec(
        sqlmodel.select(tables.Rollout)
        .where(tables.Rollout.request_id == asked)
        .where(tables.Rollout.action == "deploy")
    ).first()
    rollout = again or _next(place, version, asked, "deploy", role)
    rollout.share, rollout.gate, rollout.plan = way.share, way.gate, way.plan
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
        Refused: there was none whose approval still stands.
    """
    found = standing.before(session, place)
    if found is None:
        raise _nothing_before(place.name)
    return found


def _nothing_before(deployment: str) -> Refused:
    return Refused(
        "{deployment} has no champion to go back to.",
        "`retire {deployment}` stops it; `deploy REF --to {deployment}` replaces it.",
        code="nothing_before",
        deployment=deployment,
    )
