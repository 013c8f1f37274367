"""The end of a deployment: who asks it still is said first, and what it was is kept in one file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import bundled
from jupyter_mlops.domain.answers import Retired
from jupyter_mlops.domain.arguments import DeploymentName, deed
from jupyter_mlops.domain.deployments import check_may_retire
from jupyter_mlops.domain.governing import Proposed
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.shelved import LATELY, Calls, check_not_called, check_not_held
from jupyter_mlops.services import bundles, fleet, governed, health, holds, lookup, rollouts, visits
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.domain.approvals import Policy


@deed()
def retire(
    ws: Workspace, deployment: DeploymentName, *, reason: str = "", anyway: bool = False
) -> Retired:
    """Stop a deployment and keep everything it did; its name is not used again.

    Refused, and who asks is said, when it was asked in the last seven days, unless `--anyway`; and
    while it, or a version that it ever served, is held. A sealed bundle is kept: its rollouts, rules,
    requests and decisions, audit events, and a bundle of each version that it served.
    """
    with ws.look() as session:
        lookup.deployment(session, deployment)
    calls = called(ws, deployment)
    about, asking = f"deployment:{deployment}", _asking(deployment, anyway=anyway)
    governed.check(
        ws,
        asking,
        "deployment:retirement",
        subject=about,
        reason=reason,
        possible=lambda: _check_may_end(ws, deployment, calls, anyway=anyway),
    )
    digest = _kept(ws, deployment)
    with ws.act("deployment:retirement", subject=about, reason=reason) as act:
        place = lookup.deployment(act.session, deployment)
        check_may_retire(deployment, state=place.state)
        check_not_held(deployment, holds.of_place(act.session, place))
        check_not_called(deployment, calls, anyway=anyway)
        serving = lookup.champion(act.session, place)
        act.before = {"state": place.state}
        act.after = {"state": "retired", "bundle": digest, "calls": dict(calls)}
        governed.spend(ws, act, asking)
        place.state = "retired"
        act.session.add(place)
        for rollout in rollouts.of_place(act.session, place, "live", "loading"):
            rollout.state, rollout.until = "ended", ws.now()
            act.session.add(rollout)
        if serving:
            act.before["version"] = lookup.ref_of(act.session, serving[1])
        act.session.flush()
        row = fleet.row_of(act.session, place)
    return Retired(**health.filled_in(ws, [row])[0], bundle=digest, calls=calls)


def _check_may_end(ws: Workspace, deployment: str, calls: Calls, *, anyway: bool) -> None:
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        check_may_retire(deployment, state=place.state)
        check_not_held(deployment, holds.of_place(session, place))
        check_not_called(deployment, calls, anyway=anyway)


def _asking(deployment: str, *, anyway: bool) -> governed.Asking:
    """Return how a retirement is asked for: of what is live then."""

    def asked(session: Session) -> tuple[Proposed, Policy | None]:
        place = lookup.deployment(session, deployment)
        serving = lookup.champion(session, place)
        proposed = Proposed(
            "retirement",
            deployment,
            "retire",
            {"deployment": deployment, "anyway": anyway},
            before=serving[1].digest if serving else place.state,
            deployment=deployment,
        )
        change = governed.of_place(session, "retirement", deployment)
        return proposed, governed.taken(session, change)

    return asked


def called(ws: Workspace, deployment: str) -> Calls:
    """Return who asked a deployment lately, as far as its log and the access log know."""
    import pyarrow.compute as pc

    until = ws.clock() + timedelta(seconds=1)
    since = until - timedelta(days=LATELY)
    log = ws.telemetry.read_requests(deployment, since, until)
    last = pc.max(log["at"]).as_py()
    return Calls(
        requests=log.num_rows,
        rows=int(pc.sum(log["rows"]).as_py() or 0),
        refused=visits.refused(visits.read(ws, deployment, since, until)).total(),
        last=iso(last) if last else "",
    )


def _kept(ws: Workspace, deployment: str) -> str:
    """Keep the bundle of a deployment and of each version it served; return its digest."""
    from jupyter_mlops.formats import bundle as container

    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        past = rollouts.of_place(session, place)
        versions = {
            lookup.ref_of(session, version): ws.artifacts.put(
                bundles.sealed(ws.artifacts, session, version)[0]
            )
            for id in dict.fromkeys(one.version_id for one in past)
            for version in [session.get_one(tables.Version, id)]
        }
        parts = {
            "deployment.json": bundles.as_json(_deployment(session, place, past)),
            "versions.json": bundles.as_json(versions),
            bundled.DECISIONS: bundles.as_json(_decisions(session, place)),
            bundled.EVENTS: bundles.as_lines(_events(session, place)),
        }
    return ws.artifacts.put(container.pack(parts))


def _deployment(
    session: Session, place: tables.Deployment, past: list[tables.Rollout]
) -> dict[str, Any]:
    rules = session.exec(
        sqlmodel.select(tables.Rules)
        .where(tables.Rules.deployment_id == place.id)
        .order_by(sqlmodel.col(tables.Rules.number))
    ).all()
    told = ("request_id", "action", "role", "state", "because", "at", "since", "until", "share")
    return {
        "name": place.name,
        "state": place.state,
        "at": place.at,
        "rollouts": [
            {
                "ref": lookup.ref_of(session, session.get_one(tables.Version, one.version_id)),
                **bundles.fields(one, *told, "gate", "plan"),
            }
            for one in past
        ],
        "rules": [bundles.fields(one, "number", "digest", "text", "at") for one in rules],
    }


def _decisions(session: Session, place: tables.Deployment) -> list[dict[str, Any]]:
    asked = session.exec(
        sqlmodel.select(tables.Request)
        .where(tables.Request.deployment == place.name)
        .order_by(sqlmodel.col(tables.Request.id))
    ).all()
    return [bundles.request(session, one) for one in asked]


def _events(session: Session, place: tables.Deployment) -> list[dict[str, Any]]:
    row = tables.AuditEvent
    found = session.exec(
        sqlmodel.select(row)
        .where(row.subject == f"deployment:{place.name}")
        .order_by(sqlmodel.col(row.seq))
    ).all()
    return [bundles.fields(one, "seq", "digest", "body") for one in found]
