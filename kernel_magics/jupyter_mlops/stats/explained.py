"""Which segments explain a shift: their parts add up to the whole of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.stats import columns
from jupyter_mlops.stats.profile import bins, displayed, profile
from jupyter_mlops.stats.slices import FEWEST, cells

Array = np.ndarray[Any, Any]

LEVEL: Final = 0.05


@dataclass(frozen=True)
class Part:
    """What one segment adds to a shift, and its ``share`` of the whole.

    ``p_value`` is the chance that rows chosen blindly, as many as the segment has, add as much or as
    little.
    """

    segment: str
    contribution: float
    share: float
    n_reference: int
    n_current: int
    p_value: float


@dataclass(frozen=True)
class Explained:
    """How the segments of an attribute explain a shift, whose parts add up to ``whole``.

    ``apart`` is the share of the shift that lies elsewhere than its share of the rows would have it:
    0 where each segment adds as much as it has rows, near 1 where a small one adds all. ``p_value``
    is corrected for all segments that were looked at.
    """

    attribute: str
    whole: float
    apart: float
    p_value: float
    parts: list[Part]


def by_attributes(
    reference: Any,
    current: Any,
    *,
    reference_attributes: Mapping[str, Any],
    current_attributes: Mapping[str, Any],
    fewest: int = FEWEST,
) -> list[Explained]:
    """Explain the PSI of a column by each attribute, the one whose segments stand apart most first.

    Numbers are cut at quantiles of both samples together, rare levels are one segment.

    Args:
        reference: shape (n,), numbers or labels.
        current: shape (m,).
        reference_attributes: columns by name, shape (n,) each.
        current_attributes: the same columns, shape (m,) each.
        fewest: rows that a level needs to be a segment of its own.

    >>> before, now = [1.0, 2.0] * 100, [1.0, 2.0] * 50 + [2.0] * 100
    >>> told = {"half": ["a"] * 100 + ["b"] * 100, "turn": ["x", "x", "y", "y"] * 50}
    >>> found = by_attributes(before, now, reference_attributes=told, current_attributes=told)
    >>> [one.attribute for one in found], found[0].parts[0].segment
    (['half', 'turn'], 'b')
    """
    old, new = columns.as_column(reference), columns.as_column(current)
    told = []
    for name, was in reference_attributes.items():
        both = [columns.as_column(part) for part in (was, current_attributes[name])]
        places, names = cells(_joined(*both), fewest)
        segments = np.array(names, dtype=object)[places]
        before, now = segments[: len(both[0])], segments[len(both[0]) :]
        parts = of_distribution(old, new, reference_segment=before, current_segment=now)
        if len(parts) > 1:
            told.append((name, parts))
    looked = sum(len(parts) for _, parts in told)
    found = [_explained(name, parts, looked) for name, parts in told]
    return sorted(found, key=lambda one: (one.p_value >= LEVEL, -one.apart, one.attribute))


def _joined(one: Array, other: Array) -> Array:
    kinds = {columns.kind_of(one), columns.kind_of(other)}
    if kinds == {"number"}:
        return np.concatenate([columns.numbers(one), columns.numbers(other)])
    return np.concatenate([one.astype(object), other.astype(object)])


def _explained(name: str, parts: list[Part], looked: int) -> Explained:
    whole = sum(part.contribution for part in parts)
    n, m = sum(part.n_reference for part in parts), sum(part.n_current for part in parts)
    fair = [(part.n_reference / n + part.n_current / m) / 2 for part in parts]
    apart = sum(abs(part.share - share) for part, share in zip(parts, fair, strict=True)) / 2
    least = min(part.p_value for part in parts)
    return Explained(name, whole, apart, min(1.0, least * looked), parts)


def of_distribution(
    reference: Any, current: Any, *, reference_segment: Any, current_segment: Any
) -> list[Part]:
    """Explain the PSI of a column by segments, the largest part first.

    PSI is ``Σ (q - p) ln(q / p)`` over display bins; the shares q and p of a bin are sums over
    segments, so that a segment's part is its own difference times the logarithm of the whole.
    The parts add up to the PSI; a segment that moved against the rest has a negative one.

    A part is the mean of that logarithm over the current rows of the segment less that over its
    reference rows, so that its moments are known for a segment that is drawn blindly.

    Sources: the sum in Siddiqi 2006, Credit Risk Scorecards, taken apart; Cochran 1977, Sampling
    Techniques, §2.5 (moments without replacement).

    >>> before, now = [1.0, 2.0] * 50, [1.0, 2.0] * 25 + [2.0] * 50
    >>> segment = ["a"] * 50 + ["b"] * 50
    >>> told = of_distribution(before, now, reference_segment=segment, current_segment=segment)
    >>> told[0].segment, round(told[0].share, 6)
    ('b', 1.0)
    """
    was, now = _names(reference_segment), _names(current_segment)
    names = sorted({*was.tolist(), *now.tolist()})
    old, new = (columns.as_column(values) for values in (reference, current))
    if not len(old) or not len(new):
        return []
    cut = bins(old)

    def shares(column: Array, belongs: Array) -> tuple[Array, list[int]]:
        found = [_counts(column[belongs == name], cut) for name in names]
        return np.array(found) / max(sum(map(sum, found)), 1), [sum(cells) for cells in found]

    (p, n), (q, m) = shares(old, was), shares(new, now)
    if not any(n) or not any(m):
        return []
    least = [0.5 / sum(n), 0.5 / sum(m)]
    ratio = np.log(np.maximum(q.sum(axis=0), least[1]) / np.maximum(p.sum(axis=0), least[0]))
    seen = (p.sum(axis=0) + q.sum(axis=0)) > 0
    ratio = np.where(seen, ratio, 0.0)
    made = ((q - p) * ratio).sum(axis=1)
    chances = _blindly(made, ratio, (p, np.array(n)), (q, np.array(m)))
    whole = float(made.sum())
    return _ordered(
        [
            Part(name, value, value / whole if whole else math.nan, a, b, chance)
            for name, value, a, b, chance in zip(
                names, made.tolist(), n, m, chances.tolist(), strict=True
            )
        ]
    )


def _blindly(
    made: Array, ratio: Array, reference: tuple[Array, Array], current: tuple[Array, Array]
) -> Array:
    """Return the chance that blindly drawn segments have parts as far from their expectation."""
    from scipy.special import ndtr

    expected, variance = np.zeros(len(made)), np.zeros(len(made))
    for sign, (shares, rows) in ((-1, reference), (1, current)):
        whole = max(int(rows.sum()), 2)
        cells = shares.sum(axis=0)
        mean = float((cells * ratio).sum())
        spread = float((cells * ratio**2).sum()) - mean**2
        expected += sign * rows / whole * mean
        variance += rows * (whole - rows) / (whole**2 * (whole - 1)) * max(spread, 0.0)
    far = np.abs(made - expected) / np.sqrt(np.maximum(variance, 1e-300))
    return np.where(variance > 0, 2 * ndtr(-far), 1.0)


def _counts(values: Array, cut: Any) -> list[int]:
    kept = profile(values, cut)
    return list(displayed(kept) if cut.kind == "number" else kept.counts)


def _names(segment: Any) -> Array:
    found = columns.as_column(segment).tolist()
    return np.array(["" if columns.missing(v) else columns.label(v) for v in found], dtype=object)


def _ordered(parts: list[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (-abs(part.contribution), part.segment))
