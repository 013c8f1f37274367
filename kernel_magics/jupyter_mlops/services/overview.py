"""What needs me: requests that wait, deployments that are not well, and the next word to type."""

from __future__ import annotations

from jupyter_mlops.domain.answers import (
    Attention,
    DeploymentRow,
    Overview,
    Request,
)
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.locale import tell
from jupyter_mlops.services import approvals, deployments, registry, rollouts
from jupyter_mlops.services.workspace import Workspace

NEWEST_MODELS = 20


@read()
def overview(ws: Workspace) -> Overview:
    """Show what needs a person: waiting requests, deployments by health, the newest models."""
    revision = rollouts.revision(ws)
    waiting = approvals.requests(ws, "open")["items"]
    fleet = [row for row in deployments.deployments(ws)["items"] if row["state"] != "retired"]
    known = registry.models(ws)["items"]
    attention = [_unwell(row) for row in fleet if row["status"] in ("failing", "warning")]
    attention.sort(key=lambda found: found["status"] != "failing")
    attention += [_waits(found) for found in waiting]
    return Overview(
        workspace=ws.home.shown,
        headline=_headline(len(known), fleet, len(waiting)),
        attention=attention,
        requests=waiting,
        deployments=fleet,
        models=known[:NEWEST_MODELS],
        revision=revision,
    )


def _headline(models: int, fleet: list[DeploymentRow], waiting: int) -> str:
    if not models:
        return tell("Nothing is registered yet.")
    unwell = [row["name"] for row in fleet if row["status"] in ("failing", "warning")]
    parts = [tell("Models: {models}, deployments: {live}.", models=models, live=len(fleet))]
    if unwell:
        parts.append(tell("Needs attention: {names}.", names=", ".join(unwell[:3])))
    if waiting:
        parts.append(tell("Waiting for a decision: {n}.", n=waiting))
    return " ".join(parts)


def _unwell(row: DeploymentRow) -> Attention:
    return Attention(
        subject=row["name"],
        status=row["status"],
        because=row["because"],
        next=f"%mlops monitor {row['name']}",
    )


def _waits(found: Request) -> Attention:
    return Attention(
        subject=tell("request {id}", id=found["id"]),
        status="unknown",
        because=tell(
            "{ref} waits for a decision for {deployment}.",
            ref=found["ref"],
            deployment=found["deployment"],
        ),
        next=f"%mlops approve {found['id']}",
    )
