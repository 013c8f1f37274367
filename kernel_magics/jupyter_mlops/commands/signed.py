"""What is said of people, of requests that are sent, and of decisions that are signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_mlops.commands.figures import moment
from jupyter_mlops.commands.states import DOT
from jupyter_mlops.locale import tell

Data = Mapping[str, Any]
Row = Mapping[str, Any]


def _send(data: Data) -> str:
    who = {"id": data["request"], "ref": data["ref"], "deployment": data["deployment"]}
    if not data.get("written"):
        said = tell("request {id}: {ref} for {deployment}", **who)
        word = f"%mlops send {data['request']} --to request.json"
        return DOT.join([said, tell("next: {word}", word=word)])
    said = tell("✓ request {id} ({ref} for {deployment}) is written", **who)
    word = f"jupyter mlops decide {data['written']}"
    return DOT.join(
        [
            said,
            tell("it holds until {at}", at=moment(data["expires_at"])),
            tell("whoever decides types in a terminal: {word}", word=word),
        ]
    )


def _decide(data: Data) -> str:
    who = {"who": data["by"], "id": data["request"], "ref": data["ref"]}
    if data["outcome"] == "rejected":
        said = tell("✓ {who} says no to request {id} ({ref}), signed", **who)
    elif data["outcome"] == "break-glass":
        said = tell("■ {who} breaks the glass for request {id} ({ref}), signed", **who)
    else:
        said = tell("✓ {who} says yes to request {id} ({ref}), signed", **who)
    parts = [said]
    if data["recorded"]:
        parts.append(_state(data["state"]))
    if data["written"]:
        parts.append(tell("written to {where}", where=data["written"]))
    if not data["recorded"]:
        word = f"%mlops receive {data['written']}"
        parts.append(tell("next: {word}", word=word))
    return DOT.join(parts)


def _state(state: str) -> str:
    if state == "approved":
        return tell("the request is approved")
    if state == "rejected":
        return tell("the request is closed")
    return tell("the request waits for others still")


def _receive(data: Data) -> str:
    last = data["decisions"][-1]
    said = tell("✓ a decision on request {id} was brought in", id=data["id"])
    parts = [said, str(last["by"]["label"]), _state(data["state"])]
    if data["state"] == "approved":
        role = "" if data["role"] == "champion" else f" --role {data['role']}"
        word = f"%mlops deploy {data['ref']} --to {data['deployment']}{role}"
        parts.append(tell("next: {word}", word=word))
    return DOT.join(parts)


SENTENCES: Final[Mapping[str, Callable[[Data], str]]] = {
    "send": _send,
    "decide": _decide,
    "receive": _receive,
}


def lines(data: Data) -> list[Row]:
    """Return what a request means, line by line."""
    return [{"meaning": line} for line in data["words"]]


def decisions(data: Data) -> list[Row]:
    """Return who decided what, and what that is worth."""
    return [
        {
            **row,
            "by": row["by"]["id"],
            "state": row["outcome"],
            "assurance": row["by"]["label"],
        }
        for row in data["decisions"]
    ]
