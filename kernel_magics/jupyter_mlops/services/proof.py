"""The proof that a change was approved: decisions that speak of exactly these bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import approvals as rules
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.remarks import WAITING
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import lookup, registry, standing
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def verify(session: Session, rollout: tables.Rollout, *, when_carried_out: bool = False) -> None:
    """Raise unless this rollout stands on decisions that speak of exactly these bytes.

    Whoever serves a model calls this again: rows in a database are claims. What was withdrawn counts
    no more, but for a champion that has to answer on because nothing else can, and for who asks how
    it was when it was carried out.

    Raises:
        Refused: the approval is missing, incomplete, or speaks of something else.
        Corrupt: the manifest is not what was registered.
    """
    asked = session.get_one(tables.Request, rollout.request_id)
    version = session.get_one(tables.Version, rollout.version_id)
    place = session.get_one(tables.Deployment, rollout.deployment_id)
    registry.read_manifest(version)
    same = (
        asked.manifest_digest == version.digest
        and asked.deployment == place.name
        and asked.role == rollout.role
        and chain.digest(asked.evidence) == asked.evidence_digest
    )
    past = when_carried_out or standing.goes_on(session, rollout)
    if not same or not _is_approved(session, asked, even_withdrawn=past):
        raise _not_approved(lookup.ref_of(session, version), place.name)


def usable(
    session: Session,
    version: tables.Version,
    deployment: str,
    *,
    now: str,
    role: str = "champion",
) -> int:
    """Return the approved request that allows this version to be carried into this role now.

    Raises:
        Refused: nobody asked, or it was not approved, or the approval has expired or was used.
    """
    ref = lookup.ref_of(session, version)
    found = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.version_id == version.id, tables.Request.deployment == deployment)
        .where(tables.Request.role == role)
        .order_by(sqlmodel.col(tables.Request.id).desc())
    ).all()
    wished = [asked for asked in found if asked.state != "withdrawn"] or found
    asked = next(iter(wished), None)
    if asked is None:
        raise Refused(
            "{ref} was never requested for {deployment}.",
            "`request {ref} --for {deployment}{words}`",
            code="not_requested",
            ref=ref,
            deployment=deployment,
            words=_role_words(role),
        )
    state = state_of(asked, now=now)
    if state != "approved" or not _is_approved(session, asked, even_withdrawn=False):
        raise _not_usable(asked, state, ref)
    return asked.id


def state_of(asked: tables.Request, *, now: str) -> str:
    """Return a request's state; one that waits still and is too old has expired."""
    late = asked.state in WAITING and now >= asked.expires_at
    return "expired" if late else asked.state


def policy(session: Session, digest: str) -> rules.Policy:
    """Return the policy with this digest, and no other: its text is digested again."""
    rows = session.exec(sqlmodel.select(tables.Policy).where(tables.Policy.digest == digest)).all()
    for row in rows:
        if chain.digest(row.body) == digest:
            return rules.read_policy(row.body)
    raise Refused(
        "The policy this request was made under is not in the store any more.",
        "`audit --verify` says what was changed; request the version again.",
        code="policy_changed",
    )


def _is_approved(session: Session, asked: tables.Request, *, even_withdrawn: bool) -> bool:
    refuses = asked.state in standing.REFUSES or standing.was_withdrawn(session, asked)
    if refuses and not even_withdrawn:
        return False
    return is_complete(session, asked, even_withdrawn=even_withdrawn)


def is_complete(session: Session, asked: tables.Request, *, even_withdrawn: bool = False) -> bool:
    """Count only decisions that speak of this request's own bytes, target, policy and evidence.

    Those that were withdrawn are counted only where somebody asks how it was before.
    """
    gone = set() if even_withdrawn else standing.withdrawn_decisions(session, asked)
    bound = [
        as_given(found)
        for found in decisions(session, asked)
        if found.outcome == "approved"
        and found.id not in gone
        and rules.is_bound(
            found.statement,
            request=asked.id,
            manifest_digest=asked.manifest_digest,
            deployment=asked.deployment,
            role=asked.role,
            policy_digest=asked.policy_digest,
            evidence_digest=asked.evidence_digest,
            nonce=asked.nonce,
        )
    ]
    return rules.is_complete(policy(session, asked.policy_digest), bound)


def decisions(session: Session, asked: tables.Request) -> Sequence[tables.Decision]:
    """Return the decisions about a request, in the order they were made."""
    return session.exec(
        sqlmodel.select(tables.Decision)
        .where(tables.Decision.request_id == asked.id)
        .order_by(sqlmodel.col(tables.Decision.id))
    ).all()


def as_given(found: tables.Decision) -> dict[str, Any]:
    """Return what the rules need to know of a decision."""
    return {"person": found.person, "outcome": found.outcome, "assurance": found.assurance}


def _not_approved(ref: str, deployment: str) -> Refused:
    return Refused(
        "{ref} is not approved for {deployment}: no complete approval speaks of these very bytes.",
        "`request {ref} --for {deployment}`, then `approve`.",
        code="not_approved",
        ref=ref,
        deployment=deployment,
    )


def _role_words(role: str) -> str:
    return "" if role == "champion" else f" --role {role}"


def _not_usable(asked: tables.Request, state: str, ref: str) -> Refused:
    next_words = {
        "open": "`approve {request}` decides it.",
        "changes asked": "`requests {request}` shows which changes are asked for, and by whom.",
        "carried out": (
            "an approval carries a version out once; `request {ref} --for {deployment}{words}`."
        ),
    }
    return Refused(
        "{ref} is not approved for {deployment}: request {request} is {state}.",
        next_words.get(state, "ask again: `request {ref} --for {deployment}{words}`."),
        code="not_approved",
        ref=ref,
        deployment=asked.deployment,
        request=asked.id,
        state=state,
        words=_role_words(asked.role),
    )
