"""What may be put away, what has to be kept, and the shapes in which that is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

from jupyter_mlops.domain.registered import Person
from jupyter_mlops.errors import Conflict, Invalid, Refused

LATELY: Final = 7
"""Days in which somebody who asked a deployment is taken to ask it still."""
_LONGEST: Final = 2_000


class HoldRow(TypedDict):
    """A duty to keep something: what, why, who said so, and when it was released, if it was."""

    subject: str
    because: str
    by: Person
    at: str
    released_at: str


class Holds(TypedDict):
    """The holds that match, newest first; those that stand before those that were released."""

    items: list[HoldRow]


class AliasRow(TypedDict):
    """A version that an alias meant, from when until when, by whom and why."""

    alias: str
    ref: str
    since: str
    until: str
    by: Person
    action: str
    reason: str
    request: int
    approved_by: list[str]


class Aliases(TypedDict):
    """What aliases meant, newest first; where ``until`` is empty, what they mean now."""

    items: list[AliasRow]


class Calls(TypedDict):
    """Who asked a deployment lately: requests, rows, refusals, and the last moment; ISO 8601."""

    requests: int
    rows: int
    refused: int
    last: str


def check_because(text: str) -> str:
    """Return a reason that can be kept: it says something, in so many letters."""
    if text.strip() and len(text) <= _LONGEST and "\x00" not in text:
        return text.strip()
    raise Invalid(
        "A reason has 1 to {most} characters, and NUL is none of them.",
        'say why: --because "case 2026-17"',
        code="because_invalid",
        most=_LONGEST,
    )


def check_reason(text: str) -> str:
    """Return a reason, or nothing, that can be kept."""
    return check_because(text) if text else ""


def check_held_once(subject: str, *, held: str | None) -> None:
    """Raise when a hold stands on the subject already."""
    if held is not None:
        raise Conflict(
            "{subject} is held already: {because}",
            "`hold … --release --because …` ends that first.",
            code="held_already",
            subject=subject,
            because=held,
        )


def not_held(subject: str) -> Conflict:
    """Return the refusal to release what no hold stands on."""
    return Conflict(
        "{subject} is not held.", "`holds` lists what is.", code="not_held", subject=subject
    )


def check_not_held(what: str, holds: Mapping[str, str]) -> None:
    """Raise when something has to be kept as it is."""
    for subject, because in holds.items():
        raise Refused(
            "{what} has to be kept: {subject} is held ({because}).",
            "`hold … --release --because …` ends a hold; `holds` lists them.",
            code="held",
            what=what,
            subject=subject,
            because=because,
        )


def check_may_archive(ref: str, *, used: Sequence[str], asked: Sequence[int]) -> None:
    """Raise unless nobody serves a version, tries it out or waits for a decision about it."""
    if used:
        raise Refused(
            "{ref} is in use at {names}.",
            "replace it there first: `deploy OTHER --to {first}`, or `retire {first}`.",
            code="in_use",
            ref=ref,
            names=", ".join(used),
            first=used[0],
        )
    if asked:
        raise Refused(
            "{ref} waits: request {numbers} asks for it.",
            "decide it first: `reject {first}`.",
            code="requested",
            ref=ref,
            numbers=", ".join(map(str, asked)),
            first=asked[0],
        )


def check_not_archived(ref: str, *, archived: bool) -> None:
    """Raise when a version was put away and is asked for."""
    if archived:
        raise Refused(
            "{ref} is archived.",
            "`archive {ref} --undo` takes it out again.",
            code="archived",
            ref=ref,
        )


def check_not_called(deployment: str, calls: Calls, *, anyway: bool) -> None:
    """Raise when a deployment was asked lately, unless somebody said that it may stop all the same."""
    if calls["requests"] and not anyway:
        raise Refused(
            "{deployment} is still asked: {requests} requests with {rows} rows in the last {days} days,"
            " the last at {last}.",
            "tell those who call it, or say `retire {deployment} --anyway`.",
            code="still_called",
            deployment=deployment,
            requests=f"{calls['requests']:,}",
            rows=f"{calls['rows']:,}",
            days=LATELY,
            last=calls["last"],
        )
