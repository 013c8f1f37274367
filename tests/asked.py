"""Versions and requests put straight into a store, where no test is about checks or rollouts."""

import json

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import approvals, lookup, opening, proof, rollouts
from jupyter_mlops.store import tables

ANN = Actor("ann", assurance="authenticated")
BOB = Actor("bob", assurance="authenticated")
CARL = Actor("carl", assurance="authenticated")
ROBOT = Actor("ci", kind="service")
CHECKS = [{"check": "loads", "title": "", "outcome": "passed", "figure": "", "because": ""}]


def version(act, number, *, name="churn", risk="moderate", **more):
    """Put a version of a model into a store; its manifest is whole."""
    query = f"{name}:{number}"
    found = act.session.query(tables.Model).filter_by(name=name).first()
    if found is None:
        found = tables.Model(
            name=name, target="y", task="binary", classes=["0", "1"], risk=risk, at="2026-01-01",
            purpose="", owner="", unit="", description="",
        )  # fmt: skip
        act.session.add(found)
        act.session.flush()
    manifest = {
        "name": query, "format": "onnx", "task": "binary", "target": "y", "classes": ["0", "1"],
        "features": [{"name": "age", "type": "number"}], "requirements": {}, "compiled": None,
        "artifact": "sha256:" + "0" * 64,
    }  # fmt: skip
    body = json.dumps({**manifest, **more.get("manifest", {})}, sort_keys=True)
    row = tables.Version(
        model_id=found.id, number=number, digest=chain.digest(body), manifest=body, risk=risk,
        tags=[], description="", measured_by="client", compiled={}, at=f"2026-01-{number:02d}",
        metrics=more.get("metrics", {}), lineage=more.get("lineage", {}), author=ANN.to_dict(),
    )  # fmt: skip
    act.session.add(row)
    act.session.flush()
    return row


def asks(ws, number=1, *, by=ANN, deployment="shop", role="champion", apply=False, **more):
    """Ask for a version, as `request` does once the checks have passed; return the request's id."""
    asking = ws.as_actor(by)
    with asking.act("request:opening", subject="request") as act:
        found = version(act, number, **more)
        evidence = {"checks": more.get("checks", CHECKS), "apply": apply}
        opened = opening.opened(asking, act, found, deployment, role, "", evidence)
        opening.superseded(act.session, opened, found)
        return opened.id


def carries_out(ws, request):
    """Put what a request asks for live, as the prediction server does; return the rollout's id."""
    with ws.act("deployment:rollout", subject="test") as act:
        asked = act.session.get_one(tables.Request, request)
        place = act.session.query(tables.Deployment).filter_by(name=asked.deployment).first()
        if place is None:
            found = act.session.get_one(tables.Version, asked.version_id)
            place = tables.Deployment(
                name=asked.deployment, model_id=found.model_id, state="live", at=ws.now()
            )
            act.session.add(place)
            act.session.flush()
        again = act.session.query(tables.Rollout).filter_by(request_id=asked.id).first()
        going = again or tables.Rollout(
            deployment_id=place.id, version_id=asked.version_id, request_id=asked.id,
            action="deploy", role=asked.role, state="loading", because="", at=iso(ws.clock()),
            share=0.0 if asked.role == "challenger" else 1.0,
        )  # fmt: skip
        going.state = "loading"
        act.session.add(going)
        act.session.flush()
        number = going.id
    rollouts.carry_out(ws, number)
    return number


def state(ws, request):
    """Return the state of a request."""
    with ws.look() as session:
        return proof.state_of(session.get_one(tables.Request, request), now=ws.now())


def events(ws, action):
    """Return the events of an action, oldest first, as they were written."""
    with ws.look() as session:
        rows = session.query(tables.AuditEvent).order_by(tables.AuditEvent.seq).all()
    return [json.loads(row.body) for row in rows if row.action.startswith(action)]


def approved(ws, number=1, **more):
    """Ask for a version as Ann, and approve it as Bob; return the request's id."""
    request = asks(ws, number, **more)
    approvals.approve(ws.as_actor(BOB), request)
    return request


def live(ws, number=1, **more):
    """Carry an approved version out; return the request's id."""
    request = approved(ws, number, **more)
    carries_out(ws, request)
    return request


def champion(ws, name="shop"):
    """Return the ref of what answers, and its rollout."""
    with ws.look() as session:
        serving = lookup.champion(session, lookup.deployment(session, name))
        return lookup.ref_of(session, serving[1]), serving[0].id


def serves(ws, rollout):
    """Say whether a prediction server that starts now would serve a rollout."""
    try:
        rollouts.verify(ws, rollout)
    except Refused:
        return False
    return True


def usable(ws, number=1):
    """Return the request by which a version may be carried out."""
    with ws.look() as session:
        return proof.usable(session, session.get_one(tables.Version, number), "shop", now=ws.now())
