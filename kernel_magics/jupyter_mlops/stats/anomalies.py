"""Is the newest point of a series unusual, judged by the series' own history?

Measures are judged robustly, so that yesterday's incident does not hide today's: by the median and
the median absolute deviation, and by rank where the history is long enough for a rank to tell.
Counts are judged exactly, as long as the history varies no more than counts do. With enough history
each point is first set against the same season (such as the same hour of the week).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import columns

Array = np.ndarray[Any, Any]

LEVEL: Final = 0.01
FEWEST: Final = 8
MOST: Final = 1e15
"""Counts beyond it are no counts: floats do not tell them apart any more."""
SAME_SEASON: Final = 4
"""Earlier points of the newest one's season that are needed to set it against them."""
_NORMAL: Final = 1.4826
_EFFICIENCY: Final = 0.37
"""Of the median absolute deviation: it varies as a standard deviation of 0.37 n values does."""
_RESTLESS: Final = 0.01
"""Chance below which a history varies more than its counts explain."""


@dataclass(frozen=True)
class Anomaly:
    """The newest point against what was to be expected; ``unusual`` is None where none can tell."""

    unusual: bool | None
    p_value: float = math.nan
    value: float = math.nan
    expected: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seasonal: bool = False


def newest(values: Any, *, seasons: Any = None, level: float = LEVEL) -> Anomaly:
    """Judge the last value of a series of measures by those before it.

    The distance from the median, in robust deviations, is Student's with as many degrees of freedom
    as the deviation is worth. Where the history could attain the level by rank alone, the rank has
    to agree, which holds for any distribution.

    Sources: Hampel 1974, JASA 69:383; Rousseeuw & Croux 1993, JASA 88:1273 (the deviation's
    efficiency); the rank is a conformal p-value, Vovk, Gammerman & Shafer 2005.

    Args:
        values: shape (n,), oldest first; missing ones are left out, except that a missing newest
            one cannot be judged.
        seasons: shape (n,), such as the hour of the week of each value.
        level: the share of false alarms.

    >>> history = [10.0, 11.0, 9.0, 10.5, 9.5, 10.2, 9.8, 10.1, 9.9, 10.4]
    >>> newest([*history, 10.3]).unusual, newest([*history, 20.0]).unusual
    (False, True)
    """
    series = columns.numbers(values)
    if not len(series) or not math.isfinite(series[-1]):
        return Anomaly(None)
    held = np.isfinite(series)
    series = series[held]
    if seasons is not None:
        season = _named(seasons)[held]
        if int((season[:-1] == season[-1]).sum()) >= SAME_SEASON:
            return _seasonal(series, season, level)
    return _against(series[:-1], float(series[-1]), level)


def newest_count(
    hits: Any, of: Any, *, seasons: Any = None, level: float = LEVEL, share: bool = True
) -> Anomaly:
    """Judge the last of a series of counts by those before it.

    Exact given the sum of all: hits of rows are hypergeometric (Fisher 1934), events of an exposure
    binomial (Przyborowski & Wileński 1940, Biometrika 31:313). Where the history varies more than
    counts do, the last one has to be unusual among its deviations as well.

    Args:
        hits: shape (n,), such as failures.
        of: shape (n,), such as requests, or hours when ``share`` is false.
        seasons: shape (n,), such as the hour of the week of each count.
        level: the share of false alarms.
        share: whether hits are some of the rows, or events in a time.

    >>> newest_count([2, 1, 3, 2, 2, 1, 2, 3, 15], [100] * 9).unusual
    True
    >>> newest_count([2, 1, 3, 2, 2, 1, 2, 3, 3], [100] * 9).unusual
    False
    """
    counts, whole = columns.numbers(hits), columns.numbers(of)
    known = (counts >= 0) & (counts <= MOST) & (whole > 0) & (whole <= MOST)
    if not len(counts) or not known[-1] or known.sum() <= FEWEST:
        return Anomaly(None)
    season = np.zeros(len(counts)) if seasons is None else _named(seasons)
    counts, whole, season = counts[known], whole[known], season[known]
    alike = season == season[-1]
    seasonal = seasons is not None and int(alike.sum()) > SAME_SEASON
    if not seasonal:
        season, alike = np.zeros(len(counts)), np.ones(len(counts), dtype=bool)
    p_value = (_fisher if share else _binomial)(counts[alike], whole[alike])
    scaled, restless = _scaled(counts, whole, season, share=share)
    if restless:
        p_value = max(p_value, _against(scaled[:-1], float(scaled[-1]), level).p_value)
    rate = float(counts[:-1][alike[:-1]].sum() / whole[:-1][alike[:-1]].sum())
    spread = _spread(rate, share=share) / float(whole[-1])
    found = _around_rate(float(counts[-1] / whole[-1]), rate, spread, level)
    return replace(found, unusual=p_value < level, p_value=p_value, seasonal=seasonal)


def _named(seasons: Any) -> Array:
    return np.array([columns.label(season) for season in columns.as_column(seasons).tolist()])


def _spread(rate: float, *, share: bool) -> float:
    return max(rate * (1 - rate) if share else rate, 0.0)


def _scaled(counts: Array, whole: Array, season: Array, *, share: bool) -> tuple[Array, bool]:
    """Return deviations from the season's rate in units of what counts vary, all of one variance.

    The second tells whether they vary more than that. Source: Cochran 1954, Biometrics 10:417.
    """
    from scipy.special import chdtrc

    scaled, squares, freedom = np.zeros(len(counts)), 0.0, 0
    last = len(counts) - 1
    for name in np.unique(season):
        places = np.flatnonzero(season == name)
        before = places[places != last]
        m = len(before)
        rate = float(counts[before].sum() / whole[before].sum()) if m else 0.0
        spread = _spread(rate, share=share)
        if m < 2 or spread <= 0:  # noqa: PLR2004  (one count does not vary)
            continue
        apart = (counts[places] / whole[places] - rate) / np.sqrt(spread / whole[places])
        squares += float((apart[:m] ** 2).sum())
        freedom += m - 1
        own = np.where(places == last, 1 + 1 / m, 1 - 1 / m)
        scaled[places] = apart / np.sqrt(own)
    return scaled, freedom > 0 and bool(chdtrc(freedom, squares) < _RESTLESS)


def _seasonal(series: Array, season: Array, level: float) -> Anomaly:
    """Judge the newest by its distance from its season, among all such distances."""
    middle = np.full(len(series), np.nan)
    for name in np.unique(season[:-1]):
        places = np.flatnonzero(season[:-1] == name)
        if len(places) > 1:
            middle[places] = _medians_of_others(series[places])
    middle[-1] = np.median(series[:-1][season[:-1] == season[-1]])
    apart = (series - middle)[np.isfinite(middle)]
    found = _against(apart[:-1], float(apart[-1]), level)
    shift = float(middle[-1])
    return Anomaly(
        found.unusual,
        found.p_value,
        float(series[-1]),
        found.expected + shift,
        found.low + shift,
        found.high + shift,
        seasonal=True,
    )


def _medians_of_others(values: Array) -> Array:
    """Return for each value the median of all the others: at least two values are needed.

    >>> _medians_of_others(np.array([5.0, 1.0, 3.0])).tolist()
    [2.0, 4.0, 3.0]
    """
    order = np.argsort(values)
    ordered, rank = values[order], np.argsort(order)
    lower, upper = (len(values) - 2) // 2, (len(values) - 1) // 2
    others = (ordered[place + (rank <= place)] for place in (lower, upper))
    return np.asarray(sum(others) / 2)


def _against(history: Array, value: float, level: float) -> Anomaly:
    n = len(history)
    if n < FEWEST:
        return Anomaly(None, value=value)
    from scipy.special import stdtr, stdtrit

    middle = float(np.median(history))
    apart = np.abs(history - middle)
    rank = float((1 + (apart >= abs(value - middle)).sum()) / (n + 1))
    scale = _NORMAL * float(np.median(apart)) * (1 + 1 / n)
    if not scale > 1e-12 * max(abs(middle), 1e-300):
        p_value = 1.0 if value == middle else rank
        return Anomaly(p_value < level, p_value, value, middle, middle, middle)
    # the median of the history varies too: its variance is pi/2 that of a mean
    reach = scale * math.sqrt(1 + math.pi / 2 / n)
    freedom = max(_EFFICIENCY * n, 1.0)
    p_value = 2 * float(stdtr(freedom, -abs(value - middle) / reach))
    if (n + 1) * level >= 1:
        p_value = max(p_value, rank)
    half = -float(stdtrit(freedom, level / 2)) * reach
    return Anomaly(p_value < level, p_value, value, middle, middle - half, middle + half)


def _around_rate(value: float, rate: float, variance: float, level: float) -> Anomaly:
    from jupyter_mlops.stats.intervals import z_of

    half = z_of(1 - level) * math.sqrt(variance)
    return Anomaly(None, math.nan, value, rate, max(rate - half, 0.0), rate + half)


def _fisher(counts: Array, whole: Array) -> float:
    from jupyter_mlops.stats.kolmogorov import p_value

    before, rows = int(counts[:-1].sum()), int(whole[:-1].sum())
    now, of = int(counts[-1]), int(whole[-1])
    return p_value([before, max(rows - before, 0)], [now, max(of - now, 0)])


def _binomial(counts: Array, whole: Array) -> float:
    """Return the mid-p value, twice the smaller tail, of the newest count among all."""
    from scipy.special import bdtr, bdtrc

    now, total = int(counts[-1]), int(counts.sum())
    share = float(whole[-1] / whole.sum())
    if not total:
        return 1.0
    up_to, before = float(bdtr(now, total, share)), float(bdtr(now - 1, total, share)) if now else 0
    just = up_to - before
    return min(1.0, 2 * min(up_to - just / 2, float(bdtrc(now, total, share)) + just / 2))
