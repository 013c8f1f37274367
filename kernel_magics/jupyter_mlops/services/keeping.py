"""Profiles brought up to date: each sealed piece of a log is counted once, however often one stops.

What waits stands in the table ``pending``. Pieces are counted without holding the store; then one
transaction adds the counts to those of their hours and takes the pieces off the list. Whoever finds
that somebody else has counted one of them meanwhile begins anew.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlmodel

from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import judging, references
from jupyter_mlops.services.counting import Key, added, by_hour, keyed
from jupyter_mlops.services.segments import LOG
from jupyter_mlops.services.traffic import Traffic, read_traffic, traffic_by_hour
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmodel import Session

    from jupyter_mlops.services.judging import Judge
    from jupyter_mlops.stats.batch import Batch, Layout
    from jupyter_mlops.store.pieces import Pieces

MOST: Final = 64
"""How many pieces are counted before what was found is kept."""
ANSWERS: Final = "answers"
REQUESTS: Final = "requests"
SCORES: Final = "scores"
"""The scores of an hour over fine cells, whether or not a label has come."""
LABELS: Final = "labels"
"""What is kept of answers whose label has come; and a piece of the log that waits for its labels."""
COMPACTED: Final = "compacted"
"""The mark of the moment before which it is no longer kept when labels were learnt."""
FILES: Final = "actuals"
"""The mark of a file of actuals that was counted."""


Scored: TypeAlias = tuple[int, Any]
"""How many rows, and their counts over the cells of scores."""


@dataclass
class Kept:
    """What a round has counted: pieces, and the predictions in them."""

    pieces: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Told:
    """What a piece holds, hour by hour; why it is ``unreadable``, or ``absent`` where it was counted."""

    piece: str
    answers: Sequence[tuple[Key, Batch]] = ()
    requests: Sequence[tuple[Key, Traffic]] = ()
    scores: Mapping[Key, Scored] = field(default_factory=dict)
    unreadable: str = ""
    absent: bool = False


Count = Callable[["Pieces", Sequence[str], "Judge"], Iterable[Told]]
"""A way to count pieces of a log: here, or on other machines."""


def keep(ws: Workspace, *, seconds: float = math.inf, count: Count | None = None) -> Kept:
    """Profile every sealed piece that waits for it; after ``seconds`` no other is begun."""
    until = time.monotonic() + seconds
    told, unreadable = Kept(), set[str]()
    while time.monotonic() < until:
        deployment, pieces = _next(ws, unreadable)
        if not pieces:
            break
        found = _counted(ws, deployment, pieces, unreadable, count or partial(_here, ws))
        if found.pieces and _remember(ws, deployment, found):
            told.pieces += len(found.pieces)
            told.rows += found.rows
    return told


@dataclass
class _Counted:
    pieces: list[str]
    answers: Mapping[Key, Batch]
    requests: Mapping[Key, Traffic]
    scores: Mapping[Key, Scored]
    rows: int


def _next(ws: Workspace, unreadable: set[str]) -> tuple[str, list[str]]:
    """Return the oldest pieces that wait, of one deployment."""
    waiting = sqlmodel.select(tables.Pending).where(tables.Pending.part == LOG)
    waiting = waiting.where(sqlmodel.col(tables.Pending.source).not_in(unreadable))
    with ws.look() as session:
        first = session.exec(waiting.order_by(tables.Pending.source).limit(1)).first()
        if first is None:
            return "", []
        same = waiting.where(tables.Pending.deployment == first.deployment)
        rows = session.exec(same.order_by(tables.Pending.source).limit(MOST)).all()
        return first.deployment, [row.source for row in rows]


def _counted(
    ws: Workspace, deployment: str, pieces: list[str], unreadable: set[str], count: Count
) -> _Counted:
    """Count pieces; one whose file is damaged waits for a person, and holds up nobody else."""
    done: list[str] = []
    answers: list[tuple[Key, Batch]] = []
    requests: list[tuple[Key, Traffic]] = []
    scores: dict[Key, Scored] = {}
    for told in _told(ws, deployment, pieces, count):
        if told.unreadable:
            unreadable.add(told.piece)
            sys.stderr.write(f"profiles: {told.piece} cannot be read: {told.unreadable}\n")
            continue
        done.append(told.piece)
        answers += told.answers
        requests += told.requests
        for key, (rows, counts) in told.scores.items():
            before = scores.get(key, (0, 0))
            scores[key] = (before[0] + rows, before[1] + counts)
    sums = added(answers)
    return _Counted(
        done,
        sums,
        _traffic(requests),
        scores,
        sum(batch.rows for batch in sums.values()),
    )


def _told(ws: Workspace, deployment: str, pieces: Sequence[str], count: Count) -> Iterable[Told]:
    """Count pieces; where a reference was changed that they are counted over, none can be."""
    try:
        judge = judging.judge(ws, deployment)
        return list(count(ws.telemetry.pieces(deployment), pieces, judge))
    except Corrupt as error:
        return [Told(piece, unreadable=error.message) for piece in pieces]


def add_scores(scores: dict[Key, Scored], judge: Judge, answers: pa.Table | None) -> None:
    """Count the scores of each hour, and all rows, those without a score too."""
    for key, rows in keyed(answers) if answers is not None else ():
        counts = judge.said(rows)
        count, before = scores.get(key, (0, 0))
        scores[key] = (count + rows.num_rows, before + counts)


def _here(ws: Workspace, log: Pieces, pieces: Sequence[str], judge: Judge) -> Iterator[Told]:
    layout_of = partial(references.layout, ws)
    return (count_piece(log, piece, layout_of, judge) for piece in pieces)


def count_piece(
    log: Pieces, piece: str, layout_of: Callable[[str], Layout | None], judge: Judge
) -> Told:
    """Count a piece hour by hour, each version over its own bins."""
    from pyarrow import ArrowException

    from jupyter_mlops.store.pieces import ANSWERS as ANSWER

    columns = (*ANSWER, "probabilities") if judge.task == "multiclass" else ANSWER
    try:
        told, asked = log.answers_of(piece, columns), log.requests_of(piece)
    except (ArrowException, OSError) as error:
        return Told(piece, unreadable=str(error))
    scores: dict[Key, Scored] = {}
    add_scores(scores, judge, told)
    return Told(
        piece,
        list(by_hour(told, layout_of)) if told is not None else [],
        list(traffic_by_hour(asked)) if asked is not None else [],
        scores,
    )


def _traffic(requests: Iterable[tuple[Key, Traffic]]) -> dict[Key, Traffic]:
    gathered: dict[Key, Traffic] = {}
    for key, found in requests:
        gathered[key] = gathered[key] + found if key in gathered else found
    return gathered


def _remember(ws: Workspace, deployment: str, found: _Counted) -> bool:
    """Add what was counted and take its pieces off the list, in one; say whether it was so."""
    with ws.act("profile:keep", subject=f"deployment:{deployment}") as act:
        waiting = act.session.exec(
            sqlmodel.select(tables.Pending).where(
                tables.Pending.part == LOG,
                sqlmodel.col(tables.Pending.source).in_(found.pieces),
            )
        ).all()
        if len(waiting) < len(found.pieces):  # somebody else was faster
            act.nothing()
            return False
        labelled = _has_labels(act.session, deployment)
        for row in waiting:
            act.session.delete(row)
            if labelled:
                act.session.add(
                    tables.Pending(part=LABELS, source=row.source, deployment=deployment)
                )
        keep_answers(act.session, deployment, found.answers)
        _keep_requests(act.session, deployment, found.requests)
        _keep_scores(act.session, deployment, found.scores)
        act.after = {"segments": found.pieces, "rows": found.rows}
    return True


def _has_labels(session: Session, deployment: str) -> bool:
    """Say whether any label was counted, so that one may be about what is counted now."""
    mark = sqlmodel.select(tables.Profile.id).where(
        tables.Profile.deployment == deployment, tables.Profile.part == FILES
    )
    return session.exec(mark.limit(1)).first() is not None


def keep_answers(
    session: Session, deployment: str, found: Mapping[Key, Batch], *, part: str = ANSWERS
) -> None:
    """Add profiles to those that are kept of their hours; counts that correct others may be below 0."""
    for key, batch in found.items():
        row = profile_row(session, deployment, part, key)
        write_batch(row, batch if not row.counts else read_batch(row, batch.layout) + batch)


def write_batch(row: tables.Profile, batch: Batch) -> None:
    """Write a profile into its row."""
    from jupyter_mlops.stats.batch import packed

    row.rows = batch.rows
    row.shown = packed(batch.shown)
    row.sums = batch.sums.astype("<f8").tobytes()
    row.counts = packed(batch.counts)


def read_batch(row: Any, layout: Any) -> Batch:
    """Return the profile that a row holds."""
    import numpy as np

    from jupyter_mlops.stats.batch import FIGURES, Batch, unpacked

    sums = np.frombuffer(row.sums, dtype="<f8").reshape(-1, FIGURES)
    return Batch(layout, row.rows, unpacked(row.counts), sums)


def _keep_requests(session: Session, deployment: str, found: Mapping[Key, Traffic]) -> None:
    for key, traffic in found.items():
        row = profile_row(session, deployment, REQUESTS, key)
        whole = read_traffic(row) + traffic if row.counts else traffic
        row.rows, row.shown, row.counts = whole.requests, whole.shown, whole.packed


def _keep_scores(session: Session, deployment: str, found: Mapping[Key, Scored]) -> None:
    from jupyter_mlops.stats.batch import packed, unpacked

    for key, (rows, counts) in found.items():
        row = profile_row(session, deployment, SCORES, key)
        row.counts = packed(unpacked(row.counts) + counts if row.counts else counts)
        row.rows += rows


def profile_row(session: Session, deployment: str, part: str, key: Key) -> tables.Profile:
    """Return the row of an hour, a new one where there is none yet."""
    wanted = {"deployment": deployment, "part": part, **vars(key)}
    query = sqlmodel.select(tables.Profile)
    for name, value in wanted.items():
        query = query.where(getattr(tables.Profile, name) == value)
    found = session.exec(query).first()
    if found is None:
        found = tables.Profile(**wanted, rows=0, shown=b"", sums=b"", counts=b"")
        session.add(found)
    return found
