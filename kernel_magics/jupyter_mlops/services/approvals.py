"""Requests, decisions, and the proof that a change was approved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import approvals as rules
from jupyter_mlops.domain import elsewhere
from jupyter_mlops.domain.access import OWNER, Actor, as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.answers import Decision as DecisionAnswer
from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.answers import Requests, Risk, Role
from jupyter_mlops.domain.arguments import DeploymentName, Ref, RequestId, Time, deed, read
from jupyter_mlops.domain.governing import VERSION
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.remarks import (
    UNDECIDED,
    check_nobody_asks_for_changes,
    check_text,
    standing_changes,
)
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    applying,
    asking_for,
    checks,
    emergencies,
    evidence,
    governed,
    lookup,
    opening,
    past,
    people,
    proof,
    registry,
    remarks,
    shelves,
    since,
    standing,
)
from jupyter_mlops.services.champions import END
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

_DIGITS: Final = 10
"""A number with as many digits is none that a request has."""


_OUTCOMES: Final = {"approved": "granted", "rejected": "denied", rules.BREAK_GLASS: "glass broken"}


_BROKEN: Final = "Break-glass: {name}'s key alone"


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
        opened = opening.opened(
            ws, act, version, for_deployment, role, reason, {**more, "checks": found}
        )
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
def requests(ws: Workspace, query: str = "", *, as_of: Time | None = None) -> Requests:
    """List requests, newest first; the query may hold a state, a model or a deployment.

    A number alone shows that request in full: its evidence, what was said and decided, and what
    changed since your own last word about the deployment. With `as_of` they are listed as they stood
    then.
    """
    words, at = query.lower().split(), past.moment(ws, as_of)
    with ws.look() as session:
        if _is_number(words):
            one = lookup.request(session, int(words[0]))
            return Requests(items=[shown(ws, session, one, at)], request=one.id)
        asked = tables.Request
        listed = sqlmodel.select(asked).order_by(sqlmodel.col(asked.id).desc())
        rows = session.exec(listed.where(asked.at <= at) if at else listed).all()
        kept = [row for row in rows if _holds(words, row, _state(ws, session, row, at))]
        return Requests(items=[shown(ws, session, row, at) for row in kept])


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


def _holds(words: Sequence[str], row: tables.Request, state: str) -> bool:
    ref = json.loads(row.evidence)["ref"]
    return all(word in f"{state} {ref} {row.deployment}".lower() for word in words)


def _state(ws: Workspace, session: Session, row: tables.Request, at: str) -> str:
    return past.state(session, row, at) if at else proof.state_of(row, now=ws.now())


def _is_number(words: Sequence[str]) -> bool:
    alone = len(words) == 1 and words[0].isascii() and words[0].isdigit()
    return alone and len(words[0]) < _DIGITS


@deed()
def approve(ws: Workspace, request: RequestId, *, comment: str = "") -> RequestAnswer:
    """Say yes to a request, at the assurance that this place can honestly give.

    Where whoever asked wished so, the last approval that is needed carries the change out at once.
    """
    return _decide(ws, request, "approved", comment)


@deed()
def reject(ws: Workspace, request: RequestId, *, comment: str = "") -> RequestAnswer:
    """Say no to a request; it is closed, and the version can be requested again."""
    return _decide(ws, request, "rejected", comment)


def shown(ws: Workspace, session: Session, row: tables.Request, at: str = "") -> RequestAnswer:
    """Return a request in the shape that answers carry, as it stands or stood at a moment."""
    policy = proof.policy(session, row.policy_digest)
    frozen = json.loads(row.evidence)
    said = [one for one in standing.remarks(session, row) if not at or one.at <= at]
    return RequestAnswer(
        id=row.id,
        kind=row.kind,
        ref=frozen["ref"],
        digest=row.manifest_digest,
        deployment=row.deployment,
        role=cast("Role", row.role),
        state=cast("Any", _state(ws, session, row, at)),
        risk=cast("Risk", row.risk),
        reason=row.reason,
        requested_by=as_person(row.requester),
        requested_at=row.at,
        expires_at=row.expires_at,
        replaces=frozen["replaces"],
        policy=row.policy_digest,
        needs=asking_for.needs(policy),
        label=tell(assurance_label(ws.actor.assurance), name=ws.actor.id),
        checks=[checks.told(found) for found in frozen["checks"]],
        decisions=decided(session, row, at),
        comments=remarks.comments(said),
        changes_by=standing_changes((one.person, one.kind) for one in said),
        apply=bool(frozen.get("apply")),
        evidence=evidence.told(row, frozen),
        since_you_looked=[] if at else since.since_you_looked(ws, session, row),
        yours=[] if at else remarks.yours(ws, session, row),
        because="",
        proposal=governed.typed(row),
    )


def decided(session: Session, row: tables.Request, at: str = "") -> list[DecisionAnswer]:
    """Return what was decided about a request, or had been at a moment, in the order it was."""
    until = at or END
    gone = {
        said.decision_id: said.at for said in standing.withdrawals(session, row) if said.at <= until
    }
    found = proof.decisions(session, row)
    return [_decision(one, gone.get(one.id, "")) for one in found if one.at <= until]


def _decide(ws: Workspace, number: int, verdict: str, comment: str) -> RequestAnswer:
    with ws.act("request:approval", subject=f"request:{number}", reason=comment) as act:
        check_text(comment, may_be_empty=True)
        asked = lookup.request(act.session, number)
        actor = people.stand_for(act.session, ws.actor)
        check_may(ws, act.session, asked, actor, verdict)
        answer = settled(ws, act, asked, _decided(ws, asked, actor, verdict, comment))
    return completed(ws, answer)


def completed(ws: Workspace, answer: RequestAnswer) -> RequestAnswer:
    """Carry out what was approved just now, once that is committed, where that was wished.

    It always is of a change of what holds here.
    """
    if answer["state"] != "approved":
        return answer
    if answer["kind"] == VERSION:
        return applying.applied(ws, answer) if answer["apply"] else answer
    because = governed.carry_out(ws, answer["id"])
    with ws.look() as session:
        return {
            **shown(ws, session, lookup.request(session, answer["id"])),
            "because": because,
        }


def check_may(
    ws: Workspace,
    session: Session,
    asked: tables.Request,
    actor: Actor,
    verdict: str,
    *,
    comment: str = "",
) -> None:
    """Raise unless this person may decide so about a request now, with what is known of them."""
    governed.check_as_asked(asked)
    case = _case(ws, session, asked, actor)
    if verdict == "approved":
        policy = proof.policy(session, asked.policy_digest)
        rules.check_may_approve(actor, case, policy, now=ws.now())
        asking = remarks.changes_by(session, asked)
        check_nobody_asks_for_changes(asked.id, [one for one in asking if one != actor.id])
    elif verdict == rules.BREAK_GLASS:
        known = people.known(session)
        roles = known.roles_of(actor.id, ws.now()) if known else ()
        rules.check_may_break_glass(actor, case, roles=roles, reason=comment, now=ws.now())
    else:
        rules.check_may_decide(actor, case, now=ws.now())


def settled(
    ws: Workspace, act: Deed, asked: tables.Request, decision: tables.Decision
) -> RequestAnswer:
    """Write a decision down, and what the request has become by it."""
    act.before = {"state": asked.state}
    act.session.add(decision)
    act.session.flush()
    if decision.person in remarks.changes_by(act.session, asked):
        remarks.add(ws, act, asked, "settled", "", person=decision.person)
    if decision.outcome == "rejected":
        asked.state = "rejected"
    elif decision.outcome == rules.BREAK_GLASS or proof.is_complete(act.session, asked):
        asked.state = "approved"
        emergencies.settled(ws, act, asked)
    else:
        asked.state = "open"
    act.session.add(asked)
    act.outcome = _OUTCOMES[decision.outcome]
    act.after = {
        "state": asked.state,
        "manifest": asked.manifest_digest,
        "for": json.loads(asked.evidence)["ref"],
        "by": decision.person,
        "assurance": decision.assurance,
    }
    return shown(ws, act.session, asked)


def bound(asked: tables.Request) -> dict[str, Any]:
    """Return what a decision about a request is bound to."""
    return {
        "request": asked.id,
        "ref": json.loads(asked.evidence)["ref"],
        "manifest_digest": asked.manifest_digest,
        "deployment": asked.deployment,
        "role": asked.role,
        "policy_digest": asked.policy_digest,
        "evidence_digest": asked.evidence_digest,
        "expires_at": asked.expires_at,
        "nonce": asked.nonce,
    }


def _decided(
    ws: Workspace,
    asked: tables.Request,
    actor: Actor,
    verdict: str,
    comment: str,
) -> tables.Decision:
    now = ws.now()
    told = rules.statement(
        verdict=verdict, decider=actor.id, decided_at=now, comment=comment, **bound(asked)
    )
    return tables.Decision(
        request_id=asked.id,
        person=actor.id,
        outcome=verdict,
        assurance=actor.assurance,
        actor=actor.to_dict(),
        comment=comment,
        statement=told,
        at=now,
        known_at=now,
    )


def _case(ws: Workspace, session: Session, asked: tables.Request, actor: Actor) -> rules.Case:
    frozen = json.loads(asked.evidence)
    known = people.known(session)
    return rules.Case(
        request=asked.id,
        ref=frozen["ref"],
        state="open" if asked.state in UNDECIDED else proof.state_of(asked, now=ws.now()),
        expires_at=asked.expires_at,
        author=_author(session, asked),
        requester=asked.requester["id"],
        checks_passed=all(found["outcome"] != "failed" for found in frozen["checks"]),
        one_person=len(known.people) == 1 if known else actor.id == OWNER,
        decided_by=[found.person for found in proof.decisions(session, asked)],
        own=people.author_set(session, *_makers(session, asked)),
        knows_people=known is not None,
    )


def _author(session: Session, asked: tables.Request) -> str:
    """Return who made what is asked for; a change of what holds here is its requester's."""
    return str(_makers(session, asked)[0]["id"])


def _makers(session: Session, asked: tables.Request) -> list[Mapping[str, Any]]:
    """Return who made what is asked for, and who asked."""
    if asked.version_id is None:
        return [asked.requester]
    return [session.get_one(tables.Version, asked.version_id).author, asked.requester]


def _decision(found: tables.Decision, withdrawn_at: str) -> DecisionAnswer:
    actor = {**found.actor, "assurance": found.assurance if found.signature else "recorded"}
    name = dict(actor.get("claims") or {}).get("name") if found.signature else ""
    broken = found.outcome == rules.BREAK_GLASS
    label = tell(
        _BROKEN if broken else assurance_label(actor["assurance"]), name=name or found.person
    )
    return DecisionAnswer(
        outcome=cast("Any", found.outcome),
        by=as_person(actor, label=label),
        comment=found.comment,
        at=found.at,
        withdrawn_at=withdrawn_at,
    )
