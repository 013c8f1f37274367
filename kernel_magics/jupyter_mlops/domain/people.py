"""The people a workspace knows: their keys, their roles, and what counts as whose work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from jupyter_mlops.domain.access import OWNER
from jupyter_mlops.domain.keys import Key, read_key
from jupyter_mlops.domain.names import check_name, iso
from jupyter_mlops.errors import Corrupt, Invalid, Refused, did_you_mean

NAME: Final = "people"
"""The policy of this name holds the people."""
CHANGES: Final = "jupyter-mlops-people@v1"
"""What a signature under a change of the people has to be for."""
_MOST: Final = 500
_FOR_EVER: Final = ""


@dataclass(frozen=True)
class Somebody:
    """A person: as whom they sign, what they are, and until when."""

    id: str
    name: str
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    until: str = _FOR_EVER

    def is_here(self, at: str) -> bool:
        """Say whether this person is still one of the people at a moment."""
        return self.until == _FOR_EVER or at[:10] <= self.until


@dataclass(frozen=True)
class Revoked:
    """A key that counts no more from a moment on."""

    key: str
    since: str = ""


@dataclass(frozen=True)
class People:
    """Everybody a workspace knows; ``owner`` is whom its cells stand for.

    ``follows`` is the digest of the people before, which a change has to name: an old list that
    was signed once does not come back.
    """

    people: tuple[Somebody, ...]
    owner: str
    revoked: tuple[Revoked, ...] = ()
    services: tuple[str, ...] = ()
    follows: str = ""

    def canonical(self) -> str:
        """Return the one way to write these people, which their digest is of."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def get(self, id: str) -> Somebody | None:
        """Return the person of that name, if there is one."""
        return next((one for one in self.people if one.id == id), None)

    def roles_of(self, id: str, at: str) -> tuple[str, ...]:
        """Return the roles that a person has at a moment."""
        found = self.get(id)
        return found.roles if found and found.is_here(at) else ()

    def whose(self, key: Key) -> Somebody | None:
        """Return the person whose key this is."""
        return next((one for one in self.people if key.line in one.keys), None)

    def stood_for(self, actor: Mapping[str, Any]) -> frozenset[str]:
        """Return everybody an actor may have been: whose cells these are, and whom they claim to be.

        A claim proves nothing; it is enough not to let that person approve what may be their own.
        """
        if actor.get("kind") == "service":
            return frozenset()
        claims = dict(actor.get("claims") or {})
        said = {str(value) for name, value in claims.items() if name != "mouth"}
        claimed = {one.id for one in self.people if said & {*one.users, one.id}}
        known = self.get(str(actor["id"]))
        if actor["id"] == OWNER:
            return frozenset({self.owner, *claimed})
        return frozenset({known.id} if known else claimed)

    def is_service(self, actor: Mapping[str, Any]) -> bool:
        """Say whether an actor is one of the services, or claims to be: a claim is enough not to decide."""
        claims = dict(actor.get("claims") or {})
        said = {str(value) for name, value in claims.items() if name != "mouth"}
        return actor.get("kind") == "service" or bool({str(actor["id"]), *said} & {*self.services})

    def revocation(self, key: Key) -> Revoked | None:
        """Return how a key was revoked, if it was."""
        return next((one for one in self.revoked if one.key == key.fingerprint), None)


def check_signer(people: People, key: Key, at: str) -> Somebody:
    """Return the person who signed with a key at a moment.

    Raises:
        Refused: nobody's key, a revoked one, or that of somebody who is not here any more.
    """
    found = people.whose(key)
    if found is None:
        raise Refused(
            "Nobody this workspace knows has the key {key}.",
            "the owner of the workspace adds it: %%mlops policy people.",
            code="key_unknown",
            key=key.fingerprint,
        )
    revoked = people.revocation(key)
    if revoked is not None and at >= revoked.since:
        raise Refused(
            "The key {key} of {name} is revoked.",
            "{name} signs with another key, once the owner has added it: %%mlops policy people.",
            code="key_revoked",
            key=key.fingerprint,
            name=found.name,
        )
    if not found.is_here(at):
        raise Refused(
            "{name} was one of the people until {until}.",
            "the owner of the workspace writes a later day: %%mlops policy people.",
            code="key_expired",
            name=found.name,
            until=found.until,
        )
    return found


def read(told: Mapping[Any, Any]) -> People:
    """Return the people that somebody wrote.

    Raises:
        Invalid: a part is unknown, a key is none, or one key is two people's.
    """
    _known(told, ("people", "owner", "revoked", "services", "follows"), "the list of people")
    who = told.get("people")
    if not isinstance(who, Mapping) or not who or len(who) > _MOST:
        raise _wrong("people", f"1 to {_MOST} names, each with what is known of that person")
    people = tuple(_somebody(id, about) for id, about in who.items())
    _check_own_keys(people)
    ids = [one.id for one in people]
    owner = told.get("owner")
    if owner not in ids:
        raise _wrong("owner", f"the one of the people whom the cells stand for: {', '.join(ids)}")
    services = _words("services", told.get("services", []))
    _check_no_services(people, services)
    revoked = told.get("revoked", [])
    if not isinstance(revoked, list):
        raise _wrong("revoked", "a list of keys")
    return People(
        people,
        str(owner),
        tuple(map(_revoked, revoked)),
        services,
        _word("follows", told.get("follows", "")),
    )


def kept(body: str) -> People:
    """Return the people that were written by :meth:`People.canonical`.

    Raises:
        Corrupt: they were not.
    """
    try:
        told = json.loads(body)
        people = tuple(_remembered(one) for one in told["people"])
        return People(
            people,
            told["owner"],
            tuple(Revoked(**one) for one in told["revoked"]),
            tuple(told["services"]),
            told["follows"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Corrupt(
            "The list of people in the store cannot be read.",
            "`audit --verify` says what was changed.",
            code="people_unreadable",
        ) from None


def _remembered(told: Mapping[str, Any]) -> Somebody:
    lists = ("roles", "keys", "users")
    said: dict[str, Any] = {
        part: tuple(value) if part in lists else value for part, value in told.items()
    }
    return Somebody(**said)


def _somebody(id: Any, about: Any) -> Somebody:
    check_name(id, what="person")
    if id == OWNER:
        raise Invalid(
            "A person cannot be called {id}: cells of a workspace without people are.",
            "give the person's own name.",
            code="people_invalid",
            id=id,
        )
    _known(about, ("name", "roles", "keys", "users", "until"), id)
    name = about.get("name", id)
    if not isinstance(name, str) or not 0 < len(name) <= 200:  # noqa: PLR2004
        raise _wrong(f"{id}: name", "a name")
    keys = tuple(read_key(line).line for line in _words(f"{id}: keys", about.get("keys", [])))
    return Somebody(
        id,
        name,
        _words(f"{id}: roles", about.get("roles", [])),
        tuple(dict.fromkeys(keys)),
        _words(f"{id}: users", about.get("users", [])),
        _day(f"{id}: until", about["until"]) if "until" in about else _FOR_EVER,
    )


def _check_own_keys(people: Iterable[Somebody]) -> None:
    owners: dict[str, str] = {}
    for one in people:
        for key in one.keys:
            other = owners.setdefault(key, one.id)
            if other != one.id:
                raise Invalid(
                    "{one} and {other} have the same key {key}.",
                    "a key is one person's; each signs with their own.",
                    code="key_of_two",
                    one=other,
                    other=one.id,
                    key=read_key(key).fingerprint,
                )


def _check_no_services(people: Iterable[Somebody], services: Iterable[str]) -> None:
    for one in people:
        both = {one.id, *one.users} & {*services}
        if both:
            raise Invalid(
                "{name} is one of the people, and one of the services, which never decide.",
                "name what runs by itself otherwise than {person}, or leave it out of `services`.",
                code="person_is_service",
                name=min(both),
                person=one.id,
            )


def _revoked(told: Any) -> Revoked:
    if isinstance(told, str):
        told = {"key": told}
    _known(told, ("key", "from"), "`revoked`")
    key = told.get("key")
    if not isinstance(key, str) or not key.startswith("SHA256:"):
        raise _wrong("revoked", "fingerprints, as `ssh-keygen -l` shows them: SHA256:…")
    return Revoked(key, _moment("from", told["from"]) if "from" in told else "")


def _words(part: str, told: Any) -> tuple[str, ...]:
    words = told if isinstance(told, list) else [told]
    if len(words) <= _MOST and all(isinstance(word, str) and word.strip() for word in words):
        return tuple(dict.fromkeys(word.strip() for word in words))
    raise _wrong(part, "a word or a list of words")


def _word(part: str, told: Any) -> str:
    if isinstance(told, str):
        return told
    raise _wrong(part, "a word")


def _day(part: str, told: Any) -> str:
    try:
        if isinstance(told, str):
            told = date.fromisoformat(told)
        if isinstance(told, date) and not isinstance(told, datetime):
            return told.isoformat()
    except ValueError:
        pass
    raise _wrong(part, "a day, such as 2027-12-31")


def _moment(part: str, told: Any) -> str:
    try:
        if isinstance(told, str):
            told = datetime.fromisoformat(told)
    except ValueError:
        raise _wrong(part, "a moment, such as 2027-01-31T09:00:00Z") from None
    if isinstance(told, date) and not isinstance(told, datetime):
        told = datetime.combine(told, time())
    try:
        if isinstance(told, datetime):
            return iso(told if told.tzinfo else told.replace(tzinfo=UTC))
    except OverflowError:
        pass
    raise _wrong(part, "a moment, such as 2027-01-31T09:00:00Z")


def _known(told: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(told, Mapping):
        raise _wrong(where, "a mapping of " + ", ".join(known))
    for name in told:
        if name not in known:
            meant = did_you_mean(str(name), known)
            raise Invalid(
                "{name} is nothing that {where} knows.",
                "did you mean {meant}?" if meant else "there are: {known}.",
                code="people_invalid",
                name=str(name),
                where=where,
                meant=meant,
                known=", ".join(known),
            )


def _wrong(name: str, wanted: str) -> Invalid:
    return Invalid(
        "{name} has to be {wanted}.",
        "`policy --help` shows what a list of people looks like.",
        code="people_invalid",
        name=name,
        wanted=wanted,
    )
