"""What it takes to approve, and what a decision is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from jupyter_mlops.domain.access import Actor, reaches
from jupyter_mlops.domain.answers import Assurance, Risk
from jupyter_mlops.errors import Conflict, Refused

VALID_DAYS: Final = 14
REMIND_DAYS: Final = 3
"""Days after which a request that nobody decided is brought to mind, again and again."""


@dataclass(frozen=True)
class Policy:
    """Who must decide about a model of one risk: how many, how sure, and who may not."""

    risk: Risk
    approvers: int
    assurance: Assurance
    other_than_author: bool
    distinct_roles: int = 1

    def canonical(self) -> str:
        """Return the one way to write this policy, which its digest is of."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


DEFAULTS: Final = (
    Policy("low", 1, "recorded", other_than_author=False),
    Policy("moderate", 1, "recorded", other_than_author=True),
    Policy("high", 2, "authenticated", other_than_author=True),
    Policy("critical", 2, "signed", other_than_author=True, distinct_roles=2),
)


def read_policy(body: str) -> Policy:
    """Return the policy that was written by :meth:`Policy.canonical`."""
    return Policy(**json.loads(body))


def reminder_days(policy: Policy) -> int:
    """Return after how many days those who decide are reminded of a request under a policy."""
    del policy  # none says so yet
    return REMIND_DAYS


@dataclass(frozen=True)
class Case:
    """What a decision is about, as far as the rules need to know it."""

    request: int
    ref: str
    state: str
    expires_at: str
    author: str
    requester: str
    checks_passed: bool
    one_person: bool
    decided_by: Sequence[str]


def check_may_decide(actor: Actor, case: Case, *, now: str) -> None:
    """Raise unless this actor may say yes or no to this request now.

    Raises:
        Conflict: the request is no longer open, or this person has decided already.
        Refused: the request has expired, or the actor is a service.
    """
    if case.state != "open":
        raise Conflict(
            "Request {request} is {state}; there is nothing left to decide.",
            "`requests` lists what is open.",
            code="request_closed",
            request=case.request,
            state=case.state,
        )
    if now >= case.expires_at:
        raise Refused(
            "Request {request} expired on {day}.",
            "ask again: `request {ref} --for …`.",
            code="request_expired",
            request=case.request,
            day=case.expires_at[:10],
            ref=case.ref,
        )
    if actor.kind != "person":
        raise Refused(
            "A service never decides; request {request} waits for a person.",
            code="decider_is_service",
            request=case.request,
        )
    if actor.id in case.decided_by:
        raise Conflict(
            "You have already decided about request {request}.",
            "`requests` shows what it still waits for.",
            code="already_decided",
            request=case.request,
        )


def check_may_approve(actor: Actor, case: Case, policy: Policy, *, now: str) -> None:
    """Raise unless an approval by this actor would count under the policy.

    Raises:
        Refused: a check failed, the assurance of this place is too weak, or the actor is the
            author or requester and the workspace knows more than one person.
    """
    check_may_decide(actor, case, now=now)
    if not case.checks_passed:
        raise Refused(
            "{ref} cannot be approved: a release check failed.",
            "`check {ref}` shows which; register a version that passes and request it.",
            code="checks_failed",
            ref=case.ref,
        )
    _check_assurance(actor, case, policy)
    own = actor.id in (case.author, case.requester)
    if policy.other_than_author and own and not case.one_person:
        raise Refused(
            "Nobody approves their own work: {ref} needs somebody other than its author and"
            " requester.",
            "ask a colleague; `requests` shows what waits.",
            code="self_approval",
            ref=case.ref,
        )


def _check_assurance(actor: Actor, case: Case, policy: Policy) -> None:
    if reaches(actor.assurance, policy.assurance):
        return
    raise Refused(
        "{ref} is {risk} risk and needs {approvers} people at assurance '{needs}'; this workspace"
        " knows one person and can only record ('{has}'). Nothing was decided.",
        "the request stays open until {until}; it waits for a signature or a team server, which"
        " this release does not have. A model whose risk is not {risk} can be registered with"
        " another --risk.",
        code="assurance_too_low",
        ref=case.ref,
        risk=policy.risk,
        approvers=policy.approvers,
        needs=policy.assurance,
        has=actor.assurance,
        until=case.expires_at[:10],
    )


def is_complete(policy: Policy, decisions: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the approvals given so far are all that the policy asks for."""
    counted = {
        decision["person"]
        for decision in decisions
        if decision["outcome"] == "approved" and reaches(decision["assurance"], policy.assurance)
    }
    return len(counted) >= policy.approvers


def statement(
    *,
    request: int,
    verdict: str,
    ref: str,
    manifest_digest: str,
    deployment: str,
    role: str,
    policy_digest: str,
    evidence_digest: str,
    decider: str,
    decided_at: str,
    expires_at: str,
    nonce: str,
    comment: str,
) -> str:
    """Return what a decision says, in the one form that is remembered, verified and signed."""
    told = {
        "type": "jupyter-mlops/decision/v1",
        "request": request,
        "verdict": verdict,
        "subject": {"version": ref, "manifest": manifest_digest},
        "target": {"deployment": deployment, "role": role},
        "policy": policy_digest,
        "evidence": evidence_digest,
        "decider": decider,
        "decided_at": decided_at,
        "expires_at": expires_at,
        "nonce": nonce,
        "comment": comment,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def is_bound(
    told: str,
    *,
    request: int,
    manifest_digest: str,
    deployment: str,
    role: str,
    policy_digest: str,
    evidence_digest: str,
    nonce: str,
) -> bool:
    """Say whether a remembered decision speaks of exactly this change, and of no other."""
    said = json.loads(told)
    return bool(
        said["request"] == request
        and said["verdict"] == "approved"
        and said["subject"]["manifest"] == manifest_digest
        and said["target"] == {"deployment": deployment, "role": role}
        and said["policy"] == policy_digest
        and said["evidence"] == evidence_digest
        and said["nonce"] == nonce
    )
