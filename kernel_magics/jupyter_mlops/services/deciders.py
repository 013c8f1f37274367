"""Who would have to approve a change, and what changes of the past would have needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain.access import OWNER, reaches
from jupyter_mlops.domain.answers import Assurance, Role
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.governed import Could, DryRun, Past, Who
from jupyter_mlops.domain.governing import VERSION
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.domain.policies import Change, Written, speaking, strictest, together
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import asking_for, demanded, laid_down, lookup, people, proof
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True)
class Decider:
    """Somebody a workspace knows: which roles they have, and how sure it can be of them at best."""

    person: str
    roles: tuple[str, ...] = ()
    assurance: Assurance = "recorded"


def who(ws: Workspace, ref: str, deployment: str, role: Role) -> Who:
    """Return who would have to approve that a version takes a role of a deployment, and why."""
    with ws.look() as session:
        _, version = lookup.version(session, ref)
        change = laid_down.change_of(session, version, deployment, role)
        found = speaking(laid_down.in_force(session), change)
        asked = strictest(change.risk, [one.asked for one in found])
        known = _deciders(ws, session)
        own = {version.author["id"], *people.author_set(session, version.author)}
        rows = [_could(one, asked, own, alone=len(known) == 1) for one in known]
        missing = [*_missing(asked, rows), *_lacking(session, version, asked)]
    named = _name_of(change, version)
    return Who(
        ref=named,
        deployment=deployment,
        role=role,
        subject=change.subject,
        risk=change.risk,
        policies=[one.name for one in found],
        approvers=asked.approvers,
        assurance=asked.assurance,
        needs=asking_for.needs(asked),
        people=rows,
        missing=missing,
        because=_because(_there(named, deployment), found, asked, missing),
    )


def _deciders(ws: Workspace, session: Session) -> list[Decider]:
    """Return the people who may decide here; without an identity provider or keys there is one."""
    listed = people.known(session)
    if listed is None:
        return [
            Decider(ws.actor.id if ws.actor.kind == "person" else OWNER, (), ws.actor.assurance)
        ]
    now = ws.now()
    return [
        Decider(one.id, one.roles, "signed" if one.keys else "recorded")
        for one in listed.people
        if one.is_here(now)
    ]


def _name_of(change: Change, version: tables.Version) -> str:
    return f"{change.model}:{version.number}"


def _could(known: Decider, asked: Policy, own: set[str], *, alone: bool) -> Could:
    why = ""
    if not reaches(known.assurance, asked.assurance):
        why = tell(
            "Here they reach '{has}'; '{needs}' is asked.",
            has=known.assurance,
            needs=asked.assurance,
        )
    elif asked.other_than_author and known.person in own and not alone:
        why = tell("They made it; somebody else has to approve it.")
    elif asked.roles and set(asked.roles).isdisjoint(known.roles):
        why = tell("They have none of the roles that are asked for.")
    return Could(
        person=known.person,
        roles=list(known.roles),
        counts=not why,
        because=why or tell("Their approval would count."),
    )


def _missing(asked: Policy, rows: Sequence[Could]) -> list[str]:
    """Return what the people of this place together cannot give."""
    counted = [row for row in rows if row["counts"]]
    found = []
    if len(counted) < asked.approvers:
        found.append(
            tell(
                "{n} approvals are needed; {can} of the people known here could give one.",
                n=asked.approvers,
                can=len(counted),
            )
        )
    lacking = [role for role in asked.roles if not any(role in row["roles"] for row in counted)]
    if lacking:
        found.append(tell("Nobody known here has the role: {roles}.", roles=", ".join(lacking)))
    return found


def _lacking(session: Session, version: tables.Version, asked: Policy) -> list[str]:
    """Return what the version itself does not show yet."""
    outcomes = {row.name: row.outcome for row in remembered.newest(session, version)}
    looked = demanded.look(session, version, asked, outcomes)
    return [demanded.said(found) for _, found in looked if found.outcome == "failed"]


def _there(ref: str, deployment: str) -> str:
    return tell("{ref} at {deployment}", ref=ref, deployment=deployment) if deployment else ref


def _because(what: str, found: Sequence[Written], asked: Policy, missing: Sequence[str]) -> str:
    names = ", ".join(one.name for one in found)
    if not found:
        said = tell("No policy speaks of {what}; one decision is enough.", what=what)
    else:
        said = tell(
            "{what}: {needs} So say the policies {names}.",
            what=what,
            needs=asking_for.needs(asked),
            names=names,
        )
    return " ".join([said, *missing])


def dry_run(ws: Workspace, written: Sequence[Written], since: str) -> DryRun:
    """Return what past requests would have needed had these policies been in force; nothing is written."""
    begin = iso(parse_time(since, now=ws.clock()))
    if begin > ws.now():
        raise Invalid(
            "{since} is not past.",
            "an age such as 365d, or a moment.",
            code="time_invalid",
            since=since,
        )
    with ws.look() as session:
        known = {one.name: one for one in laid_down.in_force(session)}
        policies = list((known | {one.name: one for one in written}).values())
        rows = session.exec(
            sqlmodel.select(tables.Request)
            .where(tables.Request.kind == VERSION, tables.Request.at >= begin)
            .order_by(sqlmodel.col(tables.Request.id).desc())
        ).all()
        items = [_past(ws, session, row, policies) for row in rows]
    short = sum(not one["enough"] for one in items)
    return DryRun(since=begin, changes=len(items), short=short, items=items)


def _past(
    ws: Workspace, session: Session, row: tables.Request, policies: Sequence[Written]
) -> Past:
    evidence = json.loads(row.evidence)
    version = session.get_one(tables.Version, row.version_id)
    asked = together(policies, _change(session, row, version, evidence))
    given = [one for one in proof.decisions(session, row) if one.outcome == "approved"]
    lacks = _lacked(
        ws, session, asked, given, evidence, {version.author["id"], row.requester["id"]}
    )
    return Past(
        id=row.id,
        ref=evidence["ref"],
        deployment=row.deployment,
        at=row.at,
        state=proof.state_of(row, now=ws.now()),
        needed=asking_for.decisions(asked),
        given=", ".join(f"{one.person} ({one.assurance})" for one in given) or "–",
        enough=not lacks,
        because=" ".join(lacks),
    )


def _change(
    session: Session, row: tables.Request, version: tables.Version, evidence: dict[str, Any]
) -> Change:
    """Return the change that was asked for, as it stood then."""
    return Change(
        subject="replacement" if evidence["replaces"] else "deployment",
        risk=row.risk,  # type: ignore[arg-type]
        deployment=row.deployment,
        model=session.get_one(tables.Model, version.model_id).name,
        role=row.role,
        tags=tuple(version.tags),
    )


def _lacked(
    ws: Workspace,
    session: Session,
    asked: Policy,
    given: Sequence[tables.Decision],
    evidence: dict[str, Any],
    makers: set[str],
) -> list[str]:
    """Return what was not given of what would have been asked, a sentence each."""
    known = _deciders(ws, session)
    sure = [one for one in given if reaches(one.assurance, asked.assurance)]  # type: ignore[arg-type]
    if asked.other_than_author and len(known) > 1:
        sure = [one for one in sure if one.person not in makers]
    counted = {one.person for one in sure}
    roles = {role for one in known if one.person in counted for role in one.roles}
    outcomes = {item["check"]: item["outcome"] for item in evidence["checks"]}
    found = []
    if len(counted) < asked.approvers:
        found.append(
            tell(
                "{n} approvals at assurance '{assurance}' would have been needed; {can} were given.",
                n=asked.approvers,
                assurance=asked.assurance,
                can=len(counted),
            )
        )
    if lacking := sorted(set(asked.roles) - roles):
        found.append(tell("Nobody approved as: {roles}.", roles=", ".join(lacking)))
    if failed := [name for name in asked.checks if outcomes.get(name) != "passed"]:
        found.append(tell("Not passed: {names}.", names=", ".join(failed)))
    if asked.fairness and outcomes.get("fairness") != "passed":
        found.append(tell("The check of fairness had not passed."))
    return found
