"""What is known of one column when two samples of it are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from jupyter_mlops.stats.columns import Kind

NAN: Final = math.nan


@dataclass(frozen=True)
class Comparison:
    """One column, current against reference: p-values for evidence, distances for size.

    What cannot be told (no rows, another kind of column) is NaN.
    """

    kind: Kind
    n_reference: int
    n_current: int
    p_value: float = NAN
    missing_p_value: float = NAN
    new_level_p_value: float = NAN
    psi: float = NAN
    jensen_shannon: float = NAN
    hellinger: float = NAN
    wasserstein: float = NAN
    kl: float = NAN
    cramers_v: float = NAN
    missing_difference: float = NAN
    missing_share: float = NAN
    new_level_share: float = 0.0
