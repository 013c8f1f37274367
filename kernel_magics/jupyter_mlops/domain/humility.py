"""When a model is unsure of itself, and what is done about it: rules, judged answer by answer.

A rule has a trigger (``when``) and an action (``then``). Rules are tried in their order; the first
one that changes an answer wins, and one that refuses wins over all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from jupyter_mlops.domain.names import check_name
from jupyter_mlops.errors import Invalid, did_you_mean

TRIGGERS: Final = ("uncertain", "outlying", "unseen", "missing")
ACTIONS: Final = ("note", "override", "refuse")
MOST_RULES: Final = 50
_KEYS: Final = ("name", "when", "between", "outside", "features", "more_than", "then", "with")
_WARNINGS: Final = {"outlying": "outside_range:", "unseen": "new_level:"}


@dataclass(frozen=True)
class Rule:
    """One rule of humility.

    ``low`` and ``high`` bound the probability of the second class (binary), of the winning class
    (multiclass) or the value (regression); ``features`` is empty where all are meant.
    """

    name: str
    when: str
    then: str
    low: float = 0.0
    high: float = 0.0
    features: tuple[str, ...] = ()
    more_than: float = 0.0
    value: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return {**asdict(self), "features": list(self.features)}


@dataclass(frozen=True)
class Subject:
    """What rules are about: the task, its classes and the features of a deployment."""

    task: str
    classes: Sequence[Any]
    features: Sequence[str]


def read_rules(told: Any, subject: Subject) -> list[Rule]:
    """Return the rules that a person wrote, checked against what they are about.

    Raises:
        Invalid: a rule is incomplete or speaks of what is not there; the message names it.
    """
    if not isinstance(told, list) or len(told) > MOST_RULES:
        raise Invalid(
            "humility is a list of at most {most} rules.",
            "begin each with a dash: - when: uncertain …",
            code="rules_invalid",
            most=MOST_RULES,
        )
    rules = [_rule(found, number, subject) for number, found in enumerate(told, start=1)]
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise _wrong(twice, "its name stands twice", "give each rule a name of its own.")
    return rules


def _rule(told: Any, number: int, subject: Subject) -> Rule:
    if not isinstance(told, dict):
        raise _wrong(number, "it is no mapping", "write: when, then and what they need.")
    for key in told:
        if key not in _KEYS:
            meant = did_you_mean(str(key), _KEYS)
            hint = f"did you mean {meant}?" if meant else f"the words are: {', '.join(_KEYS)}."
            raise _wrong(number, f"{key} is none of its words", hint)
    when = _one_of(told, "when", TRIGGERS, number)
    then = _one_of(told, "then", ACTIONS, number, otherwise="note")
    name = str(told.get("name") or when)
    check_name(name, what="rule")
    low, high = _bounds(told, when, number, subject) if when == "uncertain" else (0.0, 0.0)
    return Rule(
        name=name,
        when=when,
        then=then,
        low=low,
        high=high,
        features=_features(told, number, subject),
        more_than=_share(told, number) if when == "missing" else 0.0,
        value=_override(told, number, subject) if then == "override" else None,
    )


def _one_of(
    told: Mapping[str, Any], key: str, known: Sequence[str], number: int, *, otherwise: str = ""
) -> str:
    found = told.get(key, otherwise)
    if found not in known:
        raise _wrong(number, f"{key} is not said", f"it is one of: {', '.join(known)}.")
    return str(found)


def _bounds(
    told: Mapping[str, Any], when: str, number: int, subject: Subject
) -> tuple[float, float]:
    key = "outside" if subject.task == "regression" else "between"
    found = told.get(key)
    if not isinstance(found, list) or len(found) != 2 or not all(map(_is_number, found)):  # noqa: PLR2004
        raise _wrong(number, f"{when} needs {key}", f"write two numbers: {key}: [0.4, 0.6].")
    low, high = float(found[0]), float(found[1])
    if not low < high:
        raise _wrong(number, f"{key} is empty", "the first number is the smaller one.")
    return low, high


def _features(told: Mapping[str, Any], number: int, subject: Subject) -> tuple[str, ...]:
    found = told.get("features", [])
    if not isinstance(found, list):
        raise _wrong(number, "features is no list", "write: features: [age, income].")
    for name in found:
        if name not in subject.features:
            meant = did_you_mean(str(name), subject.features)
            hint = f"did you mean {meant}?" if meant else "`show REF` lists the features."
            raise _wrong(number, f"there is no feature {name}", hint)
    return tuple(found)


def _share(told: Mapping[str, Any], number: int) -> float:
    found = told.get("more_than", 0)
    if not _is_number(found) or not 0 <= found < 1:
        raise _wrong(number, "more_than is no share", "write a number from 0 up to, not with, 1.")
    return float(found)


def _override(told: Mapping[str, Any], number: int, subject: Subject) -> Any:
    if "with" not in told:
        raise _wrong(number, "override needs with", "write: with: and the answer to give instead.")
    found = told["with"]
    if subject.task == "regression":
        if _is_number(found):
            return float(found)
        raise _wrong(number, "with is no number", "this model answers numbers.")
    named = {str(known): known for known in subject.classes}
    if str(found) in named:
        return named[str(found)]
    raise _wrong(number, "with is no class of this model", f"its classes: {', '.join(named)}.")


def _is_number(found: Any) -> bool:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and abs(found) < float("inf")


def _wrong(rule: object, what: str, hint: str) -> Invalid:
    return Invalid(
        "Rule {rule} of humility: {what}.",
        "{how}",
        code="rules_invalid",
        rule=rule,
        what=what,
        how=hint,
    )


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one answer: which fired, and what comes of it."""

    fired: list[str]
    refused_by: str = ""
    changed: bool = False
    value: Any = None


class Humility:
    """The rules of a deployment, ready to judge answers."""

    def __init__(self, rules: Sequence[Rule], subject: Subject) -> None:
        self._rules = [(rule, _test(rule, subject)) for rule in rules]

    def judge(self, row: Mapping[str, Any], sure: float, warnings: Sequence[str]) -> Verdict | None:
        """Judge one answer; None when no rule fired.

        ``sure`` is the probability that the bounds speak of, or the value of a regression.
        """
        fired = [rule for rule, is_met in self._rules if is_met(row, sure, warnings)]
        if not fired:
            return None
        refusing = next((rule.name for rule in fired if rule.then == "refuse"), "")
        changing = next((rule for rule in fired if rule.then == "override"), None)
        return Verdict(
            fired=[rule.name for rule in fired],
            refused_by=refusing,
            changed=changing is not None,
            value=changing.value if changing else None,
        )


Test = Callable[[Mapping[str, Any], float, Sequence[str]], bool]


def _test(rule: Rule, subject: Subject) -> Test:
    if rule.when == "uncertain":
        inside = subject.task != "regression"
        return lambda _row, sure, _warnings: (rule.low <= sure <= rule.high) is inside
    names = rule.features or tuple(subject.features)
    if rule.when == "missing":
        return lambda row, _sure, _warnings: (
            sum(row.get(name) is None for name in names) > rule.more_than * len(names)
        )
    signs = frozenset(_WARNINGS[rule.when] + name for name in names)
    return lambda _row, _sure, warnings: not signs.isdisjoint(warnings)
