"""How far anchors lag behind the log, written down by the watcher for whoever is asked about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import sqlmodel

from jupyter_mlops.config import Home
from jupyter_mlops.domain import anchored
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

NAME: Final = "lag.json"


def write(ws: Workspace, *, any_anchor: bool) -> None:
    """Write down what each anchor lacks; nothing where there is none and never was."""
    file = ws.home.anchors / NAME
    if not any_anchor and not file.exists():
        return
    with ws.look() as session:
        events = session.exec(sqlmodel.select(sqlmodel.func.max(tables.AuditEvent.seq))).one() or 0
        told = [_row(session, row, events) for row in session.exec(sqlmodel.select(tables.Anchor))]
    file.parent.mkdir(mode=0o700, exist_ok=True)
    beside = file.with_name(f".{NAME}")
    beside.write_text(json.dumps(told))
    beside.replace(file)


def read(home: Home) -> Iterator[tuple[str, str, int, datetime | None]]:
    """Return where each anchor is, of which kind, how many events it lacks, and when it was signed."""
    try:
        told = json.loads((home.anchors / NAME).read_text())
        for row in told:
            at = datetime.fromisoformat(row["signed_at"]) if row["signed_at"] else None
            yield str(row["where"]), str(row["kind"]), int(row["behind"]), at
    except (OSError, ValueError, KeyError, TypeError):  # nothing was written yet
        return


def _row(session: Any, row: tables.Anchor, events: int) -> dict[str, Any]:
    signed = session.get(tables.Checkpoint, row.size)
    return {
        "where": anchored.shown(row.kind, row.address),
        "kind": row.kind,
        "behind": max(0, events - row.size),
        "signed_at": signed.at if signed else "",
    }
