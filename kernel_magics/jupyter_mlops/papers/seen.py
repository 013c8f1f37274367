"""What the page of one deployment rests on: gathered by reading, kept free of any language."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from jupyter_mlops.domain.answers import AlertRow, AuditEvent, DeploymentRow, Monitor, Status
from jupyter_mlops.domain.health import worst
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.papers.facts import ORDER, Ask

MOST_EVENTS: Final = 500
NOTICE: Final = 0.1
ILL: Final = ("failing", "warning")
SEVERE: Final[dict[str, Status]] = {"critical": "failing", "warning": "warning", "info": "unknown"}


@dataclass(frozen=True)
class Seen:
    """What is known of one deployment in a period; without a monitor, the error that says why."""

    name: str
    now: datetime
    since: str
    by: str
    segment: str = ""
    names: tuple[str, ...] = ()
    row: DeploymentRow | None = None
    monitor: Monitor | None = None
    error: MlopsError | None = None
    alerts: tuple[AlertRow, ...] = ()
    audit: tuple[AuditEvent, ...] = field(default=(), repr=False)

    @property
    def unresolved(self) -> list[AlertRow]:
        """Return the alerts that somebody has to see or has seen, the most urgent first."""
        return [alert for alert in self.alerts if alert["state"] != "resolved"]

    @property
    def status(self) -> Status:
        """Return how it is in the period."""
        return self.monitor["status"] if self.monitor else "unknown"


def look(
    ask: Ask,
    *,
    now: datetime,
    name: str = "",
    since: str = "30d",
    by: str = "day",
    segment: str = "",
) -> Seen:
    """Read a deployment: its row, its monitor, its alerts, and what was done to it.

    Raises:
        NotFound: it is named, and there is none of that name.
    """
    rows = [row for row in ask("deployments")["items"] if row["state"] != "retired"]
    names = tuple(row["name"] for row in rows)
    name = name or next(iter(_by_need(rows)), "")
    asked: dict[str, Any] = {"now": now, "since": since, "by": by, "segment": segment}
    if not name:
        return Seen(name="", names=names, **asked)
    alerts = ask("alerts", deployment=name, state="all")["items"]
    monitor, error = _monitor(ask, name, since, by, segment)
    return Seen(
        name=name,
        names=names,
        row=next((row for row in rows if row["name"] == name), None),
        monitor=monitor,
        error=error,
        alerts=tuple(alerts),
        audit=tuple(ask("audit", query=f"deployment:{name}", limit=MOST_EVENTS)["items"]),
        **asked,
    )


def standing(seen: Seen) -> Status:
    """Return the worse of how it is in the period and of what the open alerts say."""
    return worst([seen.status, *(SEVERE[alert["severity"]] for alert in seen.unresolved)])


def began(seen: Seen) -> datetime | None:
    """Return since when it is as it is: its oldest open alert, else the unbroken run of what moved."""
    raised = [datetime.fromisoformat(alert["since"]) for alert in seen.unresolved]
    return min(raised) if raised else _run(seen)


def _by_need(rows: list[DeploymentRow]) -> list[str]:
    ranked = sorted(rows, key=lambda row: (ORDER[row["status"]], -row["predictions"]))
    return [row["name"] for row in ranked]


def _monitor(
    ask: Ask, name: str, since: str, by: str, segment: str
) -> tuple[Monitor | None, MlopsError | None]:
    try:
        return ask("monitor", deployment=name, since=since, by=by, segment=segment), None
    except MlopsError as error:
        return None, error


def _run(seen: Seen) -> datetime | None:
    """Return the first period of the unbroken run in which the feature that moved most was far off."""
    if seen.monitor is None or seen.monitor["drift"]["status"] not in ILL:
        return None
    found = seen.monitor["drift"]
    worst = found["items"][0]["feature"]
    heat = next((row["psi"] for row in found["heat"] if row["feature"] == worst), [])
    since = None
    for period, psi in reversed(list(zip(found["periods"], heat, strict=False))):
        if psi is None and since is None:
            continue
        if psi is None or psi < NOTICE:
            break
        since = datetime.fromisoformat(period["start"])
    return since
