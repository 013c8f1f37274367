"""The fleet: every deployment with its health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow, Deployments
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.locale import tell
from jupyter_mlops.services import emergencies, health, lookup, underway
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@read()
def deployments(ws: Workspace, query: str = "") -> Deployments:
    """List the fleet with its health; the query may hold a name, a model or a status."""
    with ws.look() as session:
        places = session.exec(
            sqlmodel.select(tables.Deployment).order_by(sqlmodel.col(tables.Deployment.name))
        ).all()
        bare = [row_of(session, place) for place in places]
        broken = {found.deployment: found for found in emergencies.standing(session)}
    rows = [_marked(row, broken.get(row["name"])) for row in health.filled_in(ws, bare)]
    words = query.lower().split()
    return Deployments(items=[row for row in rows if all(word in _text(row) for word in words)])


def _marked(row: DeploymentRow, broken: emergencies.Emergency | None) -> DeploymentRow:
    """Return a deployment as unwell while one person's word alone keeps it."""
    if broken is None:
        return row
    said = tell("break-glass: {ref} answers by the word of {person} alone.",
                ref=broken.ref, person=broken.person)  # fmt: skip
    return {**row, "status": "failing", "because": f"{said} {row['because']}"}


def row_of(session: Session, place: tables.Deployment) -> DeploymentRow:
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
    )


def _text(row: DeploymentRow) -> str:
    return f"{row['name']} {row['model']} {row['state']} {row['status']} {row['owner']}".lower()
