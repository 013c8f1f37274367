"""The people of a workspace as they stand in its store, and who may change who they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlmodel

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain import keys
from jupyter_mlops.domain import people as rules
from jupyter_mlops.domain.access import OWNER, Actor
from jupyter_mlops.domain.people import NAME, People
from jupyter_mlops.errors import Corrupt, Invalid, MlopsError, Refused
from jupyter_mlops.services import plainly, signatures
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True)
class Listed:
    """A list of people as somebody wrote it: the words, and the signature below them."""

    people: People
    words: str
    signature: str = ""


def known(session: Session, *, at: str = "") -> People | None:
    """Return the people this workspace knows, or knew at a moment; None where nobody wrote them down."""
    row = _row(session, at)
    return rules.kept(row.body) if row else None


def stand_for(session: Session, actor: Actor) -> Actor:
    """Return the person whom a cell of this workspace stands for, or the service that it runs as."""
    people = known(session)
    if people is None:
        return actor
    if people.is_service(actor.to_dict()):
        return replace(actor, kind="service")
    return actor if actor.id != OWNER else replace(actor, id=people.owner)


def is_alone(ws: Workspace, session: Session) -> bool:
    """Say whether whoever acts is the only person there is."""
    people = known(session)
    there = [one for one in people.people if one.is_here(ws.now())] if people else []
    return ws.actor.id == OWNER and (people is None or len(there) == 1)


def author_set(session: Session, *actors: Any) -> frozenset[str]:
    """Return everybody whose work it may be that these actors did, as far as they can be told apart."""
    people = known(session)
    if people is None:
        return frozenset()
    return frozenset().union(*map(people.stood_for, actors))


def put(ws: Workspace, text: str, reason: str) -> bool:
    """Write down who the people are, and say whether that changed anything.

    Once they are known, one of their owners has to have signed it.

    Raises:
        Invalid: it is no list of people.
        Refused: it is a change that nobody signed who may, or follows another list than the last.
    """
    with ws.act("policy:change", subject=f"policy:{NAME}", reason=reason) as act:
        listed = read(text)
        body = listed.people.canonical()
        digest = chain.digest(body)
        before = _row(act.session)
        if before is not None and before.digest == digest:
            act.nothing()
            return False
        if before is not None:
            check_may_follow(rules.kept(before.body), before.digest, listed, at=ws.now())
        number = before.number + 1 if before else 1
        act.session.add(
            tables.PolicyVersion(
                name=NAME,
                number=number,
                digest=digest,
                text=text,
                body=body,
                actor=ws.actor.to_dict(),
                at=ws.now(),
            )
        )
        act.before = {"number": before.number, "digest": before.digest} if before else None
        act.after = {"number": number, "digest": digest, "people": _told(listed.people)}
    return True


def read(text: str) -> Listed:
    """Return the people that a text holds, and the signature below it.

    Raises:
        Invalid: it holds none.
    """
    words, begin, rest = text.partition("-----BEGIN SSH SIGNATURE-----")
    people = rules.read(plainly.mapping(words, _no_people))
    return Listed(people, words, begin + rest)


def check_may_follow(before: People, digest: str, listed: Listed, *, at: str) -> None:
    """Raise unless a change of the people is one that those before it allow.

    An owner is the person the cells stand for, and whoever has the role `owner`. Where none of them
    has a key, nobody can sign, and the change is the owner's own, recorded.

    Raises:
        Refused: nobody who may has signed it, or it follows another list.
    """
    owners = {
        one.id
        for one in before.people
        if one.keys and one.is_here(at) and (one.id == before.owner or "owner" in one.roles)
    }
    if not owners:
        return
    if listed.people.follows != digest:
        raise Refused(
            "A change of the people has to say which list it follows: follows: {digest}",
            "write that line into it, then sign it: ssh-keygen -Y sign -n {purpose} FILE",
            code="people_follow",
            digest=digest,
            purpose=rules.CHANGES,
        )
    if not listed.signature:
        raise _unsigned(owners)
    signer = rules.check_signer(before, _signed(listed), at)
    if signer.id not in owners:
        raise _unsigned(owners)


def shown(row: tables.PolicyVersion) -> list[dict[str, Any]]:
    """Return the people as answers carry them, with fingerprints in place of keys."""
    return _told(rules.kept(row.body))


def _told(people: People) -> list[dict[str, Any]]:
    return [
        {
            **asdict(one),
            "roles": list(one.roles),
            "keys": [keys.read_key(line).fingerprint for line in one.keys],
            "users": list(one.users),
            "owner": one.id == people.owner,
        }
        for one in people.people
    ]


def _signed(listed: Listed) -> keys.Key:
    """Return the key that signed a list; `ssh-keygen` signs a file with the line end it has."""
    bare = listed.words.rstrip()
    refused: MlopsError | None = None
    for words in (listed.words, bare + "\n", bare):
        try:
            return signatures.verify(listed.signature, words, purpose=rules.CHANGES).key
        except Refused as error:
            refused = error
    assert refused is not None  # noqa: S101  (three were tried)
    raise refused


def _row(session: Session, at: str = "") -> tables.PolicyVersion | None:
    row = tables.PolicyVersion
    query = sqlmodel.select(row).where(row.name == NAME)
    if at:
        query = query.where(row.at <= at)
    found = session.exec(query.order_by(sqlmodel.col(row.number).desc()).limit(1)).first()
    if found is not None and chain.digest(found.body) != found.digest:
        raise Corrupt(
            "The list of people was changed after it was written.",
            "`audit --verify` says what else was.",
            code="policy_changed",
        )
    return found


def _unsigned(owners: set[str]) -> Refused:
    return Refused(
        "The people are changed only by an owner's signature: {owners}.",
        "ssh-keygen -Y sign -f KEY -n {purpose} people.yaml;"
        " cat people.yaml people.yaml.sig | jupyter mlops policy people -",
        code="people_unsigned",
        owners=", ".join(sorted(owners)),
        purpose=rules.CHANGES,
    )


def _no_people(why: str) -> Invalid:
    return Invalid(
        "This is no list of people: {why}.",
        "`policy --help` shows what one looks like.",
        code="people_invalid",
        why=why,
    )
