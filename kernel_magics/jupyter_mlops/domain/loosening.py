"""What a changed policy would no longer ask, and what it takes to allow that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import Final

from jupyter_mlops.domain.approvals import Policy
from jupyter_mlops.domain.policies import (
    RISKS,
    SUBJECTS,
    Change,
    Scope,
    Written,
    is_looser,
    strictest,
    together,
)

_MOST_NAMES: Final = 12
"""Names of each kind that are tried; what is not tried is still held by what the policy asks itself."""


def loosened(
    known: Sequence[Written],
    name: str,
    after: Written | None,
    *,
    deployments: Iterable[str] = (),
    models: Iterable[str] = (),
) -> Policy | None:
    """Return what it takes to change a policy so; None where nothing that is asked now is lost.

    Loosening takes what it loosens: the strictest of what is asked now, of any change about which
    less would be asked, and never less than what the policy asks itself. ``deployments`` and
    ``models`` are names there are.
    """
    before = next((one for one in known if one.name == name), None)
    if before is None or (after is not None and not _loses(before, after)):
        return None
    others = [one for one in known if one.name != name]
    changed = [*others, after] if after is not None else others
    lost = [
        together(known, change)
        for change in _tried(known, before.scope, deployments, models)
        if is_looser(together(changed, change), together(known, change))
    ]
    risks = [asked.risk for asked in lost] or [
        risk for risk in RISKS if risk in (before.scope.risks or RISKS)
    ]
    return strictest(max(risks, key=RISKS.index), [before.asked, *lost])


def _loses(before: Written, after: Written) -> bool:
    """Say whether a policy no longer speaks of something, or asks for less."""
    return not _covers(after.scope, before.scope) or is_looser(after.asked, before.asked)


def _covers(after: Scope, before: Scope) -> bool:
    """Say whether everything that one scope holds the other surely holds too."""
    plain = all(
        not (mine := getattr(after, part))
        or (getattr(before, part) and set(getattr(before, part)) <= set(mine))
        for part in ("subjects", "risks", "tags", "roles")
    )
    return plain and all(
        not (mine := getattr(after, part))
        or (
            getattr(before, part)
            and all(any(_is_within(one, by) for by in mine) for one in getattr(before, part))
        )
        for part in ("deployments", "models")
    )


def _is_within(pattern: str, other: str) -> bool:
    """Say whether all names of one pattern are surely names of the other."""
    if other in (pattern, "*"):
        return True
    if not _is_wild(pattern):
        return fnmatchcase(pattern, other)
    stem = other.removesuffix("*")
    return other != stem and not _is_wild(stem) and pattern.startswith(stem)


def _is_wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _tried(
    known: Sequence[Written], scope: Scope, deployments: Iterable[str], models: Iterable[str]
) -> list[Change]:
    """Return changes of every kind that a scope holds, with names that policies tell apart."""
    roles = scope.roles or ("champion", "challenger", "")
    tags = [(), *((tag,) for one in known for tag in one.scope.tags)]
    places = _names([p for one in known for p in one.scope.deployments], deployments)
    names = _names([p for one in known for p in one.scope.models], models)
    if scope.deployments:
        places = [*places, *_names(scope.deployments, ())]
    if scope.models:
        names = [*names, *_names(scope.models, ())]
    every = product(
        scope.subjects or SUBJECTS,
        scope.risks or RISKS,
        _once(places),
        _once(names),
        roles,
        dict.fromkeys(tags),
    )
    tried = (
        Change(subject, risk, deployment=place, model=name, role=role, tags=tag)
        for subject, risk, place, name, role, tag in every
    )
    return [change for change in tried if scope.holds(change)]


def _names(patterns: Iterable[str], there_are: Iterable[str]) -> list[str]:
    told = [pattern.replace("*", "").replace("?", "x") for pattern in patterns]
    return ["", *told[:_MOST_NAMES], *list(there_are)[:_MOST_NAMES]]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
