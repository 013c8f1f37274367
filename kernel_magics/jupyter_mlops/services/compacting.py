"""What labels said long ago, in one row per hour: once when each was learnt does not matter.

What an hour learnt at different times stands in rows of its own, so that any past moment can be told.
After a quarter of a year these become one. A question *as of* a moment before that is answered from
the files of actuals and the rows of the log instead, and finds the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.names import iso
from jupyter_mlops.errors import Corrupt
from jupyter_mlops.services import judging, labelled
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.counting import Key
from jupyter_mlops.services.evaluation import WATCHER
from jupyter_mlops.services.keeping import COMPACTED, LABELS, profile_row
from jupyter_mlops.services.rawrows import floor
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.services.judging import Judge

AFTER: Final = timedelta(days=90)
"""How long it is kept when each label came; less where the rules keep findings for less."""
EVERY: Final = timedelta(days=1)
MOST: Final = 500
"""How many hours become one row each in one transaction."""


def compact(ws: Workspace) -> int:
    """Make one row of the label rows of each hour of long ago, once a day; return how many went."""
    acting = ws.as_actor(WATCHER)
    with acting.look() as session:
        names = session.exec(sqlmodel.select(tables.Deployment.name)).all()
    return sum(_compacted(acting, name) for name in names)


def _compacted(ws: Workspace, name: str) -> int:
    keep = min(AFTER, timedelta(days=written.monitoring(ws, name).keep_days))
    until, done = floor(ws.clock() - keep), ws.kept.get(("compacted", name))
    if done is not None and until - done < EVERY:
        return 0
    try:
        judge = judging.judge(ws, name)
    except Corrupt:  # who counts its labels says so
        return 0
    whole = 0
    while removed := _some(ws, name, judge, iso(until)):
        whole += removed
    ws.kept["compacted", name] = until
    return whole


def _some(ws: Workspace, name: str, judge: Judge, until: str) -> int:
    """Make one row of those of some hours, and write down up to when, in one."""
    with ws.look() as session:
        if not _several(session, name, until):
            return 0
    with ws.act("labels:compaction", subject=f"deployment:{name}") as act:
        hours = _several(act.session, name, until)
        removed = sum(_one(act.session, name, judge, told, until) for told in hours)
        if not removed:
            act.nothing()
            return 0
        profile_row(act.session, name, COMPACTED, Key("", "", "", until)).rows += removed
        act.after = {"rows": removed, "until": until}
    return removed


def _several(session: Session, name: str, until: str) -> list[Any]:
    """Return versions, roles and hours that have several rows of before a moment."""
    profile = tables.Profile
    told = (profile.version, profile.role, profile.hour)
    query = sqlmodel.select(*told).where(
        profile.deployment == name, profile.part == LABELS, profile.known_at < until
    )
    many = query.group_by(*told).having(sqlmodel.func.count() > 1)
    return list(session.exec(many.order_by(profile.hour).limit(MOST)).all())


def _one(session: Session, name: str, judge: Judge, told: Any, until: str) -> int:
    """Add the rows of an hour up into the newest of them; the others go."""
    profile = tables.Profile
    version, role, hour = told
    rows = session.exec(
        sqlmodel.select(profile)
        .where(profile.deployment == name, profile.part == LABELS, profile.known_at < until)
        .where(profile.version == version, profile.role == role, profile.hour == hour)
        .order_by(profile.known_at)
    ).all()
    whole = judge.sum(labelled.read_labels(judge, row) for row in rows)
    labelled.write_labels(judge, rows[-1], whole)
    for row in rows[:-1]:
        session.delete(row)
    return len(rows) - 1
