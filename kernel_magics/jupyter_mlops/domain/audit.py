"""What an audit event is, and what a chain of them has to look like.

An event is canonical JSON (RFC 8785); each carries the SHA-256 of the one before, so that an edit,
a deletion or a change of order shows. A cut tail or a whole rewrite shows only against an anchor
that is kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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


def walk(links: Iterable[Link], *, after: int = 0, prev: str = GENESIS) -> Verdict:
    """Follow the chain and name the first event that does not fit.

    It is followed from its beginning, or from what comes ``after`` an event whose digest is ``prev``.
    """
    count = after
    for link in links:
        count += 1
        why = _fault(link, count, prev)
        if why:
            return Verdict(count, link.seq, why, prev)
        prev = link.digest
    return Verdict(count, None, "", prev)


def _fault(link: Link, expected: int, prev: str) -> str:
    seq, body, named, *beside = link
    if seq != expected:
        return "missing"
    if "sha256:" + _sha256(body.encode()).hexdigest() != named or "\n" in body:
        return "edited"
    try:
        told, end = _READ(body)
    except (ValueError, RecursionError):
        return "unreadable"
    if not isinstance(told, dict) or end != len(body):
        return "unreadable"
    if told.get("prev") != prev or told.get("seq") != seq:
        return "renumbered" if told.get("prev") == prev else "unchained"
    return "" if beside[0] is None or told.get("v") != FORM else _disguise(told, beside)


def _disguise(told: dict[str, Any], beside: list[Any]) -> str:
    """Compare what an event is found by with what its text says."""
    try:
        says = [told["at"], told["action"], told["subject"], told["actor"]["id"]]
    except (KeyError, TypeError):
        return "disguised"
    return "" if says == beside else "disguised"
