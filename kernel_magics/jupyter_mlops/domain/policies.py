"""Which policies apply to a change, and what they ask together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, cast, get_args

from jupyter_mlops.domain.access import ASSURANCES
from jupyter_mlops.domain.answers import Risk
from jupyter_mlops.domain.approvals import (
    DEFAULTS,
    TIMEOUTS,
    Asked,
    Floors,
    Policy,
)

Subject = Literal[
    "version", "deployment", "replacement", "rules", "policy", "retirement", "erasure", "key"
]
"""What a policy may speak of; a `deployment` is a first release, a `replacement` any after it."""
SUBJECTS: Final = get_args(Subject)
RISKS: Final = cast("tuple[Risk, ...]", get_args(Risk))
PEOPLE: Final = "people"
"""The name under which it is kept who there is; no policy is called so."""
OF_VERSIONS: Final = ("deployment", "replacement")
"""Changes that carry a version somewhere; all others are governed by ``governing``."""


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
class Written:
    """A policy with a name: what it speaks of and what it asks for."""

    name: str
    scope: Scope
    asked: Asked

    def canonical(self) -> str:
        """Return the one way to write this policy, which its digest is of."""
        told = {"for": asdict(self.scope), "asks": asdict(self.asked)}
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _as_came(policy: Policy) -> Written:
    asked = {field.name: getattr(policy, field.name) for field in fields(Asked)}
    return Written(policy.risk, Scope(subjects=OF_VERSIONS, risks=(policy.risk,)), Asked(**asked))


CAME: Final = tuple(map(_as_came, DEFAULTS))
"""The policies of a new workspace, one for each risk; one that is written under such a name replaces it."""


def speaking(policies: Iterable[Written], change: Change) -> list[Written]:
    """Return the policies that speak of a change."""
    return [policy for policy in policies if policy.scope.holds(change)]


def together(policies: Iterable[Written], change: Change) -> Policy:
    """Return what all policies that speak of a change ask together: of everything the strictest."""
    return strictest(change.risk, [policy.asked for policy in speaking(policies, change)])


def strictest(risk: Risk, asked: Sequence[Asked]) -> Policy:
    """Return of everything that is asked the strictest; one decision of anybody where nothing is."""
    if not asked:
        return Policy(risk=risk, other_than_author=False)
    roles = _union(one.roles for one in asked)
    distinct = max(one.distinct_roles for one in asked)
    return Policy(
        risk=risk,
        approvers=max(distinct, len(roles), *(one.approvers for one in asked)),
        assurance=max((one.assurance for one in asked), key=ASSURANCES.index),
        other_than_author=any(one.other_than_author for one in asked),
        distinct_roles=distinct,
        roles=roles,
        checks=_union(one.checks for one in asked),
        valid_days=min(one.valid_days for one in asked),
        remind_days=min(one.remind_days for one in asked),
        documents=_union(one.documents for one in asked),
        protected=_union(one.protected for one in asked),
        fairness=_highest(one.fairness for one in asked),
        review_days=min((one.review_days for one in asked if one.review_days), default=0),
        on_timeout=max((one.on_timeout for one in asked), key=TIMEOUTS.index),
        tell=_union(one.tell for one in asked),
    )


def is_looser(after: Asked, before: Asked) -> bool:
    """Say whether one policy asks for less than another in any respect."""
    floors = dict(after.fairness)
    lists = ("roles", "checks", "documents", "protected", "tell")
    return (
        after.approvers < before.approvers
        or ASSURANCES.index(after.assurance) < ASSURANCES.index(before.assurance)
        or (before.other_than_author and not after.other_than_author)
        or after.distinct_roles < before.distinct_roles
        or any(not set(getattr(before, name)) <= set(getattr(after, name)) for name in lists)
        or any(floors.get(measure, 0.0) < floor for measure, floor in before.fairness)
        or after.valid_days > before.valid_days
        or (before.review_days > 0 and not 0 < after.review_days <= before.review_days)
        or TIMEOUTS.index(after.on_timeout) < TIMEOUTS.index(before.on_timeout)
    )


def as_told(written: Written) -> dict[str, Any]:
    """Return a policy as JSON has it: what it speaks of, and what it asks for that is not usual."""
    scope = {name: list(words) for name, words in asdict(written.scope).items() if words}
    asks = asdict(written.asked)
    asks["fairness"] = dict(written.asked.fairness)
    return {"scope": scope, "asks": asks}


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _union(words: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(sorted({word for several in words for word in several}))


def _highest(floors: Iterable[Floors]) -> Floors:
    highest: dict[str, float] = {}
    for measure, floor in (pair for several in floors for pair in several):
        highest[measure] = max(floor, highest.get(measure, 0.0))
    return tuple(sorted(highest.items()))
