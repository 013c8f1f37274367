"""What is known of a version or a deployment: gathered by reading, kept free of any language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from jupyter_mlops.domain.answers import (
    Alerts,
    Audit,
    AuditEvent,
    Check,
    DeploymentRow,
    Monitor,
    Request,
    Rules,
    Version,
)
from jupyter_mlops.domain.watched import Curves
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.services import (
    alerts,
    approvals,
    documents,
    fleet,
    holdouts,
    monitoring,
    registry,
    rules,
)
from jupyter_mlops.services.audit import audit
from jupyter_mlops.services.documents import Answered, Subject
from jupyter_mlops.services.service import service
from jupyter_mlops.services.workspace import Workspace

DAYS: Final = 30
LOOKED_BACK: Final = 400
MOST_EVENTS: Final = 2_000
MOST_VERSIONS: Final = 20
OWN: Final = ("document:", "card:", "page:", "server:", "labels:", "webhook:")
"""Events that change nothing a document tells of: writing one leaves the next one the same."""


@dataclass(frozen=True)
class Place:
    """A deployment that serves the version: how it is, what its rules are, what was raised."""

    row: DeploymentRow
    monitor: Monitor | None
    rules: Rules | None
    alerts: Alerts


@dataclass(frozen=True)
class Known:
    """Everything that a document may tell of its subject."""

    subject: Subject
    version: Version
    versions: Sequence[Version]
    checks: Sequence[Check]
    checked_at: str
    details: Mapping[str, Mapping[str, Any]]
    requests: Sequence[Request]
    places: Sequence[Place]
    audit: Audit
    events: Sequence[AuditEvent]
    curves: Curves
    answers: Mapping[str, Answered] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """Return when something was last done that this tells of."""
        return self.events[0]["at"] if self.events else self.version["created_at"]

    @property
    def importance(self) -> list[tuple[str, float]]:
        """Return what the answers depend on, the most first."""
        found = {
            name: value
            for name, value in self.details.get("importance", {}).items()
            if isinstance(value, int | float)
        }
        return sorted(found.items(), key=lambda one: -one[1])


def gather(ws: Workspace, subject: Subject) -> Known:
    """Read everything about a subject; the same records give the same, whenever it is asked."""
    version = registry.show(ws, subject.ref)
    refs = documents.earlier(ws, subject)
    known = [ref for ref in refs if int(ref.rpartition(":")[2]) <= subject.number]
    checks, checked_at, details = documents.checked(ws, subject)
    places = [_place(ws, row) for row in _rows(ws, subject, version)]
    requests = [
        row
        for row in approvals.requests(ws, subject.name)["items"]
        if row["ref"] == subject.ref and subject.deployment in ("", row["deployment"])
    ]
    return Known(
        subject=subject,
        version=version,
        versions=[registry.show(ws, ref) for ref in known[:MOST_VERSIONS]],
        checks=checks,
        checked_at=checked_at,
        details=details,
        requests=requests,
        places=places,
        audit=audit(ws, verify=True, limit=1),
        events=_events(ws, subject, requests, places),
        curves=holdouts.curves(ws, version),
        answers=documents.answers(ws, subject),
    )


def _rows(ws: Workspace, subject: Subject, version: Version) -> list[DeploymentRow]:
    wanted = [subject.deployment] if subject.deployment else version["deployments"]
    return [row for row in fleet.deployments(ws)["items"] if row["name"] in wanted]


def _place(ws: Workspace, row: DeploymentRow) -> Place:
    name = row["name"]
    try:
        agreed = rules.rules(ws, name)
    except MlopsError:
        agreed = None
    return Place(row, _monitor(ws, name), agreed, alerts.alerts(ws, name, state="all"))


def _monitor(ws: Workspace, name: str) -> Monitor | None:
    """Judge the thirty days up to the last day on which anything was asked."""
    try:
        found = service(ws, name, since=f"{LOOKED_BACK}d", by="day")
        last = next((point for point in reversed(found["series"]) if point["n"]), None)
        if last is None:
            return None
        until = datetime.fromisoformat(last["end"])
        since = until - timedelta(days=DAYS)
        return monitoring.monitor(
            ws, name, since=since.isoformat(), until=until.isoformat(), by="day"
        )
    except MlopsError:
        return None


def _events(
    ws: Workspace, subject: Subject, requests: Sequence[Request], places: Sequence[Place]
) -> list[AuditEvent]:
    """Return what was done to the subject, the newest first."""
    wanted = {f"version:{subject.ref}", *(f"request:{row['id']}" for row in requests)}
    wanted |= {f"deployment:{place.row['name']}" for place in places}
    names = [subject.ref, *(f"request:{row['id']}" for row in requests)]
    names += [f"deployment:{place.row['name']}" for place in places]
    found: dict[int, AuditEvent] = {}
    for name in names:
        for event in audit(ws, name, limit=MOST_EVENTS)["items"]:
            if event["subject"] in wanted and not event["action"].startswith(OWN):
                found[event["seq"]] = event
    return [found[seq] for seq in sorted(found, reverse=True)]
