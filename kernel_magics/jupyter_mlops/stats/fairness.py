"""Whether groups of people are treated alike: shares and rates of each group beside the best one.

Shares of counts are resampled by the Bayesian bootstrap of their cells with half a row more in each,
so that none of thirty is not taken for never; means of scores as the multinomial of score cells. The
cost does not grow with rows. A group too small to tell is unknown, not fair.

Sources: Hardt, Price & Srebro 2016, NeurIPS (equalised odds, equal opportunity); Feldman et al.
2015, KDD, and 29 CFR 1607.4 D (four fifths); Saleiro et al. 2018, arXiv:1811.05577 (Aequitas, equal
and proportional parity); Kleinberg, Mullainathan & Raghavan 2017, ITCS (balance for the classes);
fairlearn.metrics for demographic parity and equalised odds; Rubin 1981, Annals of Statistics 9:130
(the Bayesian bootstrap); Brown, Cai & DasGupta 2001, Statistical Science 16:101 (half a row more).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import cells, columns
from jupyter_mlops.stats.intervals import DRAWS
from jupyter_mlops.stats.ranked import ratio

Array = np.ndarray[Any, Any]

FLOOR: Final = 0.8
FEWEST: Final = 30
LEVEL: Final = 0.95
_PRIOR: Final = 0.5
_SEED: Final = 20_261_205
_JOIN: Final = " & "

RATES: Final = (
    "proportional_parity",
    "equal_parity",
    "true_favourable_rate",
    "true_unfavourable_rate",
    "favourable_predictive_value",
    "unfavourable_predictive_value",
    "false_favourable_rate",
)
"""What counts of truth × answer tell of a group; the last one only as a part of equalised odds."""


@dataclass(frozen=True, eq=False)
class _Figures:
    """One measure of all groups: figures (groups,), draws of them (draws, groups), and their rows."""

    value: Array
    drawn: Array
    rows: Array


def parity(
    y_true: Any,
    y_pred: Any,
    *,
    sensitive: Any,
    favourable: Any = 1,
    score: Any = None,
    floor: float = FLOOR,
    fewest: int = FEWEST,
    level: float = LEVEL,
) -> list[dict[str, Any]]:
    """Return each measure of each group, beside the group where it is greatest.

    With f the favourable class, y the truth and ŷ the answer, a group g has:

    - ``proportional_parity``: P(ŷ = f | g); ``equal_parity``: the count of ŷ = f in g
    - ``favourable_balance``, ``unfavourable_balance``: the mean score of f where y = f, and where not
    - ``true_favourable_rate``: P(ŷ = f | y = f, g); ``true_unfavourable_rate``: P(ŷ ≠ f | y ≠ f, g)
    - ``favourable_predictive_value``: P(y = f | ŷ = f, g); ``unfavourable_predictive_value``:
      P(y ≠ f | ŷ ≠ f, g)
    - ``demographic_parity``: as proportional parity; ``equalised_odds``: the worse of P(ŷ = f | y = f,
      g) and P(ŷ = f | y ≠ f, g). The greatest difference and the least ratio of groups are what
      fairlearn calls by these names.

    A row holds ``attribute``, ``group``, ``measure``, ``value``, ``rows`` (that the measure is of),
    ``reference`` (the group where it is greatest), ``difference`` (how far below that), ``ratio``
    (to that), ``low`` and ``high`` (its bootstrap interval) and ``status``: passing where the whole
    interval reaches the floor, failing where none of it does, else unknown.

    Args:
        y_true: shape (n,), the classes that came true; rows without one are left out.
        y_pred: shape (n,), the classes that were said.
        sensitive: shape (n,), the group of each row, or several such columns by name: each of them
            and each pair of them is looked at.
        favourable: the class that is good to get; all others are not.
        score: shape (n,), the probability of the favourable class; without it, what was said.
        floor: the least ratio that is called fair.
        fewest: rows that a measure needs in a group and in the one it is beside.
        level: that of the intervals.

    >>> rows = parity([1, 0] * 50, [1, 1, 1, 0] * 25, sensitive=["a", "b", "a", "a"] * 25, fewest=20)
    >>> [(row["group"], round(row["ratio"], 3)) for row in rows if row["measure"] == "demographic_parity"]
    [('a', 0.667), ('b', 1.0)]
    """
    truth, said = _labels(y_true), _labels(y_pred)
    if len(truth) != len(said):
        raise Invalid("Truths and answers are not of one length.", code="lengths_differ")
    good = columns.label(favourable)
    chance = np.array(said == good, dtype=float) if score is None else columns.numbers(score)
    known = (truth != None) & (said != None) & np.isfinite(chance)  # noqa: E711  (row by row)
    told: list[dict[str, Any]] = []
    for attribute, groups in _attributes(sensitive, len(truth)):
        names, places = np.unique(groups[known], return_inverse=True)
        if not len(names):
            continue
        hits = (truth[known] == good).astype(int)
        yes = (said[known] == good).astype(int)
        found = {
            **_rates(_counted(places, hits, yes, len(names))),
            **_balances(places, hits, chance[known], len(names)),
        }
        for measure, figures in _in_order(found):
            told += _rows(attribute, names, measure, figures, floor, fewest, level)
        told += _odds(attribute, names, found, floor, fewest, level)
    return told


def _attributes(sensitive: Any, rows: int) -> Iterator[tuple[str, Array]]:
    """Go through the attributes, and through each pair of them."""
    told = sensitive if isinstance(sensitive, Mapping) else {"": sensitive}
    named = {}
    for name, values in told.items():
        groups = _labels(values)
        if len(groups) != rows:
            raise Invalid("Groups and answers are not of one length.", code="lengths_differ")
        groups[groups == None] = "missing"  # noqa: E711  (row by row)
        named[str(name)] = groups.astype(str)
    yield from named.items()
    for one, other in combinations(named, 2):
        both = [_JOIN.join(pair) for pair in zip(named[one], named[other], strict=True)]
        yield _JOIN.join((one, other)), np.array(both)


def _labels(values: Any) -> Array:
    """Return labels as text, so that 1, 1.0 and True are one; what is missing stays missing."""
    found: Array = np.empty(len(values), dtype=object)
    found[:] = [
        None if columns.missing(value) else columns.label(value)
        for value in columns.as_column(values).tolist()
    ]
    return found


def _counted(places: Array, hits: Array, yes: Array, groups: int) -> Array:
    """Count rows as (groups, 2, 2): truth, then answer; unfavourable first."""
    flat = np.bincount(places * 4 + hits * 2 + yes, minlength=groups * 4)
    return flat.reshape(groups, 2, 2)


def _rates(counts: Array) -> dict[str, _Figures]:
    rng = np.random.default_rng(_SEED)
    weights = rng.standard_gamma(counts + _PRIOR, size=(DRAWS, *counts.shape))
    drawn = _shares(weights)
    return {
        name: _Figures(value, drawn[name][0], of) for name, (value, of) in _shares(counts).items()
    }


def _shares(counts: Array) -> dict[str, tuple[Array, Array]]:
    """Return each rate of counts of shape (…, groups, 2, 2), and the rows that it is of."""
    tn, fp, fn, tp = (counts[..., i, j] for i in (0, 1) for j in (0, 1))
    every = tn + fp + fn + tp
    return {
        "proportional_parity": (ratio(tp + fp, every), every),
        "equal_parity": ((tp + fp).astype(float), every),
        "true_favourable_rate": (ratio(tp, tp + fn), tp + fn),
        "true_unfavourable_rate": (ratio(tn, tn + fp), tn + fp),
        "favourable_predictive_value": (ratio(tp, tp + fp), tp + fp),
        "unfavourable_predictive_value": (ratio(tn, tn + fn), tn + fn),
        "false_favourable_rate": (ratio(fp, tn + fp), tn + fp),
    }


def _balances(places: Array, hits: Array, chance: Array, groups: int) -> dict[str, _Figures]:
    """Return the mean scores of each group, where the favourable came true and where it did not."""
    rng = np.random.default_rng(_SEED)
    told = {}
    for name, hit in (("favourable_balance", 1), ("unfavourable_balance", 0)):
        value, drawn = np.full(groups, math.nan), np.full((DRAWS, groups), math.nan)
        rows = np.bincount(places[hits == hit], minlength=groups)
        for group in np.flatnonzero(rows):
            inside = chance[(places == group) & (hits == hit)]
            value[group] = inside.mean()
            counts = cells.histogram(inside)
            held = np.flatnonzero(counts)
            resampled = rng.multinomial(len(inside), counts[held] / len(inside), size=DRAWS)
            coarse = counts[held] @ cells.MIDDLES[held] / len(inside)
            drawn[:, group] = resampled @ cells.MIDDLES[held] / len(inside) + inside.mean() - coarse
        told[name] = _Figures(value, drawn.clip(0, 1), rows)
    return told


def _in_order(found: Mapping[str, _Figures]) -> Iterator[tuple[str, _Figures]]:
    for name in ("proportional_parity", "equal_parity"):
        yield name, found[name]
    for name in ("favourable_balance", "unfavourable_balance", *RATES[2:-1]):
        yield name, found[name]
    yield "demographic_parity", found["proportional_parity"]


def _rows(
    attribute: str,
    names: Array,
    measure: str,
    figures: _Figures,
    floor: float,
    fewest: int,
    level: float,
) -> list[dict[str, Any]]:
    """Return what one measure tells of each group."""
    best = _best(figures.value)
    drawn = _ratios(figures.drawn, best)
    enough = (figures.rows >= fewest) & (figures.rows[best] >= fewest)
    return [
        {
            "attribute": attribute,
            "group": str(name),
            "measure": measure,
            "value": float(figures.value[at]),
            "rows": int(figures.rows[at]),
            "reference": str(names[best]),
            "difference": float(figures.value[best] - figures.value[at]),
            **_judged(
                float(_ratios(figures.value, best)[at]),
                drawn[:, at],
                is_best=at == best,
                is_enough=bool(enough[at]),
                floor=floor,
                level=level,
            ),
        }
        for at, name in enumerate(names)
    ]


def _odds(
    attribute: str,
    names: Array,
    found: Mapping[str, _Figures],
    floor: float,
    fewest: int,
    level: float,
) -> list[dict[str, Any]]:
    """Return of each group the worse of its two rates of favourable answers."""
    parts = [
        _rows(attribute, names, "equalised_odds", found[name], floor, fewest, level)
        for name in ("true_favourable_rate", "false_favourable_rate")
    ]
    told = []
    for one, other in zip(*parts, strict=True):
        worse = min(one, other, key=lambda row: (not math.isnan(row["ratio"]), row["ratio"]))
        statuses = {one["status"], other["status"]}
        told.append(
            {
                **worse,
                "difference": max(one["difference"], other["difference"]),
                "status": next(s for s in ("failing", "unknown", "passing") if s in statuses),
            }
        )
    return told


def _judged(
    value: float, drawn: Array, *, is_best: bool, is_enough: bool, floor: float, level: float
) -> dict[str, Any]:
    """Return a ratio with its interval, and what it comes to."""
    known = drawn[np.isfinite(drawn)]
    if math.isnan(value) or not len(known):
        return {"ratio": value, "low": math.nan, "high": math.nan, "status": "unknown"}
    tail = (1 - level) / 2
    low, high = (1.0, 1.0) if is_best else map(float, np.quantile(known, [tail, 1 - tail]))
    status = "unknown"
    if is_enough and low >= floor:
        status = "passing"
    elif is_enough and high < floor:
        status = "failing"
    return {"ratio": value, "low": min(low, value), "high": max(high, value), "status": status}


def _best(value: Array) -> int:
    return int(np.nanargmax(value)) if np.isfinite(value).any() else 0


def _ratios(value: Array, best: int) -> Array:
    """Return figures of shape (…, groups) over those of one group; nobody getting anything is equal."""
    top = value[..., best][..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = value / top
    return np.where((top == 0) & (value == 0), 1.0, found)
