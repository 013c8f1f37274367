"""Hits and misses to expect at each score, what is measured of them, and the doubt about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats.calibration import helps, isotonic
from jupyter_mlops.stats.intervals import Estimate

Array = np.ndarray[Any, Any]
Measures = dict[str, Array]
Draws = list[Array]
Told = dict[str, float] | dict[str, Estimate]

DRAWS: Final = 200
_SEED: Final = 20_260_402


def told(
    before: Sequence[Array],
    now: Sequence[Array],
    middles: Array,
    measure: Callable[[list[Array]], Measures],
    interval: float | None,
    couple: Callable[[Draws], Draws] = list,
) -> Told:
    """Return what is measured of expected counts, with its band when asked.

    Args:
        before: counts of the reference in each part that is calibrated apart, shape (cells, 2).
        now: current counts of the parts, shape (cells,).
        middles: the score of each cell.
        measure: what to make of counts of all parts, shape (…, cells, 2).
        interval: the level of the band.
        couple: makes draws of the parts depend on each other as the parts do.
    """
    better = [helps(counts, middles) for counts in before]
    chances = [
        isotonic(counts, middles) if use else middles
        for counts, use in zip(before, better, strict=True)
    ]
    expected = [_expected(rows, chance) for rows, chance in zip(now, chances, strict=True)]
    blind = any(not b.sum() and n.sum() for b, n in zip(before, now, strict=True))
    nothing = blind or not sum(int(b.sum()) for b in before)
    found = {
        name: math.nan if nothing else float(value) for name, value in measure(expected).items()
    }
    if interval is None:
        return found
    rng = np.random.default_rng(_SEED)
    drawn = [_labelled(n, c, rng) for n, c in zip(now, chances, strict=True)]
    labels = measure(couple(drawn))
    learnt = measure(
        [_relearnt(b, n, middles, u) for b, n, u in zip(before, now, better, strict=True)]
    )
    return {
        name: _band(value, labels[name], learnt[name], interval) for name, value in found.items()
    }


def _expected(rows: Array, chances: Array) -> Array:
    return np.stack([rows * (1 - chances), rows * chances], axis=-1)


def _labelled(rows: Array, chances: Array, rng: np.random.Generator) -> Array:
    """Return draws of the labels to come, shape (draws, cells, 2)."""
    hits = rng.binomial(rows.astype(np.int64), np.clip(chances, 0, 1), size=(DRAWS, len(rows)))
    return np.stack([rows - hits, hits], axis=-1)


def _relearnt(before: Array, rows: Array, middles: Array, better: bool) -> Array:
    """Return what would be expected, had the reference been another sample."""
    n = int(before.sum())
    if not better or not n:
        return _expected(rows, middles)[None]
    rng = np.random.default_rng(_SEED + 1)
    drawn = rng.multinomial(n, before.ravel() / n, size=DRAWS).reshape(DRAWS, *before.shape)
    return np.stack([_expected(rows, isotonic(counts, middles)) for counts in drawn])


def _band(value: float, labels: Array, learnt: Array, level: float) -> Estimate:
    """Add both doubts: which labels come, and what the reference might have taught instead."""
    doubt = learnt - np.nanmean(learnt) if np.isfinite(learnt).any() else learnt
    drawn = labels + doubt
    if math.isnan(value) or not np.isfinite(drawn).any():
        return Estimate(value)
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Estimate(value, min(value, float(low)), max(value, float(high)))
