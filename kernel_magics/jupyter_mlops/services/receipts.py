"""From one prediction to the version that made it, and to the people who let that version answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import merkle
from jupyter_mlops.domain.arguments import DeploymentName, read
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.receipts import Receipt, ReceiptStep, Sibling, Step, check_prediction
from jupyter_mlops.errors import MlopsError, NotFound, Unavailable
from jupyter_mlops.locale import tell
from jupyter_mlops.services import (
    approvals,
    checkpoints,
    erasure,
    lookup,
    masks,
    proof,
    standing,
)
from jupyter_mlops.services.export.subject import logged
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

    from jupyter_mlops.store.proved import Proved


@read()
def receipt(ws: Workspace, prediction: str, *, deployment: DeploymentName = "") -> Receipt:
    """Prove one prediction: that it was given, by which version, and who let that version answer.

    The row's digest leads over its segment's Merkle tree (RFC 6962) to a root that an event of the
    audit log holds; the row names its version, that the request that carried it out, and that the
    people who decided. Each step is tried anew, and said. `prediction` is the `prediction_id` of an
    answer; `deployment` says where to look, where that is known. Whoever keeps the receipt can
    follow its first steps without this product.
    """
    check_prediction(prediction)
    with ws.look() as session:
        names = [lookup.deployment(session, deployment).name] if deployment else _names(session)
    found = next(_found(ws, names, prediction), None)
    if found is None:
        raise _nowhere(ws, names, prediction)
    name, proved = found
    with ws.look() as session:
        return _told(session, _Traced(ws, session, name, proved, prediction))


def _names(session: Session) -> list[str]:
    return list(session.exec(sqlmodel.select(tables.Deployment.name)).all())


def _found(ws: Workspace, names: list[str], prediction: str) -> Iterator[tuple[str, Proved]]:
    for name in names:
        proved = ws.telemetry.proved(name, prediction)
        if proved is not None:
            yield name, proved


def _nowhere(ws: Workspace, names: list[str], prediction: str) -> MlopsError:
    """Return why there is no receipt: it is too early, or there is no such prediction."""
    if any(ws.telemetry.is_open(name, prediction) for name in names):
        return Unavailable(
            "Prediction {prediction} is on disk, and its segment is not sealed yet.",
            "the server seals a segment within a minute of its last answer: ask again then.",
            code="not_sealed_yet",
            prediction=prediction,
        )
    removed = _removed(ws, names, prediction)
    if removed:
        return NotFound(
            "What was logged on {day} was removed on {when}, as its retention says.",
            "the root of its segment stays in the audit log: `audit {segment}`.",
            code="prediction_removed",
            day=removed.day,
            when=removed.removed_at[:10],
            segment=removed.id,
        )
    return NotFound(
        "No prediction {prediction} is in the log.",
        "every answer carries its `prediction_id`; `monitor` says what was logged.",
        code="prediction_not_found",
        prediction=prediction,
    )


def _removed(ws: Workspace, names: list[str], prediction: str) -> tables.Segment | None:
    """Return a segment of the id's day that was removed as a whole, if there is one."""
    from jupyter_mlops.store.proved import day_of

    day = day_of(prediction)
    row = tables.Segment
    with ws.look() as session:
        return session.exec(
            sqlmodel.select(row)
            .where(sqlmodel.col(row.deployment).in_(names), row.day == day, row.removed_at != "")
            .limit(1)
        ).first()


@dataclass(frozen=True)
class _Traced:
    """A row, and what the store says of where it leads."""

    ws: Workspace
    session: Session
    deployment: str
    proved: Proved
    asked: str

    @property
    def row(self) -> Mapping[str, Any]:
        return self.proved.row

    def event(self) -> tables.AuditEvent | None:
        """Return the event that says which root its segment has."""
        row = tables.AuditEvent
        found = self.session.exec(
            sqlmodel.select(row)
            .where(sqlmodel.col(row.action).startswith("segment:seal"))
            .where(row.subject == f"deployment:{self.deployment}")
            .where(sqlmodel.col(row.body).contains(json.dumps(self.proved.piece), autoescape=True))
        ).all()
        pieces = [(each, _after(each.body)) for each in found]
        return next((one for one, told in pieces if told.get("segment") == self.proved.piece), None)

    def version(self) -> tables.Version | None:
        """Return the version whose manifest has the digest that the row names."""
        return self.session.exec(
            sqlmodel.select(tables.Version).where(tables.Version.digest == self.row["digest"])
        ).first()

    def rollout(self, version: tables.Version) -> tables.Rollout | None:
        """Return the rollout by which the version answered at that moment."""
        role = "challenger" if self.row["role"] == "challenger" else "champion"
        at = iso(self.row["at"])
        found = tables.Rollout
        return self.session.exec(
            sqlmodel.select(found)
            .where(found.deployment_id == tables.Deployment.id)
            .where(tables.Deployment.name == self.deployment)
            .where(found.version_id == version.id, found.role == role)
            .where(found.since != "", found.since <= at)
            .order_by(sqlmodel.col(found.id).desc())
        ).first()


def _after(body: str) -> Mapping[str, Any]:
    try:
        told = json.loads(body).get("after")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _told(session: Session, traced: _Traced) -> Receipt:
    proved = traced.proved
    leaf = proved.leaves[proved.index]
    siblings = merkle.path(proved.leaves, proved.index)
    root = "sha256:" + merkle.climbed(leaf, siblings)
    event = traced.event()
    verdict = checkpoints.walk(checkpoints.links(session))
    led = [_segment_step(session, proved, root), _event_step(event, root, verdict)]
    hidden = masks.hidden_in(session, traced.ws, [traced.deployment])
    told = Receipt(
        prediction_id=traced.asked,
        deployment=traced.deployment,
        at="",
        ref="",
        digest="",
        role="",
        ok=False,
        because="",
        steps=led,
        segment=proved.piece,
        row="",
        leaf="sha256:" + leaf.hex(),
        index=proved.index,
        rows=len(proved.leaves),
        siblings=[_sibling(side, digest) for side, digest in siblings],
        root=root,
        event=event.seq if event else 0,
        event_digest=event.digest if event else "",
        head=verdict.head,
        request=0,
        decisions=[],
        erased="",
        masked=sorted(hidden.get(traced.deployment, ())),
    )
    if proved.erased:
        return _of_erased(session, proved, told)
    return _of_row(session, traced, leaf, told)


def _of_row(session: Session, traced: _Traced, leaf: bytes, told: Receipt) -> Receipt:
    """Say of a row that is there what leads from it to the people."""
    row, version = traced.row, traced.version()
    rollout = traced.rollout(version) if version else None
    asked = session.get(tables.Request, rollout.request_id) if rollout else None
    told["steps"] = [
        _row_step(traced.proved, leaf),
        *told["steps"],
        _version_step(session, traced, version),
        _approval_step(session, rollout, asked),
    ]
    broken = _broken(told)
    hidden = frozenset(told["masked"])
    return {
        **told,
        "at": iso(row["at"]),
        "ref": str(row["version"]),
        "digest": str(row["digest"]),
        "role": str(row["role"]),
        "ok": not broken,
        "because": broken or tell("Every step from this prediction to the people holds."),
        "row": merkle.text(logged(row, hidden) if hidden else row),
        "request": asked.id if asked else 0,
        "decisions": approvals.decided(session, asked) if asked else [],
    }


def _of_erased(session: Session, proved: Proved, told: Receipt) -> Receipt:
    """Say when a row was erased, and that its digest still leads to the root."""
    done = erasure.deed_of(session, proved.erased)
    if done:
        said = tell(
            "The row was erased on {at}, as event {seq} tells; its digest stays.",
            at=str(done["at"])[:10],
            seq=done["seq"],
        )
    else:
        said = tell("The row was taken out, and no event tells of it.")
    told["steps"] = [_step("row", said, holds=bool(done)), *told["steps"]]
    broken = _broken(told)
    because = broken or tell("It was erased; that it was given can still be proved.")
    return {**told, "ok": not broken, "because": because, "erased": str(done.get("at", ""))}


def _broken(told: Receipt) -> str:
    return next((one["because"] for one in told["steps"] if not one["holds"]), "")


def _sibling(side: str, digest: str) -> Sibling:
    return Sibling(side="left" if side == "left" else "right", digest="sha256:" + digest)


def _step(step: Step, because: str, *, holds: bool) -> ReceiptStep:
    return ReceiptStep(step=step, holds=holds, because=because)


def _row_step(proved: Proved, leaf: bytes) -> ReceiptStep:
    if merkle.leaf(proved.row) == leaf:
        return _step("row", tell("The row is what was sealed."), holds=True)
    return _step("row", tell("The row was changed after it was sealed."), holds=False)


def _segment_step(session: Session, proved: Proved, root: str) -> ReceiptStep:
    known = session.get(tables.Segment, proved.piece)
    if known is None:
        return _step("segment", tell("No segment of this name was sealed."), holds=False)
    if known.root != root:
        because = tell("The rows of its segment do not lead to the root that was written down.")
        return _step("segment", because, holds=False)
    n, of = proved.index + 1, len(proved.leaves)
    because = tell("Row {n} of {of} leads to the root of its segment.", n=n, of=of)
    return _step("segment", because, holds=True)


def _event_step(event: tables.AuditEvent | None, root: str, verdict: chain.Verdict) -> ReceiptStep:
    if event is None:
        return _step("event", tell("No event of the audit log tells of its segment."), holds=False)
    if _after(event.body).get("root") != root or chain.digest(event.body) != event.digest:
        because = tell("Event {seq} tells of another root.", seq=event.seq)
        return _step("event", because, holds=False)
    if verdict.first_bad is not None:
        because = tell("The audit log is not whole: event {seq}.", seq=verdict.first_bad)
        return _step("event", because, holds=False)
    because = tell(
        "Event {seq} holds that root, and all {n} events follow from one another.",
        seq=event.seq,
        n=verdict.events,
    )
    return _step("event", because, holds=True)


def _version_step(session: Session, traced: _Traced, version: tables.Version | None) -> ReceiptStep:
    if version is None:
        because = tell("No version has the digest that the row names.")
        return _step("version", because, holds=False)
    ref = lookup.ref_of(session, version)
    if ref != traced.row["version"]:
        because = tell("The row names {named}, its digest is that of {ref}.",
                       named=str(traced.row["version"])[:100], ref=ref)  # fmt: skip
        return _step("version", because, holds=False)
    if chain.digest(version.manifest) != version.digest:
        because = tell("The manifest of {ref} was changed after registration.", ref=ref)
        return _step("version", because, holds=False)
    because = tell("{ref} is what was registered, byte for byte.", ref=ref)
    return _step("version", because, holds=True)


def _approval_step(
    session: Session, rollout: tables.Rollout | None, asked: tables.Request | None
) -> ReceiptStep:
    if rollout is None or asked is None:
        because = tell("Nothing says that this version was to answer there at that moment.")
        return _step("approval", because, holds=False)
    try:
        proof.verify(session, rollout, when_carried_out=True)
    except MlopsError as error:
        return _step("approval", error.message, holds=False)
    given = (one["by"] for one in approvals.decided(session, asked) if one["outcome"] != "rejected")
    people = ", ".join(f"{by['id']} ({by['label']})" for by in given)
    because = tell("Request {id} was approved: {people}.", id=asked.id, people=people)
    if standing.is_void(session, asked):
        at = standing.withdrawn_at(session, asked)
        because += " " + tell("That was withdrawn at {at}.", at=at)
    return _step("approval", because, holds=True)
