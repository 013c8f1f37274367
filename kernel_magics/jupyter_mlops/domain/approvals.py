"""What it takes to approve, and what a decision is worth."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from jupyter_mlops.domain.access import Actor, reaches
from jupyter_mlops.domain.answers import Assurance, Risk
from jupyter_mlops.errors import Conflict, Refused

Timeout = Literal["expire", "escalate", "reject"]
"""What becomes of a request that nobody decided in time: it ends, others hear of it first, it is refused."""
Floors = tuple[tuple[str, float], ...]
"""Measures of fairness with the least ratio of each."""

VALID_DAYS: Final = 14
REMIND_DAYS: Final = 3
"""Days after which a request that nobody decided is brought to mind, again and again."""
BREAK_GLASS: Final = "break-glass"
"""The verdict, and the role, of who has a change carried out alone in an emergency."""
EMERGENCY_HOURS: Final = 24
"""How long such a word can be carried out."""
TIMEOUTS: Final = get_args(Timeout)
_FIRST: Final = ("risk", "approvers", "assurance", "other_than_author", "distinct_roles")


@dataclass(frozen=True)
class Asked:
    """What is asked of approvals: how many, how sure, of which roles, and of whom not.

    ``roles`` are roles of people, each of which has to approve by a person of its own; ``checks`` are
    release checks that have to have passed, where otherwise it is enough that none failed.
    ``documents`` are templates that have to be complete, ``protected`` attributes in which fairness has
    to have been measured, ``fairness`` the least ratios. ``review_days`` is after how long a live version
    has to be approved again (0: never). ``on_timeout`` says what becomes of a request that nobody
    decided, ``tell`` names the webhooks that hear of it.
    """

    approvers: int = 1
    assurance: Assurance = "recorded"
    other_than_author: bool = True
    distinct_roles: int = 1
    roles: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    valid_days: int = VALID_DAYS
    remind_days: int = REMIND_DAYS
    documents: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    fairness: Floors = ()
    review_days: int = 0
    on_timeout: Timeout = "expire"
    tell: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy(Asked):
    """What is asked of the approvals of one change of some risk, by all policies together."""

    risk: Risk

    def canonical(self) -> str:
        """Return the one way to write this policy, which its digest is of.

        What was added later is left out where nothing is asked by it, so that digests stay what they were.
        """
        told = {
            name: value
            for name, value in asdict(self).items()
            if name in _FIRST or value != getattr(type(self), name)
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"))


DEFAULTS: Final = (
    Policy(risk="low", other_than_author=False),
    Policy(risk="moderate"),
    Policy(risk="high", approvers=2, assurance="authenticated"),
    Policy(risk="critical", approvers=2, assurance="signed", distinct_roles=2),
)


def read_policy(body: str) -> Policy:
    """Return the policy that was written by :meth:`Policy.canonical`."""
    told = json.loads(body)
    for name in ("roles", "checks", "documents", "protected", "tell"):
        if name in told:
            told[name] = tuple(told[name])
    if "fairness" in told:
        told["fairness"] = tuple((measure, floor) for measure, floor in told["fairness"])
    return Policy(**told)


@dataclass(frozen=True)
class Case:
    """What a decision is about, as far as the rules need to know it.

    ``own`` are the people whose own work it may be; with
    ``knows_people`` others than the one at the notebook can sign.
    """

    request: int
    ref: str
    state: str
    expires_at: str
    author: str
    requester: str
    checks_passed: bool
    one_person: bool
    decided_by: Sequence[str]
    own: frozenset[str] = frozenset()
    knows_people: bool = False


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
    own = actor.id in {case.author, case.requester, *case.own}
    if policy.other_than_author and own and not case.one_person:
        raise Refused(
            "Nobody approves their own work: {ref} needs somebody other than its author and"
            " requester.",
            "ask a colleague; `requests` shows what waits.",
            code="self_approval",
            ref=case.ref,
        )


def check_may_break_glass(
    actor: Actor, case: Case, *, roles: Collection[str], reason: str, now: str
) -> None:
    """Raise unless this actor may have a change carried out alone, in an emergency.

    Raises:
        Refused: they have no such role, did not sign, or say no reason.
        Conflict: there is nothing left to decide.
    """
    check_may_decide(actor, case, now=now)
    if not reaches(actor.assurance, "signed") or BREAK_GLASS not in roles:
        raise Refused(
            "Only somebody with the role {role} breaks the glass, by their signature; {who} has not.",
            "`policy people` shows who has it; `jupyter mlops decide {request}` is the way for others.",
            code="not_break_glass",
            role=BREAK_GLASS,
            who=actor.id,
            request=case.request,
        )
    if not reason.strip():
        raise Refused(
            "Whoever breaks the glass says why.",
            'jupyter mlops decide {request} --break-glass --reason "…"',
            code="reason_missing",
            request=case.request,
        )


def _check_assurance(actor: Actor, case: Case, policy: Policy) -> None:
    if reaches(actor.assurance, policy.assurance):
        return
    raise Refused(
        "{ref} is {risk} risk and needs {approvers} people at assurance '{needs}'; a cell can only"
        " record ('{has}'). Nothing was decided."
        if case.knows_people
        else "{ref} is {risk} risk and needs {approvers} people at assurance '{needs}'; this workspace"
        " knows one person and can only record ('{has}'). Nothing was decided.",
        "in a terminal: jupyter mlops decide {request}"
        if case.knows_people
        else "write down who decides, with their keys (%%mlops policy people); then, in a terminal:"
        " jupyter mlops decide {request}",
        code="assurance_too_low",
        ref=case.ref,
        request=case.request,
        risk=policy.risk,
        approvers=policy.approvers,
        needs=policy.assurance,
        has=actor.assurance,
    )


def is_complete(policy: Policy, decisions: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the approvals given so far are all that the policy asks for.

    Of each decision ``person``, ``outcome``, ``assurance`` and, where they are known, ``roles`` count.
    Nobody stands for two roles.
    """
    counted: dict[str, frozenset[str]] = {
        decision["person"]: frozenset(decision.get("roles", ()))
        for decision in decisions
        if decision["outcome"] == "approved" and reaches(decision["assurance"], policy.assurance)
    }
    return (
        len(counted) >= policy.approvers
        and _stood_for(counted, policy.roles) == len(set(policy.roles))
        and (
            policy.distinct_roles <= 1
            or _stood_for(counted, {role for roles in counted.values() for role in roles})
            >= policy.distinct_roles
        )
    )


def _stood_for(people: Mapping[str, Collection[str]], roles: Collection[str]) -> int:
    """Return for how many of these roles there is a person of its own: a largest matching."""
    stands: dict[str, str] = {}

    def finds(role: str, tried: set[str]) -> bool:
        for person, has in people.items():
            if role in has and person not in tried:
                tried.add(person)
                if person not in stands or finds(stands[person], tried):
                    stands[person] = role
                    return True
        return False

    return sum(finds(role, set()) for role in sorted(set(roles)))


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


def read_statement(told: str) -> Mapping[str, Any]:
    """Return what a statement says, or nothing where it is not one of ours, letter for letter."""
    try:
        said = json.loads(told)
        written = statement(
            request=said["request"],
            verdict=said["verdict"],
            ref=said["subject"]["version"],
            manifest_digest=said["subject"]["manifest"],
            deployment=said["target"]["deployment"],
            role=said["target"]["role"],
            policy_digest=said["policy"],
            evidence_digest=said["evidence"],
            decider=said["decider"],
            decided_at=said["decided_at"],
            expires_at=said["expires_at"],
            nonce=said["nonce"],
            comment=said["comment"],
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return said if written == told else {}


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
    verdict: str = "approved",
) -> bool:
    """Say whether a remembered decision speaks of exactly this change, and of no other."""
    said = read_statement(told)
    return bool(
        said
        and said["request"] == request
        and said["verdict"] == verdict
        and said["subject"]["manifest"] == manifest_digest
        and said["target"] == {"deployment": deployment, "role": role}
        and said["policy"] == policy_digest
        and said["evidence"] == evidence_digest
        and said["nonce"] == nonce
    )
