"""Drift that the peers' defaults miss, in one of twenty features looked at every hour."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from month import ACCEPTED, FEATURES, HOURS
from report import Report
from samples import Random

from jupyter_mlops.stats.comparison import Comparison
from jupyter_mlops.stats.drift import compare, findings
from jupyter_mlops.stats.intervals import wilson
from jupyter_mlops.stats.profile import bins, profile

REFERENCE = 50_000
LEAST = 95


def rare_class(random: Random) -> Comparison:
    """Let a class of 1 % become one of 2 % in 50,000 rows."""
    cut = bins((), levels=["fine", "fraud"])
    before, now = (
        np.repeat(["fine", "fraud"], random.multinomial(REFERENCE, [1 - share, share]))
        for share in (0.01, 0.02)
    )
    return compare(profile(before, cut), profile(now, cut))


def small_shift(random: Random) -> Comparison:
    """Move the mean by 0.05 standard deviations in 50,000 rows."""
    return compare(random.normal(size=REFERENCE), random.normal(0.05, size=REFERENCE))


def gone_missing(random: Random) -> Comparison:
    """Lose a tenth of 500 rows of a column that was whole."""
    now = random.normal(size=500)
    now[random.random(500) < 0.10] = np.nan
    return compare(random.normal(size=REFERENCE), now)


def beside_a_wild_value(random: Random) -> Comparison:
    """Move the mean by one standard deviation in 500 rows; the reference holds one 1e12."""
    before = random.normal(size=REFERENCE)
    before[0] = 1e12
    return compare(before, random.normal(1.0, size=500))


MOVED: dict[str, Callable[[Random], Comparison]] = {
    "rare class 1 → 2 %, 50,000 rows": rare_class,
    "mean shift of 0.05 σ, 50,000 rows": small_shift,
    "0 → 10 % missing, 500 rows": gone_missing,
    "1 σ beside one reference value of 1e12, 500 rows": beside_a_wild_value,
}


def measure(report: Report, *, seed: int, replicates: int) -> None:
    """Count how often the one feature that moved is not called stable."""
    report.title("Power: the share of replicates that are not called stable")
    report.say(
        f"one moved feature among {len(FEATURES)}, looked at hourly with {ACCEPTED:g} false alarm accepted in"
        f" 30 days; reference {REFERENCE:,} rows; {replicates} replicates"
    )
    rows = []
    for name, moved in MOVED.items():
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        seen = sum(_is_seen(random, moved) for _ in range(replicates))
        share = wilson(seen, replicates)
        rows.append([name, f"{share.value:.1%}", f"{share.low:.1%}–{share.high:.1%}"])
        report.bound(f"power: {name}", 100 * share.value, LEAST, unit="%")
    report.table(["", "seen", "95 % interval"], rows)


def _is_seen(random: Random, moved: Callable[[Random], Comparison]) -> bool:
    still = {}
    for feature in FEATURES[1:]:
        before, window = feature.draw(random, 1_000)
        still[feature.name] = compare(before, window(random, 500))
    told = findings(
        {**still, "moved": moved(random)}, windows_per_30_days=HOURS, false_alarms=ACCEPTED
    )
    return told["moved"].finding != "stable"
