"""What the executive page rests on: gathered by reading, kept free of any language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyter_mlops.domain.answers import (
    Audit,
    DeploymentRow,
    Monitor,
    Point,
    Request,
    Service,
    Status,
)
from jupyter_mlops.errors import MlopsError

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Workspace

Ask = Callable[..., Any]
"""Says a reading verb with named arguments and returns its answer."""
Progress = Callable[[str, float], None]

WEEKS: Final = 12
SHOWN: Final = 12
ORDER: Final[dict[Status, int]] = {"failing": 0, "warning": 1, "unknown": 2, "passing": 3}


@dataclass(frozen=True)
class Week:
    """One week of one deployment; without a monitor when nothing was asked of it."""

    start: datetime
    n: int
    status: Status = "unknown"
    monitor: Monitor | None = None

    @property
    def end(self) -> datetime:
        """Return the moment at which the next week begins."""
        return self.start + timedelta(days=7)


@dataclass(frozen=True)
class Facts:
    """Everything that is known; the page only chooses and words it."""

    workspace: str
    now: datetime
    days: int
    rows: list[DeploymentRow]
    requests: list[Request]
    audit: Audit
    services: dict[str, Service] = field(default_factory=dict)
    weeks: dict[str, list[Week]] = field(default_factory=dict)

    @property
    def shown(self) -> list[DeploymentRow]:
        """Return the deployments that are told one by one: those in need first, then the busiest."""
        return [row for row in self.rows if row["name"] in self.weeks]

    def began(self, name: str) -> datetime | None:
        """Return the first day of which a prediction of a deployment is known."""
        found = self.services.get(name)
        asked = (_start(point) for point in found["series"] if point["n"]) if found else ()
        return min(asked, default=None)

    def predicted(self, since: datetime, until: datetime) -> int:
        """Return how many predictions the whole fleet made between two moments."""
        series = [point for found in self.services.values() for point in found["series"]]
        return sum(point["n"] for point in series if since <= _start(point) < until)


def reader(ws: Workspace, as_of: str | None = None) -> Ask:
    """Return what asks a workspace that is here, about a moment if one is named.

    A session elsewhere is asked in the same words.
    """
    from jupyter_mlops.services import alerts, audit, fleet, monitoring, overview, service

    verbs = {
        "alerts": alerts.alerts,
        "deployments": fleet.deployments,
        "audit": audit.audit,
        "monitor": monitoring.monitor,
        "overview": overview.overview,
        "service": service.service,
    }
    then = {"as_of": as_of} if as_of else {}
    return lambda verb, **said: verbs[verb](ws, **said, **then)  # type: ignore[operator]


def gather(ask: Ask, *, now: datetime, days: int, progress: Progress = lambda *_: None) -> Facts:
    """Read the fleet, its waiting requests, twelve weeks of its monitors, and the audit chain."""
    seen = ask("overview")
    rows = sorted(seen["deployments"], key=_urgency)
    services = {row["name"]: found for row in rows if (found := _service(ask, row, now, days))}
    weeks = {}
    for i, row in enumerate(rows[:SHOWN]):
        progress(row["name"], i / len(rows))
        weeks[row["name"]] = _history(ask, row, services.get(row["name"]), now)
    return Facts(
        workspace=short_name(seen["workspace"]),
        now=now,
        days=days,
        rows=rows,
        requests=seen["requests"],
        audit=ask("audit", verify=True, limit=1),
        services=services,
        weeks=weeks,
    )


def starts(now: datetime) -> list[datetime]:
    """Return when each of the weeks begins; the last one ends now."""
    return [now - timedelta(days=7 * back) for back in range(WEEKS, 0, -1)]


def short_name(where: str) -> str:
    """Return the name people know a workspace by: its folder's or its database's, never its path."""
    path = PurePosixPath(urlsplit(where).path or where)
    return path.parent.name if path.suffix == ".db" else path.name or where


def _urgency(row: DeploymentRow) -> tuple[int, int, str]:
    return ORDER[row["status"]], -row["predictions"], row["name"]


def _history(ask: Ask, row: DeploymentRow, service: Service | None, now: datetime) -> list[Week]:
    weeks = [_week(ask, row["name"], service, start) for start in starts(now)]
    last = weeks[-1]
    return [*weeks[:-1], Week(last.start, last.n, row["status"], last.monitor)]


def _week(ask: Ask, name: str, service: Service | None, start: datetime) -> Week:
    """Judge one week by itself, knowing what is known today; an idle one costs nothing."""
    end = start + timedelta(days=7)
    series = service["series"] if service else []
    if not any(point["n"] for point in series if _touches(point, start, end)):
        return Week(start, 0)
    try:
        found = ask("monitor", deployment=name, **_span(start, end), by="week")
    except MlopsError:
        return Week(start, 0)
    return Week(start, found["service"]["predictions"], found["status"], found)


def _service(ask: Ask, row: DeploymentRow, now: datetime, days: int) -> Service | None:
    since = now - timedelta(days=max(2 * days, 7 * WEEKS))
    try:
        found: Service = ask("service", deployment=row["name"], **_span(since, now), by="day")
    except MlopsError:
        return None
    return found


def _span(since: datetime, until: datetime) -> dict[str, str]:
    return {"since": since.isoformat(), "until": until.isoformat()}


def _touches(point: Point, start: datetime, end: datetime) -> bool:
    return _start(point) < end and datetime.fromisoformat(point["end"]) > start


def _start(point: Point) -> datetime:
    return datetime.fromisoformat(point["start"])
