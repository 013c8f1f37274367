"""What the rules of humility say of one answer, decided from what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.domain.expressions import condition
from jupyter_mlops.domain.humility import CHANGING, Rule, Subject

Row = Mapping[str, Any]
Trial = Callable[[Row, float, Sequence[str]], bool]
"""Row, how sure the model is (the probability or value that bounds speak of), and its warnings."""

FIRED: Final = "humility:"
REVIEWED: Final = "review:"
_SIGNS: Final = {"outlying": "outside_range:", "unseen": "new_level:"}


def trial(rule: Rule, subject: Subject) -> Trial | None:
    """Return how a rule is tried on a row by itself; None where that needs figures of the model."""
    if rule.when == "uncertain" and rule.is_bounded:
        inside = subject.task != "regression"
        return lambda _row, sure, _warnings: (rule.low <= sure <= rule.high) is inside
    if rule.when == "missing":
        names = rule.features or tuple(subject.names)
        return lambda row, _sure, _warnings: (
            sum(row.get(name) is None for name in names) > rule.more_than * len(names)
        )
    if rule.when == "expression":
        is_met = condition(rule.expression, subject.features)
        return lambda row, _sure, _warnings: is_met(row)
    if rule.when in _SIGNS:
        return _odd(rule, subject)
    return None


def _odd(rule: Rule, subject: Subject) -> Trial:
    """Return whether one of the features was marked, or is of a rare level."""
    names = rule.features or tuple(subject.names)
    signs = frozenset(_SIGNS[rule.when] + name for name in names)
    rare = {
        name: frozenset(level for level, share in levels.items() if share < rule.rarer_than)
        for name, levels in subject.limits.rare.items()
        if rule.rarer_than and name in names
    }
    if not rare:
        return lambda _row, _sure, warnings: not signs.isdisjoint(warnings)
    return lambda row, _sure, warnings: (
        not signs.isdisjoint(warnings)
        or any(row.get(name) in levels for name, levels in rare.items())
    )


@dataclass(frozen=True)
class Verdict:
    """What comes of one answer: the signs it is marked with, who refuses it, who changes it."""

    signs: list[str]
    refused_by: str = ""
    changed_by: Rule | None = None


def verdict(fired: Sequence[Rule]) -> Verdict:
    """Return what the rules that fired on an answer come to; they are in their order."""
    signs = [FIRED + rule.name for rule in fired]
    signs += [REVIEWED + rule.name for rule in fired if rule.then == "review"]
    return Verdict(
        signs=signs,
        refused_by=next((rule.name for rule in fired if rule.then == "refuse"), ""),
        changed_by=next((rule for rule in fired if rule.then in CHANGING), None),
    )


def overridden(rule: Rule, value: Any) -> Any:
    """Return what is answered instead of a value: another one, or the nearest within bounds."""
    if rule.to == "bound":
        return min(max(value, rule.low), rule.high)
    return rule.value
