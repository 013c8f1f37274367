"""Has a column moved? Evidence (is it real?) and size (does it matter?), answered apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import columns, kolmogorov, newness, pools, size
from jupyter_mlops.stats.comparison import NAN, Comparison
from jupyter_mlops.stats.findings import Finding, findings
from jupyter_mlops.stats.profile import Bins, Profile, bins, profile

__all__ = ["Comparison", "Finding", "compare", "findings"]

Array = np.ndarray[Any, Any]


def compare(reference: Any, current: Any) -> Comparison:
    """Compare two samples of one column.

    Samples are profiled over the bins of the reference, so arrays and profiles tell the same.

    Args:
        reference: shape (n,), numbers or labels, or a :class:`Profile` of them.
        current: shape (m,), or a profile over the reference's bins.

    >>> compare([1.0, 2.0, 3.0, 4.0] * 50, [1.0, 2.0, 3.0, 4.0] * 50).psi
    0.0
    """
    cut = _bins(reference, current)
    before = reference if isinstance(reference, Profile) else profile(reference, cut)
    now = current if isinstance(current, Profile) else profile(current, cut)
    _check_alike(before, now)
    found = Comparison(
        kind=cut.kind,
        n_reference=before.n,
        n_current=now.n,
        missing_p_value=_same_share(before.missing, before.n, now.missing, now.n),
        missing_difference=_share(now.missing, now.n) - _share(before.missing, before.n),
        missing_share=_share(now.missing, now.n),
    )
    if not before.present or not now.present:
        return found
    told = (_numbers if cut.kind == "number" else _labels)(before, now)
    return Comparison(**vars(found) | told)


def _bins(reference: Any, current: Any) -> Bins:
    for sample in (reference, current):
        if isinstance(sample, Profile):
            return sample.bins
    kinds = {columns.kind_of(reference), columns.kind_of(current)}
    return bins(reference, kind="number" if kinds == {"number"} else "category")


def _check_alike(before: Profile, now: Profile) -> None:
    if before.bins is not now.bins and before.bins != now.bins:
        raise Invalid(
            "These profiles are cut differently and cannot be added or compared.",
            "profile both batches with the bins of the same reference.",
            code="bins_differ",
        )


def _distances(p: Array, q: Array) -> dict[str, float]:
    return {
        "psi": size.population_stability_index(p, q),
        "kl": size.kullback_leibler(p, q),
        "jensen_shannon": size.jensen_shannon(p, q),
        "hellinger": size.hellinger(p, q),
    }


def _numbers(before: Profile, now: Profile) -> dict[str, float]:
    shown = np.array(before.display().counts), np.array(now.display().counts)
    return {
        **_distances(*shown),
        "p_value": kolmogorov.p_value(before.counts, now.counts),
        "wasserstein": size.wasserstein(
            np.array(before.counts), np.array(now.counts), np.array(before.bins.edges)
        ),
    }


def _labels(before: Profile, now: Profile) -> dict[str, float]:
    """Test and measure over the same pools: a sparse level is as noisy in PSI as in a test."""
    other = before.bins.other
    held = pools.pooled(
        before.counts,
        now.counts,
        names=before.bins.levels,
        rare=_rare(before, now),
        likely=math.inf if other else pools.likely_known(before.present, now.present),
        fixed=2 if other else 1,
    )
    return {
        **_distances(held.reference, held.current),
        "p_value": held.p_value(),
        "cramers_v": size.cramers_v(np.array(before.counts), np.array(now.counts)),
        "new_level_p_value": NAN if other else newness.new_levels(before.counts, now.counts),
        "new_level_share": _share(now.new, now.present),
    }


def _rare(before: Profile, now: Profile) -> float:
    """Return up to which count in both samples a level is pooled with the unknown ones.

    Levels just frequent enough to be kept were partly lucky; they go where *other* goes.
    """
    rare = pools.rare_enough(before.present, now.present)
    if not before.bins.other:
        return rare
    least = min(before.counts[: len(before.bins.levels)], default=0)
    lucky = (least + 4 * math.sqrt(least)) * (before.present + now.present) / before.present
    return max(rare, lucky)


def _same_share(hits: int, of: int, now_hits: int, now_of: int) -> float:
    """Return the exact p-value that two shares are the same; NaN without rows."""
    if not of or not now_of:
        return NAN
    return kolmogorov.p_value([hits, of - hits], [now_hits, now_of - now_hits])


def _share(part: int, of: int) -> float:
    return part / of if of else 0.0
