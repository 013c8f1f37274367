"""Columns that do not move: a reference that is frozen, and windows of the same distribution.

What is drawn are counts wherever that is the same thing: the rows of a sample of labels fall on the levels
multinomially, and the rows of a continuous column fall between the order statistics of the reference by
Dirichlet's law, whatever its distribution is (Wilks 1962, Mathematical Statistics, section 8.7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from jupyter_mlops.stats.profile import Bins, Profile, bins, profile

Random = np.random.Generator
Reals = np.ndarray[Any, np.dtype[np.float64]]
Windows = Callable[[Random, int], Profile]
Drawn = tuple[Profile, Windows]
"""The profile of a reference, and what draws the profile of a window over its bins."""

SMALL = 10_000
"""Rows of a reference, and of a window, up to which continuous values themselves are drawn."""


@dataclass(frozen=True)
class Column:
    """A column by what it holds, and which of its p-values is looked at.

    ``two`` gives the two counts of a profile where the test is one of two shares, ``count`` the one of
    a window where all is told by that.
    """

    name: str
    draw: Callable[[Random, int], Drawn]
    told: str = "p_value"
    two: Callable[[Profile], tuple[int, int]] | None = None
    count: Callable[[Profile], int] | None = None


def continuous(values: Callable[[Random, int], Reals]) -> Callable[[Random, int], Drawn]:
    """Return a column of numbers without ties."""

    def draw(random: Random, rows: int) -> Drawn:
        if rows > SMALL:
            return by_ranks(random, rows)
        reference = values(random, rows)
        cut = bins(reference)
        return profile(reference, cut), lambda r, n: profile(values(r, n), cut)

    return draw


def by_ranks(random: Random, rows: int) -> Drawn:
    """Return any continuous column: the reference by its ranks, windows by counts between them."""
    before, gaps = _ranks(rows)
    shares = random.dirichlet(gaps)
    return before, lambda r, n: _counted(before.bins, r.multinomial(n, shares))


@lru_cache
def _ranks(rows: int) -> tuple[Profile, Reals]:
    ranks = np.arange(1.0, rows + 1)
    cut = bins(ranks)
    return profile(ranks, cut), np.diff([0.0, 1.0, *cut.edges, rows + 1.0])


def tied(values: Reals, shares: Reals) -> Callable[[Random, int], Drawn]:
    """Return a column of few distinct numbers."""

    def draw(random: Random, rows: int) -> Drawn:
        reference = np.repeat(values, random.multinomial(rows, shares))
        cut = bins(reference)
        return (
            profile(reference, cut),
            lambda r, n: profile(np.repeat(values, r.multinomial(n, shares)), cut),
        )

    return draw


def labels(shares: Reals) -> Callable[[Random, int], Drawn]:
    """Return a column of labels with these shares; bins hold those that the reference has."""
    names = np.array([f"level {at:04d}" for at in range(len(shares))])

    def draw(random: Random, rows: int) -> Drawn:
        seen = random.multinomial(rows, shares)
        order = np.argsort(-seen, kind="stable")[: int((seen > 0).sum())]
        cut = bins((), levels=names[order].tolist())

        def window(r: Random, n: int) -> Profile:
            now = r.multinomial(n, shares)
            return _counted(cut, np.append(now[order], n - now[order].sum()))

        return _counted(cut, np.append(seen[order], 0)), window

    return draw


def missing(share: float) -> Callable[[Random, int], Drawn]:
    """Return a column of one value that is missing in this share of rows."""
    cut = bins([1.0])

    def window(random: Random, rows: int) -> Profile:
        gone = int(random.binomial(rows, share))
        return Profile(cut, (0, rows - gone, 0), gone)

    return lambda random, rows: (window(random, rows), window)


def _counted(cut: Bins, counts: Any) -> Profile:
    return Profile(cut, tuple(counts.tolist()))


def zipf(levels: int, power: float = 0.0) -> Reals:
    """Return shares that fall with the rank; a power of 0 makes them equal."""
    weights = 1.0 / np.arange(1, levels + 1) ** power
    return np.asarray(weights / weights.sum())


def _poisson(mean: float) -> tuple[Reals, Reals]:
    from scipy.stats import poisson

    values = np.arange(60.0)
    shares = poisson.pmf(values, mean)
    return values, shares / shares.sum()


def _halves(p: Profile) -> tuple[int, int]:
    return p.counts[0], p.present - p.counts[0]


NUMBERS = (
    Column("normal", continuous(lambda random, rows: random.normal(size=rows))),
    Column("lognormal, σ = 3", continuous(lambda random, rows: random.lognormal(0, 3, rows))),
    Column("integers with ties: Poisson of 4", tied(*_poisson(4))),
)
LABELS = (
    Column("2 categories", labels(zipf(2)), two=_halves),
    Column("2 categories, one of 5 %", labels(np.array([0.95, 0.05])), two=_halves),
    Column("5 categories", labels(zipf(5))),
    Column("20 categories", labels(zipf(20))),
    Column("200 categories", labels(zipf(200))),
    Column("200 categories, unequal (Zipf)", labels(zipf(200, 1.1))),
)
GONE = tuple(
    Column(
        f"missing values, {share:.0%} of rows",
        missing(share),
        "missing_p_value",
        lambda p: (p.missing, p.present),
    )
    for share in (0.01, 0.1)
)
NEW = (
    Column(
        "new levels of 800, unequal (Zipf)",
        labels(zipf(800, 1.1)),
        "new_level_p_value",
        count=lambda p: p.new,
    ),
)
COLUMNS = (*NUMBERS, *LABELS, *GONE, *NEW)
