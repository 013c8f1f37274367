"""A workspace whose people have keys, and a request that waits for them."""

from __future__ import annotations

from itertools import count

import registered
from jupyter_mlops.domain import decided
from jupyter_mlops.services import approvals
from jupyter_mlops.services.decisions import send
from jupyter_mlops.services.policies import policy
from signing import pen

ANN, BOB, CAT, DAN, EVE = (pen() for _ in range(5))
"""Ann's are the cells; Bob and Dan validate, Cat answers for the business, Eve's key is lost tomorrow."""
NUMBERS = count()
PENS = {"ann": ANN, "bob": BOB, "cat": CAT, "dan": DAN, "eve": EVE}
ROLES = {
    "ann": "developer",
    "bob": "validator",
    "cat": "business",
    "dan": "validator",
    "eve": "ops",
}
LOST = f"revoked: [{{key: '{EVE.key.fingerprint}', from: 2026-11-25T12:00:00Z}}]"


def listed(*, pens=PENS, roles=ROLES, owner="ann", follows="", more=LOST):
    """Return the people as YAML."""
    people = [
        f"  {name}: {{name: {name.title()}, roles: [{roles[name]}], keys: ['{one.key.line}']}}"
        for name, one in pens.items()
    ]
    follows = [f"follows: {follows}"] if follows else []
    return "\n".join(["people:", *people, f"owner: {owner}", *follows, more]) + "\n"


def known(ws, **said):
    """Write the people down."""
    return policy(ws, "people", listed(**said))


def asked(ws, *, risk="critical", deployment="clinic"):
    """Register a version straight into the store, and ask for it; return the request's number."""
    with ws.act("request:opening", subject="deployment:clinic") as act:
        version = registered.model(act, f"tumour{next(NUMBERS)}", risk=risk)
        opened = approvals._open(ws, act, version, deployment, "champion", "first", [])
        return opened.id


def signed(ws, number, who="bob", *, verdict="approved", pen=None, change=None, **said):
    """Return a decision as `decide` writes it; ``change`` alters the statement before it is signed."""
    found = decided.read_document(send(ws, number)["document"])
    told = found.statement(
        verdict, **{"decider": who, "decided_at": ws.now(), "comment": "seen", **said}
    )
    told = change(told) if change else told
    return decided.signed(told, (pen or PENS[who]).sign(told))
