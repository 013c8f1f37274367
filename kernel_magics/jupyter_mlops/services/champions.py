"""What a deployment serves now, as far as those who watch it need to know."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlmodel

from jupyter_mlops.domain.answers import Feature, Figure
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import checks, lookup
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables


@dataclass(frozen=True)
class Champion:
    """The version a deployment serves, with its frozen reference."""

    deployment: str
    ref: str
    digest: str
    task: str
    classes: list[Any]
    features: list[Feature]
    metrics: dict[str, Figure]
    since: str
    reference: dict[str, Any] = field(repr=False)
    rows: int = 0
    importance: dict[str, float] = field(default_factory=dict)


def champion(ws: Workspace, deployment: str) -> Champion:
    """Return what a deployment serves now; of a retired one, what it served last.

    Raises:
        NotFound: there is no such deployment.
        Refused: nothing was ever live there.
    """
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        last = session.exec(
            sqlmodel.select(tables.Rollout, tables.Version)
            .where(tables.Rollout.deployment_id == place.id, tables.Rollout.since != "")
            .where(tables.Rollout.share >= 1)
            .where(tables.Rollout.version_id == tables.Version.id)
            .order_by(sqlmodel.col(tables.Rollout.since).desc())
        ).first()
        if last is None:
            raise Refused(
                "Nothing is live at {deployment} yet.",
                "`deploy REF --to {deployment}` carries an approved version out.",
                code="nothing_live",
                deployment=deployment,
            )
        rollout, version = last
        profile = session.exec(
            sqlmodel.select(tables.Profile).where(
                tables.Profile.version_id == version.id, tables.Profile.part == "reference"
            )
        ).first()
        manifest = json.loads(version.manifest)
        return Champion(
            deployment=deployment,
            ref=lookup.ref_of(session, version),
            digest=version.digest,
            task=manifest["task"],
            classes=manifest["classes"],
            features=manifest["features"],
            metrics=version.metrics,
            since=rollout.since,
            reference=profile.columns if profile else {},
            rows=profile.rows if profile else 0,
            importance=checks.importance(session, version),
        )
