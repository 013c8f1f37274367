"""One test at nominal 5 % without any drift: how often does it alarm?"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from report import Report
from samples import COLUMNS

from jupyter_mlops.stats.drift import compare
from jupyter_mlops.stats.intervals import Estimate, wilson

LEVEL = 0.05
MOST, LEAST = 0.07, 0.03
LOOKED_AT = 50
"""Replicates whose attainable levels are computed."""
DENSE = 50
"""Hits to expect in a window from which the levels that are attained lie close together."""
SURE = 0.99
"""Level of the simulation intervals: with two hundred cells, one in a hundred strays from 95 % often."""
WINDOWS = (50, 100, 500, 5_000, 50_000)
REFERENCES = (1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Cell:
    """How often a test alarmed, with its interval, and whether a test can be between the bounds."""

    rate: Estimate
    attains: bool

    @property
    def above(self) -> bool:
        """Say whether the interval lies above the upper bound."""
        return self.rate.low > MOST

    @property
    def below(self) -> bool:
        """Say whether the interval lies below the lower bound though the test could keep it."""
        return self.attains and self.rate.high < LEAST

    def __str__(self) -> str:
        value, low, high = (100 * end for end in (self.rate.value, self.rate.low, self.rate.high))
        mark = " ✗" if self.above or self.below else "" if self.attains else " °"
        return f"{value:.1f} ({low:.1f}–{high:.1f}){mark}"


def measure(report: Report, pool: Executor, *, seed: int, replicates: int) -> None:
    """Simulate every column at every size."""
    report.title(f"False alarms of one test at nominal {LEVEL:.0%}, without drift, in percent")
    report.say(f"{replicates:,} replicates a cell, each with a reference of its own")
    report.say(f"in brackets the simulation interval at {SURE:.0%}; ✗ where it misses a bound")
    report.say(
        f"° so few rows to count that no test of them has a level between {LEAST:.0%} and {MOST:.0%}"
    )
    asked = {
        (at, reference, window): pool.submit(cell, at, reference, window, seed, replicates)
        for at in range(len(COLUMNS))
        for reference in REFERENCES
        for window in WINDOWS
    }
    for at, column in enumerate(COLUMNS):
        found = {n: [asked[at, n, m].result() for m in WINDOWS] for n in REFERENCES}
        rows = [[f"reference {n:,}", *map(str, cells)] for n, cells in found.items()]
        report.table([column.name, *(f"window {m:,}" for m in WINDOWS)], rows)
        _bounds(report, column.name, [one for cells in found.values() for one in cells])


def _bounds(report: Report, name: str, cells: list[Cell]) -> None:
    wrong: tuple[tuple[str, Callable[[Cell], bool]], ...] = (
        (f"above {MOST:.0%}", lambda cell: cell.above),
        (f"below {LEAST:.0%}", lambda cell: cell.below),
    )
    for words, broken in wrong:
        count = sum(map(broken, cells))
        unit = f"of {len(cells)} cells"
        report.bound(f"{name}: alarms {words}", count, 0, unit=unit, at_least=False)


def cell(at: int, reference: int, window: int, seed: int, replicates: int) -> Cell:
    """Test a column, by its place among all, so many times without drift."""
    column = COLUMNS[at]
    random = np.random.default_rng([seed, zlib.crc32(column.name.encode()), reference, window])
    p_values, attained, counts = np.empty(replicates), [], []
    for turn in range(replicates):
        before, windows = column.draw(random, reference)
        now = windows(random, window)
        p_values[turn] = getattr(compare(before, now), column.told)
        if column.two is not None and turn < LOOKED_AT:
            attained.append(_largest(*column.two(before), *column.two(now)))
        if column.count is not None:
            counts.append(column.count(now))
    # what could not be tested did not alarm; NaN is at most nothing
    rate = wilson(int((p_values <= LEVEL).sum()), replicates, level=SURE)
    if counts:
        attained = [_largest_of(np.array(counts))]
    return Cell(rate, attains=not attained or bool(np.mean(attained) >= LEAST))


def _largest_of(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """Return the largest level up to the bound that "at least so many" has, given what was seen."""
    levels = [float((counts >= least).mean()) for least in range(1, int(counts.max()) + 2)]
    return max(level for level in levels if level <= MOST)


def _largest(hits: int, rest: int, now_hits: int, now_rest: int) -> float:
    """Return the largest level up to the bound that a test of two shares, given all hits, can have."""
    from scipy.stats import hypergeom

    marked, n, m = hits + now_hits, hits + rest, now_hits + now_rest
    if marked * m / (n + m) > DENSE:
        return MOST
    outcomes = np.arange(max(0, marked - n), min(marked, m) + 1)
    apart = np.abs(outcomes / m - (marked - outcomes) / n)
    order = np.argsort(-apart, kind="stable")
    levels = np.cumsum(hypergeom.pmf(outcomes, n + m, marked, m)[order])
    whole = np.append(np.diff(apart[order]) < 0, True)  # outcomes as far apart come together
    return float(levels[whole & (levels <= MOST)].max(initial=0.0))
