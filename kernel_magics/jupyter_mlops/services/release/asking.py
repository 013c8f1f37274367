"""What the fresh process has to know: the version, and what the deployment asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import release
from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.services import laid_down, lookup, registry, rules
from jupyter_mlops.services.release import kept
from jupyter_mlops.services.release.subject import Asked
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def asked(ws: Workspace, version: tables.Version, deployment: str, role: str) -> Asked:
    """Return what is to be tried on a version, for a deployment where one is named."""
    with ws.look() as session:
        place = session.exec(
            sqlmodel.select(tables.Deployment).where(tables.Deployment.name == deployment)
        ).first()
        champion = _champion(session, place, version) if place else None
        change = laid_down.change_of(session, version, deployment, role)
        policy = laid_down.asked_of(session, change) if deployment else None
        mine = kept.of_model(session, version.model_id)
    applied = rules.of_deployment(ws, deployment) if place else None
    objectives = applied.objectives if applied else Objectives()
    floors = applied.monitoring.accuracy if applied else {}
    return Asked(
        folder=str(ws.home.folder),
        manifest=registry.read_manifest(version),
        record=version.compiled,
        sample=version.lineage.get("sample"),
        unseen="holdout" in version.lineage.get("data", {}),
        protected=list(version.lineage.get("protected", [])),
        roles=dict(version.lineage.get("roles", {})),
        deployment=deployment,
        role=role,
        champion=champion,
        floors={metric: pair[1] for metric, pair in floors.items()},
        latency_ms=objectives.latency_p95_ms,
        release=_with_floors(applied.release if applied else release.DEFAULT, policy),
        own=mine,
    )


def _with_floors(agreed: release.Release, policy: Policy | None) -> dict[str, Any]:
    """Return what is asked of a version, each floor of fairness the higher of rules and policies."""
    told = agreed.to_dict()
    floors: dict[str, float] = dict(told["fairness"])
    for measure, floor in policy.fairness if policy else ():
        floors[measure] = max(floor, floors.get(measure, 0.0))
    return {**told, "fairness": floors}


def _champion(
    session: Session, place: tables.Deployment, version: tables.Version
) -> dict[str, Any] | None:
    """Return what serves there now, unless it is this very version."""
    serving = lookup.champion(session, place)
    if serving is None or serving[1].id == version.id:
        return None
    return {
        "ref": lookup.ref_of(session, serving[1]),
        "manifest": registry.read_manifest(serving[1]),
    }
