"""Who outside hears of alerts, and how: one signed webhook of the workspace."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_mlops.domain import webhooks
from jupyter_mlops.domain.alerted import Delivery, Webhook
from jupyter_mlops.domain.arguments import Names, deed
from jupyter_mlops.domain.monitoring import SEVERITIES
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Invalid, NotFound, did_you_mean
from jupyter_mlops.services import deliveries, post
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from jupyter_mlops.services.workspace import Deed

HEARD: Final = ("warning", "critical")


@deed()
def notify(
    ws: Workspace,
    url: str = "",
    *,
    name: str = "webhook",
    severities: Names = HEARD,
    test: bool = False,
    remove: bool = False,
    reason: str = "",
) -> Webhook:
    """Set, show, test or remove the webhook that hears of alerts.

    `notify https://HOST/PATH` makes a new secret and shows it once; a receiver checks by it who
    speaks (Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`). An address
    inside has to be allowed by the owner of the workspace, in a file that no verb writes.
    `severities` are those it hears of. `test` sends it a message now, and says no more than whether
    that arrived.
    """
    if url:
        told = _set(ws, url, name, severities, reason)
        return {**told, **_tested(ws)} if test else told
    if remove:
        return _removed(ws, reason)
    return {**_shown(ws), **_tested(ws)} if test else _shown(ws)


def _set(ws: Workspace, url: str, name: str, severities: tuple[str, ...], reason: str) -> Webhook:
    target = webhooks.read_url(url)
    problem = deliveries.problem_with(ws, target)  # asks for names; nobody waits for that
    with ws.act("webhook:change", subject="webhook", reason=reason) as act:
        if problem:
            raise problem
        check_name(name, what="webhook")
        heard = [_severity(one) for one in severities]
        secret = webhooks.new_secret()
        act.before = _forget(act)
        act.session.add(
            tables.Webhook(name=name, url=url, secret=secret, severities=heard, at=ws.now())
        )
        act.after = {"name": name, "url": target.shown, "severities": heard}
    return {**_shown(ws), "secret": secret}


def _removed(ws: Workspace, reason: str) -> Webhook:
    with ws.act("webhook:removal", subject="webhook", reason=reason) as act:
        act.before = _forget(act)
        if act.before is None:
            act.nothing()
    return _shown(ws)


def _forget(act: Deed) -> dict[str, Any] | None:
    """Take out the webhook there is, and return what may be known of it."""
    found = deliveries.webhook(act.session)
    if found is None:
        return None
    act.session.delete(found)
    act.session.flush()
    return {
        "name": found.name,
        "url": webhooks.read_url(found.url).shown,
        "severities": found.severities,
    }


def _shown(ws: Workspace) -> Webhook:
    with ws.look() as session:
        found = deliveries.webhook(session)
        items = [_delivery(row) for row in deliveries.recent(session)]
    if found is None:
        return Webhook(name="", url="", severities=[], at="", items=items)
    return Webhook(
        name=found.name,
        url=webhooks.read_url(found.url).shown,
        severities=found.severities,
        at=found.at,
        items=items,
    )


def _tested(ws: Workspace) -> Any:
    """Send a message of no consequence, and tell whether it arrived; never what was answered."""
    with ws.look() as session:
        found = deliveries.webhook(session)
    if found is None:
        raise NotFound(
            "There is no webhook yet.",
            "`notify https://HOST/PATH` sets one.",
            code="webhook_not_found",
        )
    body = post.as_body({"type": "test", "timestamp": ws.now(), "data": {}})
    message = f"msg_{secrets.token_hex(16)}"
    outcome = deliveries.send(ws, webhooks.read_url(found.url), found.secret, message, body)
    return {"delivered": outcome.delivered, "outcome": outcome.code, "ms": outcome.ms}


def _severity(told: str) -> str:
    if told in SEVERITIES:
        return told
    meant = did_you_mean(told, SEVERITIES)
    raise Invalid(
        "{name} is no severity.",
        "did you mean {meant}?" if meant else "there are: {known}.",
        code="severity_unknown",
        name=told,
        meant=meant,
        known=", ".join(SEVERITIES),
    )


def _delivery(row: tables.Delivery) -> Delivery:
    return Delivery(
        alert=row.alert_id,
        request=row.request_id,
        event=row.event,
        state=cast("Any", row.state),
        attempts=row.attempts,
        outcome=row.outcome,
        at=row.at,
    )
