"""Whether an approval still stands: what was withdrawn, and what answers while a champion must go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.deployments import WHOLE, champion_before
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.workspace import Workspace

ENDED: Final = frozenset({"rejected", "void", "withdrawn"})
"""States of a request that nothing comes of any more."""
REFUSES: Final = ENDED | {"changes asked", "superseded"}
"""States of a request by which nothing is carried out, whatever was decided."""


def latest(ws: Workspace, session: Session) -> str:
    """Return the moment that it is at least: no approval lasts longer because a clock was set back."""
    newest = session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.at))).one()
    return max(ws.now(), newest or "")


def remarks(session: Session, asked: tables.Request) -> Sequence[tables.Remark]:
    """Return everything that was said of a request, oldest first."""
    return session.exec(
        sqlmodel.select(tables.Remark)
        .where(tables.Remark.request_id == asked.id)
        .order_by(sqlmodel.col(tables.Remark.id))
    ).all()


def withdrawals(session: Session, asked: tables.Request) -> list[tables.Remark]:
    """Return what was withdrawn about a request, oldest first: the request, or decisions."""
    return [said for said in remarks(session, asked) if said.kind == "withdrawal"]


def withdrawn_decisions(session: Session, asked: tables.Request) -> set[int]:
    """Return the decisions about a request that do not count any more."""
    found = withdrawals(session, asked)
    return {said.decision_id for said in found if said.decision_id is not None}


def was_withdrawn(session: Session, asked: tables.Request) -> bool:
    """Say whether the request itself was withdrawn, by whoever made it."""
    return any(said.decision_id is None for said in withdrawals(session, asked))


def withdrawn_at(session: Session, asked: tables.Request) -> str:
    """Return when a request or its approval was withdrawn first; empty when neither was."""
    return next((said.at for said in withdrawals(session, asked)), "")


def is_void(session: Session, asked: tables.Request) -> bool:
    """Say whether an approval was withdrawn, as the remarks tell, whatever the request's row says."""
    found = withdrawals(session, asked)
    if not found:
        return False
    return asked.state in ("withdrawn", "void") or was_withdrawn(session, asked)


def gone(session: Session) -> set[str]:
    """Return what counts no more, by what statements are bound to or known by.

    They are the nonces of requests that were rejected, withdrawn or made void, and the digests of the
    statements of decisions that were withdrawn.
    """
    row, given, said = tables.Request, tables.Decision, tables.Remark
    withdrawn = sqlmodel.select(said.request_id).where(
        said.kind == "withdrawal", sqlmodel.col(said.decision_id).is_(None)
    )
    nonces = session.exec(
        sqlmodel.select(row.nonce).where(
            sqlmodel.or_(sqlmodel.col(row.state).in_(ENDED), sqlmodel.col(row.id).in_(withdrawn))
        )
    ).all()
    statements = session.exec(
        sqlmodel.select(given.statement).where(
            given.id == said.decision_id, said.kind == "withdrawal"
        )
    ).all()
    return {*nonces, *map(chain.digest, statements)}


def goes_on(session: Session, rollout: tables.Rollout) -> bool:
    """Say whether a champion whose approval was withdrawn answers on, because nothing else can.

    It went live before, and there is no champion to go back to, or going back was tried and has not
    come to anything yet. An outage would help nobody.
    """
    is_champion = rollout.role == "champion" and rollout.share >= WHOLE
    if not is_champion or rollout.state != "live" or not rollout.since:
        return False
    asked = session.get_one(tables.Request, rollout.request_id)
    at = withdrawn_at(session, asked)
    if not at or rollout.since > at:
        return False
    place = session.get_one(tables.Deployment, rollout.deployment_id)
    if any(_replaced(found, rollout, at) for found in _of_place(session, place)):
        return False
    return before(session, place) is None or bool(attempts(session, place, at))


def _replaced(found: tables.Rollout, rollout: tables.Rollout, at: str) -> bool:
    """Say whether another champion went live since: then this one is over, whatever its row says."""
    return found.id != rollout.id and found.share >= WHOLE and found.since >= at


def attempts(session: Session, place: tables.Deployment, since: str) -> list[tables.Rollout]:
    """Return the ways back that were begun since a moment and have not led there."""
    return [
        found
        for found in _of_place(session, place)
        if found.action == "rollback" and found.state in ("loading", "failed") and found.at >= since
    ]


def before(session: Session, place: tables.Deployment) -> tables.Rollout | None:
    """Return the rollout of the champion to go back to, or None where there is none.

    A version whose newest approval here was withdrawn is passed over.
    """
    past = [found for found in _of_place(session, place) if found.share >= WHOLE]
    newest = {found.version_id: found for found in past if found.since}
    withdrawn = {
        version
        for version, last in newest.items()
        if is_void(session, session.get_one(tables.Request, last.request_id))
    }
    version = champion_before([(one.version_id, bool(one.since)) for one in past], withdrawn)
    return None if version is None else newest[version]


def _of_place(session: Session, place: tables.Deployment) -> Sequence[tables.Rollout]:
    return session.exec(
        sqlmodel.select(tables.Rollout)
        .where(tables.Rollout.deployment_id == place.id)
        .order_by(sqlmodel.col(tables.Rollout.id))
    ).all()
