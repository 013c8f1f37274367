"""One look at what is new of a deployment: findings are kept, alerts opened, and ended again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.alerts import Change, Finding, Key, Looked, Standing, follow
from jupyter_mlops.domain.diagnosis import Evidence, diagnose
from jupyter_mlops.domain.monitoring import DEFAULT, Severity
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.services import accuracy, deliveries, lookup, noticing, rhythm
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.champions import Champion, champion
from jupyter_mlops.services.noticing import Agreed
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

WATCHER: Final = Actor("watcher", kind="service")
CATCH_UP: Final = timedelta(days=7)
"""How far back a watcher that was away begins again; older windows are not worth an alert."""
_DEEDS: Final = {"open": "opening", "worsen": "worsening", "resolve": "resolution"}


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation did: windows looked at, alerts opened and ended."""

    windows: int = 0
    opened: int = 0
    resolved: int = 0


def evaluate(ws: Workspace, deployment: str) -> Evaluated:
    """Look once at each whole window of a deployment that nobody looked at yet.

    Windows never overlap, and the level of their tests follows from how many there are in 30 days:
    asking again and again looks at nothing twice and raises no more false alarms. What was begun and
    not finished is finished by the next call. Nothing is sent from here.

    Raises:
        NotFound: there is no such deployment.
        Refused: nothing was ever live there.
    """
    acting = ws.as_actor(WATCHER)
    serving = champion(acting, deployment)
    with acting.look() as session:
        place = lookup.deployment(session, deployment)
        last = session.exec(
            sqlmodel.select(sqlmodel.func.max(tables.Evaluation.end)).where(
                tables.Evaluation.deployment_id == place.id
            )
        ).one()
    if place.state == "retired":
        return Evaluated()
    rules = written.of_deployment(acting, deployment)
    agreed = Agreed(
        rules.monitoring if rules else DEFAULT, rules.objectives if rules else Objectives()
    )
    since = _since(acting, serving, agreed, last)
    spans = rhythm.whole_windows(acting, deployment, agreed.monitoring, since, acting.clock())
    done = [_look(acting, place, serving, span, agreed) for span in spans]
    return Evaluated(
        windows=len(done),
        opened=sum(kinds.count("open") for kinds in done),
        resolved=sum(kinds.count("resolve") for kinds in done),
    )


def _since(ws: Workspace, serving: Champion, agreed: Agreed, last: str | None) -> datetime:
    """Return where to go on: after the last window, else a little before now."""
    now = ws.clock()
    watched = agreed.monitoring
    longest = rhythm.LONGEST[watched.every]
    if last and (begun := datetime.fromisoformat(last)) > now - max(CATCH_UP, longest):
        return begun
    live = datetime.fromisoformat(serving.since)
    return rhythm.period_of(watched, now - longest if last else max(live, now - longest))


def _look(
    ws: Workspace, place: tables.Deployment, serving: Champion, span: Window, agreed: Agreed
) -> list[str]:
    looked = noticing.notice(ws, serving, span, agreed)
    known: dict[Key, int] = {}
    kinds: list[str] = []
    for change in list(follow(_standing(ws, place), looked, agreed.monitoring)):
        number = _carry_out(ws, place, serving, change, looked, agreed)
        known |= {found.key: number for found in change.found}
        kinds.append(change.does)
    _keep(ws, place, serving, looked, known)
    return kinds


def _standing(ws: Workspace, place: tables.Deployment) -> dict[Key, Standing]:
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Alert)
            .where(tables.Alert.deployment_id == place.id)
            .where(tables.Alert.resolved_at == "")
        ).all()
    return {(row.part, row.subject): _as_standing(row) for row in rows}


def _as_standing(row: tables.Alert) -> Standing:
    return Standing(
        part=row.part,
        subject=row.subject,
        severity=cast("Severity", row.severity),
        state=cast("Any", row.state),
        since=row.since,
        last_seen=row.last_seen,
        followed=row.followed,
        windows=row.windows,
        quiet=row.quiet,
        status=cast("Any", row.status),
        why=row.why,
        figures=row.figures,
    )


def _carry_out(
    ws: Workspace,
    place: tables.Deployment,
    serving: Champion,
    change: Change,
    looked: Looked,
    agreed: Agreed,
) -> int:
    """Write what a window changes about an alert; what concerns people is a deed with its event."""
    deed = _DEEDS.get(change.does, "following")
    causes = (
        _causes(ws, place, serving, change, looked) if change.does in ("open", "worsen") else []
    )
    with ws.act(f"alert:{deed}", subject=f"deployment:{place.name}") as act:
        row = _row(act.session, place, change.standing.key)
        if (row is None) != (change.does == "open") or (row and row.followed >= looked.end):
            act.nothing()  # another watcher was here first
            return row.id if row else 0
        row = row or _new(place, serving, change.standing, ws.now())
        before = {"severity": row.severity, "state": row.state} if row.id else None
        _write(row, change, causes, ws.now())
        act.session.add(row)
        act.session.flush()
        if change.does not in _DEEDS:
            act.nothing()
            return row.id
        act.subject, act.before, act.after = f"alert:{row.id}", before, _after(place, row)
        deliveries.enqueue(act, ws, place, row, change.does, agreed.monitoring.webhook)
        return row.id


def _row(session: Session, place: tables.Deployment, key: Key) -> tables.Alert | None:
    return session.exec(
        sqlmodel.select(tables.Alert)
        .where(tables.Alert.deployment_id == place.id, tables.Alert.resolved_at == "")
        .where(tables.Alert.part == key[0], tables.Alert.subject == key[1])
    ).first()


def _new(place: tables.Deployment, serving: Champion, told: Standing, now: str) -> tables.Alert:
    return tables.Alert(
        deployment_id=place.id,
        version=serving.ref,
        causes=[],
        comment="",
        at=now,
        **asdict(told),
    )


def _write(row: tables.Alert, change: Change, causes: list[Any], now: str) -> None:
    """Write what changed; whether somebody acknowledged it meanwhile is theirs to say."""
    told = asdict(change.standing)
    if change.does not in _DEEDS:
        del told["state"]
    for name, value in told.items():
        setattr(row, name, value)
    if causes:
        row.causes = causes
    if change.does == "resolve":
        row.resolved_at = now


def _after(place: tables.Deployment, row: tables.Alert) -> dict[str, Any]:
    return {
        "deployment": place.name,
        "part": row.part,
        "subject": row.subject,
        "severity": row.severity,
        "state": row.state,
        "why": row.why,
        "since": row.since,
    }


def _causes(
    ws: Workspace, place: tables.Deployment, serving: Champion, change: Change, looked: Looked
) -> list[Any]:
    told = change.standing
    found = Finding(cast("Any", told.part), told.subject, told.status, told.why, told.figures)
    length = datetime.fromisoformat(looked.end) - datetime.fromisoformat(looked.start)
    lately = serving.since >= iso(datetime.fromisoformat(looked.start) - length)
    evidence = Evidence(
        deployment=place.name,
        version=serving.ref,
        went_live=serving.since if lately else "",
        before=_version_before(ws, place, serving) if lately else "",
        others=looked.findings,
        labelled=_labelled(ws, serving, looked) if told.part == "accuracy" else None,
    )
    return [asdict(cause) for cause in diagnose(found, evidence)]


def _version_before(ws: Workspace, place: tables.Deployment, serving: Champion) -> str:
    with ws.look() as session:
        found = session.exec(
            sqlmodel.select(tables.Version)
            .where(tables.Rollout.version_id == tables.Version.id)
            .where(tables.Rollout.deployment_id == place.id, tables.Rollout.share >= 1)
            .where(tables.Rollout.since != "", tables.Rollout.since < serving.since)
            .order_by(sqlmodel.col(tables.Rollout.since).desc())
        ).first()
        return lookup.ref_of(session, found) if found else ""


def _labelled(ws: Workspace, serving: Champion, looked: Looked) -> float:
    end = datetime.fromisoformat(looked.end)
    return accuracy.of_window(ws, serving, Window(end - CATCH_UP, end))["labelled"]


def _keep(
    ws: Workspace,
    place: tables.Deployment,
    serving: Champion,
    looked: Looked,
    known: Mapping[Key, int],
) -> None:
    """Write the findings of a window, and that it was looked at; no deed, so no event."""
    with ws.act("deployment:evaluation", subject=f"deployment:{place.name}") as act:
        act.nothing()
        if _was_looked_at(act, place, looked):
            return
        for found in looked.findings:
            act.session.add(
                tables.Finding(
                    deployment_id=place.id,
                    alert_id=known.get(found.key) or None,
                    part=found.part,
                    subject=found.subject,
                    status=found.status,
                    why=found.why,
                    figures=dict(found.figures),
                    version=serving.ref,
                    start=looked.start,
                    end=looked.end,
                    at=ws.now(),
                )
            )
        act.session.add(
            tables.Evaluation(
                deployment_id=place.id,
                start=looked.start,
                end=looked.end,
                findings=len(looked.findings),
                at=ws.now(),
            )
        )


def _was_looked_at(act: Deed, place: tables.Deployment, looked: Looked) -> bool:
    return (
        act.session.exec(
            sqlmodel.select(tables.Evaluation.id)
            .where(tables.Evaluation.deployment_id == place.id)
            .where(tables.Evaluation.end == looked.end)
        ).first()
        is not None
    )
