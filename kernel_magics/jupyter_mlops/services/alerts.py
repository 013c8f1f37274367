"""Alerts: findings that somebody must see, and the word that they were seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import sqlmodel

from jupyter_mlops.domain.alerted import AlertCause, AlertRow, Alerts
from jupyter_mlops.domain.alerts import check_may_acknowledge
from jupyter_mlops.domain.arguments import AlertIds, DeploymentName, Text, Time, deed, read
from jupyter_mlops.domain.monitoring import SEVERITIES
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.services import lookup, wording
from jupyter_mlops.services.evaluation import evaluate
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

__all__ = ["acknowledge", "alerts", "evaluate"]

MOST: Final = 1000
LARGEST: Final = 2**31
_URGENCY: Final = ("open", "acknowledged", "resolved")


@read()
def alerts(
    ws: Workspace,
    deployment: DeploymentName = "",
    *,
    state: Literal["unresolved", "open", "acknowledged", "resolved", "all"] = "unresolved",
    severity: Literal["info", "warning", "critical"] = "info",
    since: Time | None = None,
    as_of: Time | None = None,
) -> Alerts:
    """List the alerts that somebody must see, with their likely causes and what to type next.

    `severity` is the least that is listed. `since` leaves out those that were seen last before it;
    with `as_of` they are listed as they stood then.
    """
    now = ws.clock()
    at = iso(parse_time(as_of, now=now)) if as_of else None
    first = iso(parse_time(since, now=now)) if since else ""
    with ws.look() as session:
        if deployment:
            lookup.deployment(session, deployment)
        standing_only = at is None and state not in ("resolved", "all")
        found = _found(session, deployment, severity, first, at, standing_only=standing_only)
    rows = [_row(name, alert, at) for name, alert in found]
    kept = [row for row in rows if _matches(row, state)]
    kept.sort(key=lambda row: (row["since"], row["id"]), reverse=True)
    kept.sort(key=_urgency)
    return Alerts(items=kept, open=sum(row["state"] == "open" for row in kept))


@deed()
def acknowledge(ws: Workspace, alert: AlertIds, *, comment: Text = "") -> Alerts:
    """Say that you have seen alerts, by their numbers, and what you make of them.

    An acknowledged alert stays until its finding is gone; when it grows worse it opens again.
    """
    numbers = _numbers(alert)
    if not numbers:
        raise Invalid("No alert is named.", "`alerts` lists their numbers.", code="alert_not_found")
    rows = []
    for number in dict.fromkeys(numbers):
        with ws.act("alert:acknowledgement", subject=f"alert:{number}", reason=comment) as act:
            found = _numbered(act.session, number)
            check_may_acknowledge(number, found.state)
            place = act.session.get_one(tables.Deployment, found.deployment_id)
            act.before = {"state": found.state}
            if found.state == "acknowledged" and found.comment == comment:
                act.nothing()
            else:
                found.state, found.comment = "acknowledged", comment
                found.acknowledged_by, found.acknowledged_at = ws.actor.id, ws.now()
                act.session.add(found)
                act.after = {"state": found.state, "deployment": place.name}
        rows.append(_row(place.name, found, None))
    return Alerts(items=rows, open=0)


def _found(
    session: Session,
    deployment: str,
    severity: str,
    since: str,
    at: str | None,
    *,
    standing_only: bool,
) -> Sequence[tuple[str, tables.Alert]]:
    severe = SEVERITIES[SEVERITIES.index(cast("Any", severity)) :]
    query = (
        sqlmodel.select(tables.Deployment.name, tables.Alert)
        .where(tables.Alert.deployment_id == tables.Deployment.id)
        .where(sqlmodel.col(tables.Alert.severity).in_(severe))
        .where(sqlmodel.col(tables.Alert.last_seen) >= since)
    )
    if deployment:
        query = query.where(tables.Deployment.name == deployment)
    if at:
        query = query.where(sqlmodel.col(tables.Alert.at) <= at)
    if standing_only:
        query = query.where(tables.Alert.resolved_at == "")
    newest = sqlmodel.col(tables.Alert.id).desc()
    return session.exec(query.order_by(newest).limit(MOST)).all()


def _numbered(session: Session, number: int) -> tables.Alert:
    found = session.get(tables.Alert, number) if 0 < number < LARGEST else None
    if found is None:
        raise _no_alert(number)
    return found


def _numbers(told: Any) -> list[int]:
    """Return numbers as they are typed, or as JSON has them."""
    parts = told.split(",") if isinstance(told, str) else told
    parts = parts if isinstance(parts, list | tuple) else [parts]
    return [_number(str(part).strip()) for part in parts if str(part).strip()]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < len(str(LARGEST))):
        raise _no_alert(repr(text))
    return int(text)


def _no_alert(number: object) -> NotFound:
    return NotFound(
        "There is no alert {number}.",
        "`alerts` lists their numbers.",
        code="alert_not_found",
        number=number,
    )


def _matches(row: AlertRow, state: str) -> bool:
    if state == "unresolved":
        return row["state"] != "resolved"
    return state in ("all", row["state"])


def _urgency(row: AlertRow) -> tuple[int, int]:
    return _URGENCY.index(row["state"]), -SEVERITIES.index(row["severity"])


def _row(deployment: str, found: tables.Alert, at: str | None) -> AlertRow:
    causes = [_cause(told) for told in found.causes]
    words = [word for cause in causes for word in cause["next"]]
    state = _state(found, at)
    return AlertRow(
        id=found.id,
        deployment=deployment,
        part=cast("Any", found.part),
        subject=wording.subject(found.subject),
        severity=cast("Any", found.severity),
        state=cast("Any", state),
        because=wording.finding(found.subject, found.why, found.figures),
        since=found.since,
        last_seen=found.last_seen,
        windows=found.windows,
        version=found.version,
        figures=found.figures,
        causes=causes,
        next=words[0] if words else f"%mlops monitor {deployment}",
        opened_at=found.at,
        acknowledged_by="" if state == "open" else found.acknowledged_by,
        acknowledged_at="" if state == "open" else found.acknowledged_at,
        comment="" if state == "open" else found.comment,
        resolved_at=found.resolved_at if state == "resolved" else "",
    )


def _state(found: tables.Alert, at: str | None) -> str:
    """Return how an alert stands, or stood then."""
    if at is None:
        return found.state
    if found.resolved_at and found.resolved_at <= at:
        return "resolved"
    seen = found.acknowledged_at and found.acknowledged_at <= at
    return "acknowledged" if seen else "open"


def _cause(told: dict[str, Any]) -> AlertCause:
    return AlertCause(
        why=told["why"],
        likelihood=told["likelihood"],
        because=wording.cause(told["why"], told["figures"]),
        next=told["next"],
    )
