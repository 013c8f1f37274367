"""Proving that what came out of a backup is what went in: rows, files, the chain, the segments' roots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlmodel

from jupyter_mlops.domain import merkle
from jupyter_mlops.domain.backups import Contents, Dump
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import checkpoints
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table
    from sqlmodel import Session

_SEALED: Final = "segment:seal:done"


def check_rows(connection: Connection, table: Table, dump: Dump) -> None:
    """Read a table again and compare: as many rows, and the same digest.

    Raises:
        Corrupt: the rows are others than those that were written.
    """
    import hashlib

    from jupyter_mlops.store import dumping

    found, n = hashlib.sha256(), 0
    for line in dumping.lines(connection, table, dump.columns):
        found.update(line)
        n += 1
    if n != dump.rows or f"sha256:{found.hexdigest()}" != dump.digest:
        raise _differs(dump.member)


def check_chain(session: Session, told: Contents) -> None:
    """Walk the audit log: it has to end where the backup says, and be as whole as it was then.

    Raises:
        Corrupt: it is not.
    """
    verdict = checkpoints.walk(checkpoints.links(session))
    if (verdict.events, verdict.head, verdict.first_bad) == (
        told.events,
        told.head,
        told.first_bad,
    ):
        return
    raise Corrupt(
        "The audit log of this backup is not what its manifest says: {events} events that end with"
        " {head}.",
        "take an older backup; nothing of this one was kept.",
        code="backup_changed",
        events=f"{verdict.events:,}",
        head=verdict.head,
    )


def check_artifacts(told: Contents) -> None:
    """Compare the name of each artifact with its digest, as it was when the backup was written.

    Raises:
        Corrupt: one is named by another digest than its own.
    """
    for name, digest in told.files.items():
        own = name.startswith("artifacts/") and name not in told.differing
        if own and digest != f"sha256:{name.rpartition('/')[2]}":
            raise _differs(name)


def check_segments(session: Session, folder: Path, told: Contents) -> int:
    """Compute the root of each sealed piece of the prediction log again, and return how many there are.

    The event of its sealing holds it too, in a chain that was walked before.

    Raises:
        Corrupt: a piece is another than the audit log says.
    """
    roots = _roots(session)
    proved = 0
    for piece in session.exec(sqlmodel.select(tables.Segment)).all():
        name = f"{'predictions' if piece.rows else 'requests'}/{piece.path}"
        if name in told.differing:
            continue
        if told.files.get(name) != piece.digest or roots.get(piece.id) != piece.root:
            raise _differs(name)
        if piece.rows and f"sha256:{merkle.root(_leaves(folder / name))}" != piece.root:
            raise _differs(name)
        proved += 1
    return proved


def _roots(session: Session) -> dict[str, str]:
    """Return the root of each segment as the event of its sealing says."""
    event = tables.AuditEvent
    bodies = session.exec(sqlmodel.select(event.body).where(event.action == _SEALED))
    told = [json.loads(body)["after"] for body in bodies]
    return {after["segment"]: after["root"] for after in told}


def _leaves(path: Path) -> list[bytes]:
    from pyarrow import parquet

    from jupyter_mlops.store.logtables import LEAF

    file = parquet.ParquetFile(path)
    if LEAF not in file.schema_arrow.names:
        return []
    column = file.read(columns=[LEAF])[LEAF]
    return [bytes(leaf) for leaf in column.to_pylist() if leaf is not None]


def _differs(name: str) -> Corrupt:
    return Corrupt(
        "{name} in this backup is not what its manifest says.",
        "take an older backup; nothing of this one was kept.",
        code="backup_changed",
        name=name,
    )
