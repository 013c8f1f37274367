"""Legal holds: what has to be kept as it is, who said so, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlmodel

from jupyter_mlops.domain.access import as_person
from jupyter_mlops.domain.access import label as assurance_label
from jupyter_mlops.domain.arguments import Time, deed, read
from jupyter_mlops.domain.names import check_name, parse_reference
from jupyter_mlops.domain.shelved import (
    HoldRow,
    Holds,
    check_because,
    check_held_once,
    not_held,
)
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services import lookup, past
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@deed()
def hold(ws: Workspace, subject: str, *, because: str, release: bool = False) -> HoldRow:
    """Keep a version or a deployment as it is, until the hold is released: a legal hold.

    What is held cannot be archived or retired, and nothing that was found of it is forgotten. Who held
    and who released it, when and why, stays in the audit log.
    """
    check_because(because)
    check_readable(subject)
    action = "hold:release" if release else "hold:placing"
    with ws.act(action, subject=f"hold:{subject}", reason=because) as act:
        act.subject = named(act.session, subject)
        if release:
            row = _release(ws, act.session, act.subject)
        else:
            standing = held(act.session, [act.subject]).get(act.subject)
            check_held_once(act.subject, held=standing)
            row = tables.Hold(
                subject=act.subject,
                because=because.strip(),
                actor=ws.actor.to_dict(),
                at=ws.now(),
            )
            act.session.add(row)
        act.after = {"because": because.strip()}
        return _told(row)


@read()
def holds(ws: Workspace, query: str = "", *, as_of: Time | None = None) -> Holds:
    """List what is held and what was, with who said so and why; the query may hold any of its words.

    With `as_of` they are listed as they stood then.
    """
    at = past.moment(ws, as_of)
    released = sqlmodel.col(tables.Hold.released_at)
    with ws.look() as session:
        rows = session.exec(
            sqlmodel.select(tables.Hold).order_by(
                (released != "").asc(), sqlmodel.col(tables.Hold.id).desc()
            )
        ).all()
    words = query.casefold().split()
    told = [
        _told(row)
        for row in rows
        if all(word in f"{row.subject} {row.because}".casefold() for word in words)
    ]
    return Holds(items=_then(told, at) if at else told)


def _then(rows: Iterable[HoldRow], at: str) -> list[HoldRow]:
    """Return the holds that there were at a moment, those first that stood."""
    known = [row for row in rows if row["at"] <= at]
    told: list[HoldRow] = [
        {**row, "released_at": row["released_at"] if row["released_at"] <= at else ""}
        for row in known
    ]
    return sorted(told, key=lambda row: row["released_at"] != "")


def check_readable(what: str) -> None:
    """Raise unless a text could be the name of a deployment, or a reference.

    Raises:
        Invalid: it can be neither.
    """
    try:
        check_name(what, what="deployment")
    except Invalid:
        parse_reference(what)


def named(session: Session, what: str) -> str:
    """Return the subject that a person means: a deployment of this name, or else a version.

    Raises:
        Invalid: it is neither the name of a deployment nor a reference.
        NotFound: there is no such version.
    """
    place = session.exec(
        sqlmodel.select(tables.Deployment.name).where(tables.Deployment.name == what)
    ).first()
    if place is not None:
        return f"deployment:{place}"
    _, version = lookup.version(session, what)
    return f"version:{lookup.ref_of(session, version)}"


def held(session: Session, subjects: Iterable[str]) -> dict[str, str]:
    """Return which of these subjects are held, and why."""
    rows = session.exec(
        sqlmodel.select(tables.Hold.subject, tables.Hold.because)
        .where(sqlmodel.col(tables.Hold.subject).in_(list(subjects)))
        .where(tables.Hold.released_at == "")
    ).all()
    return dict(rows)


def of_place(session: Session, place: tables.Deployment) -> dict[str, str]:
    """Return what is held of a deployment: itself, or a version that it ever served."""
    served = session.exec(
        sqlmodel.select(tables.Rollout.version_id)
        .where(tables.Rollout.deployment_id == place.id)
        .distinct()
    ).all()
    refs = [lookup.ref_of(session, session.get_one(tables.Version, id)) for id in sorted(served)]
    return held(session, [f"deployment:{place.name}", *(f"version:{ref}" for ref in refs)])


def _release(ws: Workspace, session: Session, subject: str) -> tables.Hold:
    row = session.exec(
        sqlmodel.select(tables.Hold)
        .where(tables.Hold.subject == subject)
        .where(tables.Hold.released_at == "")
    ).first()
    if row is None:
        raise not_held(subject)
    row.released_at = ws.now()
    session.add(row)
    return row


def _told(row: tables.Hold) -> HoldRow:
    label = tell(assurance_label(row.actor["assurance"]), name="")
    return HoldRow(
        subject=row.subject,
        because=row.because,
        by=as_person(row.actor, label=label),
        at=row.at,
        released_at=row.released_at,
    )
