"""Word of alerts on its way to the webhook: kept with the change it tells of, sent until it arrives."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import webhooks
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Invalid, MlopsError
from jupyter_mlops.locale import language
from jupyter_mlops.services import post, wording
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

AT_ONCE: Final = 20
"""Messages that one call sends at most, so that it ends soon."""
LEASE: Final = timedelta(seconds=60)
"""How long a message belongs to the process that took it up."""
_EVENTS: Final = {"open": "alert.opened", "worsen": "alert.worsened", "resolve": "alert.resolved"}
_sending = threading.Lock()


def webhook(session: Session) -> tables.Webhook | None:
    """Return the one address outside that hears of alerts, if there is any."""
    return session.exec(sqlmodel.select(tables.Webhook)).first()


def enqueue(
    act: Deed, ws: Workspace, place: tables.Deployment, row: tables.Alert, does: str, name: str
) -> None:
    """Write the message beside the change that it tells of, when somebody wants to hear of it."""
    found = webhook(act.session)
    if found is None or row.severity not in found.severities or name not in ("", found.name):
        return
    told = _told(place, row, _EVENTS[does], ws.now())
    act.session.add(_message(ws, told, alert_id=row.id))


def enqueue_request(
    act: Deed, ws: Workspace, asked: tables.Request, event: str, names: Collection[str] = ()
) -> None:
    """Write a message about a request that waits, or did too long: it is as urgent as a warning.

    Where a policy says by ``names`` who hears of it, others do not.
    """
    found = webhook(act.session)
    if found is None or "warning" not in found.severities or (names and found.name not in names):
        return
    ref = json.loads(asked.evidence)["ref"]
    told = ("id", "deployment", "role", "state", "risk", "expires_at")
    data = {"ref": ref, **{name: getattr(asked, name) for name in told}, "requested_at": asked.at}
    message = {"type": event, "timestamp": ws.now(), "data": data}
    act.session.add(_message(ws, message, request_id=asked.id))


def _message(ws: Workspace, told: dict[str, Any], **about: Any) -> tables.Delivery:
    return tables.Delivery(
        message=f"msg_{secrets.token_hex(16)}",
        event=told["type"],
        body=post.as_body(told).decode(),
        state="waiting",
        due_at=ws.now(),
        at=ws.now(),
        **about,
    )


def deliver(ws: Workspace, *, resolving: post.Resolve = post.resolve) -> int:
    """Send what is due, and return how many messages arrived; each arrives once at the least.

    A message that fails is sent again after a minute, five, thirty, two hours and six, and then
    given up; what came of it is kept beside it.
    """
    arrived = 0
    for _ in range(AT_ONCE):
        taken = _take(ws)
        if taken is None:
            break
        target, secret, message, body = taken
        outcome = send(ws, target, secret, message, body.encode(), resolving=resolving)
        _note(ws, message, outcome)
        arrived += outcome.delivered
    return arrived


def deliver_apart(ws: Workspace) -> threading.Thread | None:
    """Send what is due in a thread of its own; None while one is at it already."""
    if not _sending.acquire(blocking=False):
        return None

    def run() -> None:
        try:
            with contextlib.suppress(MlopsError):  # the next call tries again
                deliver(ws)
        finally:
            _sending.release()

    thread = threading.Thread(target=run, name="mlops-webhook", daemon=True)
    thread.start()
    return thread


def send(
    ws: Workspace,
    target: webhooks.Target,
    secret: str,
    message: str,
    body: bytes,
    *,
    resolving: post.Resolve = post.resolve,
) -> post.Outcome:
    """Sign a message and post it once."""
    moment = int(ws.clock().timestamp())
    headers = webhooks.signed(secret, message, moment, body)
    return post.post(target, body, headers, allowed=ws.home.allowed(), resolving=resolving)


def problem_with(ws: Workspace, target: webhooks.Target) -> Invalid | None:
    """Return why nothing may be sent to an address, as far as its name tells today."""
    try:
        post.addresses(target, ws.home.allowed())
    except post.Blocked:
        return _inside(ws, target)
    except OSError:
        return _unknown(target)
    return None


def _inside(ws: Workspace, target: webhooks.Target) -> Invalid:
    return Invalid(
        "{where} is an address inside, which word of alerts is not sent to.",
        "the owner of the workspace allows it with a line {place} in {file}.",
        code="webhook_inside",
        where=target.shown,
        place=target.place,
        file=ws.home.allowed_file,
    )


def _unknown(target: webhooks.Target) -> Invalid:
    return Invalid(
        "The host of {where} cannot be found.",
        "see whether its name is right.",
        code="webhook_not_found",
        where=target.shown,
    )


def _take(ws: Workspace) -> tuple[webhooks.Target, str, str, str] | None:
    """Take up the message that is due the longest; others leave it alone for a while."""
    with ws.look() as session:
        if _due(session, ws.now()) is None:
            return None
    with ws.act("alert:delivery", subject="webhook") as act:
        act.nothing()
        found, to = _due(act.session, ws.now()), webhook(act.session)
        if found is None:
            return None
        if to is None:
            found.state, found.outcome = "given up", "no webhook"
            act.session.add(found)
            return None
        found.attempts += 1
        found.due_at = iso(ws.clock() + LEASE)
        act.session.add(found)
        return webhooks.read_url(to.url), to.secret, found.message, found.body


def _due(session: Session, now: str) -> tables.Delivery | None:
    return session.exec(
        sqlmodel.select(tables.Delivery)
        .where(tables.Delivery.state == "waiting", tables.Delivery.due_at <= now)
        .order_by(sqlmodel.col(tables.Delivery.due_at), sqlmodel.col(tables.Delivery.id))
    ).first()


def _note(ws: Workspace, message: str, outcome: post.Outcome) -> None:
    """Keep how a message fared; one that is given up is worth an event."""
    with ws.act("alert:delivery", subject="webhook") as act:
        found = act.session.exec(
            sqlmodel.select(tables.Delivery).where(tables.Delivery.message == message)
        ).one()
        found.outcome, found.at = outcome.code, ws.now()
        act.session.add(found)
        wait = webhooks.delay(found.attempts)
        if outcome.delivered:
            found.state = "delivered"
        elif wait is not None:
            found.due_at = iso(ws.clock() + timedelta(seconds=wait))
        else:
            found.state = "given up"
            act.subject, act.outcome = _about(found), "failed"
            act.after = {"message": message, "attempts": found.attempts, "outcome": outcome.code}
            return
        act.nothing()


def _about(found: tables.Delivery) -> str:
    return f"request:{found.request_id}" if found.request_id else f"alert:{found.alert_id}"


def _told(place: tables.Deployment, row: tables.Alert, event: str, now: str) -> dict[str, Any]:
    """Return the message: what the alert says, in English, and the causes with their words."""
    with language("en"):
        because = wording.finding(row.subject, row.why, row.figures)
        causes = [
            {
                "because": wording.cause(cause["why"], cause["figures"]),
                "likelihood": cause["likelihood"],
                "next": cause["next"],
            }
            for cause in row.causes
        ]
    data = {
        "id": row.id,
        "deployment": place.name,
        "part": row.part,
        "subject": row.subject,
        "severity": row.severity,
        "state": row.state,
        "because": because,
        "since": row.since,
        "last_seen": row.last_seen,
        "version": row.version,
        "causes": causes,
    }
    return {"type": event, "timestamp": now, "data": data}


def recent(session: Session, most: int = 20) -> list[tables.Delivery]:
    """Return the newest messages."""
    newest = sqlmodel.col(tables.Delivery.id).desc()
    return list(session.exec(sqlmodel.select(tables.Delivery).order_by(newest).limit(most)).all())
