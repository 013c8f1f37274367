"""The rows of one data subject, taken out of everything that is kept, for good.

An erasure is committed with its event before any file changes; whoever finds it begun finishes it.
The prediction server goes on writing: segments with such rows are asked to end, and what was not
sealed by then waits for its sealing, known by a salted digest alone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import sqlmodel

from jupyter_mlops.domain.arguments import DeploymentName, Text, deed
from jupyter_mlops.domain.shelved import check_because, check_not_held
from jupyter_mlops.domain.subjects import (
    Erased,
    check_by,
    check_found,
    check_says_nothing,
    check_value,
)
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    governed,
    holds,
    leftovers,
    lookup,
    processes,
    removing,
    segments,
    whereabouts,
)
from jupyter_mlops.services.removing import ERASURE
from jupyter_mlops.services.scoring import settle as settle_actuals
from jupyter_mlops.services.sought import Remembered, Sought, salted
from jupyter_mlops.services.subjects import beyond, rows_of
from jupyter_mlops.services.whereabouts import Hit, Standing, Whom
from jupyter_mlops.services.workspace import Deed, Workspace
from jupyter_mlops.store import tables
from jupyter_mlops.store.engine import empty_log, overwrite
from jupyter_mlops.store.segments import is_abandoned

if TYPE_CHECKING:
    from sqlmodel import Session

PATIENCE_SECONDS: Final = 8.0
GLANCE_SECONDS: Final = 0.1
BEGUN, WAITING, DONE = "begun", "waiting", "done"
_REPEATS: Final = "repeats"


@deed()
def erase(
    ws: Workspace,
    value: str,
    *,
    by: str = "",
    at: DeploymentName = "",
    reason: Text,
    anyway: bool = False,
) -> Erased:
    """Take the rows of a data subject out of everything that is kept here, for good.

    `value` is the `id` of a case, or a `prediction_id`; with `--by` the value of a feature, such as
    `erase 4711 --by customer_id`. `--at` erases at one deployment alone. What `subject` shows goes:
    rows of prediction logs, actuals, answers that are kept for repeats, samples of versions. Digests of
    the rows stay, so that the audit log and the receipts of all others still hold. The reason stays
    too, and must not name the subject. Refused while anything concerned is held; more than 10,000 rows
    want `--anyway`. Backups and files that left the workspace are out of reach. Where policies speak of
    `erasure`, others agree first: the request holds a salted digest, and the word is said again.
    """
    whom = Sought(check_value(str(value)), check_by(by))
    check_says_nothing(check_because(reason), whom.value)
    with ws.look() as session:
        only = whereabouts.names(session, at)
        asking = _asking(session, whom, at)
    governed.check(ws, asking, ERASURE, subject="erasure", reason=reason.strip())
    settle_actuals(ws)
    _end_segments(ws, whom, only)
    known = whereabouts.find(ws, whom, at, only)
    salt = secrets.token_hex(32)
    with ws.act(ERASURE, subject="erasure", reason=reason.strip()) as act:
        removing.settle_files(ws, act.session)
        found = whereabouts.find(ws, whom, at, only, known)
        check_found(found.n, anyway=anyway)
        _check_not_held(act.session, found)
        row = _planned(ws, act, whom, found, salt)
        governed.spend(ws, act, asking)
        act.after |= {"at": at} if at else {}
        items = rows_of(ws, found)
    finish(ws, row.id)
    return _told(ws, row.id, salt, whom, found.n, items)


def _asking(session: Session, whom: Sought, at: str) -> governed.Asking:
    """Return how an erasure is asked for, without a word by which the subject could be read."""
    salt = session.get_one(tables.Setting, "salt").value
    said = {name: word for name, word in (("by", whom.by), ("at", at)) if word}
    return governed.asking("erasure", salted(salt, whom.by, whom.value), "erase", said)


def settle(ws: Workspace) -> int:
    """Finish erasures that were begun, and go on with those that wait; return how many rows went."""
    erasure = tables.Erasure
    with ws.look() as session:
        rows = session.exec(sqlmodel.select(erasure).where(erasure.state != DONE)).all()
    for row in rows:
        if row.state == BEGUN:
            finish(ws, row.id)
    return sum(_gone_on(ws, row.id) for row in rows)


def finish(ws: Workspace, number: int) -> None:
    """Bring files and artifacts to what the event of an erasure says; its salt goes with the last of it."""
    with ws.act(ERASURE, subject=f"erasure:{number}") as act:
        overwrite(act.session, ws.home)
        clean = removing.settle_files(ws, act.session)
        row = act.session.get_one(tables.Erasure, number)
        for digest in row.removes:
            ws.artifacts.remove(digest)
        waits = [one for one in row.waits if one != _REPEATS]
        row.waits = waits if clean else [*waits, _REPEATS]
        row.removes = []
        row.state = WAITING if row.waits else DONE
        row.salt = row.salt if waits else ""
        act.session.add(row)
        act.nothing()  # its event was written before
    empty_log(ws.engine, ws.home)


def _end_segments(ws: Workspace, whom: Whom, only: Sequence[str]) -> None:
    """Have segments with such rows sealed, as far as that can be had now."""
    until, asked = time.monotonic() + PATIENCE_SECONDS, False
    while hits := whereabouts.in_segments(ws, whom, only):
        if time.monotonic() > until:
            return
        if any(is_abandoned(hit.path) for hit in hits):
            segments.seal(ws)
        elif not processes.living(ws.home):
            return
        elif not asked:
            ws.telemetry.ask_for_turn()
            asked = True
        else:
            time.sleep(GLANCE_SECONDS)


def _check_not_held(session: Session, found: Standing) -> None:
    for name in found.deployments:
        place = lookup.deployment(session, name)
        check_not_held(name, holds.of_place(session, place))
    for one in found.samples:
        for ref in one.refs:
            check_not_held(ref, holds.held(session, [f"version:{ref}"]))


def _planned(ws: Workspace, act: Deed, whom: Sought, found: Standing, salt: str) -> tables.Erasure:
    """Write everything beside what it is to replace, and say so in one event."""
    digests = whom.digests(salt)
    waits = sorted({f"{one.deployment}/{one.path.stem}" for one in found.open})
    row = tables.Erasure(
        by=whom.by,
        digests=digests if waits else {},
        salt=salt if waits else "",
        state=BEGUN,
        waits=waits,
        removes=[],
        at=ws.now(),
    )
    act.session.add(row)
    act.session.flush()
    act.subject = f"erasure:{row.id}"
    samples = list(removing.out_of_samples(ws, act.session, found.samples))
    act.session.flush()
    bundles = leftovers.bundles(ws, act.session, [one["before"] for one in samples])
    orphans = leftovers.samples(ws, whom)
    row.removes = [*(one["before"] for one in samples), *bundles, *orphans]
    act.after = {
        "subject": digests["text"],
        "by": whom.by,
        "segments": list(removing.out_of_log(ws, found.sealed, row.id)),
        "actuals": list(removing.out_of_actuals(found.actuals)),
        "samples": samples,
        "bundles": bundles,
        "unused": orphans,
        "waits": waits,
    }
    return row


def _gone_on(ws: Workspace, number: int) -> int:
    """Take the rows out of what was sealed since; say so in an event of its own."""
    with ws.look() as session:
        row = session.get_one(tables.Erasure, number)
    if row.state != WAITING:
        return 0
    if row.waits == [_REPEATS]:
        finish(ws, number)
        return 0
    if all(_is_open(ws, one) for one in row.waits):
        return 0
    with ws.act(ERASURE, subject=f"erasure:{number}") as act:
        removing.settle_files(ws, act.session)
        row = act.session.get_one(tables.Erasure, number)
        ready = [one for one in row.waits if one != _REPEATS and not _is_open(ws, one)]
        hits = list(_come_to_light(ws, row, ready))
        row.waits = [one for one in row.waits if one not in ready]
        row.state = BEGUN
        act.session.add(row)
        act.after = {
            "segments": list(removing.out_of_log(ws, hits, number)),
            "waits": row.waits,
        }
    finish(ws, number)
    return sum(hit.n for hit in hits)


def _come_to_light(ws: Workspace, row: tables.Erasure, ready: Sequence[str]) -> Iterator[Hit]:
    """Return the rows of a subject in segments that are sealed now, of before it was erased."""
    import pyarrow as pa

    whom = Remembered(row.by, row.salt, row.digests)
    until = pa.scalar(datetime.fromisoformat(row.at), pa.timestamp("us", tz="UTC"))
    for one in ready:
        deployment, _, stem = one.partition("/")
        folder = ws.home.predictions / f"deployment={deployment}"
        for path in sorted(folder.glob(f"day=*/{stem}.parquet")):
            if hit := whereabouts.in_file(whom, deployment, path, until):
                yield hit


def _is_open(ws: Workspace, name: str) -> bool:
    return name == _REPEATS or (ws.home.spool / f"{name}.log").exists()


def _told(ws: Workspace, number: int, salt: str, whom: Sought, n: int, items: list[Any]) -> Erased:
    with ws.look() as session:
        row = session.get_one(tables.Erasure, number)
    waiting = sum(one["rows"] for one in items if one["place"] == "unsealed")
    return Erased(
        id=number,
        digest=whom.digests(salt)["text"],
        salt=salt,
        by=whom.by,
        rows=n - (waiting if row.waits else 0),
        items=items,
        state="waiting" if row.waits else "done",
        waits=list(row.waits),
        because=_because(n, waiting if row.waits else 0),
        beyond=beyond(),
    )


def _because(n: int, waiting: int) -> str:
    if waiting:
        return tell(
            "{n} rows are erased; {waiting} are in a segment that is still written, and go once it is sealed.",
            n=f"{n - waiting:,}",
            waiting=f"{waiting:,}",
        )
    return tell("1 row is erased.") if n == 1 else tell("{n} rows are erased.", n=f"{n:,}")


def deed_of(session: Session, number: int) -> Mapping[str, Any]:
    """Return when and by which event an erasure was done; empty where nobody knows."""
    event = tables.AuditEvent
    found = session.exec(
        sqlmodel.select(event)
        .where(event.subject == f"erasure:{number}", event.action == f"{ERASURE}:done")
        .order_by(sqlmodel.col(event.seq))
        .limit(1)
    ).first()
    return {"at": found.at, "seq": found.seq, "person": found.person} if found else {}
