"""How deployments and requests stood at a moment, told from what is kept of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import sqlmodel

from jupyter_mlops.domain.answers import DeploymentRow
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.domain.remarks import UNDECIDED, WAITING
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, proof
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from jupyter_mlops.domain.answers import Risk


def moment(ws: Workspace, as_of: str | None) -> str:
    """Return the moment that a reader asks for, as it is stored; empty where it is now.

    Raises:
        Invalid: it is no moment.
    """
    return iso(parse_time(as_of, now=ws.clock())) if as_of else ""


def fleet(session: Session, at: str) -> list[DeploymentRow]:
    """Return the deployments that there were at a moment, as the store knew them; health is not in it."""
    places = session.exec(
        sqlmodel.select(tables.Deployment)
        .where(tables.Deployment.at <= at)
        .order_by(sqlmodel.col(tables.Deployment.name))
    ).all()
    return [_row(session, place, at) for place in places]


def approved_by(session: Session, asked: tables.Request, at: str = "") -> list[str]:
    """Return who had said yes to a request, each once, in the order they did."""
    given = [found for found in proof.decisions(session, asked) if found.outcome == "approved"]
    return list(dict.fromkeys(found.person for found in given if not at or found.at <= at))


def waiting(session: Session, at: str) -> Sequence[tables.Request]:
    """Return the requests that waited for a decision at a moment, newest first."""
    rows = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.at <= at, tables.Request.expires_at > at)
        .order_by(sqlmodel.col(tables.Request.id).desc())
    ).all()
    return [asked for asked in rows if state(session, asked, at) in UNDECIDED]


def state(session: Session, asked: tables.Request, at: str) -> str:
    """Return the state of a request at a moment, as the audit log tells it."""
    carried = session.exec(
        sqlmodel.select(tables.Rollout.id).where(
            tables.Rollout.request_id == asked.id,
            tables.Rollout.since != "",
            tables.Rollout.since <= at,
        )
    ).first()
    told = _last_state(session, f"request:{asked.id}", at) or "open"
    if told not in (*WAITING, *UNDECIDED, "carried out"):  # it ended, whatever it had done before
        return told
    if carried is not None or _is_named(session, asked, at, "request"):
        return "carried out"
    if _is_named(session, asked, at, "supersedes"):
        return "superseded"
    return "expired" if told in WAITING and at >= asked.expires_at else told


def _is_named(session: Session, asked: tables.Request, at: str, part: str) -> bool:
    """Say whether another event tells what became of a request: it took it up, or took its place."""
    if asked.state != {"request": "carried out", "supersedes": "superseded"}[part]:
        return False
    event = tables.AuditEvent
    bodies = session.exec(
        sqlmodel.select(event.body)
        .where(event.at >= asked.at, event.at <= at)
        .where(sqlmodel.col(event.body).contains(f'"{part}":'))
    )
    named = ((json.loads(body)["after"] or {}).get(part) for body in bodies)
    return any(asked.id == one or (isinstance(one, list) and asked.id in one) for one in named)


def _last_state(session: Session, subject: str, at: str) -> str:
    """Return the state that the last event about a subject left it in, by a moment."""
    event = tables.AuditEvent
    bodies = session.exec(
        sqlmodel.select(event.body)
        .where(event.subject == subject, event.at <= at)
        .order_by(sqlmodel.col(event.seq).desc())
    )
    states = ((json.loads(body)["after"] or {}).get("state") for body in bodies)
    return next((str(found) for found in states if found), "")


def _row(session: Session, place: tables.Deployment, at: str) -> DeploymentRow:
    live = _live(session, place, at)
    serving = next((found for found in live if found[0].share >= 1), None)
    parent = session.get_one(tables.Model, place.model_id)
    over = _last_state(session, f"deployment:{place.name}", at) == "retired"
    version = serving[1] if serving and not over else None
    row = DeploymentRow(
        name=place.name,
        model=parent.name,
        version=lookup.ref_of(session, version) if version else None,
        digest=version.digest if version else None,
        state="retired" if over else "live" if version else "waiting",
        status="unknown",
        because=_because(over=over, serves=version is not None),
        since=serving[0].since if serving else None,
        risk=cast("Risk", version.risk if version else parent.risk),
        owner=parent.owner,
        predictions=0,
        url=None,
        canary=None,
        share=None,
        trial=None,
        review_by=None,
        challengers=[
            lookup.ref_of(session, found)
            for rollout, found in live
            if rollout.role == "challenger" and not over
        ],
    )
    if serving and version:
        asked = session.get_one(tables.Request, serving[0].request_id)
        row["approved_by"] = approved_by(session, asked, at)
    return row


def _because(*, over: bool, serves: bool) -> str:
    if over:
        return tell("Retired; its history is kept.")
    return "" if serves else tell("Nothing is live here yet.")


def _live(
    session: Session, place: tables.Deployment, at: str
) -> Sequence[tuple[tables.Rollout, tables.Version]]:
    """Return what was live at a moment. What a canary answered then is not kept beside its rollout."""
    since, until = sqlmodel.col(tables.Rollout.since), sqlmodel.col(tables.Rollout.until)
    return session.exec(
        sqlmodel.select(tables.Rollout, tables.Version)
        .where(tables.Rollout.deployment_id == place.id)
        .where(tables.Rollout.version_id == tables.Version.id)
        .where(since != "", since <= at, sqlmodel.or_(until == "", until > at))
        .order_by(since.desc())
    ).all()
