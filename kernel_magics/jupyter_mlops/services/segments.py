"""Sealing the prediction log: what a segment held is an event, before the segment goes."""

from __future__ import annotations

import math
import os
import sys
from typing import Final

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.services.workspace import Workspace, open_local
from jupyter_mlops.store import tables
from jupyter_mlops.store.sealing import Sealed

LOG: Final = "log"
"""What waits to be profiled: a sealed piece of a prediction log."""
BACKLOG: Final = 8
"""How many finished segments may wait to be sealed: whoever reads the log has to read all of them."""
HURRIED: Final = 5
"""How nice a process is that seals a backlog beside a busy server."""


def seal(ws: Workspace, *, seconds: float = math.inf) -> None:
    """Turn finished segments into Parquet; the root over their rows goes into the audit log.

    After ``seconds`` no other segment is begun; the next time goes on with it.
    """
    ws.telemetry.seal(lambda found: _remember(ws, found), seconds=seconds)


def is_behind(ws: Workspace) -> bool:
    """Say whether more finished segments wait to be sealed than should."""
    return len(ws.telemetry.finished()) > BACKLOG


def main(hurry: str = "") -> int:
    """Seal and profile what is finished, as the server, in a process that gives way to all."""
    from jupyter_mlops.services import erasure
    from jupyter_mlops.services.keeping import keep
    from jupyter_mlops.services.scoring import settle

    if hurry:
        os.nice(HURRIED)
    else:
        give_way()
    ws = open_local(mouth="server", actor=Actor("server", kind="service"))
    settle(ws)
    seal(ws)
    erasure.settle(ws)
    keep(ws)
    return 0


def give_way() -> None:
    """Work only when nobody else on this machine wants to."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


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
        act.session.add(tables.Pending(part=LOG, source=found.name, deployment=found.deployment))
        act.after = {
            "segment": found.name,
            "rows": found.rows,
            "digest": found.digest,
            "root": found.root,
        }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
