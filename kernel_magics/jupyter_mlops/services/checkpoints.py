"""Signing what the audit log holds now and then, so that nobody can write it anew unseen.

A checkpoint is no event: an event of it would soon ask for the next one. It has a table of its own,
to which rows are only added; making the key that signs is an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain as joined
from itertools import starmap
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import checkpoints as rules
from jupyter_mlops.domain import merkle
from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import signing
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


def made(ws: Workspace) -> tables.Checkpoint:
    """Sign all that the log holds, unless that was signed already; return the newest checkpoint.

    Only what came after the last checkpoint is read.

    Raises:
        Corrupt: the log is no longer the one that was signed before; nothing is signed then.
    """
    private, key = signing.signer(ws)
    with ws.look() as session:
        last = newest(session)
        row = _grown(session, last)
    if last is not None and last.size == row.size:
        return last
    text = rules.body(key.name, row.size, row.root)
    row.note, row.at = rules.note(text, key, private.sign(text.encode())), ws.now()
    with ws.act("audit:checkpoint", subject="workspace") as act:
        act.nothing()
        if found := act.session.get(tables.Checkpoint, row.size):
            return found
        act.session.add(row)
    return row


def is_due(ws: Workspace) -> bool:
    """Say whether a hundred events wait for a checkpoint, or one has waited for ten minutes."""
    with ws.look() as session:
        last = newest(session)
        size = last.size if last else 0
        event = tables.AuditEvent
        ahead = sqlmodel.select(event.seq, event.at).where(event.seq > size)
        oldest = session.exec(ahead.order_by(sqlmodel.col(event.seq)).limit(1)).first()
        if oldest is None:
            return False
        many = session.exec(ahead.where(event.seq >= size + rules.EVERY).limit(1)).first()
    return many is not None or oldest[1] <= iso(ws.clock() - timedelta(seconds=rules.SECONDS))


def newest(session: Session) -> tables.Checkpoint | None:
    """Return the checkpoint of the most events, if there is any."""
    size = sqlmodel.col(tables.Checkpoint.size)
    return session.exec(sqlmodel.select(tables.Checkpoint).order_by(size.desc()).limit(1)).first()


def signed_at(session: Session, size: int) -> datetime | None:
    """Return when so many events were signed here."""
    found = session.get(tables.Checkpoint, size)
    try:
        return datetime.fromisoformat(found.at) if found else None
    except ValueError:  # somebody changed it
        return None


def links(session: Session, *, after: int = 0) -> Iterator[chain.Link]:
    """Return events as they are stored; as rows, since there may be a million of them."""
    stored = tables.AuditEvent.metadata.tables[str(tables.AuditEvent.__tablename__)].c
    columns: list[Any] = [stored[name] for name in chain.Link._fields]
    query: Any = sqlmodel.select(*columns).order_by(stored.seq)
    rows = session.connection().execute(
        query.where(stored.seq > after) if after else query,
        execution_options={"yield_per": 5000},
    )
    return starmap(chain.Link, joined.from_iterable(rows.partitions()))


def _grown(session: Session, last: tables.Checkpoint | None) -> tables.Checkpoint:
    """Return the next checkpoint, not yet signed: the last one with what came after it."""
    tree = _tree(last) if last else []
    size, head = (last.size, last.head) if last else (0, chain.GENESIS)
    if last is not None:
        kept = session.get(tables.AuditEvent, last.size)
        if kept is None or kept.digest != head or merkle.crown(tree) != last.root:
            raise _changed(last.size)
    texts: list[str] = []
    grown = size

    def passed() -> Iterator[chain.Link]:
        nonlocal grown
        for link in links(session, after=size):
            texts.append(link.body)
            if len(texts) == rules.GATHERED:
                merkle.grow_by(tree, grown, merkle.text_leaves(texts))
                grown += len(texts)
                texts.clear()
            yield link

    verdict = chain.walk(passed(), after=size, prev=head)
    merkle.grow_by(tree, grown, merkle.text_leaves(texts))
    if verdict.first_bad is not None:
        raise _changed(verdict.first_bad)
    return tables.Checkpoint(
        size=verdict.events,
        at="",
        root=merkle.crown(tree),
        head=verdict.head,
        tree="".join(one.hex() for one in tree),
        note="",
    )


def _tree(row: tables.Checkpoint) -> list[bytes]:
    try:
        whole = bytes.fromhex(row.tree)
    except ValueError:
        raise _changed(row.size) from None
    return [whole[at : at + merkle.SIZE] for at in range(0, len(whole), merkle.SIZE)]


def _changed(event: int) -> Corrupt:
    return Corrupt(
        "The audit log is not the one that was signed before: look at event {event}.",
        "`audit --verify` says what is wrong; nothing is signed until then.",
        code="log_changed",
        event=event,
    )
