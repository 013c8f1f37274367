"""Answers judged by the rules of humility: marked, changed, refused, asked of another version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.domain.humility import Rule, Subject
from jupyter_mlops.domain.verdicts import overridden, trial, verdict
from jupyter_mlops.serving.intervals import Interval, Intervals
from jupyter_mlops.serving.problems import Problem

if TYPE_CHECKING:
    from jupyter_mlops.services.rules import Applied
    from jupyter_mlops.serving.models import Model, Scored

Rows = Sequence[Mapping[str, Any]]
Cut = Callable[["Scored"], None]
INSTEAD: Final = "fallback"
_UNREAD: Final[Mapping[str, Any]] = {}
"""Stands for a row where no rule looks at rows."""


@dataclass(slots=True)
class Asked:
    """A request as the rules see it: its rows, what was answered, and how a threshold is applied."""

    rows: Rows
    scored: Scored
    tried: Sequence[bool] | None
    cut: Cut | None


Finder = Callable[[Asked], Sequence[int]]


@dataclass(slots=True)
class Judged:
    """What is told and kept of answers besides themselves: intervals, and who answered instead."""

    count: int = 0
    intervals: list[Interval | None] | None = None
    instead: dict[int, Model] = field(default_factory=dict)

    def each(self, known: Any, fact: Callable[[Model], str]) -> Any:
        """Return a fact about who answered, one for all rows or one for each of them."""
        if not self.instead:
            return known
        told = list(known) if isinstance(known, list) else [known] * self.count
        for at, model in self.instead.items():
            told[at] = fact(model)
        return told


NOTHING: Final = Judged()
"""What is said where there is nothing to judge by."""


class Doubt:
    """The rules of humility of a deployment, and its intervals, ready to judge answers.

    ``is_idle`` where there is nothing to judge by and nothing to tell; ``looks_at_rows`` where a
    rule does: intervals, and rules about how sure an answer is, need the answers alone.
    ``others`` are the versions that rules ask, by their refs. One that could not be loaded is not
    among them: then a second opinion counts as another one, and there is no answer instead.
    """

    def __init__(
        self,
        rules: Applied | None,
        champion: Model,
        canary: Model | None = None,
        others: Mapping[str, Model] | None = None,
    ) -> None:
        loaded = champion.loaded
        self._subject = Subject(loaded.task, loaded.classes, loaded.features, loaded.limits)
        self._intervals = Intervals(loaded.limits)
        self._tried = Intervals(canary.loaded.limits) if canary else self._intervals
        self._others = others or {}
        self._finders = [
            (rule, self._finder(rule)) for rule in (rules.humility if rules is not None else ())
        ]
        self.looks_at_rows = any(rule.looks_at_rows for rule, _ in self._finders)
        self.is_idle = not (self._finders or self._intervals or self._tried)

    @property
    def is_quick(self) -> bool:
        """Say whether all that may be asked is compiled."""
        return all(model.loaded.compiled for model in self._others.values())

    def judge(
        self,
        rows: Rows,
        scored: Scored,
        tried: Sequence[bool] | None = None,
        cut: Cut | None = None,
    ) -> Judged:
        """Mark what the rules say of each answer, and change or refuse what they want so.

        ``tried`` says of each row whether the canary answered it; ``cut`` applies the threshold of
        a request to answers of another version.

        Raises:
            Problem: 422, a rule refuses to answer; which row and which rule is in the detail.
        """
        judged = Judged(len(scored.values))
        if scored.chances is None:
            judged.intervals = self._around(scored.values, tried)
        if not self._finders:
            return judged
        asked = Asked(rows or [_UNREAD] * judged.count, scored, tried, cut)
        fired = self._fired(asked)
        instead: dict[str, list[tuple[int, Rule]]] = {}
        for at in sorted(fired):
            found = verdict(fired[at])
            if found.refused_by:
                raise _refused(at, found.refused_by)
            scored.warnings[at] += found.signs
            if found.changed_by is not None and found.changed_by.then == INSTEAD:
                instead.setdefault(found.changed_by.to_ref, []).append((at, found.changed_by))
            elif found.changed_by is not None:
                _override(scored, at, found.changed_by, judged)
        for ref, cases in instead.items():
            self._ask_instead(ref, cases, asked, judged)
        return judged

    def _fired(self, asked: Asked) -> dict[int, list[Rule]]:
        """Return which rules fire on which rows; where there is no answer, there is none to doubt."""
        fired: dict[int, list[Rule]] = {}
        for rule, find in self._finders:
            for at in find(asked):
                if at not in asked.scored.lost:
                    fired.setdefault(at, []).append(rule)
        return fired

    def _around(
        self, values: Sequence[float], tried: Sequence[bool] | None
    ) -> list[Interval | None] | None:
        if not (self._intervals or self._tried):
            return None
        around = self._intervals.around(values)
        if tried is None or self._tried is self._intervals:
            return around
        beside = self._tried.around(values)
        return [beside[at] if is_tried else around[at] for at, is_tried in enumerate(tried)]

    def _ask_instead(
        self, ref: str, cases: Sequence[tuple[int, Rule]], asked: Asked, judged: Judged
    ) -> None:
        """Let another version answer some of the rows; its warnings stand beside ours."""
        model = self._others.get(ref)
        at, rule = cases[0]
        if model is None:
            raise _refused(at, rule.name)
        answered = _answers(model, [asked.rows[at] for at, _ in cases], asked.cut)
        if answered is None:
            raise _refused(at, rule.name)
        scored = asked.scored
        for k, (at, _) in enumerate(cases):
            scored.said[at], scored.values[at] = answered.said[k], answered.values[k]
            if scored.labels is not None and answered.labels is not None:
                scored.labels[at] = answered.labels[k]
            if scored.chances is not None and answered.chances is not None:
                scored.chances[at] = answered.chances[k]
            judged.instead[at] = model
        if judged.intervals is not None:
            around = Intervals(model.loaded.limits).around(answered.values)
            for (at, _), interval in zip(cases, around, strict=True):
                judged.intervals[at] = interval

    def _finder(self, rule: Rule) -> Finder:
        """Return what finds the rows that a rule fires on."""
        ways = {"unusual": self._unusual, "disagree": self._disagree}
        if rule.when in ways:
            return ways[rule.when](rule)
        test = trial(rule, self._subject)
        if rule.wider_than is None:
            return _each(test) if test is not None else _nowhere
        wide = self._wide(rule, rule.wider_than)
        if test is None:
            return wide
        bounded = _each(test)
        return lambda asked: sorted({*wide(asked), *bounded(asked)})

    def _wide(self, rule: Rule, most: float) -> Finder:
        def find(asked: Asked) -> list[int]:
            scored = asked.scored
            widths = self._intervals.widths(scored.values, scored.chances, rule.level)
            if asked.tried is not None:
                beside = self._tried.widths(scored.values, scored.chances, rule.level)
                pairs = zip(asked.tried, beside, widths, strict=True)
                widths = [other if is_tried else own for is_tried, other, own in pairs]
            return [at for at, width in enumerate(widths) if width > most]

        return find if self._subject.limits.levels else _nowhere

    def _unusual(self, rule: Rule) -> Finder:
        """Return what finds rows farther away than a share of the training rows was."""
        import numpy as np

        from jupyter_mlops.stats import unusual

        known = self._subject.limits.cloud
        if known is None:
            return _nowhere
        arrays = (np.array(known.center), np.array(known.scale), np.array(known.root))
        cloud = unusual.Cloud(*arrays, known.distances)
        farthest = cloud.threshold(rule.more_than)

        def find(asked: Asked) -> list[int]:
            told = [[row.get(name) for name in known.features] for row in asked.rows]
            distances = cloud.distance(np.array(told, dtype=np.float64))
            return np.flatnonzero(distances > farthest).tolist()

        return find

    def _disagree(self, rule: Rule) -> Finder:
        """Return what finds rows that a second opinion answers otherwise, or does not answer."""
        model = self._others.get(rule.with_ref)

        def find(asked: Asked) -> Sequence[int]:
            count = range(len(asked.rows))
            second = _answers(model, asked.rows, asked.cut) if model else None
            if second is None:
                return count
            return [at for at in count if _differ(asked.scored, second, at, rule.more_than)]

        return find


def _each(test: Callable[[Mapping[str, Any], float, Sequence[str]], bool]) -> Finder:
    def find(asked: Asked) -> list[int]:
        told = zip(asked.rows, asked.scored.values, asked.scored.warnings, strict=True)
        return [at for at, (row, sure, warnings) in enumerate(told) if test(row, sure, warnings)]

    return find


def _nowhere(_asked: Asked) -> Sequence[int]:
    return ()


def _answers(model: Model, rows: Rows, cut: Cut | None) -> Scored | None:
    """Return what another version says of rows; None when it fails."""
    try:
        found = model.scored(rows)
    except Problem:
        return None
    if cut is not None:
        cut(found)
    return found


def _differ(one: Scored, other: Scored, at: int, most: float) -> bool:
    """Say whether two answers differ: in their labels, or by more than so much."""
    if one.labels is not None and other.labels is not None and not most:
        return one.labels[at] != other.labels[at]
    if one.chances is not None and other.chances is not None:
        pairs = zip(one.chances[at], other.chances[at], strict=True)
        return max(abs(a - b) for a, b in pairs) > most
    return abs(one.values[at] - other.values[at]) > most


def _override(scored: Scored, at: int, rule: Rule, judged: Judged) -> None:
    value = overridden(rule, scored.said[at])
    scored.said[at] = value
    if scored.labels is not None:
        scored.labels[at] = str(value)
    else:
        scored.values[at] = value
    if judged.intervals is not None:
        judged.intervals[at] = None  # it was one around another answer


def _refused(at: int, rule: str) -> Problem:
    return Problem(
        422,
        "humility",
        f"Row {at}: the rule {rule} refuses an answer.",
        "ask a person; the other rows can be sent without this one.",
        about=rule,
    )
