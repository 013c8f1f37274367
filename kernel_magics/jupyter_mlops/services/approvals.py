"""Requests, decisions, and the proof that a change was approved."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import approvals as rules
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.access import OWNER, as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.answers import Decision as DecisionAnswer
from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.answers import Requests, Risk, Role
from jupyter_mlops.domain.arguments import DeploymentName, Ref, RequestId, deed, read
from jupyter_mlops.domain.names import check_name, iso
from jupyter_mlops.domain.remarks import (
    UNDECIDED,
    check_nobody_asks_for_changes,
    check_text,
    standing_changes,
)
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    applying,
    checks,
    evidence,
    lookup,
    opening,
    proof,
    registry,
    remarks,
    shelves,
    since,
    standing,
)
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

_DIGITS: Final = 10
"""A number with as many digits is none that a request has."""


@deed()
def request(
    ws: Workspace,
    ref: Ref,
    *,
    for_deployment: DeploymentName,
    role: Role = "champion",
    reason: str = "",
    apply: bool = False,
) -> RequestAnswer:
    """Ask that a version may serve a deployment, with the evidence attached.

    The release checks run first; their results, the model's figures and what it would replace are
    frozen by digest, and so are the comparison with the champion, the figures of fairness where
    attributes are protected, where the version comes from, and its newest model card. A decision holds
    for exactly this version, deployment, policy and evidence. `--apply` has it carried out as soon as
    the last approval is given.
    """
    check_name(for_deployment, what="deployment")
    found = checks.run(ws, ref, for_deployment, role)
    more = {**evidence.gather(ws, ref, for_deployment, found), "apply": apply}
    with ws.act("request:opening", subject=f"deployment:{for_deployment}", reason=reason) as act:
        parent, version = lookup.version(act.session, ref)
        elsewhere.check_may_answer(ref, registry.read_manifest(version)["format"])
        shelves.check_in_sight(act.session, version)
        opening.check_new(ws, act.session, version, for_deployment, role)
        opening.check_alike(act.session, parent, version, for_deployment)
        opened = _open(ws, act, version, for_deployment, role, reason, {**more, "checks": found})
        act.subject = f"request:{opened.id}"
        act.after = {
            "version": f"{parent.name}:{version.number}",
            "manifest": version.digest,
            "deployment": for_deployment,
            "policy": opened.policy_digest,
            "evidence": opened.evidence_digest,
            "expires_at": opened.expires_at,
            "apply": apply,
            "supersedes": opening.superseded(act.session, opened, version),
        }
        return shown(ws, act.session, opened)


@read()
def requests(ws: Workspace, query: str = "") -> Requests:
    """List requests, newest first; the query may hold a state, a model or a deployment.

    A number alone shows that request in full: its evidence, what was said and decided, and what
    changed since your own last word about the deployment.
    """
    words = query.lower().split()
    with ws.look() as session:
        if _is_number(words):
            one = lookup.request(session, int(words[0]))
            return Requests(items=[shown(ws, session, one)], request=one.id)
        rows = session.exec(
            sqlmodel.select(tables.Request).order_by(sqlmodel.col(tables.Request.id).desc())
        ).all()
        kept = [row for row in rows if all(word in _text(ws, row) for word in words)]
        return Requests(items=[shown(ws, session, row) for row in kept])


def undecided(ws: Workspace) -> list[RequestAnswer]:
    """Return the requests that wait for a decision, or for changes that were asked for."""
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Request)
            .where(sqlmodel.col(tables.Request.state).in_(UNDECIDED))
            .order_by(sqlmodel.col(tables.Request.id).desc())
        ).all()
        waiting = [row for row in rows if proof.state_of(row, now=ws.now()) in UNDECIDED]
        return [shown(ws, session, row) for row in waiting]


def _text(ws: Workspace, row: tables.Request) -> str:
    ref = json.loads(row.evidence)["ref"]
    return f"{proof.state_of(row, now=ws.now())} {ref} {row.deployment}".lower()


def _is_number(words: Sequence[str]) -> bool:
    alone = len(words) == 1 and words[0].isascii() and words[0].isdigit()
    return alone and len(words[0]) < _DIGITS


@deed()
def approve(ws: Workspace, request: RequestId, *, comment: str = "") -> RequestAnswer:
    """Say yes to a request, at the assurance that this place can honestly give.

    Where whoever asked wished so, the last approval that is needed carries the change out at once.
    """
    told = _decide(ws, request, "approved", comment)
    wished = told["state"] == "approved" and told["apply"]
    return applying.applied(ws, told) if wished else told


@deed()
def reject(ws: Workspace, request: RequestId, *, comment: str = "") -> RequestAnswer:
    """Say no to a request; it is closed, and the version can be requested again."""
    return _decide(ws, request, "rejected", comment)


def shown(ws: Workspace, session: Session, row: tables.Request) -> RequestAnswer:
    """Return a request in the shape that answers carry."""
    policy = proof.policy(session, row.policy_digest)
    frozen = json.loads(row.evidence)
    said = standing.remarks(session, row)
    return RequestAnswer(
        id=row.id,
        ref=frozen["ref"],
        digest=row.manifest_digest,
        deployment=row.deployment,
        role=cast("Role", row.role),
        state=cast("Any", proof.state_of(row, now=ws.now())),
        risk=cast("Risk", row.risk),
        reason=row.reason,
        requested_by=as_person(row.requester),
        requested_at=row.at,
        expires_at=row.expires_at,
        replaces=frozen["replaces"],
        policy=row.policy_digest,
        needs=_needs(policy),
        label=tell(assurance_label(ws.actor.assurance), name=ws.actor.id),
        checks=[checks.told(found) for found in frozen["checks"]],
        decisions=decided(session, row),
        comments=remarks.comments(said),
        changes_by=standing_changes((one.person, one.kind) for one in said),
        apply=bool(frozen.get("apply")),
        evidence=evidence.told(row, frozen),
        since_you_looked=since.since_you_looked(ws, session, row),
        yours=remarks.yours(ws, session, row),
    )


def decided(session: Session, row: tables.Request) -> list[DecisionAnswer]:
    """Return what was decided about a request, in the order it was."""
    gone = {said.decision_id: said.at for said in standing.withdrawals(session, row)}
    return [_decision(found, gone.get(found.id, "")) for found in proof.decisions(session, row)]


def _decide(ws: Workspace, number: int, verdict: str, comment: str) -> RequestAnswer:
    outcome = "granted" if verdict == "approved" else "denied"
    with ws.act("request:approval", subject=f"request:{number}", reason=comment) as act:
        check_text(comment, may_be_empty=True)
        asked = lookup.request(act.session, number)
        policy = proof.policy(act.session, asked.policy_digest)
        case = _case(ws, act.session, asked)
        asking = remarks.changes_by(act.session, asked)
        if verdict == "approved":
            rules.check_may_approve(ws.actor, case, policy, now=ws.now())
            check_nobody_asks_for_changes(number, [one for one in asking if one != ws.actor.id])
        else:
            rules.check_may_decide(ws.actor, case, now=ws.now())
        act.before = {"state": asked.state}
        act.session.add(_decided(ws, asked, case.ref, verdict, comment))
        act.session.flush()
        if ws.actor.id in asking:
            remarks.add(ws, act, asked, "settled", "")
        if verdict == "rejected":
            asked.state = "rejected"
        else:
            asked.state = "approved" if proof.is_complete(act.session, asked) else "open"
        act.session.add(asked)
        act.outcome = outcome
        act.after = {"state": asked.state, "manifest": asked.manifest_digest, "for": case.ref}
        return shown(ws, act.session, asked)


def _decided(
    ws: Workspace, asked: tables.Request, ref: str, verdict: str, comment: str
) -> tables.Decision:
    now = ws.now()
    told = rules.statement(
        request=asked.id,
        verdict=verdict,
        ref=ref,
        manifest_digest=asked.manifest_digest,
        deployment=asked.deployment,
        role=asked.role,
        policy_digest=asked.policy_digest,
        evidence_digest=asked.evidence_digest,
        decider=ws.actor.id,
        decided_at=now,
        expires_at=asked.expires_at,
        nonce=asked.nonce,
        comment=comment,
    )
    return tables.Decision(
        request_id=asked.id,
        person=ws.actor.id,
        outcome=verdict,
        assurance=ws.actor.assurance,
        actor=ws.actor.to_dict(),
        comment=comment,
        statement=told,
        at=now,
        known_at=now,
    )


def _open(
    ws: Workspace,
    act: Deed,
    version: tables.Version,
    deployment: str,
    role: str,
    reason: str,
    found: Mapping[str, Any],
) -> tables.Request:
    policy = _newest_policy(act.session, version.risk)
    frozen = evidence.canonical(
        {
            **found,
            "ref": lookup.ref_of(act.session, version),
            "replaces": _replaced(act.session, deployment) if role == "champion" else None,
            "metrics": version.metrics,
        }
    )
    opened = tables.Request(
        version_id=version.id,
        deployment=deployment,
        role=role,
        state="open",
        risk=version.risk,
        reason=reason,
        manifest_digest=version.digest,
        policy_digest=policy.digest,
        evidence_digest=chain.digest(frozen),
        evidence=frozen,
        nonce=secrets.token_hex(16),
        requester=ws.actor.to_dict(),
        at=ws.now(),
        expires_at=iso(ws.clock() + timedelta(days=rules.VALID_DAYS)),
    )
    act.session.add(opened)
    act.session.flush()
    return opened


def _replaced(session: Session, deployment: str) -> str | None:
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
    ).first()
    serving = lookup.champion(session, place) if place else None
    return lookup.ref_of(session, serving[1]) if serving else None


def _newest_policy(session: Session, risk: str) -> tables.Policy:
    return (
        session.exec(
            sqlmodel.select(tables.Policy)
            .where(tables.Policy.risk == risk)
            .order_by(sqlmodel.col(tables.Policy.id).desc())
        ).one_or_none()
        or session.exec(sqlmodel.select(tables.Policy)).one()
    )


def _case(ws: Workspace, session: Session, asked: tables.Request) -> rules.Case:
    version = session.get_one(tables.Version, asked.version_id)
    frozen = json.loads(asked.evidence)
    return rules.Case(
        request=asked.id,
        ref=lookup.ref_of(session, version),
        state="open" if asked.state in UNDECIDED else proof.state_of(asked, now=ws.now()),
        expires_at=asked.expires_at,
        author=version.author["id"],
        requester=asked.requester["id"],
        checks_passed=all(found["outcome"] != "failed" for found in frozen["checks"]),
        one_person=ws.actor.id == OWNER,
        decided_by=[found.person for found in proof.decisions(session, asked)],
    )


def _decision(found: tables.Decision, withdrawn_at: str) -> DecisionAnswer:
    label = tell(assurance_label(found.actor["assurance"]), name=found.person)
    return DecisionAnswer(
        outcome=cast("Any", found.outcome),
        by=as_person(found.actor, label=label),
        comment=found.comment,
        at=found.at,
        withdrawn_at=withdrawn_at,
    )


def _needs(policy: rules.Policy) -> str:
    if policy.approvers == 1 and not policy.other_than_author:
        return tell("One decision.")
    if policy.assurance == "recorded":
        return tell(
            "One decision by somebody other than author and requester; in a workspace of one"
            " person that person may decide, and the decision is labelled so."
        )
    return tell(
        "{n} people at assurance '{assurance}'.", n=policy.approvers, assurance=policy.assurance
    )
