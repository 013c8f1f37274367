"""Were the estimates right? Told when labels land, for periods that were estimated before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from jupyter_mlops.stats.intervals import Estimate

FEWEST: Final = 5
LEVEL: Final = 0.05
TOLERANCE: Final = 0.02

Reason = Literal["agrees", "too_few_periods", "outside_band", "biased"]


@dataclass(frozen=True)
class BackTest:
    """Whether estimates may be trusted, and what this rests on; None where it cannot be told.

    ``bias`` is the mean of estimate − realised, ``error`` its mean size, in the measure's unit.
    """

    trusted: bool | None
    reason: Reason
    periods: int
    inside: int
    bias: float = math.nan
    error: float = math.nan
    p_value: float = math.nan


def back_test(
    estimated: Sequence[Estimate],
    realised: Sequence[float],
    *,
    level: float = 0.95,
    tolerance: float = TOLERANCE,
    fewest: int = FEWEST,
) -> BackTest:
    """Tell whether estimates may be trusted, from periods whose labels have landed.

    If they may, a realised measure lies outside its band in one period of twenty. Estimates are not
    trusted when more periods do than chance allows at 5 % (binomial), or when all but chance's
    share err on the same side; either counts only where the miss matters.

    Args:
        estimated: one band for each period.
        realised: what the labels of the same periods showed; NaN where they have not come.
        level: that of the bands.
        tolerance: how far outside its band, as a share of the estimate, does not matter.
        fewest: periods below which nothing is said.

    >>> bands = [Estimate(0.90, 0.88, 0.92)] * 6
    >>> back_test(bands, [0.89, 0.91, 0.90, 0.88, 0.92, 0.90]).trusted
    True
    >>> back_test(bands, [0.80] * 6).reason
    'outside_band'
    """
    both = [
        (band, real)
        for band, real in zip(estimated, realised, strict=True)
        if not (math.isnan(band.low) or math.isnan(band.high) or math.isnan(real))
    ]
    apart = [band.value - real for band, real in both]
    outside = sum(_outside(band, real, tolerance) for band, real in both)
    n = len(both)
    if not n:
        return BackTest(None, "too_few_periods", 0, 0)
    bias, error = sum(apart) / n, sum(abs(a) for a in apart) / n
    missed = _at_least(outside, n, 1 - level)
    sided = _one_sided(apart)
    matters = abs(bias) > tolerance * abs(sum(band.value for band, _ in both) / n)
    p_value = min(1.0, 2 * min(missed, sided if matters else 1.0))
    trusted, reason = _judged(n, p_value, missed, fewest)
    return BackTest(trusted, reason, n, n - outside, bias, error, p_value)


def _judged(n: int, p_value: float, missed: float, fewest: int) -> tuple[bool | None, Reason]:
    if n < fewest:
        return None, "too_few_periods"
    if p_value >= LEVEL:
        return True, "agrees"
    return False, "outside_band" if 2 * missed < LEVEL else "biased"


def _outside(band: Estimate, real: float, tolerance: float) -> bool:
    slack = tolerance * abs(band.value)
    return not band.low - slack <= real <= band.high + slack


def _at_least(hits: int, of: int, share: float) -> float:
    """Return the chance of at least so many hits. Source: Clopper & Pearson 1934 use the same."""
    from scipy.special import betainc

    return float(betainc(hits, of - hits + 1, share)) if hits else 1.0


def _one_sided(apart: list[float]) -> float:
    """Return the two-sided p-value of the sign test. Source: Arbuthnot 1710; Dixon & Mood 1946."""
    above, below = sum(a > 0 for a in apart), sum(a < 0 for a in apart)
    return min(1.0, 2 * _at_least(max(above, below), above + below, 0.5))
