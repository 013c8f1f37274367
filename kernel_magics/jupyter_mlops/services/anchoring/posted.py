"""An anchor that is a webhook: each checkpoint is posted to it, signed; nobody can ask it afterwards."""

from __future__ import annotations

import secrets

from jupyter_mlops.domain import checkpoints as rules
from jupyter_mlops.domain import webhooks
from jupyter_mlops.services import deliveries, post
from jupyter_mlops.services.anchoring.appended import Unreached
from jupyter_mlops.services.workspace import Workspace

EVENT = "audit.checkpoint"


def send(
    ws: Workspace,
    address: str,
    secret: str,
    notes: list[str],
    *,
    resolving: post.Resolve = post.resolve,
) -> None:
    """Post checkpoints, the oldest first.

    Raises:
        Unreached: one did not arrive; those before it did.
    """
    target = webhooks.read_url(address)
    for note in notes:
        found = rules.read(note)
        data = {"checkpoint": note, "events": found.size if found else 0}
        body = post.as_body({"type": EVENT, "timestamp": ws.now(), "data": data})
        message = f"msg_{secrets.token_hex(16)}"
        outcome = deliveries.send(ws, target, secret, message, body, resolving=resolving)
        if not outcome.delivered:
            raise Unreached(outcome.code)
