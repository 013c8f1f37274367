"""Versions on their shelf: tags, and putting away what nobody serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.domain.answers import Version as VersionAnswer
from jupyter_mlops.domain.arguments import Names, Ref, deed
from jupyter_mlops.domain.names import check_name, parse_reference
from jupyter_mlops.domain.shelved import (
    check_may_archive,
    check_not_archived,
    check_not_held,
    check_reason,
)
from jupyter_mlops.errors import Conflict, Invalid
from jupyter_mlops.services import bundles, holds, lookup, registry
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

MOST_TAGS = 50


@deed()
def tag(ws: Workspace, ref: Ref, add: Names = (), *, remove: Names = ()) -> VersionAnswer:
    """Add tags to a version, and take others away; `models tag:NAME` finds by them."""
    for name in (*add, *remove):
        check_name(name, what="tag")
    parse_reference(ref)
    with ws.act("version:tagging", subject=f"version:{ref}") as act:
        parent, version = lookup.version(act.session, ref)
        act.subject = f"version:{parent.name}:{version.number}"
        before = list(version.tags)
        after = [name for name in dict.fromkeys([*before, *add]) if name not in remove]
        if len(after) > MOST_TAGS:
            raise Invalid(
                "A version can have {most} tags.",
                "take some away: --remove NAME,NAME",
                code="too_many_tags",
                most=MOST_TAGS,
            )
        if after == before:
            act.nothing()
        act.before, act.after = {"tags": before}, {"tags": after}
        version.tags = after
        act.session.add(version)
        act.session.flush()
        return registry.shown(act.session, parent, version, new=False)


@deed()
def archive(ws: Workspace, ref: Ref, *, reason: str = "", undo: bool = False) -> VersionAnswer:
    """Put a version away that nobody serves: it is listed no more, and kept whole.

    Refused while it is live, in shadow, requested or held. A sealed bundle of it is kept beside its
    artifact; `--undo` takes it out again, `models stage:archived` lists models that are away as a whole.
    """
    check_reason(reason)
    with ws.look() as session:
        parent, version = lookup.version(session, ref)
        name = f"{parent.name}:{version.number}"
        data = b"" if undo else bundles.sealed(ws.artifacts, session, version)[0]
    digest = ws.artifacts.put(data) if data else ""
    action = "version:unarchiving" if undo else "version:archiving"
    with ws.act(action, subject=f"version:{name}", reason=reason) as act:
        version = act.session.get_one(tables.Version, version.id)
        kept = act.session.get(tables.Archived, version.id)
        if undo:
            _take_out(act, name, kept)
        else:
            _put_away(ws, act, name, version, kept, digest)
        act.session.flush()
        return registry.shown(act.session, parent, version, new=False)


def check_in_sight(session: Session, version: tables.Version) -> None:
    """Raise when a version was put away."""
    away = session.get(tables.Archived, version.id) is not None
    check_not_archived(lookup.ref_of(session, version), archived=away)


def _put_away(
    ws: Workspace,
    act: Deed,
    name: str,
    version: tables.Version,
    kept: tables.Archived | None,
    digest: str,
) -> None:
    if kept is not None:
        act.nothing()
        return
    check_not_held(name, holds.held(act.session, [f"version:{name}"]))
    used, asked = _uses(act.session, version, now=ws.now())
    check_may_archive(name, used=used, asked=asked)
    act.after = {"bundle": digest, "digest": version.digest}
    act.session.add(
        tables.Archived(
            version_id=version.id,
            bundle=digest,
            reason=act.reason,
            actor=ws.actor.to_dict(),
            at=ws.now(),
        )
    )


def _take_out(act: Deed, name: str, kept: tables.Archived | None) -> None:
    if kept is None:
        raise Conflict(
            "{ref} is not archived.",
            "`models stage:archived` lists what is.",
            code="not_archived",
            ref=name,
        )
    act.before = {"bundle": kept.bundle, "at": kept.at}
    act.session.delete(kept)


def _uses(session: Session, version: tables.Version, *, now: str) -> tuple[list[str], list[int]]:
    """Return where a version is live, loading or in shadow, and which requests may still carry it."""
    places = session.exec(
        sqlmodel.select(tables.Deployment.name)
        .where(tables.Deployment.id == tables.Rollout.deployment_id)
        .where(tables.Rollout.version_id == version.id)
        .where(sqlmodel.col(tables.Rollout.state).in_(("live", "loading")))
        .distinct()
        .order_by(tables.Deployment.name)
    ).all()
    asked = session.exec(
        sqlmodel.select(tables.Request.id)
        .where(tables.Request.version_id == version.id, tables.Request.expires_at > now)
        .where(sqlmodel.col(tables.Request.state).in_(("open", "approved")))
        .order_by(sqlmodel.col(tables.Request.id))
    ).all()
    return list(places), list(asked)
