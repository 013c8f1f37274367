"""What needs me: alerts, requests that wait, deployments that are not well, and the next word."""

from __future__ import annotations

from jupyter_mlops.domain.answers import (
    AlertRow,
    Attention,
    DeploymentRow,
    Overview,
    Request,
)
from jupyter_mlops.domain.arguments import Time, read
from jupyter_mlops.domain.governing import VERSION
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    alerts,
    approvals,
    catalogue,
    emergencies,
    fleet,
    past,
    rollouts,
)
from jupyter_mlops.services.champions import END
from jupyter_mlops.services.workspace import Workspace

NEWEST_MODELS = 20


@read()
def overview(ws: Workspace, *, as_of: Time | None = None) -> Overview:
    """Show what needs a person: alerts, waiting requests, deployments by health, newest models.

    With `as_of` it is shown as it stood then.
    """
    at = past.moment(ws, as_of)
    revision = rollouts.revision(ws)
    rows = [row for row in fleet.deployments(ws, as_of=at)["items"] if row["state"] != "retired"]
    with ws.look() as session:
        registered = catalogue.count(session, at)
        then = [approvals.shown(ws, session, row, at) for row in past.waiting(session, at)]
        broken = [] if at else list(emergencies.standing(session))
    waiting = then if at else approvals.undecided(ws)
    raised = alerts.alerts(ws, as_of=at)["items"]
    unseen = [alert for alert in raised if alert["state"] == "open"]
    known_of = {alert["deployment"] for alert in unseen}
    unwell = [row for row in rows if row["status"] in ("failing", "warning")]
    untold = [row for row in unwell if row["name"] not in known_of or row["state"] == "down"]
    attention = [_alert(found) for found in unseen] + [_unwell(row) for row in untold]
    seen = {alert["subject"] for alert in unseen if alert["part"] == emergencies.PART}
    attention += [_broken(found) for found in broken if f"request:{found.request}" not in seen]
    attention.sort(key=lambda found: found["status"] != "failing")
    told = {(alert["deployment"], alert["part"]) for alert in unseen}
    overdue = [row for row in rows if (row["review_by"] or END) <= ws.now()]
    attention += [_overdue(row) for row in overdue if (row["name"], "policy") not in told]
    attention += [_waits(found) for found in waiting]
    return Overview(
        workspace=ws.home.shown,
        headline=_headline(registered, rows, len(waiting), len(unseen)),
        attention=attention,
        alerts=raised,
        requests=waiting,
        deployments=rows,
        models=catalogue.models(ws, limit=NEWEST_MODELS, as_of=at)["items"],
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


def _broken(found: emergencies.Emergency) -> Attention:
    return Attention(
        subject=found.deployment,
        status="failing",
        because=tell(
            "break-glass: {ref} answers by the word of {person} alone, since {at}: {reason}",
            ref=found.ref,
            person=found.person,
            at=found.at,
            reason=found.reason,
        ),
        next=f"%mlops request {found.ref} --for {found.deployment}",
    )


def _overdue(row: DeploymentRow) -> Attention:
    return Attention(
        subject=row["name"],
        status="warning",
        because=tell(
            "{ref} had to be approved again until {day}.",
            ref=row["version"],
            day=(row["review_by"] or "")[:10],
        ),
        next=f"%mlops request {row['version']} --for {row['name']}",
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
    if found["state"] != "open":
        people = ", ".join(found["changes_by"])
        return tell(
            "{ref} for {deployment}: changes are asked for by {people}.", people=people, **where
        )
    if found["kind"] != VERSION:
        return tell("The change of {ref} waits for a decision.", ref=found["ref"])
    return tell("{ref} waits for a decision for {deployment}.", **where)
