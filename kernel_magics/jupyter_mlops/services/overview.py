"""What needs me: alerts, requests that wait, deployments that are not well, and the next word."""

from __future__ import annotations

from jupyter_mlops.domain.answers import (
    AlertRow,
    Attention,
    DeploymentRow,
    Overview,
    Request,
)
from jupyter_mlops.domain.arguments import read
from jupyter_mlops.locale import tell
from jupyter_mlops.services import alerts, approvals, catalogue, fleet, rollouts
from jupyter_mlops.services.workspace import Workspace

NEWEST_MODELS = 20


@read()
def overview(ws: Workspace) -> Overview:
    """Show what needs a person: alerts, waiting requests, deployments by health, newest models."""
    revision = rollouts.revision(ws)
    waiting = approvals.undecided(ws)
    rows = [row for row in fleet.deployments(ws)["items"] if row["state"] != "retired"]
    with ws.look() as session:
        registered = catalogue.count(session)
    raised = alerts.standing(ws)
    unseen = [alert for alert in raised if alert["state"] == "open"]
    known_of = {alert["deployment"] for alert in unseen}
    unwell = [row for row in rows if row["status"] in ("failing", "warning")]
    untold = [row for row in unwell if row["name"] not in known_of or row["state"] == "down"]
    attention = [_alert(found) for found in unseen] + [_unwell(row) for row in untold]
    attention.sort(key=lambda found: found["status"] != "failing")
    attention += [_waits(found) for found in waiting]
    return Overview(
        workspace=ws.home.shown,
        headline=_headline(registered, rows, len(waiting), len(unseen)),
        attention=attention,
        alerts=raised,
        requests=waiting,
        deployments=rows,
        models=catalogue.models(ws, limit=NEWEST_MODELS)["items"],
        revision=revision,
    )


def _headline(models: int, fleet: list[DeploymentRow], waiting: int, unseen: int) -> str:
    if not models:
        return tell("Nothing is registered yet.")
    unwell = [row["name"] for row in fleet if row["status"] in ("failing", "warning")]
    parts = [tell("Models: {models}, deployments: {live}.", models=models, live=len(fleet))]
    if unseen:
        parts.append(tell("Open alerts: {n}.", n=unseen))
    if unwell:
        parts.append(tell("Needs attention: {names}.", names=", ".join(unwell[:3])))
    if waiting:
        parts.append(tell("Waiting for a decision: {n}.", n=waiting))
    return " ".join(parts)


def _alert(found: AlertRow) -> Attention:
    return Attention(
        subject=tell(
            "alert {id}: {deployment}, {subject}",
            id=found["id"],
            deployment=found["deployment"],
            subject=found["subject"],
        ),
        status="failing" if found["severity"] == "critical" else "warning",
        because=found["because"],
        next=found["next"],
    )


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
        because=_wants(found),
        next=f"%mlops {'approve' if found['state'] == 'open' else 'requests'} {found['id']}",
    )


def _wants(found: Request) -> str:
    where = {"ref": found["ref"], "deployment": found["deployment"]}
    if found["state"] == "open":
        return tell("{ref} waits for a decision for {deployment}.", **where)
    people = ", ".join(found["changes_by"])
    return tell(
        "{ref} for {deployment}: changes are asked for by {people}.", people=people, **where
    )
