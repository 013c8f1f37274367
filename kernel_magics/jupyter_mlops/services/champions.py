"""What a deployment serves now, as far as those who watch it need to know."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.answers import Feature, Figure
from jupyter_mlops.domain.limits import NONE, Limits
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Corrupt, Refused
from jupyter_mlops.services import limits, lookup
from jupyter_mlops.services.release.remembered import importance
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


END: Final = "9"
"""Later than every moment that is written."""


@dataclass(frozen=True)
class Champion:
    """The version a deployment serves; ``rows`` are those it was trained on to tell ``target``."""

    deployment: str
    ref: str
    digest: str
    task: str
    classes: list[Any]
    features: list[Feature]
    metrics: dict[str, Figure]
    since: str
    rows: int = 0
    importance: dict[str, float] = field(default_factory=dict)
    limits: Limits = NONE
    target: str = ""


def champion(ws: Workspace, deployment: str, as_of: datetime | None = None) -> Champion:
    """Return what a deployment serves now, or served then; of a retired one, what it served last.

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
            .where(tables.Rollout.since <= (iso(as_of) if as_of else END))
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
        return _seen(session, deployment, version, rollout.since)


def of_version(ws: Workspace, deployment: str, ref: str) -> Champion:
    """Return a version as if it served a deployment, to be looked at beside what does.

    Raises:
        NotFound: there is no such version.
    """
    with ws.look() as session:
        lookup.deployment(session, deployment)
        _, version = lookup.version(session, ref)
        return _seen(session, deployment, version, version.at)


def looked_at(
    ws: Workspace, deployment: str, versions: Sequence[str], as_of: datetime | None
) -> list[Champion]:
    """Return the versions that somebody names, in their order; else the champion of that moment."""
    if not versions:
        return [champion(ws, deployment, as_of)]
    return [of_version(ws, deployment, ref) for ref in versions]


def _seen(session: Session, deployment: str, version: tables.Version, since: str) -> Champion:
    reference = session.exec(
        sqlmodel.select(tables.Reference.rows).where(
            tables.Reference.version_id == version.id, tables.Reference.part == "training"
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
        since=since,
        rows=reference or 0,
        importance=importance(session, version),
        limits=_limits(session, version, manifest),
        target=manifest.get("target") or "",
    )


def _limits(session: Session, version: tables.Version, manifest: dict[str, Any]) -> Limits:
    """Return the figures about a version's limits; those that somebody changed count for nothing.

    The prediction server does not load such a version, and says why; all else can still be watched.
    """
    with contextlib.suppress(Corrupt):
        return limits.of_version(session, version, manifest)
    return NONE
