"""Taking back what was asked for or decided, and what becomes of what was carried out by it.

A champion whose approval is withdrawn makes way for the last one that is approved still. Where there
is none it answers on, since an outage would help nobody, and an alert says so until it is replaced.
"""

from __future__ import annotations

import time as clock
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import remarks as rules
from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.arguments import RequestId, Text, deed
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.errors import MlopsError
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    approvals,
    deliveries,
    lookup,
    proof,
    remarks,
    rollouts,
    standing,
)
from jupyter_mlops.services.carried import carried
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

PART: Final = "approval"
SUBJECT: Final = "withdrawn"


@deed()
def withdraw(ws: Workspace, request: RequestId, *, comment: Text = "") -> RequestAnswer:
    """Take back a request of yours that waits, or your own approval of one, carried out or not.

    Nothing can be carried out by it any more; what is on its way, tried out or a challenger by it
    ends. A champion whose approval is withdrawn makes way for the last one that is approved still, as
    with `rollback`; where there is none it answers on, and an alert says so until it is replaced. Nobody
    withdraws what is another's, and no service a decision.
    """
    began = clock.monotonic()
    said = comment[: rules.LONGEST]
    with ws.act("request:withdrawal", subject=f"request:{request}", reason=said) as act:
        rules.check_text(comment, may_be_empty=True)
        asked = lookup.request(act.session, request)
        told = remarks.told_of(ws, act.session, asked)
        what = rules.what_to_withdraw(remarks.acting(ws, act.session), told)
        act.before = {"state": told.state}
        decision = _own(ws, act.session, asked) if what == "decision" else None
        remarks.add(ws, act, asked, "withdrawal", comment, decision=decision)
        asked.state = _state(act.session, asked, what)
        act.session.add(asked)
        act.session.flush()
        ended: list[str] = []
        back = None
        if asked.state in ("withdrawn", "void"):
            ended, back = _undone(ws, act.session, asked)
        act.after = {"state": asked.state, "what": what, "for": told.ref, "ended": ended}
        if back:
            act.after["back_to"] = back.ref
    because = _gone_back(ws, asked, back, began) if back else ""
    follow(ws, asked.deployment)
    with ws.look() as session:
        shown = approvals.shown(ws, session, lookup.request(session, request))
        return {**shown, "because": because or _left(session, asked, ended)}


def follow(ws: Workspace, deployment: str = "") -> int:
    """See to champions whose approval was withdrawn, and return for how many an alert was opened.

    One that can make way now does; about one that cannot an alert is opened; one that was replaced
    needs none any more.
    """
    with ws.look() as session:
        names = sorted(_concerned(session))
    return sum(_followed(ws, name) for name in names if deployment in ("", name))


@dataclass(frozen=True)
class _Back:
    """The way back that was begun, and where it leads."""

    rollout: int
    ref: str
    replaced: str


def _own(ws: Workspace, session: Session, asked: tables.Request) -> int:
    found, me = proof.decisions(session, asked), remarks.acting(ws, session).id
    return next(one.id for one in found if one.person == me)


def _state(session: Session, asked: tables.Request, what: str) -> str:
    """Return the state of a request after a withdrawal; one that is still open goes on waiting."""
    if what == "request":
        return "withdrawn"
    was_complete = asked.state == "carried out" or proof.is_complete(
        session, asked, even_withdrawn=True
    )
    if was_complete and not proof.is_complete(session, asked):
        return "void"
    return asked.state


def _undone(
    ws: Workspace, session: Session, asked: tables.Request
) -> tuple[list[str], _Back | None]:
    """End what was carried out by a request; a champion only begins to make way."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == asked.deployment)
    ).first()
    if place is None or place.state == "retired":
        return [], None
    ended: list[str] = []
    for going in rollouts.of_place(session, place, "live", "loading"):
        if going.request_id != asked.id or (going.state == "live" and going.share >= WHOLE):
            continue
        _end(ws, session, going)
        ended.append(lookup.ref_of(session, session.get_one(tables.Version, going.version_id)))
    session.flush()
    return ended, _make_way(ws, session, place)


def _end(ws: Workspace, session: Session, going: tables.Rollout) -> None:
    going.state = "ended" if going.since else "failed"
    going.because, going.until = "Its approval was withdrawn.", ws.now()
    session.add(going)


def _make_way(ws: Workspace, session: Session, place: tables.Deployment) -> _Back | None:
    """Begin the way back from a champion whose approval was withdrawn, where there is any.

    What is on its way to replace it is let go on; what is tried out beside it ends, as a rollback
    would end it.
    """
    serving = lookup.champion(session, place)
    if serving is None or not _is_withdrawn(session, serving[0]):
        return None
    at = standing.withdrawn_at(session, session.get_one(tables.Request, serving[0].request_id))
    last = standing.before(session, place)
    if last is None or standing.attempts(session, place, at):
        return None
    if _is_replaced(session, place):
        return None
    if tried := rollouts.candidate(session, place):
        tried.state, tried.until = "ended", ws.now()
        tried.because = "The champion beside it was withdrawn."
        session.add(tried)
    back = tables.Rollout(
        deployment_id=place.id,
        version_id=last.version_id,
        request_id=last.request_id,
        action="rollback",
        role=last.role,
        state="loading",
        because="",
        at=ws.now(),
    )
    session.add(back)
    session.flush()
    ref = lookup.ref_of(session, session.get_one(tables.Version, last.version_id))
    return _Back(back.id, ref, lookup.ref_of(session, serving[1]))


def _is_withdrawn(session: Session, rollout: tables.Rollout) -> bool:
    return standing.is_void(session, session.get_one(tables.Request, rollout.request_id))


def _gone_back(ws: Workspace, asked: tables.Request, back: _Back, began: float) -> str:
    """Wait until the version before answers, and say so; what cannot be loaded changes nothing."""
    try:
        carried(ws, back.rollout, asked.deployment, back.replaced, began)
    except MlopsError as error:
        return tell(
            "{deployment} could not go back to {ref}: {because}",
            deployment=asked.deployment,
            ref=back.ref,
            because=error.message,
        )
    return tell("{deployment} is back at {ref}.", deployment=asked.deployment, ref=back.ref)


def _left(session: Session, asked: tables.Request, ended: list[str]) -> str:
    """Say what became of what was carried out by the request, if anything was."""
    place = session.exec(
        sqlmodel.select(tables.Deployment).where(tables.Deployment.name == asked.deployment)
    ).first()
    serving = lookup.champion(session, place) if place else None
    if serving and serving[0].request_id == asked.id and _is_withdrawn(session, serving[0]):
        return tell(
            "{deployment} has no champion to go back to: {ref} answers on, and an alert says so.",
            deployment=asked.deployment,
            ref=lookup.ref_of(session, serving[1]),
        )
    if ended:
        return tell("{refs} answers nobody any more.", refs=", ".join(ended))
    return ""


def _concerned(session: Session) -> set[str]:
    """Return the deployments whose champion was withdrawn, or that an alert says it of."""
    place, request = tables.Deployment, tables.Request
    live = session.exec(
        sqlmodel.select(place.name)
        .where(tables.Rollout.deployment_id == place.id, tables.Rollout.state == "live")
        .where(tables.Rollout.request_id == request.id)
        .where(sqlmodel.col(request.state).in_(("void", "withdrawn")))
    ).all()
    told = session.exec(
        sqlmodel.select(place.name)
        .where(tables.Alert.deployment_id == place.id, tables.Alert.part == PART)
        .where(tables.Alert.resolved_at == "")
    ).all()
    return {*live, *told}


def _followed(ws: Workspace, name: str) -> int:
    """Begin the way back of one deployment where it is free now, and bring its alert up to date."""
    with suppress(MlopsError), ws.act("deployment:rollback", subject=f"deployment:{name}") as act:
        place = lookup.deployment(act.session, name)
        back = _make_way(ws, act.session, place) if place.state != "retired" else None
        if back is None:
            act.nothing()
        else:
            act.outcome, act.reason = "begun", "The approval of its champion was withdrawn."
            act.before, act.after = {"version": back.replaced}, {"version": back.ref}
    with ws.act("alert:opening", subject=f"deployment:{name}") as act:
        place = lookup.deployment(act.session, name)
        known = _alert(act.session, place)
        serving = lookup.champion(act.session, place)
        stays = serving is not None and _is_withdrawn(act.session, serving[0])
        if known is not None and not stays:
            _resolve(ws, act, place, known)
        elif serving and stays and known is None and not _is_replaced(act.session, place):
            return _open(ws, act, place, lookup.ref_of(act.session, serving[1]))
        else:
            act.nothing()
        return 0


def _is_replaced(session: Session, place: tables.Deployment) -> bool:
    """Say whether another champion is on its way."""
    return any(one.share >= WHOLE for one in rollouts.of_place(session, place, "loading"))


def _alert(session: Session, place: tables.Deployment) -> tables.Alert | None:
    return session.exec(
        sqlmodel.select(tables.Alert)
        .where(tables.Alert.deployment_id == place.id, tables.Alert.part == PART)
        .where(tables.Alert.resolved_at == "")
    ).first()


def _open(ws: Workspace, act: Deed, place: tables.Deployment, ref: str) -> int:
    now = ws.now()
    row = tables.Alert(
        deployment_id=place.id,
        part=PART,
        subject=SUBJECT,
        severity="critical",
        state="open",
        status="failing",
        why="withdrawn",
        figures={"version": ref},
        causes=[_cause(place.name)],
        version=ref,
        since=now,
        last_seen=now,
        followed=now,
        windows=1,
        quiet=0,
        at=now,
        comment="",
    )
    act.session.add(row)
    act.session.flush()
    act.subject, act.after = f"alert:{row.id}", _after(place, row)
    deliveries.enqueue(act, ws, place, row, "open", "")
    return 1


def _cause(deployment: str) -> dict[str, Any]:
    words = [f"%mlops requests {deployment}", f"%mlops retire {deployment}"]
    return {"why": "nothing_stands", "likelihood": 1.0, "figures": {}, "next": words}


def _resolve(ws: Workspace, act: Deed, place: tables.Deployment, row: tables.Alert) -> None:
    act.action, act.before = "alert:resolution", {"state": row.state}
    row.state, row.resolved_at, row.last_seen = "resolved", ws.now(), ws.now()
    act.session.add(row)
    act.session.flush()
    act.subject, act.after = f"alert:{row.id}", _after(place, row)
    deliveries.enqueue(act, ws, place, row, "resolve", "")


def _after(place: tables.Deployment, row: tables.Alert) -> dict[str, Any]:
    told = ("part", "subject", "severity", "state", "why", "since")
    return {"deployment": place.name, **{name: getattr(row, name) for name in told}}
