"""How much failure an objective still allows, and how fast it is being used up.

An objective of 99.9 % allows one request in a thousand to fail: that is the error budget of a
period. A burn rate of 1 uses it up exactly at the period's end, one of 14.4 a fiftieth of it in an
hour. An alert asks two windows: the long one for enough evidence, the short one for whether it
still goes on.

Source: Beyer, Murphy, Rensin, Kawahara & Thorne 2018, The Site Reliability Workbook, ch. 5,
"Alerting on SLOs", approach 6 (multiwindow, multi-burn-rate) with its recommended parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

PERIOD_HOURS: Final = 30 * 24.0
CHANCE: Final = 0.01
"""Chance of as many failures with the objective kept, above which they are no evidence."""

Severity = Literal["page", "ticket"]


@dataclass(frozen=True)
class Rule:
    """Alert when a share of the budget is spent within a window and still is being spent."""

    severity: Severity
    long_hours: float
    short_hours: float
    spent: float

    def burn_rate(self, period_hours: float = PERIOD_HOURS) -> float:
        """Return the burn rate at which the share is spent within the long window.

        >>> [round(rule.burn_rate(), 1) for rule in RULES]
        [14.4, 6.0, 1.0]
        """
        return self.spent * period_hours / self.long_hours


RULES: Final = (
    Rule("page", 1.0, 5 / 60, 0.02),
    Rule("page", 6.0, 0.5, 0.05),
    Rule("ticket", 72.0, 6.0, 0.10),
)


def burn_rate(bad: float, of: float, objective: float) -> float:
    """Return how many times faster than allowed failures come; NaN without events.

    >>> round(burn_rate(10, 1000, 0.999), 6)
    10.0
    """
    if not of:
        return math.nan
    allowed = 1 - objective
    if allowed <= 0:
        return math.inf if bad else 0.0
    return bad / of / allowed


def budget_left(bad: float, of: float, objective: float) -> float:
    """Return the share of a period's error budget that is left, below 0 when overdrawn.

    >>> round(budget_left(25, 100_000, 0.999), 6)
    0.75
    """
    return 1 - burn_rate(bad, of, objective)


def hours_left(left: float, rate: float, *, period_hours: float = PERIOD_HOURS) -> float:
    """Return how long the rest of the budget lasts at a burn rate; infinite when nothing burns.

    >>> hours_left(0.5, 2.0, period_hours=720)
    180.0
    """
    if math.isnan(left) or math.isnan(rate):
        return math.nan
    if left <= 0:
        return 0.0
    return left * period_hours / rate if rate > 0 else math.inf


@dataclass(frozen=True)
class Burning:
    """One rule, what its two windows burn, and whether it alerts; None without events."""

    rule: Rule
    threshold: float
    long: float
    short: float
    alerts: bool | None


def burning(
    counts: Mapping[float, tuple[int, int]],
    objective: float,
    *,
    rules: Sequence[Rule] = RULES,
    period_hours: float = PERIOD_HOURS,
) -> list[Burning]:
    """Judge every rule by the failures and events of its windows.

    A rule alerts when both windows burn at its rate at least, and when the long one has more
    failures than chance explains at 1 % with the objective kept: one failure in ten requests at
    night is a burn rate of 100, and nothing yet.

    Args:
        counts: failures and events of the last so many hours, for each window of the rules.
        objective: the share that has to be good, such as 0.999.
        rules: which windows and shares of the budget alert.
        period_hours: of the budget.

    >>> hot = {h: (200, 10_000) for rule in RULES for h in (rule.long_hours, rule.short_hours)}
    >>> [found.alerts for found in burning(hot, 0.999)]
    [True, True, True]
    """
    return [_judged(rule, counts, objective, period_hours) for rule in rules]


def _judged(
    rule: Rule, counts: Mapping[float, tuple[int, int]], objective: float, period_hours: float
) -> Burning:
    bad, of = counts.get(rule.long_hours, (0, 0))
    long = burn_rate(bad, of, objective)
    short = burn_rate(*counts.get(rule.short_hours, (0, 0)), objective)
    threshold = rule.burn_rate(period_hours)
    if math.isnan(long):
        return Burning(rule, threshold, long, short, None)
    fast = long >= threshold and short >= threshold  # without events it does not go on
    proved = fast and by_chance(bad, of, 1 - objective) < CHANCE
    return Burning(rule, threshold, long, short, proved)


def by_chance(bad: int, of: int, share: float) -> float:
    """Return the chance of at least so many failures, each of a given probability.

    >>> round(by_chance(1, 10, 0.001), 4)
    0.01
    """
    from scipy.special import betainc

    if bad <= 0:
        return 1.0
    if share <= 0:
        return 0.0
    return float(betainc(bad, of - bad + 1, min(share, 1.0)))
