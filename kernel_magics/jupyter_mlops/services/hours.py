"""What is known of the answers of a window, hour by hour: scores, and labels as far as they have come.

Nothing is written here. What is kept is added to what is not counted yet: rows of segments that are
open or wait, and files of actuals that were announced since. Hours are whole: the one in which a
window begins or ends counts with all its answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import sqlmodel

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import judging, rawrows
from jupyter_mlops.services.counting import keyed
from jupyter_mlops.services.judging import Judge, Labelled
from jupyter_mlops.services.keeping import COMPACTED, LABELS, SCORES, Scored, add_scores
from jupyter_mlops.services.labelled import LOST, State, read_labels, state
from jupyter_mlops.services.labels import ROWS
from jupyter_mlops.services.ledger import Ledger, answers_of, plain
from jupyter_mlops.services.rawrows import HOUR, SHADOW, floor, opened_of
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables
from jupyter_mlops.store.telemetry import BEGINNING, END

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmodel import Session

    from jupyter_mlops.services.counting import Key
    from jupyter_mlops.store.pieces import Open

_LAST = "9"


@dataclass(frozen=True)
class Hour:
    """A version's answers in an hour: all rows, the cells of their scores, those with a label.

    What was learnt later of an hour is an hour of its own, which may subtract.
    """

    start: datetime
    version: str
    rows: int = 0
    said: Any = None
    labels: Labelled | None = None


@dataclass(frozen=True)
class Known:
    """The hours of a window, and how many labels belong to no prediction at all."""

    hours: Sequence[Hour]
    lost: int


@dataclass(frozen=True)
class _Kept:
    """What the store knew at one moment: of labels, what was learnt before ``cut``."""

    state: State
    late: frozenset[str] = frozenset()
    scores: Sequence[Any] = ()
    labels: Sequence[Any] = ()
    lost: int = 0
    cut: str = _LAST


def whole(span: Window) -> Window:
    """Return a window in whole hours."""
    until = floor(span.until + HOUR - timedelta(microseconds=1))
    return replace(span, since=floor(span.since), until=until)


def read(
    ws: Workspace, deployment: str, span: Window, judge: Judge, versions: Collection[str] = ()
) -> Known:
    """Return what is known of a window by its moment: of some versions, or of all that answered."""
    from jupyter_mlops.stats.batch import unpacked

    span = whole(span)
    log = ws.telemetry.pieces(deployment)
    opened = opened_of(ws, log, deployment)
    with ws.look() as session:
        kept = _look(session, deployment, span)
    ledger = _ledger(ws, deployment, span, kept, opened)
    found = [
        Hour(_moment(row.hour), row.version, row.rows, unpacked(row.counts)) for row in kept.scores
    ]
    found += [
        Hour(_moment(row.hour), row.version, labels=read_labels(judge, row)) for row in kept.labels
    ]
    scores: dict[Key, Scored] = {}
    for table in _unread(ledger, span, kept):
        add_scores(scores, judge, table)
    found += [
        Hour(_moment(key.hour), key.version, rows, said) for key, (rows, said) in scores.items()
    ]
    more = ledger.difference(judge)
    found += [
        Hour(_moment(key.hour), key.version, labels=told) for key, told in more.profiles.items()
    ]
    return Known(
        [
            hour
            for hour in found
            if span.since <= hour.start < span.until and (not versions or hour.version in versions)
        ],
        kept.lost + sum(more.lost.values()),
    )


def of_rows(
    judge: Judge,
    answers: pa.Table,
    truth: Any,
    unit: Literal["hour", "microsecond"] = "hour",
) -> list[Hour]:
    """Count answers that are at hand, with their truths: for questions that no profile answers."""
    import pyarrow as pa

    found = []
    for key, rows in keyed(answers.append_column("truth", pa.array(truth, pa.string())), unit):
        own = rows["truth"].to_numpy(zero_copy_only=False)
        score, probabilities = judge.rows_of(rows)
        is_known = own != None  # noqa: E711  (each row)
        told = judge.of(own[is_known], score[is_known], probabilities[is_known])
        said = judge.said(rows)
        found.append(Hour(_moment(key.hour), key.version, rows.num_rows, said, told))
    return found


def truths(
    ws: Workspace, deployment: str, answers: pa.Table, known_until: datetime | None = None
) -> Any:
    """Give answers the newest word about them, known by then; None where there is none."""
    log = ws.telemetry.pieces(deployment)
    opened = opened_of(ws, log, deployment)
    span = Window(BEGINNING, END, as_of=known_until)
    with ws.look() as session:
        kept = _Kept(state(session, deployment), cut=_cut(span))
    return _ledger(ws, deployment, span, kept, opened).truths(answers)


def came(ws: Workspace, deployment: str, reach: Window, span: Window) -> Labelled:
    """Count the answers of one window whose labels came, or were corrected, in another."""
    import numpy as np
    import pyarrow as pa

    from jupyter_mlops.store import logtables

    told = [
        logtables.complete(table).select(ROWS)
        for table in rawrows.rows(ws, deployment, reach, [*ROWS])
    ]
    answers = pa.concat_tables([logtables.predictions([]).select(ROWS), *told])
    tick = timedelta(microseconds=1)  # what comes at the very end is the next window's
    now = truths(ws, deployment, answers, span.until - tick)
    before = truths(ws, deployment, answers, span.since - tick)
    new = np.flatnonzero((now != None) & (now != before))  # noqa: E711  (each row)
    judge = judging.judge(ws, deployment)
    found = of_rows(judge, answers.take(new), now[new])
    return judge.sum(hour.labels for hour in found if hour.labels is not None)


def _look(session: Session, deployment: str, span: Window) -> _Kept:
    profile = tables.Profile
    cut = _cut(span)
    learnt = cut if cut >= _compacted(session, deployment) else ""
    inside = [
        profile.deployment == deployment,
        profile.hour >= iso(span.since),
        profile.hour < iso(span.until),
        profile.role != SHADOW,
    ]
    columns = [getattr(profile, name) for name in ("hour", "version", "rows", "counts", "sums")]
    scores, told = (
        session.exec(
            sqlmodel.select(*columns).where(*inside, profile.part == part, profile.known_at < end)
        ).all()
        for part, end in ((SCORES, cut), (LABELS, learnt))
    )
    lost = session.exec(
        sqlmodel.select(sqlmodel.func.sum(profile.rows)).where(
            profile.deployment == deployment, profile.part == LOST, profile.known_at < learnt
        )
    ).first()
    late = session.exec(
        sqlmodel.select(tables.Segment.id).where(
            tables.Segment.deployment == deployment, tables.Segment.sealed_at >= cut
        )
    ).all()
    known = state(session, deployment)
    fresh = frozenset(late) - {*known.unread}
    return _Kept(known, fresh, scores, told, int(lost or 0), learnt)


def _compacted(session: Session, deployment: str) -> str:
    """Return up to when it is no longer kept when labels were learnt."""
    profile = tables.Profile
    query = sqlmodel.select(sqlmodel.func.max(profile.known_at)).where(
        profile.deployment == deployment, profile.part == COMPACTED
    )
    return session.exec(query).first() or ""


def _ledger(
    ws: Workspace, deployment: str, span: Window, kept: _Kept, opened: Sequence[Open]
) -> Ledger:
    """Return all there is, with what nobody has counted yet, or what was learnt after the cut."""
    known = kept.state
    pieces = {
        **dict.fromkeys(known.waiting + known.unread, False),
        **dict.fromkeys(known.pieces, True),
    }
    first, last = _stamp(kept.cut), _stamp(iso(span.as_of)) if span.as_of else _LAST
    files = {
        name: name in known.files
        for name in ws.telemetry.actual_files(deployment)
        if name.partition("-")[0] <= last
    }
    fresh = {name for name, counted in (pieces | files).items() if not counted}
    fresh |= {piece for piece in kept.late if pieces.get(piece)}
    fresh |= {name for name in files if name >= first}
    return Ledger(
        ws,
        deployment,
        ws.telemetry.pieces(deployment),
        dict(sorted(pieces.items())),
        files,
        frozenset(fresh),
        [table for one in opened for table in _open_rows(deployment, one, pieces)],
        span.as_of,
        kept.cut,
    )


def _open_rows(deployment: str, one: Open, sealed: Collection[str]) -> Iterator[pa.Table]:
    """Return the rows of a segment, but for the days of it that are sealed already."""
    import pyarrow.compute as pc

    answers = plain(one.answers)
    days = pc.strftime(answers["at"], format="%Y-%m-%d")
    for day in pc.unique(days).to_pylist():
        if f"{deployment}/{day}/{one.segment}" not in sealed:
            yield answers.filter(pc.equal(days, day))


def _unread(ledger: Ledger, span: Window, kept: _Kept) -> Iterator[pa.Table]:
    """Return the rows whose scores nobody has counted, or that were learnt after the cut."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from jupyter_mlops.store.pieces import within

    sealed = [
        (table, piece in kept.late)
        for piece in (*kept.state.unread, *kept.late)
        if (table := answers_of(ledger.log, piece)) is not None
    ]
    for table, counted in [*((table, False) for table in ledger.opened), *sealed]:
        told = within(table, span.since, span.until)
        moment = told["known_at"].type
        if span.as_of is not None:
            told = told.filter(pc.less_equal(told["known_at"], pa.scalar(span.as_of, moment)))
            if counted:
                cut = pa.scalar(floor(span.as_of), moment)
                told = told.filter(pc.greater_equal(told["known_at"], cut))
        yield told


def _cut(span: Window) -> str:
    return iso(floor(span.as_of)) if span.as_of else _LAST


def _stamp(moment: str) -> str:
    """Return a moment as the names of files of actuals begin with it."""
    return moment.replace(":", "").replace("-", "")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
