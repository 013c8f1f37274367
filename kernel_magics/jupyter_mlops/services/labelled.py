"""Label profiles brought up to date: what labels say of each hour, kept once, whatever came when.

Files of actuals that were counted are marked in the transaction that adds what they tell. Two that
count at once look at the last event that changed anything: the slower one begins anew.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlmodel
from sqlmodel import col

from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import judging, labels
from jupyter_mlops.services.counting import Key
from jupyter_mlops.services.keeping import FILES, LABELS, profile_row
from jupyter_mlops.services.ledger import Found, Ledger
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.judging import Judge, Labelled

LOST: Final = "unmatched"
"""How many labels belong to no prediction, by the hour in which that was learnt."""
MOST: Final = 256
"""How many files and pieces are counted before what was found is kept."""


@dataclass(frozen=True)
class State:
    """What is counted of a deployment: ``event`` is the last one that changed it.

    Of the pieces of the log that are not, those ``waiting`` are profiled already but for their labels.
    """

    pieces: frozenset[str]
    waiting: tuple[str, ...]
    unread: tuple[str, ...]
    files: frozenset[str]
    event: int


def keep(ws: Workspace, *, seconds: float = math.inf) -> int:
    """Count every announced file of actuals once; return how many labels that were."""
    until, told = time.monotonic() + seconds, 0
    with ws.look() as session:
        names = session.exec(sqlmodel.select(tables.Deployment.name)).all()
    for name in names:
        while time.monotonic() < until:
            found = _step(ws, name)
            if found is None:
                break
            told += found
    return told


def state(session: Session, deployment: str) -> State:
    """Return what is counted of a deployment at this moment."""
    segments = session.exec(
        sqlmodel.select(tables.Segment.id).where(tables.Segment.deployment == deployment)
    ).all()
    pending = session.exec(
        sqlmodel.select(tables.Pending.part, tables.Pending.source).where(
            tables.Pending.deployment == deployment
        )
    ).all()
    files = session.exec(
        sqlmodel.select(tables.Profile.version).where(
            tables.Profile.deployment == deployment, tables.Profile.part == FILES
        )
    ).all()
    return State(
        frozenset(segments) - {source for _, source in pending},
        tuple(sorted(source for part, source in pending if part == LABELS)),
        tuple(sorted(source for part, source in pending if part != LABELS)),
        frozenset(files),
        _last(session, deployment),
    )


def _last(session: Session, deployment: str) -> int:
    event = tables.AuditEvent
    found = session.exec(
        sqlmodel.select(sqlmodel.func.max(event.seq)).where(
            event.subject == f"deployment:{deployment}",
            col(event.action).in_(("profile:keep:done", "labels:keep:done")),
        )
    ).first()
    return found or 0


def _step(ws: Workspace, deployment: str) -> int | None:
    """Count some of what waits; None when nothing does."""
    folder = ws.telemetry.actuals_changed(deployment)
    with ws.look() as session:
        known = state(session, deployment)
    if not known.waiting and ws.kept.get((FILES, deployment)) == folder:
        return None
    files = [name for name in ws.telemetry.actual_files(deployment) if name not in known.files]
    if not files and not known.waiting:
        ws.kept[FILES, deployment] = folder
        return None
    files, pieces = files[:MOST], known.waiting[:MOST]
    ledger = Ledger(
        ws,
        deployment,
        ws.telemetry.pieces(deployment),
        {**dict.fromkeys(known.pieces, True), **dict.fromkeys(pieces, False)},
        {**dict.fromkeys(known.files, True), **dict.fromkeys(files, False)},
        frozenset({*files, *pieces}),
    )
    try:
        judge = judging.judge(ws, deployment)
    except Corrupt as error:  # it waits for a person, and holds up no other deployment
        sys.stderr.write(f"labels: {deployment}: {error.message}\n")
        return None
    return _remember(ws, deployment, known, pieces, files, judge, ledger.difference(judge))


def _remember(
    ws: Workspace,
    deployment: str,
    known: State,
    pieces: Sequence[str],
    files: Sequence[str],
    judge: Judge,
    found: Found,
) -> int:
    """Add what was counted and mark what it came from, in one; 0 where somebody was faster."""
    with ws.act("labels:keep", subject=f"deployment:{deployment}") as act:
        if _last(act.session, deployment) != known.event:
            act.nothing()
            return 0
        for piece in pieces:
            act.session.delete(act.session.get_one(tables.Pending, (LABELS, piece)))
        rows = sum(_mark(ws, act.session, deployment, file) for file in files)
        for key, profile in found.profiles.items():
            _add(act.session, deployment, judge, key, profile)
        for hour, n in found.lost.items():
            told = labels.hour_of(hour)
            profile_row(act.session, deployment, LOST, Key("", "", told, told)).rows += n
        act.after = {"files": list(files), "segments": list(pieces), "labels": rows}
    return rows


def _mark(ws: Workspace, session: Session, deployment: str, file: str) -> int:
    """Write down that a file is counted, when it came and how many labels it holds."""
    table = ws.telemetry.read_actual_file(deployment, file)
    came = iso(table["known_at"][0].as_py()) if table.num_rows else ""
    profile_row(session, deployment, FILES, Key(file, "", came, came)).rows = table.num_rows
    return int(table.num_rows)


def _add(session: Session, deployment: str, judge: Judge, key: Key, profile: Labelled) -> None:
    row = profile_row(session, deployment, LABELS, key)
    write_labels(
        judge, row, judge.sum([read_labels(judge, row), profile]) if row.counts else profile
    )


def write_labels(judge: Judge, row: tables.Profile, whole: Labelled) -> None:
    """Write a label profile into its row."""
    from jupyter_mlops.stats.batch import packed

    counts, sums = judge.written(whole)
    row.rows, row.counts, row.sums = whole.n, packed(counts), sums.astype("<f8").tobytes()


def read_labels(judge: Judge, row: Any) -> Labelled:
    """Return the label profile that a row holds."""
    import numpy as np

    from jupyter_mlops.stats.batch import unpacked

    return judge.read(unpacked(row.counts), np.frombuffer(row.sums, dtype="<f8"))
