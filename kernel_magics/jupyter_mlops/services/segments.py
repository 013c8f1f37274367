"""Sealing the prediction log: what a segment held is an event, before the segment goes."""

from __future__ import annotations

from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables
from jupyter_mlops.store.sealing import Sealed


def seal(ws: Workspace) -> None:
    """Turn finished segments into Parquet; the root over their rows goes into the audit log."""
    ws.telemetry.seal(lambda found: _remember(ws, found))


def _remember(ws: Workspace, found: Sealed) -> None:
    """Write down the root of a sealed file; one that is known already is left as it is."""
    with ws.act("segment:seal", subject=f"deployment:{found.deployment}") as act:
        if act.session.get(tables.Segment, found.name) is not None:
            act.nothing()
            return
        act.session.add(
            tables.Segment(
                id=found.name,
                deployment=found.deployment,
                day=found.day,
                rows=found.rows,
                path=found.path,
                digest=found.digest,
                root=found.root,
                sealed_at=ws.now(),
            )
        )
        act.after = {
            "segment": found.name,
            "rows": found.rows,
            "digest": found.digest,
            "root": found.root,
        }
