"""What is sent to those who decide, and what comes back: files that hold everything they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NotRequired, TypedDict

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.domain.approvals import Policy, read_policy, read_statement, statement
from jupyter_mlops.domain.governing import Proposed, read_proposed
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.registered import Assurance
from jupyter_mlops.errors import Invalid

REQUEST: Final = "jupyter-mlops/request/v1"
DECISION: Final = "jupyter-mlops/signed-decision/v1"
Verdict = Literal["approved", "rejected", "break-glass"]
LARGEST: Final = 5_000_000
_MOST: Final = 2**31
_BOUND: Final = {
    "request": int,
    "ref": str,
    "manifest_digest": str,
    "deployment": str,
    "role": str,
    "policy_digest": str,
    "evidence_digest": str,
    "expires_at": str,
    "nonce": str,
}


class Letter(TypedDict):
    """A request as it is sent: ``document`` holds everything, ``written`` is the file."""

    request: int
    ref: str
    deployment: str
    expires_at: str
    words: list[str]
    document: dict[str, Any]
    written: NotRequired[str]


class Decided(TypedDict):
    """A decision that was signed: by whom, with which key; ``recorded`` once the workspace has it."""

    request: int
    ref: str
    deployment: str
    outcome: Verdict
    by: str
    key: str
    assurance: Assurance
    recorded: bool
    state: str
    written: str


@dataclass(frozen=True)
class Document:
    """A request as it was read from a file, its parts compared with their digests."""

    bound: Mapping[str, Any]
    evidence: Mapping[str, Any]
    policy: Policy
    facts: Mapping[str, Any]
    people: Mapping[str, str]
    change: Proposed | None = None
    """What would be changed here, where it is no version that is asked for."""

    def statement(
        self, verdict: str, *, decider: str = "", decided_at: str = "", comment: str = ""
    ) -> str:
        """Return what is signed."""
        return statement(
            verdict=verdict, decider=decider, decided_at=decided_at, comment=comment, **self.bound
        )


def document(
    bound: Mapping[str, Any],
    *,
    evidence: str,
    policy: str,
    facts: Mapping[str, Any],
    people: Mapping[str, str],
    change: str = "",
) -> dict[str, Any]:
    """Return a request as it is sent; ``people`` are those who may sign, by fingerprint of their key.

    ``change`` is what would be changed here, in the form its digest is of.

    ``statements`` show what is signed for yes and for no, once decider, moment and comment are in it.
    """
    blank: dict[str, Any] = {"decider": "", "decided_at": "", "comment": ""}
    return {
        "type": REQUEST,
        "bound": dict(bound),
        "facts": dict(facts),
        "evidence": evidence,
        "policy": policy,
        "change": change,
        "people": dict(people),
        "statements": {
            verdict: statement(verdict=verdict, **blank, **bound)
            for verdict in ("approved", "rejected")
        },
    }


def read_document(told: Any) -> Document:
    """Return the request that a file holds.

    Raises:
        Invalid: it holds none, or a part of it is not what its digest is of.
    """
    if not isinstance(told, Mapping) or told.get("type") != REQUEST:
        raise _no_request("it is of another kind")
    bound, facts, people = (_part(told, part) for part in ("bound", "facts", "people"))
    if bound is None or facts is None or people is None or set(bound) != set(_BOUND):
        raise _no_request("parts of it are missing")
    if not all(type(bound[name]) is kind for name, kind in _BOUND.items()):
        raise _no_request("what it is bound to has another shape")
    for part in ("evidence", "policy"):
        text = told.get(part)
        if not isinstance(text, str) or chain.digest(text) != bound[f"{part}_digest"]:
            raise _no_request(f"its {part} was changed")
    try:
        evidence, policy = json.loads(told["evidence"]), read_policy(told["policy"])
    except (ValueError, TypeError, RecursionError):
        raise _no_request("its evidence or policy cannot be read") from None
    if not isinstance(evidence, Mapping) or evidence.get("ref") != bound["ref"]:
        raise _no_request("its evidence is about something else")
    return Document(bound, evidence, policy, facts, people, _change(told, bound))


def _change(told: Mapping[str, Any], bound: Mapping[str, Any]) -> Proposed | None:
    """Return what would be changed here; a request without a role asks for nothing else."""
    text = told.get("change", "")
    if not bound["role"] and not text:
        raise _no_request("what it would change is missing")
    if not text:
        return None
    if not isinstance(text, str) or chain.digest(text) != bound["manifest_digest"]:
        raise _no_request("its change was changed")
    try:
        return read_proposed(text)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _no_request("its change cannot be read") from None


def signed(told: str, signature: str) -> dict[str, str]:
    """Return a decision as it is sent back."""
    return {"type": DECISION, "statement": told, "signature": signature}


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = told.get(name)
    return found if isinstance(found, Mapping) else None


def as_text(told: Mapping[str, Any]) -> str:
    """Return what is sent as the text of a file."""
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def read_signed(told: Any) -> tuple[str, Mapping[str, Any], str]:
    """Return the statement of a decision that a file holds, what it says, and its signature.

    Raises:
        Invalid: it holds none.
    """
    if not isinstance(told, Mapping) or told.get("type") != DECISION:
        raise no_decision("it is of another kind")
    if set(told) != {"type", "statement", "signature"}:
        raise no_decision("it holds something else beside statement and signature")
    said, signature = told["statement"], told["signature"]
    if not isinstance(said, str) or not isinstance(signature, str):
        raise no_decision("statement and signature have to be text")
    read = read_statement(said)
    if not read or not _is_well_formed(read):
        raise no_decision("its statement is not written as ours are")
    return said, read, signature


def _is_well_formed(said: Mapping[str, Any]) -> bool:
    number, at = said["request"], said["decided_at"]
    words = (at, said["decider"], said["comment"], said["verdict"], said["nonce"])
    if type(number) is not int or not 0 < number < _MOST:
        return False
    if not all(isinstance(word, str) and "\0" not in word for word in words):
        return False
    try:
        return bool(iso(datetime.fromisoformat(at)) == at)
    except (ValueError, OverflowError):
        return False


def no_decision(why: str) -> Invalid:
    """Return the error that says why a file holds no decision."""
    return Invalid(
        "This is no decision: {why}.",
        "`jupyter mlops decide` writes one.",
        code="decision_invalid",
        why=why,
    )


def _no_request(why: str) -> Invalid:
    return Invalid(
        "This is no request: {why}.",
        "`send REQUEST --to request.json` writes one.",
        code="request_invalid",
        why=why,
    )
