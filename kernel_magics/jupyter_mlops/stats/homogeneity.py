"""Two samples of labels: the chi-square test of homogeneity, where both samples are samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.stats import kolmogorov

Counts = npt.NDArray[np.int64]

ENOUGH: Final = 5.0
"""The expected count below which levels are pooled; Cochran 1954, Biometrics 10:417.

Fewer would do at a level of 5 % (Roscoe & Byars 1971), not at that by which a month is judged.
"""
DRAWS: Final = 4_999
SEED: Final = 20_240_229


@dataclass(frozen=True)
class Homogeneity:
    """What the test says, and by which way it was told."""

    p_value: float
    test: str


def chi_square(reference: Sequence[int], current: Sequence[int]) -> float:
    """Return Pearson's statistic of the 2 x k table.

    >>> chi_square([50, 50], [60, 40])
    2.0202020202020203
    """
    table = np.array([reference, current], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    sizes, levels = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    if not sizes.all():
        return 0.0
    expected = sizes * levels / sizes.sum()
    return float((((table - expected) ** 2) / expected).sum())


def homogeneity(reference: Sequence[int], current: Sequence[int]) -> Homogeneity:
    """Test whether two samples of labels have the same shares.

    Two levels: exact. Several with enough rows each: Pearson's chi-square (1911, "On the
    probability that two independent distributions of frequency are really samples from the same
    population"). A rare level among few: a seeded permutation of the labels.

    >>> told = homogeneity([500, 300, 200], [510, 295, 195])
    >>> told.test, round(told.p_value, 4)
    ('chi_square', 0.9029)
    """
    a, b = _present(reference, current)
    if len(a) < 2:  # noqa: PLR2004  (one level cannot differ)
        return Homogeneity(1.0, "none")
    if len(a) == 2:  # noqa: PLR2004
        return Homogeneity(kolmogorov.p_value(a.tolist(), b.tolist()), "exact")
    if _least_expected(a, b) < ENOUGH:
        return Homogeneity(_permuted(a, b), "permutation")
    from scipy.special import chdtrc

    return Homogeneity(float(chdtrc(len(a) - 1, chi_square(a.tolist(), b.tolist()))), "chi_square")


def _present(
    reference: Sequence[int] | Counts, current: Sequence[int] | Counts
) -> tuple[Counts, Counts]:
    a, b = np.array(reference, dtype=np.int64), np.array(current, dtype=np.int64)
    return a[(a + b) > 0], b[(a + b) > 0]


def _least_expected(a: Counts, b: Counts) -> float:
    return float((a + b).min() * min(a.sum(), b.sum()) / (a + b).sum())


def _permuted(a: Counts, b: Counts) -> float:
    """Return the share of relabelled tables that differ at least as much as the one seen."""
    if b.sum() > a.sum():
        a, b = b, a
    both, size = a + b, int(b.sum())
    random = np.random.default_rng(SEED)
    drawn = random.multivariate_hypergeometric(both, size, size=DRAWS, method="marginals")
    middle = both * (size / both.sum())
    found = ((drawn - middle) ** 2 / middle).sum(axis=1)
    seen = float(((b - middle) ** 2 / middle).sum())
    beyond = int((found >= seen * (1 - 1e-12)).sum())
    return (beyond + 1) / (DRAWS + 1) if beyond else min(1 / (DRAWS + 1), _one_by_one(a, b))


def _one_by_one(a: Counts, b: Counts) -> float:
    """Return Bonferroni's bound over exact tests of each level, for what no draw has reached."""
    rest_a, rest_b = int(a.sum()), int(b.sum())
    return len(a) * min(
        kolmogorov.p_value([x, rest_a - x], [y, rest_b - y])
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )
