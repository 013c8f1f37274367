"""Verifying the audit log: its chain, the checkpoints that are kept here, and those that anchors hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import sqlmodel

from jupyter_mlops.domain import anchored
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import checkpoints as rules
from jupyter_mlops.domain.anchored import AnchorVerdict
from jupyter_mlops.domain.answers import Audit, AuditEvent
from jupyter_mlops.errors import Invalid, NotFound
from jupyter_mlops.locale import tell
from jupyter_mlops.services import anchors, checkpoints, signing
from jupyter_mlops.services.anchoring import reached
from jupyter_mlops.services.anchoring.appended import Unreached
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

WHY: Final = {
    "missing": "Event {n} is missing: event {seq} stands in its place.",
    "edited": "Event {seq} was edited: its digest does not fit its text.",
    "unreadable": "Event {seq} cannot be read.",
    "unchained": "Event {seq} does not follow the event before it.",
    "disguised": "Event {seq} is listed otherwise than its text says.",
    "renumbered": "Event {seq} carries another number in its text.",
}


@dataclass(frozen=True)
class Held:
    """What a place outside holds, as it was read; ``failure`` is why it could not be."""

    where: str
    kind: str
    seen: rules.Seen | None
    failure: str = ""
    left: int = 0
    at: int = 0


@dataclass(frozen=True)
class Found:
    """What the walk along the log found, and the log as anchors have to know it."""

    verdict: chain.Verdict
    log: rules.Log


def verified(ws: Workspace, items: list[AuditEvent], *, given: Mapping[str, Any] | None) -> Audit:
    """Walk along the whole chain and compare it with every place that holds checkpoints of it.

    Anchors are read first: what they hold then, the log has to have.
    """
    held = [_given(ws, given)] if given else _held(ws)
    with ws.look() as session:
        rows = session.exec(sqlmodel.select(tables.Checkpoint)).all()
        own = _seen([row.note for row in rows])
        found = _walked(ws, session, [own, *(one.seen for one in held if one.seen)])
        judged = [(one, _judged(one, found.log)) for one in held]
        told = [_told(ws, session, one, said, found.log.events) for one, said in judged]
        last, key = checkpoints.newest(session), signing.present(ws, session)
    mine = rules.judge(own, found.log)
    wrong = [one for one in [mine, *(said for _, said in judged)] if one.ok is False]
    return Audit(
        items=items,
        older=None,
        ok=found.verdict.first_bad is None and found.log.events > 0 and not wrong,
        events=found.log.events,
        first_bad=_first_bad(found.verdict, wrong),
        because=_because(found, mine, told),
        anchors=told,
        head=found.verdict.head,
        key=key.shown if key else "",
        checkpoint=last.note if last else "",
    )


def because(said: rules.Judged, events: int) -> str:
    """Return what an anchor says of the log, as a sentence."""
    values = {"n": f"{said.size:,}", "sound": f"{said.sound:,}", "events": f"{events:,}"}
    sentences = {
        "fits": tell("All of its checkpoints fit, the newest of {n} events.", **values),
        "nothing": tell("It holds no checkpoint yet."),
        "unreadable": tell(
            "Piece {n} of it is no checkpoint that can be read: the anchor was edited.", **values
        ),
        "foreign": tell(
            "Its checkpoint of {n} events is of another workspace, {other}.",
            n=values["n"],
            other=said.other[:100],
        ),
        "edited": tell(
            "Its checkpoint of {n} events was edited: the signature does not fit.", **values
        ),
        "unknown_key": tell(
            "Its checkpoint of {n} events is signed by a key that this log does not name: one of both "
            "is of somebody else.",
            **values,
        ),
        "contradicts": tell(
            "It holds two checkpoints of {n} events that contradict one another: the log was forked.",
            **values,
        ),
        "shortened": tell(
            "It holds {n} of the {sound} checkpoints that were left there: the anchor was cut or replaced.",
            **values,
        ),
        "rewritten": tell(
            "None of its checkpoints fits, the first of {n} events: the log was written anew.",
            **values,
        ),
        "forked": tell(
            "Up to event {sound} the log is the one that was signed; from there to event {n} it is "
            "another: it was written anew or forked.",
            **values,
        ),
        "cut": tell(
            "The log ends with event {events}, and a checkpoint of {n} events is there: its end was cut "
            "off, or an older copy was put in its place.",
            **values,
        ),
    }
    return sentences[said.why]


def _because(found: Found, mine: rules.Judged, told: Sequence[AnchorVerdict]) -> str:
    verdict = found.verdict
    if verdict.first_bad is not None:
        return tell(WHY[verdict.why], seq=verdict.first_bad, n=verdict.events)
    for one in told:
        if one["ok"] is False:
            return tell("{where}: {because}", where=one["where"], because=one["because"])
    if mine.ok is False:
        said = because(mine, found.log.events)
        return tell("The checkpoints that are kept here: {because}", because=said)
    return tell("All {n} events follow from one another.", n=verdict.events)


def _first_bad(verdict: chain.Verdict, wrong: Sequence[rules.Judged]) -> int | None:
    firsts = [one.first for one in wrong if one.first is not None]
    return verdict.first_bad if verdict.first_bad is not None else min(firsts, default=None)


def _walked(ws: Workspace, session: Session, seen: Sequence[rules.Seen]) -> Found:
    """Walk to the end of the log, also where the chain is broken, when somebody knows its roots."""
    sizes = {note.size for one in seen for note in one.notes}
    rooted = rules.Rooted(checkpoints.links(session), sizes)
    passing = iter(rooted)
    verdict = checkpoints.walk(passing)
    if verdict.first_bad is not None and sizes:
        deque(passing, maxlen=0)
    keys = signing.known(ws, session)
    log = rules.Log(
        origin=signing.origin(session),
        events=max(rooted.size, verdict.events),
        roots=rooted.roots,
        is_signed=lambda note: signing.is_signed(note, keys),
    )
    return Found(verdict, log)


def _judged(held: Held, log: rules.Log) -> rules.Judged:
    if held.seen is None:
        return rules.Judged(None, "nothing")
    return rules.judge(held.seen, log, left=held.left)


def _told(
    ws: Workspace, session: Session, held: Held, said: rules.Judged, events: int
) -> AnchorVerdict:
    newest = max((note.size for note in held.seen.notes), default=0) if held.seen else held.at
    age, signed_at = anchors.age_of(ws, session, newest)
    return AnchorVerdict(
        where=held.where,
        kind=cast("Any", held.kind),
        events=newest,
        age=age,
        signed_at=signed_at,
        ok=said.ok,
        because=because(said, events) if held.seen else held.failure,
    )


def _held(ws: Workspace) -> list[Held]:
    with ws.look() as session:
        rows = session.exec(sqlmodel.select(tables.Anchor).order_by(_by_id())).all()
    return [_read(ws, row) for row in rows]


def _read(ws: Workspace, row: tables.Anchor) -> Held:
    where, seen = anchored.shown(row.kind, row.address), None
    try:
        content = reached.content(ws, row)
        seen = None if content is None else rules.seen(content)
        failure = tell("It takes checkpoints and cannot be asked: compare its copy with --anchor.")
    except Unreached as error:
        failure = anchors.failure_told(str(error))
    return Held(where, row.kind, seen, failure, left=row.notes, at=row.size)


def _given(ws: Workspace, given: Mapping[str, Any]) -> Held:
    """Return what somebody brought along: a file of checkpoints, or those of a clone."""
    digest = given.get("$blob")
    try:
        data = ws.artifacts.get(digest if isinstance(digest, str) else "")
    except NotFound:
        raise Invalid(
            "No checkpoints were sent to compare with.",
            "name a file or a clone: --anchor PATH",
            code="anchor_not_sent",
        ) from None
    seen = rules.seen(data.decode("utf-8", errors="replace"))
    kind = "git" if given.get("kind") == "git" else "file"
    return Held(str(given.get("where", ""))[:200], kind, seen)


def _seen(notes: Sequence[str]) -> rules.Seen:
    return rules.seen(rules.joined(notes))


def _by_id() -> Any:
    return sqlmodel.col(tables.Anchor.id)
