"""From comparisons to findings: what is stable, what has shifted, what has drifted."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from jupyter_mlops.stats.comparison import Comparison

FEWEST: Final = 30
LEVEL: Final = 0.05
UNIMPORTANT: Final = 0.05
"""A feature with less than this share of the highest importance cannot make a model fail."""

Status = Literal["passing", "warning", "failing", "unknown"]
Floors = tuple[float, float]
Why = Literal["none", "small", "distribution", "missing", "new_levels", "too_few_rows"]


@dataclass(frozen=True)
class Finding:
    """What was found about one column, how bad it is, and what it rests on."""

    finding: Literal["stable", "shifted", "drifted", "unknown"]
    status: Status
    why: Why


def findings(
    comparisons: Mapping[str, Comparison],
    *,
    windows_per_30_days: float = 30.0,
    false_alarms: float = 1.0,
    floors: Floors = (0.1, 0.25),
    missing_floors: Floors = (0.05, 0.20),
    own_floors: Mapping[str, Floors] | None = None,
    own_missing_floors: Mapping[str, Floors] | None = None,
    importance: Mapping[str, float] | None = None,
    urgent: Collection[str] = (),
    fewest: int = FEWEST,
) -> dict[str, Finding]:
    """Judge all columns of a window together.

    Evidence is corrected across columns (Benjamini–Hochberg) at the level that keeps false alarms
    at ``false_alarms`` per 30 days; without any drift, that is the chance of any finding at all.

    Args:
        comparisons: what :func:`jupyter_mlops.stats.drift.compare` returned, by column.
        windows_per_30_days: how often somebody looks.
        false_alarms: how many false alarms are accepted in 30 days.
        floors: PSI from which drift is a warning, and from which it is failing.
        missing_floors: the same for the share of missing values and of new levels.
        own_floors: of single columns, in the place of ``floors``.
        own_missing_floors: the same for missing values and new levels.
        importance: of each feature; a quite unimportant one warns at most.
        urgent: columns whose drift is failing, however large and important they are.
        fewest: rows below which nothing is said.
    """
    level = min(LEVEL, false_alarms / max(windows_per_30_days, 1.0))
    names = list(comparisons)
    tests = np.array([_tests(c) for c in comparisons.values()]).reshape(-1, 3)
    real = false_discoveries(tests.ravel(), level=level).reshape(-1, 3)
    top = max((importance or {}).values(), default=0.0)
    told = {}
    for name, proved in zip(names, real, strict=True):
        limits = (own_floors or {}).get(name, floors)
        missing_limits = (own_missing_floors or {}).get(name, missing_floors)
        found = _judged(comparisons[name], proved, limits, missing_limits, fewest)
        matters = importance is None or importance.get(name, top) >= UNIMPORTANT * top
        told[name] = found if matters else _softened(found)
        if name in urgent and found.finding == "drifted":
            told[name] = Finding("drifted", "failing", found.why)
    return told


def _tests(c: Comparison) -> list[float]:
    """Return the p-values that count; what had nothing to test must not dilute what had."""
    none_missing = c.missing_share == 0 == c.missing_difference
    return [
        c.p_value,
        math.nan if none_missing else c.missing_p_value,
        c.new_level_p_value if c.new_level_share else math.nan,
    ]


def _judged(
    c: Comparison,
    proved: np.ndarray[tuple[int], np.dtype[np.bool_]],
    floors: Floors,
    missing_floors: Floors,
    fewest: int,
) -> Finding:
    if min(c.n_reference, c.n_current) < fewest:
        return Finding("unknown", "unknown", "too_few_rows")
    sizes: tuple[tuple[Why, float, Floors], ...] = (
        ("distribution", c.psi, floors),
        ("missing", abs(c.missing_difference), missing_floors),
        ("new_levels", c.new_level_share, missing_floors),
    )
    grades = [
        (_grade(size, limits), why)
        for (why, size, limits), real in zip(sizes, proved, strict=True)
        if real
    ]
    if not grades:
        return Finding("stable", "passing", "none")
    grade, why = max(grades, key=lambda found: found[0])
    if not grade:
        return Finding("shifted", "passing", "small")
    return Finding("drifted", "failing" if grade == 2 else "warning", why)  # noqa: PLR2004


def _grade(size: float, limits: Floors) -> int:
    return 0 if math.isnan(size) else int(size >= limits[0]) + int(size >= limits[1])


def _softened(found: Finding) -> Finding:
    return Finding(found.finding, "warning", found.why) if found.status == "failing" else found


def false_discoveries(
    p_values: np.ndarray[Any, np.dtype[np.float64]], *, level: float
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which of the p-values are discoveries at this false discovery rate; NaN never is.

    Source: Benjamini & Hochberg 1995, JRSS B 57:289.

    >>> false_discoveries(np.array([0.001, 0.02, 0.5]), level=0.05).tolist()
    [True, True, False]
    """
    known = np.where(np.isnan(p_values), 1.0, p_values)
    order = np.argsort(known, kind="stable")
    count = int((~np.isnan(p_values)).sum())
    allowed = level * np.arange(1, len(known) + 1) / max(count, 1)
    below = np.flatnonzero(known[order] <= allowed)
    found = np.zeros(len(known), dtype=np.bool_)
    if len(below):
        found[order[: below[-1] + 1]] = True
    return np.asarray(found & ~np.isnan(p_values), dtype=np.bool_)
