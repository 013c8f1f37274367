"""Whether one model is no worse than another on the same rows, by more than a margin.

Differences of the AUC and of the accuracy are those of :mod:`jupyter_mlops.stats.paired`. Source of the procedure: Wellek 2010, Testing Statistical Hypotheses
of Equivalence and Noninferiority, chapters 2 and 5: it is proved where even the worse end of the
interval of the difference is within the margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_mlops.stats.intervals import Estimate, around

Array = np.ndarray[Any, Any]
_FEWEST = 2


@dataclass(frozen=True)
class NoWorse:
    """How much better a model is than another (less than 0 is worse), and what that proves.

    >>> NoWorse(Estimate(-0.01, -0.03, 0.01), margin=0.05).is_proven
    True
    """

    difference: Estimate
    margin: float

    @property
    def is_proven(self) -> bool:
        """Say whether even the worse end of the interval is within the margin."""
        return self.difference.low >= -self.margin

    @property
    def is_worse(self) -> bool:
        """Say whether the difference is beyond the margin."""
        return self.difference.value < -self.margin


def rmse_gain(mine: Any, theirs: Any, *, level: float = 0.95) -> Estimate:
    """Return by which share one model's RMSE is below another's, ``1 - √(A / B)``, from paired errors.

    A and B are the means of the squared errors a and b; the standard error is that of the mean of
    ``√(A / B) / 2 · (a / A - b / B)``, by the delta method.

    Args:
        mine: shape (n,), the errors of one model.
        theirs: shape (n,), those of the other on the same rows.
        level: that of the interval.

    Source: van der Vaart 1998, Asymptotic Statistics, ch. 3.

    >>> rmse_gain([1.0, -1.0, 1.0], [2.0, -2.0, 2.0]).value
    0.5
    """
    a, b = (np.asarray(part, dtype=np.float64) ** 2 for part in (mine, theirs))
    if len(a) < _FEWEST or not b.any():
        return Estimate(math.nan)
    if not a.any():
        return Estimate(1.0, 1.0, 1.0)
    root = math.sqrt(float(a.mean()) / float(b.mean()))
    influence = root / 2 * (a / a.mean() - b / b.mean())
    return around(1 - root, float(influence.std(ddof=1)) / math.sqrt(len(a)), level=level)
