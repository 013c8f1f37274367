"""The fleet: every deployment with its health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow, Deployments
from jupyter_mlops.domain.arguments import Time, read
from jupyter_mlops.domain.policies import Written
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    emergencies,
    health,
    laid_down,
    lookup,
    past,
    underway,
    upheld,
)
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@read()
def deployments(ws: Workspace, query: str = "", *, as_of: Time | None = None) -> Deployments:
    """List the fleet with its health; the query may hold a name, a model or a status.

    With `as_of` it is told as it stood then: what was champion, who had approved it, and how it was. Of
    what was tried out beside a champion only challengers are told then, and nothing of the server.
    """
    at = past.moment(ws, as_of)
    with ws.look() as session:
        bare = past.fleet(session, at) if at else _rows(session)
        broken = {} if at else {found.deployment: found for found in emergencies.standing(session)}
    rows = health.then(ws, bare, at) if at else health.filled_in(ws, bare)
    rows = [_marked(row, broken.get(row["name"])) for row in rows]
    words = query.lower().split()
    return Deployments(items=[row for row in rows if all(word in _text(row) for word in words)])


def _rows(session: Session) -> list[DeploymentRow]:
    places = session.exec(
        sqlmodel.select(tables.Deployment).order_by(sqlmodel.col(tables.Deployment.name))
    ).all()
    policies = laid_down.in_force(session)
    return [row_of(session, place, policies) for place in places]


def _marked(row: DeploymentRow, broken: emergencies.Emergency | None) -> DeploymentRow:
    """Return a deployment as unwell while one person's word alone keeps it."""
    if broken is None:
        return row
    said = tell("break-glass: {ref} answers by the word of {person} alone.",
                ref=broken.ref, person=broken.person)  # fmt: skip
    return {**row, "status": "failing", "alone": said, "because": f"{said} {row['because']}"}


def row_of(
    session: Session, place: tables.Deployment, policies: Sequence[Written] = ()
) -> DeploymentRow:
    """Return a deployment as the store knows it; its health is filled in from its log."""
    serving = lookup.champion(session, place)
    parent = session.get_one(tables.Model, place.model_id)
    trial = underway.candidate(session, place)
    answers = trial is not None and trial["share"] > 0
    return DeploymentRow(
        name=place.name,
        model=parent.name,
        version=lookup.ref_of(session, serving[1]) if serving else None,
        digest=serving[1].digest if serving else None,
        state=cast("Any", place.state),
        status="unknown",
        because="",
        since=serving[0].since if serving else None,
        risk=cast("Any", serving[1].risk if serving else parent.risk),
        owner=parent.owner,
        predictions=0,
        url=None,
        canary=trial["ref"] if trial and answers else None,
        share=trial["share"] if trial and answers else None,
        trial=trial,
        challengers=underway.challengers(session, place),
        review_by=upheld.review_by(session, place, serving[1], policies) if serving else None,
    )


def _text(row: DeploymentRow) -> str:
    return f"{row['name']} {row['model']} {row['state']} {row['status']} {row['owner']}".lower()
