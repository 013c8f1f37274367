"""Sparse levels of two samples, pooled until they may be tested, and what their counts prove."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.stats.homogeneity import ENOUGH, Counts, homogeneity

Reals = npt.NDArray[np.float64]

FEW: Final = 12
"""Levels up to which each that has enough rows is a pool of its own."""
LIKELY: Final = 2.0
"""Rows to expect in the reference of a level that it has hardly missed."""


@dataclass(frozen=True)
class Pools:
    """Counts of two samples over pools of levels.

    The first pool holds the levels that the reference may well have missed. Behind it lie those that
    it may have missed, yet hardly, one pool for each of ``mean`` and ``variance``: what the reference
    has of them by chance, given that it has each of them at least once, else they would not be known.
    """

    reference: Counts
    current: Counts
    mean: Reals
    variance: Reals

    def p_value(self) -> float:
        """Return the evidence that the shares differ.

        All that may have been missed is compared with the rest as one pool, and the pools that hardly
        were with what was to be expected. The two p-values say different things (so a table is parted
        by Lancaster 1949, Biometrika 36:117) and are combined as by Fisher 1925, Statistical Methods
        for Research Workers, section 21.1.

        >>> nothing = np.array([])
        >>> Pools(np.array([9, 50, 50]), np.array([9, 50, 50]), nothing, nothing).p_value()
        1.0
        """
        hardly = len(self.mean)
        whole = homogeneity(_as_one(self.reference, hardly), _as_one(self.current, hardly))
        if not hardly:
            return whole.p_value
        from scipy.special import chdtrc

        apart = (self.reference[1 : 1 + hardly] - self.mean) ** 2 / self.variance
        among = float(chdtrc(hardly, apart.sum()))
        if whole.test == "none":
            return among
        logs = [math.log(max(p, sys.float_info.min)) for p in (whole.p_value, among)]
        return float(chdtrc(4, -2 * sum(logs)))


def pooled(
    reference: Sequence[int],
    current: Sequence[int],
    *,
    names: Sequence[str] = (),
    rare: float = 0.0,
    likely: float = math.inf,
    fixed: int = 0,
) -> Pools:
    """Pool sparse levels, the rarest first, until each pool may be tested.

    The last ``fixed`` cells (*other*, *new*) and all levels with at most ``rare`` rows in both
    samples together may have been missed by the reference; those of them with at least ``likely``
    rows hardly were. A level never changes its pool with the sample it came from. Equally frequent
    levels go by ``names``: their own order is often that of the reference's counts, and pools made
    by it find drift where there is none.

    >>> pools = pooled([500, 300, 2, 1], [510, 290, 1, 2])
    >>> pools.reference, pools.current
    (array([  3, 300, 500]), array([  3, 290, 510]))
    """
    a, b = np.array(reference, dtype=np.int64), np.array(current, dtype=np.int64)
    both, known = a + b, len(a) - fixed
    alphabet = np.argsort(np.array(names)) if len(names) else np.arange(known)
    order = alphabet[np.argsort(both[alphabet], kind="stable")]
    missable = both[order] <= rare
    hardly = order[missable & (both[order] >= likely) & (a[order] > 0)]
    expected = both * (min(a.sum(), b.sum()) / max(1, both.sum()))
    tail = np.append(order[missable], np.arange(known, len(a)))
    first, *rest = _pools(expected, order[~missable], tail.tolist())
    apart = _pools(expected, hardly, [])
    if len(apart) > 1:
        first = np.setdiff1d(first, hardly).tolist()
    else:
        apart = []
    pools = [first, *apart, *rest]
    known_by_chance = [_once_at_least(both[pool], a.sum() / both.sum()) for pool in apart]
    return Pools(
        np.array([a[pool].sum() for pool in pools], dtype=np.int64),
        np.array([b[pool].sum() for pool in pools], dtype=np.int64),
        *np.array(known_by_chance).reshape(-1, 2).T,
    )


def rare_enough(n_reference: int, n_current: int) -> float:
    """Return how frequent a level may be and still be missed by the reference by chance alone.

    Levels that only the current sample has are known by their sum alone; pooled with every level
    up to this count they are exchangeable again (else the rare levels of a long tail, which are
    known *because* the reference happened to have them, look as if they had become rarer).
    """
    if not n_reference or not n_current:
        return 0.0
    return math.log(2e4) / -math.log(n_current / (n_reference + n_current))


def likely_known(n_reference: int, n_current: int) -> float:
    """Return from which count on a level is hardly missed by the reference."""
    return LIKELY * (n_reference + n_current) / n_reference if n_reference else math.inf


def _pools(expected: Reals, order: Counts, tail: list[int]) -> list[list[int]]:
    pools = [tail]
    for level in order.tolist():
        held = expected[pools[-1]].sum()
        alone = held > 0 and expected[level] >= ENOUGH and len(expected) <= FEW
        if held >= ENOUGH or alone:
            pools.append([])
        pools[-1].append(level)
    if len(pools) > 1 and expected[pools[-1]].sum() < ENOUGH:
        last = pools.pop()
        pools[-1].extend(last)
    return pools


def _once_at_least(both: Counts, share: float) -> tuple[float, float]:
    """Return mean and variance of a sum of binomial counts none of which is 0.

    ``both`` holds the trials of each level of a pool, ``share`` the chance of a success.
    """
    mean, known = both * share, 1 - (1 - share) ** both
    variance = (mean * (1 - share) + mean**2) / known - (mean / known) ** 2
    return float((mean / known).sum()), float(variance.sum())


def _as_one(counts: Counts, hardly: int) -> Any:
    """Return counts with the first pool and those that were hardly missed as one."""
    return np.append(counts[: 1 + hardly].sum(), counts[1 + hardly :])
