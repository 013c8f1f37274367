"""Which policies apply to a change, what they ask together, and how people write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NotRequired, TypedDict, cast, get_args

from jupyter_mlops.domain.access import ASSURANCES
from jupyter_mlops.domain.answers import Assurance, Risk
from jupyter_mlops.domain.approvals import DEFAULTS, REMIND_DAYS, VALID_DAYS, Policy
from jupyter_mlops.domain.names import check_name
from jupyter_mlops.domain.registered import Person
from jupyter_mlops.errors import Invalid, did_you_mean

Subject = Literal[
    "version", "deployment", "replacement", "rules", "policy", "retirement", "erasure", "key"
]
"""What a policy may speak of; a `deployment` is a first release, a `replacement` any after it."""
SUBJECTS: Final = get_args(Subject)
RISKS: Final = cast("tuple[Risk, ...]", get_args(Risk))
_MOST: Final = 20
"""How many approvers, and how many of anything, one policy may ask for."""
_LONGEST_DAYS: Final = 366


@dataclass(frozen=True)
class Change:
    """A change, as far as policies look at it."""

    subject: Subject
    risk: Risk
    deployment: str = ""
    model: str = ""
    role: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What a policy speaks of; where nothing is said, of everything. Names may hold `*` and `?`."""

    subjects: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def holds(self, change: Change) -> bool:
        """Say whether the policy speaks of this change."""
        return (
            (not self.subjects or change.subject in self.subjects)
            and (not self.risks or change.risk in self.risks)
            and (not self.tags or not set(self.tags).isdisjoint(change.tags))
            and _matches(change.deployment, self.deployments)
            and _matches(change.model, self.models)
            and (not self.roles or change.role in self.roles)
        )


@dataclass(frozen=True)
class Asked:
    """What one policy asks for; together with others the strictest counts."""

    approvers: int = 1
    assurance: Assurance = "recorded"
    other_than_author: bool = True
    distinct_roles: int = 1
    roles: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    valid_days: int = VALID_DAYS
    remind_days: int = REMIND_DAYS


@dataclass(frozen=True)
class Written:
    """A policy with a name: what it speaks of and what it asks for."""

    name: str
    scope: Scope
    asked: Asked

    def canonical(self) -> str:
        """Return the one way to write this policy, which its digest is of."""
        told = {"for": asdict(self.scope), "asks": asdict(self.asked)}
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Knows(TypedDict):
    """A person as the workspace knows them; ``keys`` are fingerprints, ``owner`` whom cells stand for."""

    id: str
    name: str
    roles: list[str]
    keys: list[str]
    users: list[str]
    until: str
    owner: bool


class PolicyRow(TypedDict):
    """A policy in force: its number (0 as it came with the workspace), what it speaks of and asks.

    The one called `people` holds ``people`` instead.
    """

    name: str
    number: int
    digest: str
    scope: dict[str, list[str]]
    asks: dict[str, Any]
    text: str
    by: Person | None
    at: str
    people: NotRequired[list[Knows]]


class Policies(TypedDict):
    """The policies in force."""

    items: list[PolicyRow]


def _as_came(policy: Policy) -> Written:
    asked = {field.name: getattr(policy, field.name) for field in fields(Asked)}
    subjects = ("deployment", "replacement")
    return Written(policy.risk, Scope(subjects=subjects, risks=(policy.risk,)), Asked(**asked))


CAME: Final = tuple(map(_as_came, DEFAULTS))
"""The policies of a new workspace, one for each risk; one that is written under such a name replaces it."""


def together(policies: Iterable[Written], change: Change) -> Policy:
    """Return what all policies that speak of a change ask together: of everything the strictest."""
    asked = [policy.asked for policy in policies if policy.scope.holds(change)]
    if not asked:
        return Policy(change.risk, 1, "recorded", other_than_author=False)
    return Policy(
        risk=change.risk,
        approvers=max(one.approvers for one in asked),
        assurance=max((one.assurance for one in asked), key=ASSURANCES.index),
        other_than_author=any(one.other_than_author for one in asked),
        distinct_roles=max(one.distinct_roles for one in asked),
        roles=_union(one.roles for one in asked),
        checks=_union(one.checks for one in asked),
        valid_days=min(one.valid_days for one in asked),
        remind_days=min(one.remind_days for one in asked),
    )


def is_looser(after: Policy, before: Policy) -> bool:
    """Say whether one policy asks for less than another in any respect."""
    return (
        after.approvers < before.approvers
        or ASSURANCES.index(after.assurance) < ASSURANCES.index(before.assurance)
        or (before.other_than_author and not after.other_than_author)
        or after.distinct_roles < before.distinct_roles
        or not set(before.roles) <= set(after.roles)
        or not set(before.checks) <= set(after.checks)
        or after.valid_days > before.valid_days
    )


def read(name: str, told: Mapping[Any, Any]) -> Written:
    """Return the policy that a person wrote.

    Raises:
        Invalid: a part is unknown, or not what it has to be; it is named.
    """
    check_name(name, what="policy")
    _known(told, ("for", "asks"), "a policy")
    return Written(name, _scope(told.get("for", {})), _asked(told.get("asks", {})))


def kept(name: str, body: str) -> Written:
    """Return the policy that was written by :meth:`Written.canonical`."""
    told = json.loads(body)
    scope = {part: tuple(words) for part, words in told["for"].items()}
    asked: dict[str, Any] = {
        part: tuple(value) if isinstance(value, list) else value
        for part, value in told["asks"].items()
    }
    return Written(name, Scope(**scope), Asked(**asked))


def _scope(told: Any) -> Scope:
    names = {
        "subject": "subjects",
        "risk": "risks",
        "tags": "tags",
        "deployment": "deployments",
        "model": "models",
        "role": "roles",
    }
    of = {"subject": SUBJECTS, "risk": RISKS, "role": ("champion", "challenger")}
    _known(told, names, "`for`")
    return Scope(**{names[part]: _words(part, told[part], of.get(part)) for part in told})


def _asked(told: Any) -> Asked:
    names = {
        "approvers": "approvers",
        "assurance": "assurance",
        "other_than_author": "other_than_author",
        "distinct_roles": "distinct_roles",
        "roles": "roles",
        "checks": "checks",
        "valid": "valid_days",
        "remind": "remind_days",
    }
    _known(told, names, "`asks`")
    return Asked(**{names[part]: _READERS[part](part, told[part]) for part in told})


def _words(part: str, told: Any, known: Sequence[str] | None = None) -> tuple[str, ...]:
    words = told if isinstance(told, list) else [told]
    if not all(isinstance(word, str) and word for word in words) or len(words) > _MOST:
        raise _wrong(part, f"a word or a list of at most {_MOST} words")
    for word in words:
        if known is not None and word not in known:
            raise _unknown(word, known, f"`{part}`")
    return tuple(dict.fromkeys(words))


def _count(part: str, told: Any) -> int:
    if isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= _MOST:
        return told
    raise _wrong(part, f"a whole number from 1 to {_MOST}")


def _days(part: str, told: Any) -> int:
    number = told.removesuffix("d") if isinstance(told, str) else told
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number[:4])
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= _LONGEST_DAYS:
        return number
    raise _wrong(part, f"a number of days from 1 to {_LONGEST_DAYS}, such as 14d")


def _yes_or_no(part: str, told: Any) -> bool:
    if isinstance(told, bool):
        return told
    raise _wrong(part, "true or false")


def _assurance(part: str, told: Any) -> str:
    return _words(part, told if isinstance(told, str) else "", ASSURANCES)[0]


_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "approvers": _count,
    "assurance": _assurance,
    "other_than_author": _yes_or_no,
    "distinct_roles": _count,
    "roles": _words,
    "checks": _words,
    "valid": _days,
    "remind": _days,
}


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _union(words: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({word for several in words for word in several}))


def _known(told: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(told, Mapping):
        raise _wrong(where, "a mapping")
    for name in told:
        if name not in set(known):
            raise _unknown(str(name), list(known), where)


def _unknown(name: str, known: Sequence[str], where: str) -> Invalid:
    meant = did_you_mean(name, known)
    return Invalid(
        "{name} is nothing that {where} knows.",
        "did you mean {meant}?" if meant else "there are: {known}.",
        code="policy_invalid",
        name=name,
        where=where,
        meant=meant,
        known=", ".join(known),
    )


def _wrong(name: str, wanted: str) -> Invalid:
    return Invalid(
        "{name} has to be {wanted}.",
        "`policy --help` shows what a policy looks like.",
        code="policy_invalid",
        name=name,
        wanted=wanted,
    )
