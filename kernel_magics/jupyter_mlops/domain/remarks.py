"""What may be said of a request besides deciding: comments, changes asked for, withdrawals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from jupyter_mlops.domain.access import Actor
from jupyter_mlops.errors import Conflict, Invalid, Refused

LONGEST: Final = 4_000
"""Characters of what somebody says at once."""
WAITING: Final = ("open", "approved", "changes asked")
"""The states of a request that something can still come of."""
UNDECIDED: Final = ("open", "changes asked")
_HALVES: Final = range(0xD800, 0xE000)


@dataclass(frozen=True)
class Given:
    """A decision as withdrawing has to know it: by whom, and whether it was taken back already."""

    person: str
    outcome: str
    withdrawn: bool


@dataclass(frozen=True)
class Asked:
    """A request as those who speak of it have to know it."""

    request: int
    ref: str
    state: str
    requester: str
    decisions: Sequence[Given] = ()
    changes_by: Sequence[str] = ()


def check_text(text: str, *, may_be_empty: bool = False) -> None:
    """Raise unless this can be kept and shown: something, not too long, nothing that is no text."""
    if not text.strip() and not may_be_empty:
        raise Invalid(
            "A comment says something.",
            'put it between quotation marks: `comment 3 "looks good"`, or below, in a cell.',
            code="comment_empty",
        )
    if len(text) > LONGEST:
        raise Invalid(
            "A comment has at most {most} characters, not {n}.",
            "put the rest into another one, or a link to it.",
            code="comment_too_long",
            most=LONGEST,
            n=len(text),
        )
    if any(char == "\x00" or ord(char) in _HALVES for char in text):
        raise Invalid(
            "A comment holds a character that is no text.",
            "leave out what cannot be seen.",
            code="comment_no_text",
        )


def standing_changes(said: Iterable[tuple[str, str]]) -> list[str]:
    """Return who asks for changes still, of person and kind of what was said, oldest first.

    >>> standing_changes([("ann", "changes"), ("bob", "changes"), ("ann", "settled")])
    ['bob']
    """
    asking: dict[str, bool] = {}
    for person, kind in said:
        if kind in ("changes", "settled"):
            asking[person] = kind == "changes"
    return [person for person, asks in asking.items() if asks]


def check_may_ask_for_changes(actor: Actor, asked: Asked) -> None:
    """Raise unless this actor may hold a request up until something is changed.

    Raises:
        Refused: a service never reviews.
        Conflict: the request is over.
    """
    if actor.kind != "person":
        raise Refused(
            "A service never asks for changes; request {request} waits for a person.",
            "`comment {request} TEXT` is open to it.",
            code="decider_is_service",
            request=asked.request,
        )
    if asked.state not in WAITING:
        raise _over(asked)


def check_may_settle(actor: Actor, asked: Asked) -> None:
    """Raise unless this actor asks for changes of a request that still waits."""
    if asked.state not in WAITING:
        raise _over(asked)
    if actor.id in asked.changes_by:
        return
    raise Conflict(
        "You do not ask for changes of request {request}.",
        "whoever does takes it back: {people}." if asked.changes_by else "nobody does.",
        code="no_changes_asked",
        request=asked.request,
        people=", ".join(asked.changes_by),
    )


def check_nobody_asks_for_changes(request: int, people: Collection[str]) -> None:
    """Raise while somebody else asks for changes of a request that is to be approved."""
    if not people:
        return
    raise Conflict(
        "Request {request} cannot be approved while changes are asked for by {people}.",
        "they take it back with `comment {request} TEXT --settled`; a request for a newer version"
        " takes its place.",
        code="changes_asked",
        request=request,
        people=", ".join(people),
    )


def what_to_withdraw(actor: Actor, asked: Asked) -> Literal["request", "decision"]:
    """Return what this actor may take back of a request: all of it, or what they decided.

    Raises:
        Conflict: it is over, or it has been carried out, or was taken back already.
        Refused: it is somebody else's, or the actor is a service that would undo a decision.
    """
    if asked.state in WAITING and actor.id == asked.requester:
        return "request"
    own = [given for given in asked.decisions if given.person == actor.id]
    if actor.kind != "person":
        raise Refused(
            "A service withdraws only what it asked for itself, while that waits.",
            "who decided about request {request} withdraws that.",
            code="decider_is_service",
            request=asked.request,
        )
    if not own and actor.id != asked.requester:
        raise Refused(
            "Nobody withdraws what is somebody else's: request {request} was made by {person}.",
            "`reject {request}` says no to it; `comment {request} TEXT --changes` holds it up.",
            code="not_yours",
            request=asked.request,
            person=asked.requester,
        )
    if own and own[0].withdrawn:
        raise Conflict(
            "You have withdrawn your decision about request {request} already.",
            "`request {ref} --for …` asks again.",
            code="already_withdrawn",
            request=asked.request,
            ref=asked.ref,
        )
    if own and own[0].outcome == "approved" and asked.state in (*WAITING, "carried out"):
        return "decision"
    if asked.state == "carried out":
        raise Conflict(
            "Request {request} has been carried out: who asked for it has nothing left to withdraw.",
            "who approved it withdraws that: {people}; `rollback` goes back.",
            code="carried_out",
            request=asked.request,
            people=", ".join(one.person for one in asked.decisions if one.outcome == "approved"),
        )
    raise _over(asked)


def _over(asked: Asked) -> Conflict:
    return Conflict(
        "Request {request} is {state}; nothing can come of it any more.",
        "ask again: `request {ref} --for …`.",
        code="request_closed",
        request=asked.request,
        state=asked.state,
        ref=asked.ref,
    )
