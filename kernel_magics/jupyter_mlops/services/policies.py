"""Policies: who must decide what, written by people, each version of them kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import policies as rules
from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.arguments import Text, deed
from jupyter_mlops.domain.people import NAME as PEOPLE
from jupyter_mlops.domain.policies import Knows, Policies, PolicyRow
from jupyter_mlops.errors import Corrupt, Invalid, Refused
from jupyter_mlops.services import people, plainly
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed()
def policy(ws: Workspace, name: str = "", text: Text = "", *, reason: str = "") -> Policies:
    """Show the policies, or put one in force from a cell of YAML: who must decide what.

    `for` says what the policy speaks of, and where nothing is said, of everything: `subject`
    (`deployment` is a first release, `replacement` any after it), `risk`, `tags`, `deployment` and
    `model` (with `*` and `?`), `role`. `asks` says for what: how many `approvers`, of which `roles`, at
    which `assurance` at least, `other_than_author`, which `checks` must have passed, for how long a
    request is `valid` (`14d`) and when to `remind` of it.

    All policies that speak of a change count together, of everything the strictest. A new workspace has
    one for each risk (`low`, `moderate`, `high`, `critical`); one written under such a name replaces
    it. Every version is kept. What asks for more is in force at once.

    `policy people` is of another kind: it says who there is. `people` names each with `name`, `roles`,
    `keys` (Ed25519, as in ~/.ssh/id_ed25519.pub), `users` and `until`; `owner` is whom the cells here
    stand for; `revoked` lists keys (`key: SHA256:…`, `from:`) and `services` what never decides. Once
    they are known, a change says what it `follows` and an owner's signature stands below it.
    """
    if name == PEOPLE and text.strip():
        people.put(ws, text, reason)
    elif text.strip():
        _put(ws, name, text, reason)
    return _shown(ws, name)


def asked_of(session: Session, change: rules.Change) -> Policy:
    """Return what the policies in force ask of a change, together."""
    return rules.together(in_force(session), change)


def in_force(session: Session) -> list[rules.Written]:
    """Return the policies that apply now: those a workspace came with, and those written since."""
    written = {
        name: rules.kept(name, row.body) for name, row in _newest(session).items() if name != PEOPLE
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


def _put(ws: Workspace, name: str, text: str, reason: str) -> None:
    written = rules.read(name, plainly.mapping(text, _not_a_policy))
    body = written.canonical()
    digest = chain.digest(body)
    with ws.act("policy:change", subject=f"policy:{name}", reason=reason) as act:
        rows = _newest(act.session)
        before = rows.get(name)
        _check_not_looser(in_force(act.session), written)
        if before is not None and before.digest == digest and before.text == text:
            act.nothing()
            return
        number = before.number + 1 if before else 1
        act.session.add(
            tables.PolicyVersion(
                name=name,
                number=number,
                digest=digest,
                text=text,
                body=body,
                actor=ws.actor.to_dict(),
                at=ws.now(),
            )
        )
        act.before = {"number": before.number, "digest": before.digest} if before else None
        act.after = {"number": number, "digest": digest}


def _check_not_looser(known: list[rules.Written], written: rules.Written) -> None:
    """Raise where less would be asked of any change than is asked now."""
    after = [one for one in known if one.name != written.name] + [written]
    for risk in rules.RISKS:
        for subject in rules.SUBJECTS:
            change = rules.Change(subject, risk)
            before = rules.together(known, change)
            if rules.is_looser(rules.together(after, change), before):
                raise Refused(
                    "This would ask for less than now of a {subject} of {risk} risk, which takes what it"
                    " asks now: {n} approvals at assurance '{assurance}'.",
                    "`policy {name}` shows what is in force.",
                    code="policy_looser",
                    subject=subject,
                    risk=risk,
                    n=before.approvers,
                    assurance=before.assurance,
                    name=written.name,
                )


def _shown(ws: Workspace, name: str) -> Policies:
    with ws.look() as session:
        rows, known = _newest(session), in_force(session)
    told = [_told(one, rows.get(one.name)) for one in known if not name or one.name == name]
    if PEOPLE in rows and name in ("", PEOPLE):
        told.append(_people_told(rows[PEOPLE]))
    return Policies(items=told)


def _told(written: rules.Written, row: tables.PolicyVersion | None) -> PolicyRow:
    return PolicyRow(
        name=written.name,
        number=row.number if row else 0,
        digest=chain.digest(written.canonical()),
        scope={part: list(words) for part, words in asdict(written.scope).items() if words},
        asks=asdict(written.asked),
        text=row.text if row else "",
        by=as_person(row.actor) if row else None,
        at=row.at if row else "",
    )


def _people_told(row: tables.PolicyVersion) -> PolicyRow:
    return PolicyRow(
        name=row.name,
        number=row.number,
        digest=row.digest,
        scope={},
        asks={},
        text=row.text,
        by=as_person(row.actor),
        at=row.at,
        people=cast("list[Knows]", people.shown(row)),
    )


def _newest(session: Session) -> dict[str, tables.PolicyVersion]:
    """Return the newest version of each policy that was written, its digest tried anew."""
    rows = session.exec(
        sqlmodel.select(tables.PolicyVersion).order_by(sqlmodel.col(tables.PolicyVersion.number))
    ).all()
    newest = {row.name: row for row in rows}
    for row in newest.values():
        if chain.digest(row.body) != row.digest:
            raise Corrupt(
                "The policy {name} was changed after it was written.",
                "`audit --verify` says what else was.",
                code="policy_changed",
                name=row.name,
            )
    return newest


def _not_a_policy(why: str) -> Invalid:
    return Invalid(
        "This is no policy: {why}.",
        "`policy --help` shows what one looks like.",
        code="policy_invalid",
        why=why,
    )
