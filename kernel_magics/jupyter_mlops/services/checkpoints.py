"""Signing what the audit log holds now and then, so that nobody can write it anew unseen.

A checkpoint is no event: an event of it would soon ask for the next one. It has a table of its own,
to which rows are only added; making the key that signs is an event.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

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

AT_ONCE: Final = 5_000
"""Events that are taken from the database in one go."""


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
    """Return events as they are stored; straight from the driver, since there may be a million of them."""
    connection = session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    driver: Any = connection.connection.driver_connection
    names = ", ".join(chain.Link._fields)
    mark = "?" if is_sqlite else "%s"
    query = f"SELECT {names} FROM audit_event WHERE seq > {mark} ORDER BY seq"  # noqa: S608  (our own names)
    with contextlib.closing(driver.cursor() if is_sqlite else driver.cursor("links")) as cursor:
        cursor.execute(query, (after,))
        while rows := cursor.fetchmany(AT_ONCE):
            yield from map(chain.Link._make, rows)


def walk(
    links: Iterable[chain.Link], *, after: int = 0, prev: str = chain.GENESIS
) -> chain.Verdict:
    """Follow the chain as :func:`jupyter_mlops.domain.audit.walk` does, in a fraction of the time."""
    return chain.walk(links, after=after, prev=prev, read=_reader())


@cache
def _reader() -> Callable[[str], chain.Told | None]:
    """Return what reads an event by its types; one that has others is read as JSON is."""
    import msgspec

    actor = msgspec.defstruct("Actor", [("id", str)])
    texts = ("prev", "at", "action", "subject")
    event = msgspec.defstruct(
        "Event", [("v", int), ("seq", int), ("actor", actor), *((name, str) for name in texts)]
    )
    decode = msgspec.json.Decoder(event).decode

    def read(body: str) -> chain.Told | None:
        if body[-1:] != "}":
            return chain.told_of(body)
        try:
            told: Any = decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return chain.told_of(body)
        return chain.Told(
            told.v, told.prev, told.seq, told.at, told.action, told.subject, told.actor.id
        )

    return read


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

    verdict = walk(passed(), after=size, prev=head)
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
