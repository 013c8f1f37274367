"""What is tried out at a deployment, and what it waits for, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain import gates
from jupyter_mlops.domain.answers import Gate, Trial
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, rollouts
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def candidate(session: Session, place: tables.Deployment) -> Trial | None:
    """Return the version that is on its way to become the champion, if one is."""
    found = rollouts.candidate(session, place)
    return _told(session, found) if found else None


def challengers(session: Session, place: tables.Deployment) -> list[str]:
    """Return what scores in shadow beside a champion without ever answering."""
    return [_ref(session, found) for found in rollouts.challengers(session, place)]


def of_version(session: Session, version: tables.Version) -> list[str]:
    """Return a sentence for each place where a version is tried out."""
    rows = session.exec(
        sqlmodel.select(tables.Deployment, tables.Rollout)
        .where(tables.Deployment.id == tables.Rollout.deployment_id)
        .where(tables.Rollout.version_id == version.id, tables.Rollout.state == "live")
        .where(tables.Rollout.share < WHOLE)
        .order_by(sqlmodel.col(tables.Rollout.id))
    ).all()
    return [f"{place.name}: {_told(session, found)['because']}" for place, found in rows]


def _told(session: Session, found: tables.Rollout) -> Trial:
    plan = found.plan
    following = gates.next_share(plan["steps"], found.share) if plan else None
    return Trial(
        ref=_ref(session, found),
        gate=cast("Gate", found.gate),
        share=found.share,
        since=(plan or {}).get("began") or found.since,
        next_share=following,
        rows=plan["rows"] if plan else None,
        minutes=plan["minutes"] if plan else None,
        because=_because(_ref(session, found), found.role, found.share, plan, following),
    )


def _because(
    ref: str, role: str, share: float, plan: dict[str, Any], following: float | None
) -> str:
    now = (
        tell("{ref} answers {share} of the cases", ref=ref, share=_percent(share))
        if share
        else tell("{ref} scores in shadow", ref=ref)
    )
    if role == "challenger" or following is None:
        return tell("{now}.", now=now)
    return tell(
        "{now}; {next} of them after {rows} answers and {minutes} min.",
        now=now,
        next=_percent(following),
        rows=f"{plan['rows']:,}",
        minutes=f"{plan['minutes']:g}",
    )


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _ref(session: Session, found: tables.Rollout) -> str:
    return lookup.ref_of(session, session.get_one(tables.Version, found.version_id))
