"""What an audit event is, and what a chain of them has to look like.

An event is canonical JSON (RFC 8785); each carries the SHA-256 of the one before, so that an edit,
a deletion or a change of order shows. A cut tail or a whole rewrite shows only against an anchor
that is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

FORM: Final = 1
_READ: Final = json.JSONDecoder().raw_decode
"""Reads JSON without the white space around it, which canonical JSON has none of."""
_sha256: Final = hashlib.sha256
GENESIS: Final = "sha256:" + "0" * 64


class Link(NamedTuple):
    """An event as it is remembered: its number, its bytes and the digest that was stored.

    What it is found by stands beside it in a store, and not in an export.
    """

    seq: int
    body: str
    digest: str
    at: str | None = None
    action: str = ""
    subject: str = ""
    person: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a walk along the chain found; ``first_bad`` is the first number that is wrong."""

    events: int
    first_bad: int | None
    why: str
    head: str


def event(
    *,
    seq: int,
    at: str,
    actor: Mapping[str, Any],
    action: str,
    subject: str,
    before: Any,
    after: Any,
    reason: str,
    prev: str,
) -> dict[str, Any]:
    """Return an event in its present form; ``v`` says which form that is."""
    return {
        "v": FORM,
        "seq": seq,
        "at": at,
        "actor": dict(actor),
        "action": action,
        "subject": subject,
        "before": before,
        "after": after,
        "reason": reason,
        "prev": prev,
    }


def digest(body: str) -> str:
    """Return the digest of an event's canonical JSON."""
    return "sha256:" + hashlib.sha256(body.encode()).hexdigest()


class Told(NamedTuple):
    """What the text of an event says of itself, as far as a walk looks at it."""

    v: Any
    prev: Any
    seq: Any
    at: Any
    action: Any
    subject: Any
    person: Any


def told_of(body: str) -> Told | None:
    """Return what the text of an event says of itself; None where it is no canonical JSON of one."""
    try:
        told, end = _READ(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or end != len(body):
        return None
    actor = told.get("actor")
    person = actor.get("id") if isinstance(actor, dict) else None
    return Told._make([*map(told.get, Told._fields[:-1]), person])


def walk(
    links: Iterable[Link],
    *,
    after: int = 0,
    prev: str = GENESIS,
    read: Callable[[str], Told | None] = told_of,
) -> Verdict:
    """Follow the chain and name the first event that does not fit.

    It is followed from its beginning, or from what comes ``after`` an event whose digest is ``prev``.
    ``read`` says what a text says of itself: a quicker way than :func:`told_of` to the same.
    """
    count = after
    for link in links:
        count += 1
        why = _fault(link, count, prev, read)
        if why:
            return Verdict(count, link.seq, why, prev)
        prev = link.digest
    return Verdict(count, None, "", prev)


def _fault(link: Link, expected: int, prev: str, read: Callable[[str], Told | None]) -> str:
    seq, body, named, at, action, subject, person = link
    if seq != expected:
        return "missing"
    if "sha256:" + _sha256(body.encode()).hexdigest() != named or "\n" in body:
        return "edited"
    told = read(body)
    if told is None:
        return "unreadable"
    if told.prev != prev or told.seq != seq:
        return "renumbered" if told.prev == prev else "unchained"
    if at is None or told.v != FORM or told[3:] == (at, action, subject, person):
        return ""
    return "disguised"
