"""When a model is unsure of itself, and what is done about it: rules, judged answer by answer.

A rule has a trigger (``when``) and an action (``then``). Rules are tried in their order; the first
one that changes an answer wins, and one that refuses wins over all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

from jupyter_mlops.domain.expressions import condition
from jupyter_mlops.domain.limits import LEVELS, NONE, RAREST, USUAL_LEVEL, Limits
from jupyter_mlops.domain.names import check_name, parse_reference
from jupyter_mlops.errors import Invalid, did_you_mean

MOST_RULES: Final = 50
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "uncertain": ("between", "outside", "wider_than", "level"),
    "outlying": ("features",),
    "unseen": ("features", "rarer_than"),
    "missing": ("features", "more_than"),
    "unusual": ("more_than",),
    "disagree": ("with_ref", "more_than"),
    "expression": ("expression",),
}
"""The words that each trigger understands."""
_DOING: Final[Mapping[str, tuple[str, ...]]] = {
    "note": (),
    "override": ("with", "to", "outside"),
    "refuse": (),
    "review": (),
    "fallback": ("to_ref",),
}
"""The words that each action understands."""
TRIGGERS: Final = tuple(_OWN)
ACTIONS: Final = tuple(_DOING)
CHANGING: Final = ("override", "fallback")
_KEYS: Final = (
    *("name", "when", "then"),
    *dict.fromkeys(word for words in (*_OWN.values(), *_DOING.values()) for word in words),
)
_USUAL: Final = 0.999
_LONGEST: Final = 10**15


@dataclass(frozen=True)
class Rule:
    """One rule of humility.

    ``low`` and ``high`` bound the probability of the second class (binary), of the winning class
    (multiclass) or the value (regression); both are 0 where there are no bounds. ``features`` is
    empty where all are meant. ``more_than`` is a share (missing, unusual) or a difference of two
    answers. ``with_ref`` gives a second opinion, ``to_ref`` answers instead.
    """

    name: str
    when: str
    then: str
    low: float = 0.0
    high: float = 0.0
    features: tuple[str, ...] = ()
    more_than: float = 0.0
    value: Any = None
    wider_than: float | None = None
    level: str = ""
    rarer_than: float = 0.0
    expression: str = ""
    with_ref: str = ""
    to: str = ""
    to_ref: str = ""

    @property
    def is_bounded(self) -> bool:
        """Say whether the rule has bounds."""
        return self.low < self.high

    @property
    def refs(self) -> tuple[str, ...]:
        """Return the other versions that the rule asks."""
        return tuple(filter(None, (self.with_ref, self.to_ref)))

    @property
    def looks_at_rows(self) -> bool:
        """Say whether an answer and its warnings are not enough to try the rule, or to act on it."""
        by_row = ("missing", "unusual", "disagree", "expression")
        return self.when in by_row or bool(self.rarer_than) or self.then == "fallback"

    def can_be_judged(self, limits: Limits) -> bool:
        """Say whether a version knows of its limits what the rule needs; else it never fires."""
        if self.when == "unusual":
            return limits.cloud is not None
        return self.wider_than is None or self.is_bounded or bool(limits.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return {**asdict(self), "features": list(self.features)}


@dataclass(frozen=True)
class Subject:
    """What rules are about: the task, its classes, its features and what is known of its limits."""

    task: str
    classes: Sequence[Any]
    features: Sequence[Mapping[str, Any]]
    limits: Limits = NONE

    @property
    def names(self) -> list[str]:
        """Return the names of the features."""
        return [str(feature["name"]) for feature in self.features]


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
    rules = [_Reader(found, number, subject).rule() for number, found in enumerate(told, start=1)]
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise _wrong(twice, "its name stands twice", "give each rule a name of its own.")
    return rules


class _Reader:
    """Reads one rule; whatever is wrong with it is said with its number."""

    def __init__(self, told: Any, number: int, subject: Subject) -> None:
        self._told: Mapping[str, Any] = told
        self._number = number
        self._subject = subject

    def rule(self) -> Rule:
        if not isinstance(self._told, dict):
            self._refuse("it is no mapping", "write: when, then and what they need.")
        for key in self._told:
            if key not in _KEYS:
                meant = did_you_mean(str(key), _KEYS)
                hint = f"did you mean {meant}?" if meant else f"the words are: {', '.join(_KEYS)}."
                self._refuse(f"{key} is none of its words", hint)
        when = self._one_of("when", TRIGGERS)
        then = self._one_of("then", ACTIONS, otherwise="note")
        self._check_words(when, then)
        name = str(self._told.get("name") or when)
        check_name(name, what="rule")
        low, high = self._bounds(when)
        return Rule(
            name=name,
            when=when,
            then=then,
            low=low,
            high=high,
            features=self._features(),
            more_than=self._more_than(when),
            value=self._override() if then == "override" else None,
            wider_than=self._wider_than(),
            level=self._level(),
            rarer_than=self._rarer_than(),
            expression=self._expression(when),
            with_ref=self._ref("with_ref", wanted=when == "disagree"),
            to=str(self._told.get("to", "")),
            to_ref=self._ref("to_ref", wanted=then == "fallback"),
        )

    def _check_words(self, when: str, then: str) -> None:
        """Refuse a word that this trigger and this action have no use for."""
        useful = ("name", "when", "then", *_OWN[when], *_DOING[then])
        idle = next((key for key in self._told if key not in useful), None)
        if idle is not None:
            some = ", ".join(dict.fromkeys((*_OWN[when], *_DOING[then]))) or "none"
            what = f"{when} and {then} have no use for {idle}"
            self._refuse(what, f"the words they understand: {some}.")

    def _one_of(self, key: str, known: Sequence[str], *, otherwise: str = "") -> str:
        found = self._told.get(key, otherwise)
        if isinstance(found, str) and found in known:
            return found
        meant = did_you_mean(str(found), known)
        asked = f"did you mean {meant}? " if meant else ""
        what = f"{key} is not said" if key not in self._told else f"{key}: {found} is not known"
        raise self._wrong(what, f"{asked}it is one of: {', '.join(known)}.")

    def _bounds(self, when: str) -> tuple[float, float]:
        is_number = self._subject.task == "regression"
        key = "outside" if is_number else "between"
        other = "between" if is_number else "outside"
        if other in self._told:
            self._refuse(f"{other} is not for a {self._subject.task} model", f"write: {key}.")
        clips = self._told.get("to") == "bound"
        wanted = clips or (when == "uncertain" and "wider_than" not in self._told)
        if key not in self._told and not wanted:
            return 0.0, 0.0
        if is_number and when != "uncertain" and not clips:
            self._refuse("outside is for uncertain, and for to: bound", "leave it out.")
        found = self._told.get(key)
        if not isinstance(found, list) or len(found) != 2 or not all(map(_is_number, found)):  # noqa: PLR2004
            said = "to: bound" if clips else when
            example = "[0.4, 0.6]" if key == "between" else "[0, 100]"
            self._refuse(f"{said} needs {key}", f"write two numbers: {key}: {example}.")
        low, high = float(found[0]), float(found[1])
        if not low < high:
            self._refuse(f"{key} is empty", "the first number is the smaller one.")
        return low, high

    def _features(self) -> tuple[str, ...]:
        found = self._told.get("features", [])
        if not isinstance(found, list):
            self._refuse("features is no list", "write: features: [age, income].")
        known = self._subject.names
        for name in found:
            if name not in known:
                meant = did_you_mean(str(name), known)
                hint = f"did you mean {meant}?" if meant else "`show REF` lists the features."
                self._refuse(f"there is no feature {name}", hint)
        return tuple(found)

    def _more_than(self, when: str) -> float:
        if when == "unusual" and self._subject.limits.cloud is None:
            self._refuse(
                "this version does not know what is usual",
                "register it with --train: at least 50 rows, at most 100 columns of numbers.",
            )
        found = self._told.get("more_than", _USUAL if when == "unusual" else 0)
        if when == "disagree" and self._subject.task == "regression":
            if _is_number(found) and found > 0:
                return float(found)
            self._refuse("disagree needs more_than", "write a difference of two values, above 0.")
        if not _is_number(found) or not 0 <= found < 1:
            self._refuse("more_than is no share", "write a number from 0 up to, not with, 1.")
        return float(found)

    def _wider_than(self) -> float | None:
        if "wider_than" not in self._told:
            if "level" in self._told:
                self._refuse("level is for wider_than", "write: wider_than, the greatest width.")
            return None
        found = self._told["wider_than"]
        if not _is_number(found) or found < 0:
            self._refuse("wider_than is no width", "write a number from 0 on.")
        if not self._subject.limits.levels:
            self._refuse(
                "this version has no intervals",
                "register it with --holdout and --target: at least 50 rows it has not seen.",
            )
        return float(found)

    def _level(self) -> str:
        if "wider_than" not in self._told:
            return ""
        found = str(self._told.get("level", USUAL_LEVEL))
        if found not in LEVELS:
            self._refuse("level is not known", f"it is one of: {', '.join(LEVELS)}.")
        return found

    def _rarer_than(self) -> float:
        found = self._told.get("rarer_than", 0)
        if not _is_number(found) or not 0 <= found <= RAREST:
            self._refuse("rarer_than is no small share", f"write a number up to {RAREST}.")
        return float(found)

    def _expression(self, when: str) -> str:
        found = self._told.get("expression", "")
        if when != "expression":
            return ""
        if not isinstance(found, str) or not found.strip():
            self._refuse("expression is not said", "write: expression: age < 18 and income > 5000.")
        try:
            condition(found, self._subject.features)
        except Invalid as error:
            self._refuse(error.message.rstrip("."), error.hint)
        return found

    def _ref(self, key: str, *, wanted: bool) -> str:
        if not wanted:
            return ""
        found = self._told.get(key)
        if not isinstance(found, str):
            self._refuse(f"{key} is not said", f"name a version: {key}: churn:2.")
        try:
            parse_reference(found)
        except Invalid as error:
            self._refuse(error.message.rstrip("."), error.hint)
        return found

    def _override(self) -> Any:
        to, is_number = self._told.get("to"), self._subject.task == "regression"
        if to is None:
            return self._value()
        if "with" in self._told:
            self._refuse("with and to are two answers", "leave one of them out.")
        if to not in ("bound", "mean"):
            self._refuse("to is not known", "it is one of: bound, mean.")
        if not is_number:
            self._refuse(f"to: {to} is for a regression", "write: with: and a class.")
        if to == "bound":
            return None
        if self._subject.limits.mean is None:
            self._refuse(
                "this version does not know the mean of its target",
                "register it with --train and --target, or write: with: and a number.",
            )
        return self._subject.limits.mean

    def _value(self) -> Any:
        if "with" not in self._told:
            self._refuse("override needs with", "write: with: and the answer to give instead.")
        found = self._told["with"]
        if self._subject.task == "regression":
            if _is_number(found):
                return float(found)
            self._refuse("with is no number", "this model answers numbers.")
        named = {str(known): known for known in self._subject.classes}
        if str(found) in named:
            return named[str(found)]
        raise self._wrong("with is no class of this model", f"its classes: {', '.join(named)}.")

    def _refuse(self, what: str, hint: str) -> NoReturn:
        raise self._wrong(what, hint)

    def _wrong(self, what: str, hint: str) -> Invalid:
        return _wrong(self._number, what, hint)


def _is_number(found: Any) -> bool:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and abs(found) <= _LONGEST


def _wrong(rule: object, what: str, hint: str) -> Invalid:
    return Invalid(
        "Rule {rule} of humility: {what}.",
        "{how}",
        code="rules_invalid",
        rule=rule,
        what=what,
        how=hint,
    )
