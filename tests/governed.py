"""A workspace whose people have keys, and a request that waits for them."""

from __future__ import annotations

import json
from itertools import count

import sqlmodel

import registered
from jupyter_mlops.domain import decided
from jupyter_mlops.domain.audit import digest
from jupyter_mlops.services import opening
from jupyter_mlops.services.decisions import send
from jupyter_mlops.services.policies import policy
from jupyter_mlops.store import tables
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


def asked(ws, *, risk="critical", deployment="clinic", author=registered.AUTHOR):
    """Register a version straight into the store, and ask for it; return the request's number."""
    with ws.act("request:opening", subject="deployment:clinic") as act:
        version = registered.model(act, f"tumour{next(NUMBERS)}", risk=risk)
        more = {"task": "binary", "target": "y", "classes": ["0", "1"], "format": "skops"}
        version.manifest = json.dumps(
            {**json.loads(version.manifest), **more, "rows": {"train": 9}}
        )
        version.digest, version.author = digest(version.manifest), author
        opened = opening.opened(ws, act, version, deployment, "champion", "first", {"checks": []})
        return opened.id


def rolled(ws, number, *, state="loading"):
    """Put a rollout of a request straight into the store; return its number."""
    with ws.act("deployment:rollout", subject="deployment:clinic") as act:
        found = act.session.get_one(tables.Request, number)
        version = act.session.get_one(tables.Version, found.version_id)
        place = lookup_or_made(act, found.deployment, version.model_id)
        rollout = tables.Rollout(
            deployment_id=place.id, version_id=version.id, request_id=number, action="deploy",
            role="champion", because="", state=state, at=ws.now(), since=ws.now() if state == "live" else "",
        )  # fmt: skip
        act.session.add(rollout)
        act.session.flush()
        return rollout.id


def lookup_or_made(act, name, model):
    """Return the deployment of that name."""
    row = tables.Deployment
    found = act.session.exec(sqlmodel.select(row).where(row.name == name)).first()
    if found is None:
        found = row(name=name, model_id=model, state="live", at="2026-01-01")
        act.session.add(found)
        act.session.flush()
    return found


def forged(ws, *rows):
    """Write rows into the database as whoever has its file or its password can, past every rule."""
    with sqlmodel.Session(ws.engine, expire_on_commit=False) as session:
        session.add_all(rows)
        session.commit()
        return rows


def decision(ws, number, who, *, signature="", assurance="signed", told=None):
    """Return a decision as a row, whoever signed it."""
    found = decided.read_document(send(ws, number)["document"])
    at = ws.now()
    told = told or found.statement("approved", decider=who, decided_at=at, comment="")
    return tables.Decision(
        request_id=number, person=who, outcome="approved", assurance=assurance,
        comment="",
        actor={"id": who, "kind": "person", "assurance": assurance, "claims": {"name": who}},
        statement=told, signature=signature(told) if callable(signature) else signature,
        at=at, known_at=at,
    )  # fmt: skip


def signed(ws, number, who="bob", *, verdict="approved", pen=None, change=None, **said):
    """Return a decision as `decide` writes it; ``change`` alters the statement before it is signed."""
    found = decided.read_document(send(ws, number)["document"])
    told = found.statement(
        verdict, **{"decider": who, "decided_at": ws.now(), "comment": "seen", **said}
    )
    told = change(told) if change else told
    return decided.signed(told, (pen or PENS[who]).sign(told))
