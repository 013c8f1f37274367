"""Copies of samples that no version speaks of any more: in bundles, and kept by nobody."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.bundled import BLOBS
from jupyter_mlops.services import bundles as sealing
from jupyter_mlops.services import whereabouts
from jupyter_mlops.services.sought import Sought
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

_ZIP: Final = b"PK\x03\x04"
_ARROW: Final = b"\xff\xff\xff\xff"


def bundles(ws: Workspace, session: Session, samples: Sequence[str]) -> list[str]:
    """Return the bundles that hold one of these samples; archived versions get a new one, without it."""
    if not samples:
        return []
    names = {BLOBS + digest.removeprefix("sha256:") for digest in samples}
    found = [
        digest
        for digest, head in ws.artifacts.all()
        if head == _ZIP and names & _entries(ws, digest)
    ]
    away = sqlmodel.select(tables.Archived).where(sqlmodel.col(tables.Archived.bundle).in_(found))
    for row in session.exec(away).all():
        version = session.get_one(tables.Version, row.version_id)
        row.bundle = ws.artifacts.put(sealing.sealed(ws.artifacts, session, version)[0])
        session.add(row)
    return found


def samples(ws: Workspace, whom: Sought) -> list[str]:
    """Return samples with rows of a subject that came with a registration, and that no version is of."""
    known = whereabouts.samples(ws, None)
    columns = {whom.by} if whom.by else {"id", *map(whereabouts.id_of, known.values())}
    return [
        digest
        for digest, head in ws.artifacts.all()
        if head == _ARROW and digest not in known and _holds(ws, digest, whom, columns)
    ]


def _holds(ws: Workspace, digest: str, whom: Sought, columns: set[str]) -> bool:
    import pyarrow as pa

    try:
        table: Any = whereabouts.sample(ws, digest)
    except pa.ArrowException:
        return False
    return any(whom.of(table[name]).true_count for name in columns if name in table.column_names)


def _entries(ws: Workspace, digest: str) -> set[str]:
    try:
        with ws.artifacts.opened(digest) as file, zipfile.ZipFile(file) as archive:
            return set(archive.namelist())
    except zipfile.BadZipFile:
        return set()
