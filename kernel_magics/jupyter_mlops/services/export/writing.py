"""Writing the audit log down, event by event: never more of it in memory than a few pages."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain import anchored
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.audited import Exported
from jupyter_mlops.domain.checkpoints import Key, joined
from jupyter_mlops.errors import NotFound, Unavailable
from jupyter_mlops.services import signing
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

FORM: Final = 1
DONE: Final = "audit:export:written"
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE: Final = 0o100644 << 16
_PAGE: Final = 1 << 20
_ROWS: Final = 5_000


def written(ws: Workspace, *, to: str) -> Exported:
    """Write every event and what verifies them into one file, kept under its digest.

    The event that remembers this comes after the last one in the file.
    """
    try:
        digest, size, head = _kept(ws)
    except OSError as error:
        raise Unavailable(
            "The export cannot be written in the folder of the workspace: {reason}.",
            "`jupyter mlops doctor` looks at its disk.",
            code="export_not_kept",
            reason=error.strerror or error,
        ) from error
    with ws.act("audit:export", subject="workspace") as act:
        act.outcome = "written"
        n, last = head["events"], head["head"]
        act.after = {"digest": digest, "events": n, "head": last, "to": Path(to).name}
    return Exported(digest=digest, bytes=size, events=n, head=last)


def pieces(ws: Workspace, digest: str) -> Iterator[bytes]:
    """Return the bytes of a file that was exported, and of no other that is kept here.

    Raises:
        NotFound: no event says that such a file was written.
    """
    event = tables.AuditEvent
    with ws.look() as session:
        found = session.exec(
            sqlmodel.select(event.seq)
            .where(event.action == DONE)
            .where(sqlmodel.col(event.body).contains(f'"digest":"{digest}"', autoescape=True))
            .limit(1)
        ).first()
    if found is None:
        raise NotFound(
            "No export {digest} was written in this workspace.",
            "`audit --export FILE` writes one.",
            code="export_not_found",
            digest=digest,
        )
    return ws.artifacts.pieces(digest)


def _kept(ws: Workspace) -> tuple[str, int, dict[str, Any]]:
    handle, name = tempfile.mkstemp(dir=ws.home.folder, prefix=".export-")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, ws.look() as session:
            head = _head(ws, session)
            _write(file, session, head, signing.present(ws, session))
        size = beside.stat().st_size
        return ws.artifacts.take(beside), size, head
    finally:
        beside.unlink(missing_ok=True)


def _write(file: IO[bytes], session: Session, head: dict[str, Any], key: Key | None) -> None:
    """Write the parts in the order of their names, without dates: the same log gives the same bytes."""
    ours = resources.files("jupyter_mlops.services.export")
    with zipfile.ZipFile(file, "w") as archive:
        _put(archive, "README.txt", [(ours / "README.txt").read_bytes()])
        _put(archive, "checkpoints.txt", _checkpoints(session))
        _put(archive, "events.jsonl", _lines(session))
        _put(archive, "head.json", [(json.dumps(head, indent=1) + "\n").encode()])
        if key is not None:
            _put(archive, "public-key.pem", [signing.as_pem(key)])
        _put(archive, "roots.py", [(ours / "roots.py").read_bytes()])
        _put(archive, "verify.py", [(ours / "verify.py").read_bytes()])


def _put(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> None:
    told = zipfile.ZipInfo(name, _FIRST_DAY)
    told.compress_type, told.external_attr, told.create_system = 8, _PLAIN_FILE, 3
    with (
        archive.open(told, "w", force_zip64=name == "events.jsonl") as raw,
        io.BufferedWriter(raw, _PAGE) as part,
    ):
        part.writelines(parts)


def _head(ws: Workspace, session: Session) -> dict[str, Any]:
    event = tables.AuditEvent
    n = session.exec(sqlmodel.select(sqlmodel.func.count()).select_from(event)).one()
    last = session.exec(
        sqlmodel.select(event.digest).order_by(sqlmodel.col(event.seq).desc()).limit(1)
    ).first()
    return {
        "form": FORM,
        "workspace": session.get_one(tables.Setting, "id").value,
        "events": n,
        "head": last or chain.GENESIS,
        "at": ws.now(),
        "product": f"jupyter-mlops {metadata.version('jupyter-mlops')}",
        "anchors": _anchors(session),
    }


def _checkpoints(session: Session) -> Iterator[bytes]:
    rows = session.exec(
        sqlmodel.select(tables.Checkpoint.note).order_by(sqlmodel.col(tables.Checkpoint.size))
    )
    for note in rows:
        yield joined([note]).encode()


def _anchors(session: Session) -> list[dict[str, Any]]:
    """Return where checkpoints are kept outside, so that whoever verifies knows whom to ask."""
    rows = session.exec(sqlmodel.select(tables.Anchor)).all()
    return [
        {"where": anchored.shown(one.kind, one.address), "kind": one.kind, "events": one.size}
        for one in rows
    ]


def _lines(session: Session) -> Iterator[bytes]:
    """Return each event as it is stored.

    A line end in a text and a quote in a digest are not of our making; neither may tear a line apart.
    """
    event = tables.AuditEvent
    rows = session.exec(
        sqlmodel.select(event.seq, event.digest, event.body)
        .order_by(sqlmodel.col(event.seq))
        .execution_options(yield_per=_ROWS)
    )
    for seq, digest, body in rows:
        name = json.dumps(digest)[1:-1].replace('\\"', "\\u0022")
        text = body.replace("\n", "\\n")
        yield f'{{"seq":{seq},"digest":"{name}","event":{text}}}\n'.encode()
