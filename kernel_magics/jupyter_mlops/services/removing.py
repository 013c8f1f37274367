"""Rows that go: written out of files beside them, told in the audit log, then put in their place.

Whoever stops in between leaves files beside; the next one in a deed puts those in place that an event
tells of, and removes the others. Only one process at a time is in a deed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import erasing, tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.whereabouts import Hit, Sample
    from jupyter_mlops.store.erasing import Next

ERASURE: Final = "subject:erasure"
RETENTION: Final = "deployment:retention"


def folders(ws: Workspace) -> list[Path]:
    """Return the folders whose files may have others beside them."""
    return [ws.home.predictions, ws.home.folder / "requests", ws.home.actuals]


def settle_files(ws: Workspace, session: Session) -> bool:
    """Bring all files to what the audit log says of them, in a deed; say whether no answer is left.

    Answers that are kept for repeats go with the requests that they were given to.
    """
    clean = True
    for found in erasing.unsettled([place for place in folders(ws) if place.is_dir()]):
        if _is_told(session, found.digest):
            clean = place(ws, found) and clean
        else:
            found.beside.unlink(missing_ok=True)
    for half in erasing.halves(folders(ws), lambda stem: not _is_open(ws, stem)):
        half.unlink(missing_ok=True)
    return clean


def place(ws: Workspace, found: Next) -> bool:
    """Put a file in its place; say whether nothing is left of answers that were in the one before."""
    if not found.file.is_relative_to(ws.home.folder / "requests"):
        erasing.take_place(found)
        return True
    before = erasing.keys(found.file)
    erasing.take_place(found)
    gone = before - erasing.keys(found.file)
    deployment = found.file.parent.parent.name.removeprefix("deployment=")
    return ws.telemetry.forget_repeats(deployment, sorted(gone))


def out_of_log(ws: Workspace, hits: Sequence[Hit], deed: int) -> Iterator[dict[str, Any]]:
    """Write beside their files what the log is without some rows; tell of each sealed piece."""
    for hit in hits:
        done = erasing.without(hit.path, hit.goes.to_pylist(), deed)
        day = hit.path.parent.name.removeprefix("day=")
        piece = f"{hit.deployment}/{day}/{hit.path.stem}"
        told: dict[str, Any] = {"segment": piece, "rows": hit.n, "digest": done.digest}
        asked = ws.home.folder / "requests" / hit.path.relative_to(ws.home.predictions)
        if asked.exists():
            moments = sorted(set(hit.rows["at"].to_pylist()))
            if silent := erasing.silenced(asked, moments):
                told["requests"] = silent.digest
        yield told


def out_of_actuals(hits: Sequence[Hit]) -> Iterator[dict[str, Any]]:
    """Write beside their files what actuals are without some rows; tell of each file."""
    import pyarrow.compute as pc
    from pyarrow import parquet

    for hit in hits:
        table = parquet.ParquetFile(hit.path).read()
        done = erasing.beside(hit.path, table.filter(pc.invert(hit.goes)))
        yield {
            "deployment": hit.deployment,
            "file": hit.path.stem,
            "rows": hit.n,
            "digest": done.digest,
        }


def out_of_samples(
    ws: Workspace, session: Session, samples: Sequence[Sample]
) -> Iterator[dict[str, Any]]:
    """Give versions a sample without some rows; the one before is still to be removed."""
    import pyarrow.compute as pc

    from jupyter_mlops.formats import frames
    from jupyter_mlops.services import whereabouts

    for one in samples:
        table = whereabouts.sample(ws, one.digest)
        after = ws.artifacts.put(frames.as_stream(table.filter(pc.invert(one.goes))))
        goes = one.goes.to_pylist()
        refs = [
            _with_sample(session, name, version, after, goes)
            for name, version in sharing(session, one.digest)
        ]
        yield {"versions": refs, "rows": one.n, "before": one.digest, "after": after}


def sharing(session: Session, digest: str) -> list[tuple[str, tables.Version]]:
    """Return every version that was registered with this very sample."""
    query = sqlmodel.select(tables.Model.name, tables.Version).where(
        tables.Version.model_id == tables.Model.id
    )
    return [(n, v) for n, v in session.exec(query) if v.lineage.get("sample") == digest]


def _with_sample(
    session: Session, name: str, version: tables.Version, after: str, goes: Sequence[bool]
) -> str:
    """Write down the sample of a version, and which of the rows it was registered with are left out."""
    before = set(version.lineage.get("left_out") or ())
    places = [at for at in range(len(goes) + len(before)) if at not in before]
    more = {at for at, gone in zip(places, goes, strict=True) if gone}
    told = {**version.lineage, "sample": after, "left_out": sorted(before | more)}
    version.lineage = told
    session.add(version)
    return f"{name}:{version.number}"


def _is_told(session: Session, digest: str) -> bool:
    event = tables.AuditEvent
    wanted = sqlmodel.or_(
        *(sqlmodel.col(event.action).startswith(name) for name in (ERASURE, RETENTION))
    )
    told = sqlmodel.col(event.body).contains(digest)
    return session.exec(sqlmodel.select(event.seq).where(wanted, told).limit(1)).first() is not None


def _is_open(ws: Workspace, stem: str) -> bool:
    return any(ws.home.spool.glob(f"*/{stem}.log"))
