"""In which segments is a model worst? Searched over one and two attributes, and proved.

Attributes are cut at quantiles or into their levels. Each segment's mean loss is set against that
of all other rows (Welch's test, one-sided), corrected for how many segments were looked at, so that
where losses are the same everywhere any segment at all is named in at most one search of twenty.

Sources: Chung, Kraska, Polyzotis, Tae & Whang 2019, Slice Finder, ICDE; Welch 1947, Biometrika
34:28; Holm 1979, Scand. J. Statist. 6:65.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import columns
from jupyter_mlops.stats.intervals import Estimate, around
from jupyter_mlops.stats.scores import REASONABLE

Array = np.ndarray[Any, Any]

FEWEST: Final = 50
MOST_LEVELS: Final = 20
QUANTILES: Final = 5
LEVEL: Final = 0.05


@dataclass(frozen=True)
class Slice:
    """A segment, such as ``(("age", "≤ 25"), ("region", "west"))``, and how much worse it is.

    ``difference`` is its mean loss less that of all other rows; ``p_value`` is corrected.
    """

    conditions: tuple[tuple[str, str], ...]
    rows: int
    loss: Estimate
    difference: Estimate
    p_value: float


@dataclass(frozen=True, eq=False)
class _Segment:
    conditions: tuple[tuple[str, str], ...]
    rows: int
    mean: float
    variance: float


def worst(
    attributes: Mapping[str, Any],
    loss: Any,
    *,
    together: int = 2,
    fewest: int = FEWEST,
    level: float = LEVEL,
    most: int = 10,
) -> list[Slice]:
    """Return the segments that are proved worse than the rest, the worst first.

    Worst is what is surely so: the lower end of the difference decides. A pair of attributes is
    named only when it is surely worse than either of them alone.

    Args:
        attributes: columns by name, shape (n,) each, numbers or labels.
        loss: shape (n,), of each row, such as 1 for a wrong answer; missing ones are left out.
        together: attributes that a segment combines at most, 1 or 2.
        fewest: rows that a segment and the rest need.
        level: the chance of naming any segment where none is worse.
        most: segments returned.

    >>> region = ["west"] * 100 + ["east"] * 300
    >>> wrong = [1, 0] * 50 + [0] * 290 + [1] * 10
    >>> worst({"region": region}, wrong)[0].conditions
    (('region', 'west'),)
    """
    losses = columns.numbers(loss)
    held = np.abs(losses) <= REASONABLE
    losses = losses[held]
    if len(losses) < 2 * max(fewest, 2):
        return []
    cut = {name: cells(columns.as_column(v)[held], fewest) for name, v in attributes.items()}
    looked = [
        segment
        for segment in _segments(cut, losses, together)
        if max(fewest, 2) <= segment.rows <= len(losses) - max(fewest, 2)
    ]
    whole = _Segment((), len(losses), float(losses.mean()), float(losses.var(ddof=1)))
    tested = [_tested(segment, whole) for segment in looked]
    proved = [found for found in _corrected(tested) if found.p_value < level]
    named = _surely_worse_than_their_parts(proved, {s.conditions: s for s in looked})
    return sorted(named, key=lambda found: -found.difference.low)[:most]


def cells(values: Array, fewest: int = FEWEST) -> tuple[Array, list[str]]:
    """Return the cell of each row and the name of each cell: levels, or numbers cut at quantiles.

    >>> cells(np.array(["b", "a", "b"]), 1)
    (array([0, 1, 0]), ['b', 'a', 'other'])
    """
    if columns.kind_of(values) == "category":
        return _levels(values, fewest)
    numbers = columns.numbers(values)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return np.zeros(len(numbers), dtype=np.intp), ["missing"]
    inner = np.arange(1, QUANTILES) / QUANTILES
    cuts = np.unique(np.quantile(known, inner, method="higher"))
    cuts = cuts[cuts < known.max()]
    cells = np.where(np.isfinite(numbers), np.searchsorted(cuts, numbers), len(cuts) + 1)
    return cells, [*_between(cuts), "missing"]


def _between(cuts: Array) -> list[str]:
    if not len(cuts):
        return ["present"]
    told = [f"{cut:.6g}" for cut in cuts]
    inner = [f"> {low} and ≤ {high}" for low, high in pairwise(told)]
    return [f"≤ {told[0]}", *inner, f"> {told[-1]}"]


def _levels(values: Array, fewest: int) -> tuple[Array, list[str]]:
    named = ["missing" if columns.missing(v) else columns.label(v) for v in values.tolist()]
    levels, cells, counts = np.unique(named, return_inverse=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    kept = kept[counts[kept] >= fewest]
    place = np.full(len(levels), len(kept), dtype=np.intp)
    place[kept] = np.arange(len(kept))
    return place[cells], [*levels[kept].tolist(), "other"]


def _segments(
    cut: Mapping[str, tuple[Array, list[str]]], losses: Array, together: int
) -> Iterator[_Segment]:
    for count in range(1, min(together, 2) + 1):
        for names in combinations(cut, count):
            sizes = [len(cut[name][1]) for name in names]
            cells = np.ravel_multi_index([cut[name][0] for name in names], sizes)
            yield from _summed(names, [cut[name][1] for name in names], sizes, cells, losses)


def _summed(
    names: tuple[str, ...], told: list[list[str]], sizes: list[int], cells: Array, losses: Array
) -> Iterator[_Segment]:
    whole = math.prod(sizes)
    rows = np.bincount(cells, minlength=whole)
    means = np.bincount(cells, weights=losses, minlength=whole) / np.maximum(rows, 1)
    squares = np.bincount(cells, weights=(losses - means[cells]) ** 2, minlength=whole)
    for cell in np.flatnonzero(rows):
        places = np.unravel_index(cell, sizes)
        conditions = tuple(
            (name, part[int(i)]) for name, part, i in zip(names, told, places, strict=True)
        )
        variance = float(squares[cell] / max(rows[cell] - 1, 1))
        yield _Segment(conditions, int(rows[cell]), float(means[cell]), variance)


def _tested(segment: _Segment, whole: _Segment) -> Slice:
    """Set a segment against all other rows, whose moments are what it leaves of the whole."""
    from scipy.special import stdtr

    n, m = segment.rows, whole.rows - segment.rows
    rest = (whole.rows * whole.mean - n * segment.mean) / m
    squares = whole.variance * (whole.rows - 1) - segment.variance * (n - 1)
    squares -= n * (segment.mean - whole.mean) ** 2 + m * (rest - whole.mean) ** 2
    one, other = segment.variance / n, max(squares, 0.0) / max(m - 1, 1) / m
    apart, error = segment.mean - rest, math.sqrt(one + other)
    if not error:
        p_value = 0.0 if apart > 0 else 1.0
    else:
        freedom = (one + other) ** 2 / (one**2 / (n - 1) + other**2 / max(m - 1, 1))
        p_value = float(stdtr(freedom, -apart / error))
    return Slice(
        segment.conditions,
        n,
        around(segment.mean, math.sqrt(one)),
        around(apart, error),
        p_value,
    )


def _corrected(tested: list[Slice]) -> list[Slice]:
    """Return the slices with Holm's adjusted p-values, the surest first."""
    found, reached = [], 0.0
    for place, told in enumerate(sorted(tested, key=lambda told: told.p_value)):
        reached = max(reached, min(1.0, told.p_value * (len(tested) - place)))
        found.append(Slice(told.conditions, told.rows, told.loss, told.difference, reached))
    return found


def _surely_worse_than_their_parts(
    proved: list[Slice], looked: Mapping[tuple[tuple[str, str], ...], _Segment]
) -> list[Slice]:
    def parts(found: Slice) -> list[float]:
        alone = [looked.get((condition,)) for condition in found.conditions]
        return [part.mean for part in alone if part]

    return [
        found
        for found in proved
        if len(found.conditions) == 1 or all(found.loss.low > mean for mean in parts(found))
    ]
