"""What the decisions about a request are worth, each judged anew: rows in a database are claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import approvals as rules
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.people import People, check_signer
from jupyter_mlops.errors import MlopsError, Refused
from jupyter_mlops.services import people, signatures
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True)
class Known:
    """The people who are known when a request is judged; None in a workspace of one person.

    ``pinned`` are those whom the judge keeps a copy of; without one, those of the store at the moment
    it learnt of a decision count, and of the newest what is revoked. ``gone`` are the digests of
    statements that the judge has seen withdrawn.
    """

    session: Session
    pinned: People | None = None
    is_pinned: bool = False
    moment: str = ""
    gone: Collection[str] = ()

    def at(self, found: tables.Decision) -> People | None:
        """Return the people by whom a decision is judged."""
        if self.is_pinned:
            return self.pinned
        return people.known(self.session, at=found.known_at)

    @property
    def now(self) -> People | None:
        """Return the people of now, whose revocations count."""
        return self.pinned if self.is_pinned else people.known(self.session)


def worth(
    known: Known,
    asked: tables.Request,
    policy: rules.Policy,
    *,
    without: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Return the approvals of a request that count, as the rules look at them; none of ``without``.

    None does beside a rejection, which is final, whatever the request's row says.
    """
    given = decisions(known.session, asked)
    if any(each.outcome == "rejected" for each in given):
        return []
    found = (
        _counted(known, asked, policy, each) for each in given if not _is_gone(known, each, without)
    )
    return [each for each in found if each is not None]


def emergency(
    known: Known, asked: tables.Request, at: str, *, without: Collection[int] = ()
) -> bool:
    """Say whether one person who may had this carried out alone at a moment, not too long after they said so."""
    for found in decisions(known.session, asked):
        said = rules.read_statement(found.statement)
        there = known.at(found)
        if found.outcome != rules.BREAK_GLASS or _is_gone(known, found, without):
            continue
        if not found.signature or there is None:
            continue
        if not _is_bound(asked, found, rules.BREAK_GLASS) or said["decider"] != found.person:
            continue
        signed = str(said["decided_at"])
        late = iso(datetime.fromisoformat(signed) + timedelta(hours=rules.EMERGENCY_HOURS))
        try:
            _assurance(known, found, there, signed)
        except MlopsError:
            continue
        if rules.BREAK_GLASS in there.roles_of(found.person, signed) and at < late:
            return True
    return False


def decisions(session: Session, asked: tables.Request) -> Sequence[tables.Decision]:
    """Return the decisions about a request, in the order they were made."""
    return session.exec(
        sqlmodel.select(tables.Decision)
        .where(tables.Decision.request_id == asked.id)
        .order_by(sqlmodel.col(tables.Decision.id))
    ).all()


def _is_gone(known: Known, found: tables.Decision, without: Collection[int]) -> bool:
    return found.id in without or chain.digest(found.statement) in known.gone


def _counted(
    known: Known, asked: tables.Request, policy: rules.Policy, found: tables.Decision
) -> dict[str, Any] | None:
    """Return a decision as the rules look at it, or None where it approves nothing of this request."""
    said = rules.read_statement(found.statement)
    if found.outcome != "approved" or not _is_bound(asked, found):
        return None
    if said["decider"] != found.person or said["expires_at"] != asked.expires_at:
        return None
    there = known.at(found)
    if there is None:
        return _recorded(found) if not found.signature else None
    if policy.other_than_author and found.person in _own(known.session, asked, there):
        return None
    try:
        assurance = _assurance(known, found, there, str(said["decided_at"]))
    except MlopsError:
        return None
    roles = there.roles_of(found.person, str(said["decided_at"]))
    return {**_recorded(found), "assurance": assurance, "roles": roles}


def _assurance(known: Known, found: tables.Decision, there: People, at: str) -> str:
    """Return what a decision is worth: a signature proves whose it is, a cell is its owner's."""
    if not found.signature:
        if found.person != there.owner:
            raise _not_theirs(found)
        return "recorded"
    signature = signatures.verify(found.signature, found.statement)
    signer = check_signer(there, signature.key, at)
    if known.moment:
        check_signer(there, signature.key, known.moment)
    now = known.now
    revoked = now.revocation(signature.key) if now else None
    if signer.id != found.person or (revoked is not None and at >= revoked.since):
        raise _not_theirs(found)
    return signatures.worth(signature)


def _recorded(found: tables.Decision) -> dict[str, Any]:
    return {"person": found.person, "outcome": found.outcome, "assurance": "recorded", "roles": ()}


def _own(session: Session, asked: tables.Request, there: People) -> frozenset[str]:
    """Return whose own work a request may be; where there is one person alone, nobody's."""
    if len(there.people) == 1:
        return frozenset()
    own = there.stood_for(asked.requester)
    if asked.version_id is None:  # a change of what holds here is its requester's
        return own
    return own | there.stood_for(session.get_one(tables.Version, asked.version_id).author)


def _is_bound(asked: tables.Request, found: tables.Decision, verdict: str = "approved") -> bool:
    return rules.is_bound(
        found.statement,
        request=asked.id,
        manifest_digest=asked.manifest_digest,
        deployment=asked.deployment,
        role=asked.role,
        policy_digest=asked.policy_digest,
        evidence_digest=asked.evidence_digest,
        nonce=asked.nonce,
        verdict=verdict,
    )


def _not_theirs(found: tables.Decision) -> Refused:
    return Refused(
        "The decision in the name of {person} is not theirs.",
        "`audit --verify` says what was changed.",
        code="decision_not_theirs",
        person=found.person,
    )
