"""Evidence that may be looked at as often as one likes."""

from __future__ import annotations

import math


def excess(hits: int, misses: int, share: float) -> float:
    """Return the evidence that hits are more frequent than ``share``; 1 is none.

    An e-process: the likelihood of all shares above the given one, evenly mixed, against its own.
    If hits are *not* more frequent, the chance that it ever reaches 100, however often one looks, is
    at most 1 %. Source: Ville 1939, "Étude critique de la notion de collectif"; Robbins 1970, Ann.
    Math. Statist. 41:1397 (mixtures).

    >>> round(excess(2, 0, 0.05)), round(excess(5, 95, 0.05), 2)
    (140, 0.04)
    """
    if not hits:
        return 0.0 if misses else 1.0
    from scipy.special import betainc, betaln

    above = float(betainc(misses + 1, hits + 1, 1 - share))  # the mass of the mixture over share
    if not above:
        return 0.0
    mixed = betaln(hits + 1, misses + 1) + math.log(above) - math.log1p(-share)
    simple = hits * math.log(share) + misses * math.log1p(-share)
    return math.exp(min(mixed - simple, 700.0))
