"""Requests that go to people elsewhere, and the decisions that come back, signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain import decided
from jupyter_mlops.domain.access import Actor
from jupyter_mlops.domain.answers import Request as RequestAnswer
from jupyter_mlops.domain.approvals import BREAK_GLASS
from jupyter_mlops.domain.arguments import (
    File,
    Here,
    NewFile,
    Prepared,
    RequestId,
    deed,
    read,
)
from jupyter_mlops.domain.decided import Letter, no_decision
from jupyter_mlops.domain.keys import read_key
from jupyter_mlops.domain.names import iso
from jupyter_mlops.domain.people import check_signer
from jupyter_mlops.errors import Refused
from jupyter_mlops.services import approvals, files, lookup, people, proof, retelling, signatures
from jupyter_mlops.services.workspace import Workspace
from jupyter_mlops.store import tables

if TYPE_CHECKING:
    from sqlmodel import Session

AHEAD: Final = timedelta(minutes=5)
"""How far the clock of who signs may be ahead of this one, or behind the request."""


def prepare_send(_here: Here, *, to: str = "", **_: Any) -> Prepared:
    """Look at the place before anything is asked."""
    if to:
        files.free(to)
    return Prepared({})


def finish_send(answer: Letter, *, to: str = "", **_: Any) -> Letter:
    """Write the request where the person is."""
    if not to:
        return answer
    return {**answer, "written": str(files.write(to, decided.as_text(answer["document"])))}


@read(prepare="services.decisions:prepare_send", finish="services.decisions:finish_send")
def send(ws: Workspace, request: RequestId, *, to: NewFile = "") -> Letter:
    """Write a request as one file for a person elsewhere, with everything that a decision is about.

    It holds the statements for yes and for no as they are signed, what they mean in plain words, the
    evidence, the policy, a nonce and the day it expires. Whoever decides needs no workspace:
    `jupyter mlops decide request.json` in a terminal shows it, signs and writes `decision.json`;
    `receive decision.json` brings that in.
    """
    del to  # it is written where the person is
    with ws.look() as session:
        asked = lookup.request(session, request)
        policy = proof.policy(session, asked.policy_digest)
        told = decided.document(
            approvals.bound(asked),
            evidence=asked.evidence,
            policy=policy.canonical(),
            facts=_facts(asked),
            people=_signers(session),
            change=asked.change,
        )
    found = decided.read_document(told)
    told["words"] = retelling.words(found)
    return Letter(
        request=asked.id,
        ref=found.bound["ref"],
        deployment=asked.deployment,
        expires_at=asked.expires_at,
        words=told["words"],
        document=told,
    )


def prepare_receive(_here: Here, *, decision: Any) -> Prepared:
    """Read the file where the person is."""
    if isinstance(decision, Mapping):
        return Prepared({"decision": dict(decision)})
    return Prepared({"decision": files.read_json(Path(str(decision)), no_decision)})


@deed(prepare="services.decisions:prepare_receive")
def receive(ws: Workspace, decision: File) -> RequestAnswer:
    """Bring in a decision that somebody signed elsewhere, in that person's name.

    The signature is verified with the keys in `policy people`, and that it speaks of this very request:
    its version, deployment, policy, evidence, nonce and expiry. Replayed, changed or late ones, and
    those of somebody whose own work it is, are refused, each with an event that says why.
    """
    number = _number(decision)
    with ws.act("request:decision", subject=f"request:{number}") as act:
        signer = _signer(ws, act.session, decision)
        act.nothing()
    with ws.as_actor(signer).act("request:decision", subject=f"request:{number}") as act:
        signer = _signer(ws, act.session, decision)
        told, said, signature = decided.read_signed(decision)
        asked = lookup.request(act.session, said["request"])
        act.reason = said["comment"]
        row = tables.Decision(
            request_id=asked.id,
            person=signer.id,
            outcome=said["verdict"],
            assurance=signer.assurance,
            actor=signer.to_dict(),
            comment=said["comment"],
            statement=told,
            signature=signature,
            at=said["decided_at"],
            known_at=ws.now(),
        )
        answer = approvals.settled(ws, act, asked, row)
    return approvals.completed(ws, answer)


def _signer(ws: Workspace, session: Session, decision: Any) -> Actor:
    """Return the person who signed a decision about a request of this workspace.

    Raises:
        Invalid: it is no decision, or no signature.
        Refused: it speaks of something else, or was signed by somebody else, or too early or late.
    """
    told, said, armoured = decided.read_signed(decision)
    asked = lookup.request(session, said["request"])
    _check_bound(asked, said)
    _check_moment(ws, asked, said["decided_at"])
    known = people.known(session)
    if known is None:
        raise Refused(
            "This workspace does not know whose key is whose.",
            "write down who decides, with their keys: %%mlops policy people",
            code="people_unknown",
        )
    signature = signatures.verify(armoured, told)
    for at in (said["decided_at"], ws.now()):
        signer = check_signer(known, signature.key, at)
    if signer.id != said["decider"]:
        raise Refused(
            "The decision says it is {said}'s, and {name} signed it.",
            "each decides in their own name.",
            code="decision_not_theirs",
            said=said["decider"],
            name=signer.id,
        )
    claims = {"name": signer.name, "key": signature.key.fingerprint, "brought_by": ws.actor.id}
    actor = Actor(signer.id, "person", signatures.worth(signature), claims)
    approvals.check_may(ws, session, asked, actor, said["verdict"], comment=said["comment"])
    return actor


def _check_bound(asked: tables.Request, said: Mapping[str, Any]) -> None:
    """Raise unless a decision speaks of exactly this request, and say of what it does not."""
    bound = approvals.bound(asked)
    if said["nonce"] != bound["nonce"]:
        raise Refused(
            "This decision was made about another request {request}.",
            "`send {request} --to FILE` writes the one of this workspace.",
            code="decision_of_other_request",
            request=asked.id,
        )
    compared = {
        "version": (said["subject"]["version"], bound["ref"]),
        "manifest": (said["subject"]["manifest"], bound["manifest_digest"]),
        "deployment": (said["target"]["deployment"], bound["deployment"]),
        "role": (said["target"]["role"], bound["role"]),
        "policy": (said["policy"], bound["policy_digest"]),
        "evidence": (said["evidence"], bound["evidence_digest"]),
        "expiry": (said["expires_at"], bound["expires_at"]),
    }
    for what, (found, wanted) in compared.items():
        if found != wanted:
            raise Refused(
                "This decision speaks of another {what} than request {request} has now.",
                "`send {request} --to FILE` writes the request as it is.",
                code="decision_changed",
                what=what,
                request=asked.id,
            )
    if said["verdict"] not in ("approved", "rejected", BREAK_GLASS):
        raise no_decision("it says neither yes nor no")


def _check_moment(ws: Workspace, asked: tables.Request, at: str) -> None:
    """Raise where a decision was made before its request, or is from tomorrow: a clock is wrong."""
    if iso(datetime.fromisoformat(asked.at) - AHEAD) <= at <= iso(ws.clock() + AHEAD):
        return
    raise Refused(
        "This decision says it was made at {at}; the request is of {asked}, and it is {now}.",
        "set the clock of who signs, and sign again.",
        code="decision_moment",
        at=at,
        asked=asked.at,
        now=ws.now(),
    )


def _number(decision: Any) -> str:
    try:
        return str(decided.read_signed(decision)[1]["request"])
    except Exception:  # noqa: BLE001  (what it is no decision of is said inside the deed)
        return "unknown"


def _facts(asked: tables.Request) -> dict[str, Any]:
    return {
        "risk": asked.risk,
        "reason": asked.reason,
        "requested_by": str(asked.requester["id"]),
        "requested_at": asked.at,
    }


def _signers(session: Session) -> dict[str, str]:
    known = people.known(session)
    if known is None:
        return {}
    return {read_key(line).fingerprint: one.id for one in known.people for line in one.keys}
