"""The fleet: every deployment with its health, and the end of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow, Deployments
from jupyter_mlops.domain.arguments import DeploymentName, deed, read
from jupyter_mlops.domain.deployments import check_may_retire
from jupyter_mlops.services import health, lookup, rollouts, underway
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
        bare = [_row(session, place) for place in places]
    rows = health.filled_in(ws, bare)
    words = query.lower().split()
    return Deployments(items=[row for row in rows if all(word in _text(row) for word in words)])


@deed()
def retire(ws: Workspace, deployment: DeploymentName, *, reason: str = "") -> DeploymentRow:
    """Stop a deployment and keep everything it did; its name is not used again."""
    with ws.act("deployment:retirement", subject=f"deployment:{deployment}", reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        check_may_retire(deployment, state=place.state)
        serving = lookup.champion(act.session, place)
        act.before = {"state": place.state}
        act.after = {"state": "retired"}
        place.state = "retired"
        act.session.add(place)
        for rollout in rollouts.of_place(act.session, place, "live", "loading"):
            rollout.state, rollout.until = "ended", ws.now()
            act.session.add(rollout)
        if serving:
            act.before["version"] = lookup.ref_of(act.session, serving[1])
        act.session.flush()
        row = _row(act.session, place)
    return health.filled_in(ws, [row])[0]


def _row(session: Session, place: tables.Deployment) -> DeploymentRow:
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
