"""What whoever serves has accepted: people and policies in a copy of its own, and proofs it has seen.

Rows in a database are claims. The first start of a prediction server pins what is there; from then on
a change counts for it only where it asks for more, or is signed as the people before it demand.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlmodel

from jupyter_mlops.config import is_owners
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import people as persons
from jupyter_mlops.domain import policies as rules
from jupyter_mlops.domain.access import OWNER, Actor
from jupyter_mlops.domain.governing import may_at_once
from jupyter_mlops.domain.keys import read_signature
from jupyter_mlops.domain.people import NAME, People
from jupyter_mlops.domain.policy_reading import kept
from jupyter_mlops.errors import Corrupt, MlopsError, Refused, Unavailable
from jupyter_mlops.services import judged, lookup, loosening, people, proof, standing
from jupyter_mlops.services.laid_down import ENDED
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

FORM = 1


@dataclass
class Pin:
    """The copy: ``proofs`` are those that held once, with the keys and moments they stand on.

    ``gone`` is what was seen to count no more: a row that says otherwise later brings nothing back.
    """

    since: str
    digest: str = ""
    people: People | None = None
    policies: dict[str, str] = field(default_factory=dict)
    proofs: dict[str, list[list[str]]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def in_force(self) -> list[rules.Written]:
        """Return the policies that apply, by this copy."""
        written = {name: kept(name, body) for name, body in self.policies.items() if body != ENDED}
        return list(({one.name: one for one in rules.CAME} | written).values())


def check(ws: Workspace, session: Session, rollout: tables.Rollout) -> None:
    """Raise unless a rollout stands on its approval: for whoever has pinned, by its own copy.

    Raises:
        Refused: the approval is missing, incomplete, speaks of something else, or counts for less
            than what was pinned asks for.
        Corrupt: the manifest, or the copy, is not what was written.
    """
    if ws.pinned is None:
        proof.verify(session, rollout)
        return
    with _opened(ws, ws.pinned, session) as pin:
        _check(ws, session, rollout, pin)


def begin(ws: Workspace) -> Pin | None:
    """Pin what there is at the first start, and follow what may be followed at each; return the copy."""
    if ws.pinned is None:
        return None
    with ws.look() as session, _opened(ws, ws.pinned, session, starts=True) as pin:
        return pin


def told(path: Path) -> Pin | None:
    """Return the copy as it stands in a file, or None where there is none."""
    return _read(path) if path.exists() else None


def _check(ws: Workspace, session: Session, rollout: tables.Rollout, pin: Pin) -> None:
    asked = session.get_one(tables.Request, rollout.request_id)
    goes_on = standing.goes_on(session, rollout)
    if asked.nonce in pin.gone and not goes_on:
        raise _refused(session, rollout, "its approval was taken back")
    name = _proof_of(session, asked)
    if name in pin.proofs:
        proof.check_same(session, rollout)
        proof.check_stands(session, rollout)
        _check_not_revoked(session, rollout, pin, pin.proofs[name])
        return
    now, gone = standing.latest(ws, session), () if goes_on else pin.gone
    known = judged.Known(session, pin.people, is_pinned=True, moment=now, gone=gone)
    try:
        if not judged.emergency(known, asked, now):
            _check_policy(session, asked, pin)
        proof.verify(session, rollout, known)
    except Refused as error:
        raise _held(error, pin) from error
    if now >= asked.expires_at:
        raise _refused(session, rollout, "its approval had expired before it was first served here")
    pin.proofs[name] = _keys(session, asked)


def _check_policy(session: Session, asked: tables.Request, pin: Pin) -> None:
    """Raise where a request was made under a policy that asks for less than what is pinned."""
    needed = rules.together(pin.in_force(), _change(session, asked))
    has = proof.policy(session, asked.policy_digest)
    if not rules.is_looser(has, needed):
        return
    raise Refused(
        "Request {request} was made under a policy that asks for less than this server has pinned:"
        " {n} approvals at assurance '{assurance}'.",
        "ask again: `request {ref} --for {deployment}`.",
        code="policy_looser",
        request=asked.id,
        n=needed.approvers,
        assurance=needed.assurance,
        ref=lookup.ref_of(session, session.get_one(tables.Version, asked.version_id)),
        deployment=asked.deployment,
    )


def _change(session: Session, asked: tables.Request) -> rules.Change:
    version = session.get_one(tables.Version, asked.version_id)
    parent = session.get_one(tables.Model, version.model_id)
    risks = sorted({version.risk, asked.risk, parent.risk}, key=rules.RISKS.index)
    return rules.Change(
        subject="replacement" if _replaced(session, asked) else "deployment",
        risk=cast("Any", risks[-1]),
        deployment=asked.deployment,
        model=parent.name,
        role=asked.role,
        tags=tuple(version.tags),
    )


def _replaced(session: Session, asked: tables.Request) -> bool:
    """Say whether somebody answered there when it was asked for, whatever the request says."""
    found = tables.Rollout
    rows = session.exec(
        sqlmodel.select(found)
        .where(found.deployment_id == tables.Deployment.id)
        .where(tables.Deployment.name == asked.deployment, found.role == "champion")
        .where(found.since != "", found.since <= asked.at)
    ).all()
    said = json.loads(asked.evidence).get("replaces")
    return bool(said) or any(not row.until or row.until > asked.at for row in rows)


def _check_not_revoked(
    session: Session, rollout: tables.Rollout, pin: Pin, keys: list[list[str]]
) -> None:
    revoked = {one.key: one.since for one in pin.people.revoked} if pin.people else {}
    for key, at in keys:
        if key in revoked and at >= revoked[key]:
            raise _refused(session, rollout, f"the key {key} was revoked before it signed")


def _follow(ws: Workspace, session: Session, pin: Pin, *, starts: bool) -> None:
    """Take up what came into the store since, as far as the copy allows it; keep why the rest is not."""
    pin.gone = sorted({*pin.gone, *standing.gone(session)})
    pin.held = [*_people(ws, session, pin, starts=starts), *_policies(ws, session, pin)]


def _people(ws: Workspace, session: Session, pin: Pin, *, starts: bool) -> Iterator[str]:
    row = tables.PolicyVersion
    found = session.exec(
        sqlmodel.select(row).where(row.name == NAME).order_by(sqlmodel.col(row.number))
    ).all()
    digests = [one.digest for one in found]
    for one in found[digests.index(pin.digest) + 1 if pin.digest in digests else 0 :]:
        if one.digest == pin.digest:
            continue
        try:
            listed = people.read(one.text)
            body = listed.people.canonical()
            if body != one.body or chain.digest(body) != one.digest:
                raise Corrupt("its words and its form differ", code="policy_changed")
            if pin.people is not None:
                people.check_may_follow(pin.people, pin.digest, listed, at=ws.now())
            elif not starts:
                yield (
                    "the people were written down after this server started:"
                    " `stop`, then `serve` pins them"
                )
                return
        except MlopsError as error:
            yield f"people {one.number}: {error.message}"
            return
        pin.people, pin.digest = listed.people, one.digest


def _policies(ws: Workspace, session: Session, pin: Pin) -> Iterator[str]:
    row = tables.PolicyVersion
    found = session.exec(sqlmodel.select(row).order_by(sqlmodel.col(row.number))).all()
    newest = {one.name: one for one in found if one.name != NAME}
    came = {one.name: one for one in rules.CAME}
    for name, one in newest.items():
        if pin.policies.get(name) == one.body:
            continue
        before = kept(name, pin.policies[name]) if name in pin.policies else came.get(name)
        try:
            after = came.get(name) if one.body == ENDED else kept(name, one.body)
        except (ValueError, KeyError, TypeError):
            yield f"policy {name} {one.number} cannot be read"
            continue
        if chain.digest(one.body) != one.digest:
            yield f"policy {name} {one.number} was changed after it was written"
        elif (
            before is None
            or (after is not None and _asks_for_all_of(after, before))
            or _takes_a_word(pin, before)
            or _is_agreed(ws, session, pin, one, before)
        ):
            pin.policies[name] = one.body
        else:
            yield f"policy {name} {one.number} asks for less than what is pinned"


def _takes_a_word(pin: Pin, before: rules.Written) -> bool:
    """Say whether a recorded word of the owner's is all that it takes to ask for less than this."""
    alone = pin.people is None or len(pin.people.people) == 1
    return may_at_once(Actor(OWNER), before.asked, one_person=alone)


def _is_agreed(
    ws: Workspace,
    session: Session,
    pin: Pin,
    row: tables.PolicyVersion,
    before: rules.Written,
) -> bool:
    """Say whether the people that are pinned agreed to ask for less; each agreement counts once."""
    known = judged.Known(session, pin.people, is_pinned=True, moment=ws.now())
    asked = loosening.agreed(session, known, row, before)
    if asked is None or _proof_of(session, asked) in pin.proofs:
        return False
    pin.proofs[_proof_of(session, asked)] = _keys(session, asked)
    return True


def _asks_for_all_of(after: rules.Written, before: rules.Written) -> bool:
    """Say whether one policy speaks of all that another did, and asks for no less of it."""
    of, was = asdict(after.scope), asdict(before.scope)
    covers = all(
        not of[part] or (was[part] and set(was[part]) <= set(of[part])) for part in was
    )  # what says nothing speaks of everything
    return covers and not rules.is_looser(after.asked, before.asked)


def _first(ws: Workspace, session: Session) -> Pin:
    """Pin what there is: people, policies, and everything that ever answered and stands on its approval."""
    pin = Pin(since=ws.now())
    row = tables.PolicyVersion
    newest = {
        one.name: one
        for one in session.exec(sqlmodel.select(row).order_by(sqlmodel.col(row.number))).all()
    }
    for name, one in newest.items():
        if name == NAME:
            pin.people, pin.digest = people.known(session), one.digest
        elif chain.digest(one.body) == one.digest:
            pin.policies[name] = one.body
    lived = session.exec(sqlmodel.select(tables.Rollout).where(tables.Rollout.since != "")).all()
    for rollout in lived:
        asked = session.get_one(tables.Request, rollout.request_id)
        try:
            proof.verify(session, rollout)
        except MlopsError:
            continue
        pin.proofs[_proof_of(session, asked)] = _keys(session, asked)
    return pin


def _proof_of(session: Session, asked: tables.Request) -> str:
    """Return the digest of everything an approval stands on."""
    given = [[one.statement, one.signature] for one in proof.decisions(session, asked)]
    bound = [asked.manifest_digest, asked.deployment, asked.role, asked.policy_digest]
    return chain.digest(
        json.dumps([*bound, asked.evidence_digest, asked.nonce, sorted(given)], ensure_ascii=False)
    )


def _keys(session: Session, asked: tables.Request) -> list[list[str]]:
    """Return the keys that signed, and when."""
    return [
        [read_signature(one.signature).key.fingerprint, one.at]
        for one in proof.decisions(session, asked)
        if one.signature and one.outcome != "rejected"
    ]


@contextmanager
def _opened(ws: Workspace, path: Path, session: Session, *, starts: bool = False) -> Iterator[Pin]:
    """Hold the copy for a while, brought up to date; what is learnt is written back, also in the end."""
    with _locked(path):
        pin = _read(path) if path.exists() else _first(ws, session)
        before = "" if not path.exists() else _written(pin)
        _follow(ws, session, pin, starts=starts)
        try:
            yield pin
        finally:
            if _written(pin) != before:
                _write(path, _written(pin))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        lock = path.with_name(f".{path.name}.lock").open("a")
    except OSError as error:
        raise Unavailable(
            "The server's pinned copy {path} cannot be kept: {why}.",
            "`serve --pinned FILE` names a file in a folder that is the server's.",
            code="pinned_unwritable",
            path=path,
            why=error.strerror or error,
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> Pin:
    if not is_owners(path):
        raise Refused(
            "Others may write to the server's pinned copy {path}, so that it proves nothing.",
            "chmod 600 {path}, once you have looked at what it says.",
            code="pinned_not_own",
            path=path,
        )
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        listed = said.pop("people")
        form = said.pop("form")
        pin = Pin(**said, people=persons.kept(listed) if listed else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        form = 0
    if form != FORM:
        raise Corrupt(
            "The server's pinned copy {path} cannot be read.",
            "restore it; deleting it pins anew what the store says, whatever that is.",
            code="pinned_unreadable",
            path=path,
        )
    return pin


def _written(pin: Pin) -> str:
    said = {**asdict(pin), "people": pin.people.canonical() if pin.people else "", "form": FORM}
    return json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _held(error: Refused, pin: Pin) -> Refused:
    """Return a refusal with what the copy does not accept, which may be why."""
    if not pin.held:
        return error
    return Refused(
        "{because} The server's pinned copy holds: it does not accept {held}.",
        "`doctor` shows what is pinned; people count once an owner has signed the change.",
        code=error.code,
        because=error.message,
        held="; ".join(pin.held),
    )


def _refused(session: Session, rollout: tables.Rollout, why: str) -> Refused:
    version = session.get_one(tables.Version, rollout.version_id)
    return Refused(
        "{ref} is not served: {why}.",
        "ask again: `request {ref} --for …`.",
        code="not_approved",
        ref=lookup.ref_of(session, version),
        why=why,
    )
