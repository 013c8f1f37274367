"""Changes of what holds here: made at once where this place may, else asked for and frozen.

A deed asks :func:`check` first, which refuses and opens a request where somebody else has to agree,
and :func:`spend` in its own transaction, which takes the approved request up. Once a request is
complete, ``approve`` says the deed's own word again: there is one way only in which it is carried out.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import policies as rules
from jupyter_mlops.domain.answers import Risk
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.governing import VERSION, Proposed, as_typed, may_at_once, read_proposed
from jupyter_mlops.domain.policies import Change
from jupyter_mlops.errors import Corrupt, MlopsError, Refused
from jupyter_mlops.locale import tell
from jupyter_mlops.services import asking_for, laid_down, lookup, people, proof, standing
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

Asking = Callable[["Session"], tuple[Proposed, Policy | None]]
"""Reads what is to be changed, as it stands now, and what that takes; nothing where it is None."""

_WORDS: Final = {
    "policy": "jupyter_mlops.services.policies:policy",
    "rules": "jupyter_mlops.services.rules:rules",
    "retire": "jupyter_mlops.services.retirement:retire",
}
"""The words that a request may carry out, and where they are."""


def asking(
    kind: rules.Subject,
    name: str,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    risk: Risk = "high",
    before: str = "",
) -> Asking:
    """Return how a deed that belongs to no deployment is asked for: what policies in force ask of it."""
    proposed = Proposed(kind, name, verb, arguments, before=before)
    return lambda session: (proposed, taken(session, Change(kind, risk)))


def taken(session: Session, change: Change) -> Policy | None:
    """Return what the policies in force ask of a change of what holds here; None where none speaks."""
    found = rules.speaking(laid_down.in_force(session), change)
    return rules.strictest(change.risk, [one.asked for one in found]) if found else None


def of_place(session: Session, kind: rules.Subject, deployment: str) -> Change:
    """Return a change of a deployment's own, as policies look at it."""
    place = lookup.deployment(session, deployment)
    serving = lookup.champion(session, place)
    model = session.get_one(tables.Model, place.model_id)
    return Change(
        subject=kind,
        risk=serving[1].risk if serving else model.risk,  # type: ignore[arg-type]
        deployment=deployment,
        model=model.name,
        tags=tuple(serving[1].tags) if serving else (),
    )


def check(
    ws: Workspace,
    asking: Asking,
    action: str,
    *,
    subject: str,
    reason: str = "",
    possible: Callable[[], object] | None = None,
) -> None:
    """Go on where this place may make the change, or where it was agreed to; else ask for it.

    ``possible`` raises where the change could not be made anyway; nothing is asked for then.

    Raises:
        Refused: others have to agree; a request is open that says what exactly.
    """
    with ws.look() as session:
        proposed, asked = asking(session)
        if asked is None or _may(ws, session, asked) or _agreed(ws, session, proposed, asked):
            return
        known = _waiting(ws, session, proposed)
    if possible is not None:
        with ws.act(action, subject=subject, reason=reason) as act:
            act.nothing()
            possible()
    number = known or _open(ws, proposed, asked, reason)
    with ws.act(action, subject=subject, reason=reason):
        raise _waits(number, proposed, asked)


def spend(ws: Workspace, act: Deed, asking: Asking) -> None:
    """Take up the request that a change was agreed to by, in the transaction that makes it.

    Raises:
        Refused: what is asked has changed meanwhile, or what would be replaced has.
    """
    proposed, asked = asking(act.session)
    if asked is None or _may(ws, act.session, asked):
        return
    found = _agreed(ws, act.session, proposed, asked)
    if found is None:
        raise Refused(
            "What {ref} takes has changed meanwhile.",
            "say it again; it is asked for anew.",
            code="policy_changed",
            ref=proposed.ref,
        )
    found.state = "carried out"
    act.session.add(found)
    act.after = {**(act.after or {}), "request": found.id, "change": found.manifest_digest}


def carry_out(ws: Workspace, number: int) -> str:
    """Make the change that a request was approved for; return why not, where it cannot be made now."""
    with ws.look() as session:
        asked = lookup.request(session, number)
        proposed = _read(asked)
    if proposed.verb not in _WORDS:
        return tell("Approved; now say `{word}` again.", word=as_typed(proposed))
    module, _, function = _WORDS[proposed.verb].partition(":")
    word: Callable[..., Any] = getattr(importlib.import_module(module), function)
    try:
        word(ws, **proposed.arguments, reason=asked.reason)
    except MlopsError as error:
        return tell("Approved, but not carried out: {why}", why=error.message)
    return tell("✓ {ref} is carried out", ref=proposed.ref)


def _read(asked: tables.Request) -> Proposed:
    if chain.digest(asked.change) != asked.manifest_digest:
        raise Corrupt(
            "What request {request} asks for was changed after it was asked.",
            "`audit --verify` says what else was.",
            code="change_changed",
            request=asked.id,
        )
    return read_proposed(asked.change)


def _may(ws: Workspace, session: Session, asked: Policy) -> bool:
    return may_at_once(ws.actor, asked, one_person=people.is_alone(ws, session))


def _of_change(session: Session, proposed: Proposed, *states: str) -> list[tables.Request]:
    """Return requests of exactly this change, the newest first."""
    row = tables.Request
    return list(
        session.exec(
            sqlmodel.select(row)
            .where(row.kind == proposed.kind)
            .where(row.manifest_digest == chain.digest(proposed.canonical()))
            .where(sqlmodel.col(row.state).in_(states))
            .order_by(sqlmodel.col(row.id).desc())
        ).all()
    )


def _agreed(
    ws: Workspace, session: Session, proposed: Proposed, asked: Policy
) -> tables.Request | None:
    """Return the request by which exactly this change was agreed to, if it still may be carried out."""
    now = standing.latest(ws, session)
    for found in _of_change(session, proposed, "approved"):
        in_time = proof.state_of(found, now=now) == "approved"
        under = proof.policy(session, found.policy_digest)
        if in_time and proof.is_complete(session, found) and not rules.is_looser(under, asked):
            return found
    return None


def _waiting(ws: Workspace, session: Session, proposed: Proposed) -> int:
    """Return the number of the request that asks for exactly this already; 0 without one."""
    found = _of_change(session, proposed, "open")
    return next((one.id for one in found if proof.state_of(one, now=ws.now()) == "open"), 0)


def _open(ws: Workspace, proposed: Proposed, asked: Policy, reason: str) -> int:
    """Freeze what is to be changed in a request of its own, and return its number."""
    change = proposed.canonical()
    told: dict[str, Any] = {
        "ref": proposed.ref,
        "replaces": None,
        "metrics": {},
        "checks": [],
    }
    evidence = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with ws.act("request:opening", subject=f"{proposed.ref}", reason=reason) as act:
        opened = laid_down.written_down(
            ws,
            act,
            asked,
            evidence,
            version_id=None,
            kind=proposed.kind,
            change=change,
            deployment=proposed.deployment,
            role="",
            risk=asked.risk,
            reason=reason,
            manifest_digest=chain.digest(change),
        )
        act.subject = f"request:{opened.id}"
        act.after = {
            "kind": proposed.kind,
            "change": opened.manifest_digest,
            "replaces": proposed.before,
            "policy": opened.policy_digest,
            "expires_at": opened.expires_at,
        }
        return opened.id


def _waits(number: int, proposed: Proposed, asked: Policy) -> Refused:
    return Refused(
        "{ref} was not changed: it takes more than this place can give. {needs}",
        "request {request} asks for it, with the change frozen; `approve {request}` decides it, at"
        " assurance '{assurance}' at least, and carries it out once it is complete.",
        code="change_requested",
        ref=proposed.ref,
        needs=asking_for.decisions(asked),
        request=number,
        assurance=asked.assurance,
    )


def typed(asked: tables.Request) -> str:
    """Return the words that a request would carry out; none where it asks for a version."""
    if is_of_version(asked):
        return ""
    try:
        return as_typed(_read(asked))
    except Corrupt:
        return tell("What it asks for was changed after it was asked; nobody can decide it.")


def check_as_asked(asked: tables.Request) -> None:
    """Raise where what a request asks for is not what it was opened with.

    Raises:
        Corrupt: somebody changed it since.
    """
    if not is_of_version(asked):
        _read(asked)


def is_of_version(asked: tables.Request) -> bool:
    """Say whether a request asks for a version to serve somewhere."""
    return asked.kind == VERSION
