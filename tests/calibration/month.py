"""A deployment in a month without drift: how many alarms does somebody see?"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from report import Report
from samples import Column, Drawn, Random, continuous, labels, missing, tied, zipf

from jupyter_mlops.stats.drift import compare, findings
from jupyter_mlops.stats.intervals import mean

HOURS = 30 * 24
ACCEPTED = 1.0
REFERENCE, WINDOW = 10_000, 200
FEATURES: tuple[Column, ...] = (
    *(
        Column(f"amount {at}", continuous(lambda random, n: random.lognormal(size=n)))
        for at in range(7)
    ),
    *(Column(f"visits {at}", tied(np.arange(12.0), zipf(12, 1))) for at in range(3)),
    *(Column(f"segment {at}", labels(zipf(4 * at + 2, 0.5))) for at in range(7)),
    *(Column(f"name {at}", labels(zipf(300, 1.1))) for at in range(2)),
    Column("seldom given", missing(0.1)),
)


def measure(report: Report, pool: Executor, *, seed: int, months: int) -> None:
    """Look hourly at twenty features for some months, each with a reference of its own."""
    report.title("False alarms of a deployment without drift, 30 days")
    asked = [pool.submit(month, seed, at) for at in range(months)]
    found = np.array([one.result() for one in asked], dtype=np.float64)
    windows, single = (mean(alarms) for alarms in found.T)
    report.say(
        f"{len(FEATURES)} features, hourly windows of {WINDOW} rows, reference {REFERENCE:,} rows,"
        f" {ACCEPTED:g} false alarm accepted in 30 days; {months} months"
    )
    report.say(
        f"windows with an alarm in 30 days: {windows.value:.2f}"
        f" ({max(windows.low, 0):.2f}–{windows.high:.2f}); findings {single.value:.2f}"
    )
    report.bound(
        "a quiet month: alarms, by the lower end of their interval",
        max(windows.low, 0.0), ACCEPTED, unit="", at_least=False,
    )  # fmt: skip


def month(seed: int, at: int) -> tuple[int, int]:
    """Return how many windows of a month had an alarm, and how many findings there were."""
    random = np.random.default_rng([seed, HOURS, at])
    drawn = {feature.name: feature.draw(random, REFERENCE) for feature in FEATURES}
    hours = [_alarms(random, drawn) for _ in range(HOURS)]
    return sum(count > 0 for count in hours), sum(hours)


def _alarms(random: Random, drawn: dict[str, Drawn]) -> int:
    told = findings(
        {name: compare(before, window(random, WINDOW)) for name, (before, window) in drawn.items()},
        windows_per_30_days=HOURS,
        false_alarms=ACCEPTED,
    )
    return sum(found.finding != "stable" for found in told.values())
