"""What policies ask of what is live, and what of it does not hold any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.policies import Written, together
from jupyter_mlops.services import demanded, laid_down, lookup
from jupyter_mlops.services.release import remembered
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

REVIEW: Final = "review"
SUBJECTS: Final = (
    REVIEW,
    demanded.CHECKS,
    demanded.DOCUMENTS,
    demanded.PROTECTED,
    demanded.FAIRNESS,
)


@dataclass(frozen=True)
class Broken:
    """Something that policies ask of a live version and that it does not show."""

    subject: str
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def broken(ws: Workspace, deployment: str, *, now: datetime) -> list[Broken]:
    """Return what policies ask of the champion of a deployment and is not so at a moment."""
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        serving = lookup.champion(session, place)
        if serving is None:
            return []
        policies = laid_down.in_force(session)
        version = serving[1]
        change = laid_down.change_of(session, version, deployment)
        outcomes = {row.name: row.outcome for row in remembered.newest(session, version)}
        looked = demanded.look(session, version, together(policies, change), outcomes)
        found = [
            Broken(
                name, f"policy_{name}", {"features": str(one.values.get("names", "")).split(", ")}
            )
            for name, one in looked
            if one.outcome == "failed"
        ]
        due = review_by(session, place, version, policies)
    if due is not None and due <= iso(now):
        found.append(Broken(REVIEW, "overdue", {"day": due[:10]}))
    return found


def review_by(
    session: Session,
    place: tables.Deployment,
    version: tables.Version,
    policies: Sequence[Written],
) -> str | None:
    """Return until when the champion has to be approved again; None where no policy asks for that.

    The time counts from the last approval of this version for this place, whichever request it was.
    """
    if not any(one.asked.review_days for one in policies):
        return None
    change = laid_down.change_of(session, version, place.name)
    days = together(policies, change).review_days
    last = session.exec(
        sqlmodel.select(sqlmodel.func.max(tables.Decision.at))
        .where(tables.Decision.request_id == tables.Request.id)
        .where(tables.Decision.outcome == "approved")
        .where(tables.Request.version_id == version.id, tables.Request.deployment == place.name)
        .where(tables.Request.role == "champion")
        .where(sqlmodel.col(tables.Request.state).in_(("approved", "carried out")))
    ).one()
    if not days or not last:
        return None
    return iso(datetime.fromisoformat(last) + timedelta(days=days))
