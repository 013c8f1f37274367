"""How far a row lies from the training rows, all numbers of it taken together.

A row of which no number is out of range may still be one that never occurred: a height of 190 cm
with a weight of 40 kg. The distance is Mahalanobis's on standardised numbers,
``d² = z' R⁻¹ z`` with ``z = (x - mean) / deviation`` and ``R`` the correlation matrix, shrunk towards
no correlation so that it can be inverted however many features there are.

The moments are of values clipped at frozen quantiles, so that one value of 1e12 does not hide all
others; being sums over rows they add up over batches. A missing value counts as the mean. The
distance of a row that is asked about is not clipped.

Sources: Mahalanobis 1936, Proc. Nat. Inst. Sci. India 2:49; the shrinkage is the oracle
approximating one of Chen, Wiesel, Eldar & Hero 2010, IEEE Trans. Signal Process. 58:5016, eq. 23.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

MOST_FEATURES: Final = 100
FEWEST_ROWS: Final = 50
LEVELS: Final = (0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9999, 1.0)
REASONABLE: Final = 1e100
_CLIPPED: Final = (0.005, 0.995)


@dataclass(frozen=True)
class Cloud:
    """Where the training rows lie: centre and scale of each feature, and how they go together.

    ``root`` of shape (p, p) turns standardised rows into ones whose squared length is the squared
    distance; ``distances`` are those of the training rows, at ``LEVELS``.
    """

    center: Numbers
    scale: Numbers
    root: Numbers
    distances: tuple[float, ...]

    def distance(self, rows: Any) -> Numbers:
        """Return the distance of each row; rows of shape (n, p), NaN where missing.

        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(500, 1))
        >>> c = cloud(np.hstack([x, x + 0.1 * rng.normal(size=(500, 1))]))
        >>> near, odd = c.distance([[1.0, 1.0], [1.0, -1.0]])
        >>> bool(odd > 5 * near)
        True
        """
        with np.errstate(over="ignore"):
            standard = (np.asarray(rows, dtype=np.float64) - self.center) / self.scale
        standard[np.isnan(standard)] = 0.0
        # beyond it squares overflow, and such a row is far enough away as it is
        turned = np.minimum(np.maximum(standard, -REASONABLE), REASONABLE) @ self.root
        return np.asarray(np.sqrt((turned * turned).sum(axis=1)))

    def threshold(self, level: float) -> float:
        """Return the distance that this share of the training rows does not exceed.

        Between the levels that are kept it is interpolated.
        """
        return float(np.interp(level, LEVELS, self.distances))


def cloud(rows: Any) -> Cloud:
    """Measure where training rows lie; rows of shape (n, p), NaN where missing."""
    matrix = np.asarray(rows, dtype=np.float64)
    low, high = _ends(matrix)
    clipped = np.clip(matrix, np.maximum(low, -REASONABLE), np.minimum(high, REASONABLE))
    center = _nan_mean(clipped)
    apart = np.where(np.isnan(clipped), 0.0, clipped - center)
    scale = np.sqrt((apart**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    standard = apart / scale
    correlation = shrunk(standard.T @ standard / len(matrix), len(matrix))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors / np.sqrt(np.maximum(values, 1e-12))
    measured = Cloud(center, scale, root, ())
    found = np.quantile(measured.distance(matrix), LEVELS, method="higher")
    return Cloud(center, scale, root, tuple(found.tolist()))


def shrunk(covariance: Numbers, rows: int) -> Numbers:
    """Return a covariance of shape (p, p) drawn towards the sphere of the same size.

    >>> shrunk(np.array([[1.0, 1.0], [1.0, 1.0]]), 10).round(2).tolist()
    [[1.0, 0.64], [0.64, 1.0]]
    """
    p = len(covariance)
    mean = np.trace(covariance) / p
    alpha = float(np.mean(covariance**2))
    squared = float(mean**2)
    apart = (rows + 1.0) * (alpha - squared / p)
    rho = 1.0 if apart <= 0 else min((alpha + squared) / apart, 1.0)
    return np.asarray((1 - rho) * covariance + rho * mean * np.eye(p))


def _ends(matrix: Numbers) -> tuple[Numbers, Numbers]:
    """Return where each column is clipped: inside its very ends, however few rows there are."""
    low, high = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    for k, column in enumerate(matrix.T):
        known = column[np.isfinite(column)]
        if len(known):
            low[k] = np.quantile(known, _CLIPPED[0], method="higher")
            high[k] = np.quantile(known, _CLIPPED[1], method="lower")
    return low, np.maximum(low, high)


def _nan_mean(matrix: Numbers) -> Numbers:
    known = ~np.isnan(matrix)
    return np.asarray(np.where(known, matrix, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
