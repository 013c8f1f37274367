"""What is known of a window, added up: kept profiles, and in memory what is not profiled yet.

Nothing is written here. Whole hours come from kept profiles. Raw rows are read of segments that are
still open, of sealed pieces that wait to be profiled, and of the hours that an end of the window cuts.
Segments are read before anybody asks what is kept: a piece that is counted in between is left out of
them then, and one that is sealed in between is found in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain.names import iso
from jupyter_mlops.services import references
from jupyter_mlops.services.counting import Key, batch_of, by_hour
from jupyter_mlops.services.keeping import ANSWERS, REQUESTS, read_batch
from jupyter_mlops.services.rawrows import (
    SHADOW,
    Kept,
    floor,
    known,
    open_rows,
    opened_of,
    rows,
    sealed_rows,
    whole_hours,
)
from jupyter_mlops.services.segments import LOG
from jupyter_mlops.services.traffic import Traffic, read_traffic, traffic_by_hour
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlmodel import Session

    from jupyter_mlops.stats.batch import Batch, Counts, Layout
    from jupyter_mlops.store.pieces import Open


@dataclass(frozen=True)
class Hour:
    """What was answered in an hour, in the few cells that pictures show."""

    start: datetime
    rows: int
    shown: Counts


def answers(
    ws: Workspace, deployment: str, span: Window, version: str, *, role: str | None = None
) -> tuple[Batch, list[Hour]]:
    """Return the profile of a version's answers in a window, whole and hour by hour.

    What challengers said was told to nobody, and comes only when that role is asked for.
    """
    from jupyter_mlops.stats.batch import together

    layout = references.layout(ws, version) or _nothing()
    fine = ("hour", "rows", "shown", "sums", "counts")
    kept, rest = _read(ws, deployment, span, ANSWERS, fine, [version], role)
    batches = [read_batch(row, layout) for row in kept.profiles]
    hours = _hours(kept.profiles)
    for key, batch in _rest(rest, version, role, lambda _: layout):
        batches.append(batch)
        hours.append(_hour(key.hour, batch.rows, batch.shown))
    return together(layout, batches), hours


def answered(ws: Workspace, deployment: str, span: Window) -> int:
    """Return how many answers of a window are profiled; what is not yet is left out."""
    profile = tables.Profile
    since, until = span.told
    query = sqlmodel.select(sqlmodel.func.sum(profile.rows)).where(
        profile.deployment == deployment,
        profile.part == ANSWERS,
        profile.role != SHADOW,
        profile.hour >= since,
        profile.hour < until,
    )
    with ws.look() as session:
        return int(session.exec(query).first() or 0)


def shown(ws: Workspace, deployment: str, span: Window, version: str) -> list[Hour]:
    """Return a version's answers hour by hour, for pictures: no fine count is read."""
    layout = references.layout(ws, version) or _nothing()
    few = ("hour", "rows", "shown")
    kept, rest = _read(ws, deployment, span, ANSWERS, few, [version], None)
    hours = _hours(kept.profiles)
    return hours + [
        _hour(key.hour, batch.rows, batch.shown)
        for key, batch in _rest(rest, version, None, lambda _: layout)
    ]


def everybody(ws: Workspace, deployment: str, span: Window, version: str) -> Batch:
    """Return what all versions answered in a window, over the bins of one.

    Where others answered too, their rows are counted anew, since their own bins are other bins.
    """
    import pyarrow.compute as pc

    from jupyter_mlops.stats.batch import together

    own, _ = answers(ws, deployment, span, version)
    if not _others(ws, deployment, span, version):
        return own
    found = [own]
    for table in rows(ws, deployment, span):
        others = table.filter(pc.not_equal(table["version"], version))
        found.append(batch_of(others, own.layout))
    return together(own.layout, found)


def _others(ws: Workspace, deployment: str, span: Window, version: str) -> bool:
    """Say whether another version was live in a window, or answered in it."""
    profile, rollout = tables.Profile, tables.Rollout
    since, until = span.told
    kept = sqlmodel.select(profile.id).where(
        profile.deployment == deployment,
        profile.part == ANSWERS,
        profile.hour >= iso(floor(span.since)),
        profile.hour < until,
        profile.version != version,
        profile.role != SHADOW,
    )
    with ws.look() as session:
        lived = session.exec(
            sqlmodel.select(tables.Model.name, tables.Version.number)
            .where(tables.Deployment.name == deployment, rollout.share > 0, rollout.since != "")
            .where(rollout.deployment_id == tables.Deployment.id)
            .where(rollout.version_id == tables.Version.id)
            .where(tables.Version.model_id == tables.Model.id)
            .where(rollout.since < until)
            .where(sqlmodel.or_(rollout.until == "", rollout.until > since))
        ).all()
        if any(f"{name}:{number}" != version for name, number in lived):
            return True
        return session.exec(kept.limit(1)).first() is not None


def requests(
    ws: Workspace, deployment: str, span: Window, *, versions: Collection[str] = ()
) -> list[tuple[datetime, Traffic]]:
    """Return the requests of a window hour by hour; of some versions, or of all."""
    fine = ("hour", "rows", "shown", "counts")
    kept, rest = _read(ws, deployment, span, REQUESTS, fine, versions, None)
    found = [(_moment(row.hour), read_traffic(row)) for row in kept.profiles]
    for table in rest:
        for key, traffic in traffic_by_hour(table):
            if key.role != SHADOW and (not versions or key.version in versions):
                found.append((_moment(key.hour), traffic))
    return found


def _rest(
    raw: Sequence[pa.Table],
    version: str,
    role: str | None,
    layout_of: Callable[[str], Layout | None],
) -> Iterator[tuple[Key, Batch]]:
    import pyarrow.compute as pc

    for table in raw:
        wanted = table.filter(pc.equal(table["version"], version))
        roles = wanted["role"]
        if role is None:
            wanted = wanted.filter(pc.fill_null(pc.not_equal(roles, SHADOW), True))
        else:
            wanted = wanted.filter(pc.equal(roles, role))
        yield from by_hour(wanted, layout_of)


def _read(
    ws: Workspace,
    deployment: str,
    span: Window,
    part: str,
    columns: Sequence[str],
    versions: Collection[str],
    role: str | None,
) -> tuple[Kept, list[pa.Table]]:
    """Return kept profiles of whole hours, and the raw rows of all that they do not hold."""
    log = ws.telemetry.pieces(deployment)
    opened = opened_of(ws, log, deployment)
    kept = _look(ws, deployment, span, part, columns, versions, role, opened)
    raw = [*open_rows(opened, kept, part, span), *sealed_rows(log, opened, kept, part, span)]
    told = [known(span, table) for table in raw]
    return kept, [table for table in told if table.num_rows]


def _look(
    ws: Workspace,
    deployment: str,
    span: Window,
    part: str,
    columns: Sequence[str],
    versions: Collection[str],
    role: str | None,
    opened: Sequence[Open],
) -> Kept:
    first, last = whole_hours(span)
    profile = tables.Profile
    query = sqlmodel.select(*(getattr(profile, name) for name in columns)).where(
        profile.deployment == deployment,
        profile.part == part,
        profile.hour >= iso(first),
        profile.hour < iso(last),
        profile.role != SHADOW if role is None else profile.role == role,
    )
    if versions:
        query = query.where(sqlmodel.col(profile.version).in_(versions))
    if span.as_of is not None:
        query = query.where(profile.known_at < iso(floor(span.as_of)))
    with ws.look() as session:
        waiting = session.exec(
            sqlmodel.select(tables.Pending.source).where(
                tables.Pending.deployment == deployment, tables.Pending.part == LOG
            )
        ).all()
        sealed = [
            name
            for one in opened
            for name in session.exec(
                sqlmodel.select(tables.Segment.id).where(
                    sqlmodel.col(tables.Segment.id).in_(_names(deployment, one))
                )
            )
        ]
        profiles = session.exec(query.order_by(profile.hour)).all()
        late = _late(session, deployment, span)
    counted = frozenset(sealed) - frozenset(waiting)
    return Kept(profiles, frozenset(waiting), counted, [p for p in late if p not in waiting])


def _late(session: Session, deployment: str, span: Window) -> Sequence[str]:
    """Return the pieces that may hold what was learnt in the hour that *as of* cuts."""
    if span.as_of is None:
        return ()
    days = span.since.strftime("%Y-%m-%d"), span.until.strftime("%Y-%m-%d")
    return session.exec(
        sqlmodel.select(tables.Segment.id).where(
            tables.Segment.deployment == deployment,
            tables.Segment.day >= days[0],
            tables.Segment.day <= days[1],
            tables.Segment.sealed_at >= iso(floor(span.as_of)),
        )
    ).all()


def _names(deployment: str, one: Open) -> list[str]:
    """Return what the pieces of a segment are called once they are sealed."""
    import pyarrow.compute as pc

    days = {
        day
        for table in (one.answers, one.requests)
        for day in pc.unique(pc.strftime(table["at"], format="%Y-%m-%d")).to_pylist()
    }
    return [f"{deployment}/{day}/{one.segment}" for day in sorted(days)]


def hour_of(start: str, batch: Batch) -> Hour:
    """Return an hour as pictures show it."""
    return _hour(start, batch.rows, batch.shown)


def _hours(kept: Sequence[Any]) -> list[Hour]:
    from jupyter_mlops.stats.batch import unpacked_all

    shown = unpacked_all([row.shown for row in kept])
    return [_hour(row.hour, row.rows, cells) for row, cells in zip(kept, shown, strict=True)]


def _hour(start: str, rows: int, cells: Counts) -> Hour:
    return Hour(_moment(start), rows, cells)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _nothing() -> Layout:
    from jupyter_mlops.stats.batch import Layout

    return Layout({})
