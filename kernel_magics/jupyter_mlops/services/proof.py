"""The proof that a change was approved: decisions that speak of exactly these bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.domain import approvals as rules
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.policies import is_looser
from jupyter_mlops.domain.remarks import WAITING
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import asking_for, judged, laid_down, lookup, registry, standing
from jupyter_mlops.services.judged import decisions
from jupyter_mlops.store import tables

__all__ = ["decisions", "is_complete", "policy", "state_of", "usable", "verify"]

if TYPE_CHECKING:
    from sqlmodel import Session


def verify(
    session: Session,
    rollout: tables.Rollout,
    known: judged.Known | None = None,
    *,
    when_carried_out: bool = False,
) -> None:
    """Raise unless this rollout stands on decisions that speak of exactly these bytes.

    Whoever serves a model calls this again: rows in a database are claims. What was withdrawn counts
    no more, but for a champion that has to answer on because nothing else can, and for who asks how
    it was when it was carried out.

    Raises:
        Refused: the approval is missing, incomplete, or speaks of something else.
        Corrupt: the manifest is not what was registered.
    """
    asked = check_same(session, rollout)
    past = when_carried_out or standing.goes_on(session, rollout)
    judges = known or judged.Known(session)
    if not _is_approved(session, asked, judges, judges.moment or rollout.at, even_withdrawn=past):
        raise _not_approved_for(session, rollout)


def check_same(session: Session, rollout: tables.Rollout) -> tables.Request:
    """Return the request of a rollout, which has to speak of exactly its bytes, target and evidence."""
    asked = session.get_one(tables.Request, rollout.request_id)
    version = session.get_one(tables.Version, rollout.version_id)
    place = session.get_one(tables.Deployment, rollout.deployment_id)
    registry.read_manifest(version)
    if not (
        asked.manifest_digest == version.digest
        and asked.deployment == place.name
        and asked.role == rollout.role
        and chain.digest(asked.evidence) == asked.evidence_digest
    ):
        raise _not_approved_for(session, rollout)
    return asked


def check_stands(session: Session, rollout: tables.Rollout) -> None:
    """Raise where the approval of a rollout was withdrawn, and it does not answer on for want of another.

    Raises:
        Refused: it was.
    """
    asked = session.get_one(tables.Request, rollout.request_id)
    if _is_withdrawn(session, asked) and not standing.goes_on(session, rollout):
        raise _not_approved_for(session, rollout)


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
    if state != "approved" or not _is_approved(
        session, asked, judged.Known(session), now, even_withdrawn=False
    ):
        raise _not_usable(asked, state, ref)
    _check_same_policy(session, asked, version, ref)
    return asked.id


def _check_same_policy(
    session: Session, asked: tables.Request, version: tables.Version, ref: str
) -> None:
    """Raise where more is asked of this change now than when it was requested."""
    change = laid_down.change_of(session, version, asked.deployment, asked.role)
    now = laid_down.asked_of(session, change)
    if is_looser(policy(session, asked.policy_digest), now):
        raise Refused(
            "More is asked of {ref} for {deployment} now than when request {request} was made: {needs}",
            "ask again, under what holds now: `request {ref} --for {deployment}{words}`.",
            code="policy_changed",
            ref=ref,
            deployment=asked.deployment,
            request=asked.id,
            needs=asking_for.needs(now),
            words=_role_words(asked.role),
        )


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


def _is_approved(
    session: Session,
    asked: tables.Request,
    known: judged.Known,
    at: str,
    *,
    even_withdrawn: bool,
) -> bool:
    """Say whether a request is approved as its policy asks, or by one person's word at a moment."""
    if _is_withdrawn(session, asked) and not even_withdrawn:
        return False
    gone = set() if even_withdrawn else standing.withdrawn_decisions(session, asked)
    if is_complete(session, asked, known, even_withdrawn=even_withdrawn):
        return True
    return judged.emergency(known, asked, at, without=gone)


def _is_withdrawn(session: Session, asked: tables.Request) -> bool:
    return asked.state in standing.REFUSES or standing.was_withdrawn(session, asked)


def is_complete(
    session: Session,
    asked: tables.Request,
    known: judged.Known | None = None,
    *,
    even_withdrawn: bool = False,
) -> bool:
    """Count only decisions that speak of this request's own bytes, target, policy and evidence.

    Those that were withdrawn are counted only where somebody asks how it was before.
    """
    found = policy(session, asked.policy_digest)
    gone = set() if even_withdrawn else standing.withdrawn_decisions(session, asked)
    judges = known or judged.Known(session)
    return rules.is_complete(found, judged.worth(judges, asked, found, without=gone))


def _not_approved_for(session: Session, rollout: tables.Rollout) -> Refused:
    version = session.get_one(tables.Version, rollout.version_id)
    place = session.get_one(tables.Deployment, rollout.deployment_id)
    return _not_approved(lookup.ref_of(session, version), place.name)


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
