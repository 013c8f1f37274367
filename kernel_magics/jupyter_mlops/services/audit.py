"""Reading the audit log, and proving that it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain as joined
from itertools import starmap
from typing import TYPE_CHECKING, cast

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.answers import Audit, AuditEvent
from jupyter_mlops.domain.arguments import NewFile, read
from jupyter_mlops.errors import Invalid
from jupyter_mlops.locale import tell
from jupyter_mlops.services.export import writing
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.store import tables

MOST = 10_000

_WHY = {
    "missing": "Event {n} is missing: event {seq} stands in its place.",
    "edited": "Event {seq} was edited: its digest does not fit its text.",
    "unreadable": "Event {seq} cannot be read.",
    "unchained": "Event {seq} does not follow the event before it.",
    "renumbered": "Event {seq} carries another number in its text.",
}


@read(prepare="services.export.placing:prepare", finish="services.export.placing:finish")
def audit(
    ws: Workspace, query: str = "", *, verify: bool = False, export: NewFile = "", limit: int = 50
) -> Audit:
    """Search the audit log, newest first; verify the whole chain, or write it to a file that anybody can verify.

    `--verify` walks the chain from its beginning and finds edits, deletions and changes of order. A cut
    tail or a complete rewrite shows only against an anchor kept elsewhere; this workspace has none yet.

    `--export audit.zip` writes every event with a verifier of 60 lines that needs Python alone. The file
    is written where you are, also when the workspace is elsewhere, and replaces none; the audit log keeps
    its digest.
    """
    if not 1 <= limit <= MOST:
        raise Invalid(
            "The limit has to be between 1 and {most}, not {limit}.",
            code="limit_invalid",
            most=MOST,
            limit=limit,
        )
    if export and query:
        raise Invalid(
            "Only the whole audit log is exported: a part of a chain cannot be verified.",
            "leave {query} out: audit --export {to}",
            code="export_of_part",
            query=query,
            to=export,
        )
    with ws.look() as session:
        found = [] if export else _found(session, query.lower().split(), limit)
        told = _verified(session, found) if verify else Audit(items=found)
    if export:
        told["export"] = writing.written(ws, to=export)
    return told


def _verified(session: Session, found: list[AuditEvent]) -> Audit:
    verdict = chain.walk(links(session))
    because = (
        tell("All {n} events follow from one another.", n=verdict.events)
        if verdict.first_bad is None
        else tell(_WHY[verdict.why], seq=verdict.first_bad, n=verdict.events)
    )
    return Audit(
        items=found,
        ok=verdict.first_bad is None and verdict.events > 0,
        events=verdict.events,
        first_bad=verdict.first_bad,
        because=because,
        anchors=[],
        head=verdict.head,
    )


def links(session: Session) -> Iterator[chain.Link]:
    """Return every event as it is stored; as rows, since there may be a million of them."""
    from sqlmodel import select

    from jupyter_mlops.store.tables import AuditEvent

    stored = AuditEvent.metadata.tables[str(AuditEvent.__tablename__)].c
    rows = session.connection().execute(
        select(stored.seq, stored.body, stored.digest).order_by(stored.seq),
        execution_options={"yield_per": 5000},
    )
    return starmap(chain.Link, joined.from_iterable(rows.partitions()))


def _found(session: Session, words: list[str], limit: int) -> list[AuditEvent]:
    from sqlmodel import col, select

    from jupyter_mlops.store.tables import AuditEvent as Row
    from jupyter_mlops.store.texts import folded

    query = select(Row).order_by(col(Row.seq).desc())
    for word in words:
        query = query.where(folded(Row.body).contains(word, autoescape=True))
    return [_told(row) for row in session.exec(query.limit(limit))]


def _told(row: tables.AuditEvent) -> AuditEvent:
    return cast("AuditEvent", json.loads(row.body) | {"digest": row.digest})
