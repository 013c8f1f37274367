"""Other versions that the rules of a deployment ask: approved there once, and asked the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.errors import MlopsError, Refused
from jupyter_mlops.services import lookup, pinned, proof, registry
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.workspace import Workspace


def named(
    session: Session, place: tables.Deployment, ref: str, features: Sequence[Mapping[str, Any]]
) -> str:
    """Return the number of a version that rules may ask beside one that reads these features.

    Raises:
        NotFound: there is no such version.
        Refused: it reads other rows, or was never approved and carried out for this deployment.
    """
    parent, version = lookup.version(session, ref)
    found = f"{parent.name}:{version.number}"
    manifest = registry.read_manifest(version)
    here = session.get_one(tables.Model, place.model_id)
    if parent.id != here.id or _signature(manifest["features"]) != _signature(features):
        raise Refused(
            "{ref} cannot be asked beside {deployment}: it reads other rows, or answers otherwise.",
            "`show {ref}` lists its features; name a version of {model} with the same ones.",
            code="signature_mismatch",
            ref=found,
            deployment=place.name,
            model=here.name,
        )
    _verify(session, place, version, found, partial(proof.verify, session))
    return found


def verify(ws: Workspace, deployment: str, ref: str) -> None:
    """Raise unless a version that rules ask was approved for the deployment and carried out there.

    Whoever asks it calls this again: rows in a database are claims.
    """
    with ws.look() as session:
        place = lookup.deployment(session, deployment)
        parent, version = lookup.version(session, ref)
        stands = partial(pinned.check, ws, session)
        _verify(session, place, version, f"{parent.name}:{version.number}", stands)


def _verify(
    session: Session,
    place: tables.Deployment,
    version: tables.Version,
    ref: str,
    check: Callable[[tables.Rollout], None],
) -> None:
    carried = session.exec(
        sqlmodel.select(tables.Rollout)
        .where(tables.Rollout.deployment_id == place.id)
        .where(tables.Rollout.version_id == version.id, tables.Rollout.since != "")
    ).all()
    if any(_stands(session, rollout, check) for rollout in carried):
        return
    raise Refused(
        "{ref} was never approved for {deployment} and carried out there, so no rule may ask it.",
        "`deploy {ref} --to {deployment}` once its request is approved, then write the rule.",
        code="not_approved",
        ref=ref,
        deployment=place.name,
    )


def _stands(
    session: Session, rollout: tables.Rollout, check: Callable[[tables.Rollout], None]
) -> bool:
    """Say whether a rollout still stands on its approval."""
    asked = session.get_one(tables.Request, rollout.request_id)
    try:
        check(rollout)
    except MlopsError:
        return False
    return asked.state == "carried out"


def _signature(features: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(feature["name"], feature["type"]) for feature in features}
