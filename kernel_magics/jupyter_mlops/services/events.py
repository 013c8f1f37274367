"""Finding events in the audit log: by words and fields, by time, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.domain import asked as rules
from jupyter_mlops.domain.answers import AuditEvent
from jupyter_mlops.domain.asked import Asked
from jupyter_mlops.domain.names import iso, parse_time
from jupyter_mlops.errors import Corrupt, NotFound
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def read(
    ws: Workspace,
    session: Session,
    query: str,
    *,
    since: str = "",
    until: str = "",
    as_of: str | None = None,
    before: int = 0,
) -> Any:
    """Return the query that finds what is asked for, newest first, and the question itself.

    Raises:
        Invalid: a field is unknown, or a time is none.
    """
    asked = rules.read(query, is_action=lambda name: _begins_actions(session, name))
    now = parse_time(as_of, now=ws.clock()) if as_of else ws.clock()
    row = tables.AuditEvent
    found = sqlmodel.select(row).order_by(sqlmodel.col(row.seq).desc())
    for text in asked.texts:
        found = found.where(_holds(text))
    for told in filter(None, (since, asked.times.get("since"))):
        found = found.where(row.at >= iso(parse_time(told, now=now)))
    for told in filter(None, (until, asked.times.get("until"))):
        found = found.where(row.at < iso(parse_time(told, now=now)))
    if as_of:
        found = found.where(row.at <= iso(now))
    return (found.where(row.seq < before) if before else found), asked


def found(
    session: Session, query: Any, asked: Asked, limit: int
) -> tuple[list[AuditEvent], int | None]:
    """Return so many events, and the number before which the next ones are, if there are more."""
    items: list[AuditEvent] = []
    for event in _events(session, query, limit if not asked.fields else None):
        if not asked.fits(event):
            continue
        if len(items) == limit:
            return items, items[-1]["seq"]
        items.append(event)
    return items, None


def numbered(session: Session, seq: int) -> AuditEvent:
    """Return one event.

    Raises:
        NotFound: there is none of this number.
        Corrupt: it cannot be read.
    """
    row = session.get(tables.AuditEvent, seq) if 0 < seq < 1 << 62 else None
    if row is None:
        raise NotFound(
            "The audit log has no event {seq}.",
            "`audit` lists the newest with their numbers.",
            code="event_not_found",
            seq=seq,
        )
    try:
        return told(row)
    except ValueError:
        raise Corrupt(
            "Event {seq} cannot be read.",
            "`audit --verify` says what is wrong.",
            code="event_unreadable",
            seq=seq,
        ) from None


def told(row: tables.AuditEvent) -> AuditEvent:
    """Return an event as it was written, with its digest."""
    return cast("AuditEvent", json.loads(row.body) | {"digest": row.digest})


def _events(session: Session, query: Any, limit: int | None) -> Iterator[AuditEvent]:
    if limit is not None:
        query = query.limit(limit + 1)
    for row in session.exec(query.execution_options(yield_per=500)):
        try:
            yield told(row)
        except (ValueError, TypeError):  # somebody changed it, which verifying tells
            continue


def _holds(text: str) -> Any:
    """Return the condition that an event holds a text, as JSON writes it."""
    from jupyter_mlops.store.texts import folded

    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return folded(tables.AuditEvent.body).contains(written, autoescape=True)


def _begins_actions(session: Session, name: str) -> bool:
    """Say whether a word is a part of actions in this log, with a colon after it."""
    action = sqlmodel.col(tables.AuditEvent.action)
    query = sqlmodel.select(tables.AuditEvent.seq).where(
        action.contains(f"{name.lower()}:", autoescape=True)
    )
    return session.exec(query.limit(1)).first() is not None
