"""Whether a policy that asks for less was agreed to, judged by what whoever serves has pinned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.governing import Proposed, read_proposed
from jupyter_mlops.domain.policies import Written, is_looser
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import judged, proof
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def agreed(
    session: Session, known: judged.Known, row: tables.PolicyVersion, before: Written
) -> tables.Request | None:
    """Return the request by which people agreed to this very version in place of the one before it.

    It asks at least for what the policy asked that is loosened, and its decisions hold by the people
    that ``known`` has pinned. Ready-made policies are put in force several at once, which is not
    believed here.
    """
    asked = tables.Request
    made = session.exec(
        sqlmodel.select(asked).where(asked.kind == "policy", asked.state == "carried out")
    ).all()
    return next((one for one in made if _is_of(session, known, one, row, before)), None)


def _is_of(
    session: Session,
    known: judged.Known,
    asked: tables.Request,
    row: tables.PolicyVersion,
    before: Written,
) -> bool:
    if chain.digest(asked.change) != asked.manifest_digest:
        return False
    try:
        if not _proposes(session, read_proposed(asked.change), row):
            return False
        under = proof.policy(session, asked.policy_digest)
        return not is_looser(under, before.asked) and proof.is_complete(session, asked, known)
    except (MlopsError, ValueError, KeyError, TypeError):
        return False


def _proposes(session: Session, proposed: Proposed, row: tables.PolicyVersion) -> bool:
    """Say whether a change is to put exactly this version in the place of the one before it."""
    written = tables.PolicyVersion
    former = session.exec(
        sqlmodel.select(written.digest).where(
            written.name == row.name, written.number == row.number - 1
        )
    ).first()
    told = [(row.name, former or "", row.text)]
    return (
        proposed.kind == "policy"
        and proposed.name == row.name
        and proposed.before == chain.digest(json.dumps(told, ensure_ascii=False))
    )
