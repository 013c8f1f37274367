"""How long the model takes to answer one row."""

from __future__ import annotations

import time
from typing import Final

from jupyter_mlops.services.release.findings import Found
from jupyter_mlops.services.release.subject import Columns, Subject

ASKED: Final = 300
SECONDS: Final = 1.0
FEWEST: Final = 40
WARM: Final = 5


def latency(subject: Subject) -> Found:
    """Ask the form that will answer row by row, and set the 95th percentile against the objective.

    It fails where even the lower end of the percentile's interval is above what was agreed.
    """
    from jupyter_mlops.stats.intervals import quantile

    found = quantile(_asked(subject), 0.95)
    objective = subject.asked.latency_ms
    values = {"p95": found.value, "objective": objective}
    detail = {"p95_ms": found.value, "low": found.low, "high": found.high}
    if objective is None:
        return Found(
            "not applicable",
            figure="p95 {p95:.2f} ms",
            because="No latency is agreed: `objectives` of the rules may hold latency_p95_ms.",
            values=values,
            detail=detail,
        )
    within = found.low <= objective
    return Found(
        "passed" if within else "failed",
        figure="p95 {p95:.2f} ms of {objective:g} ms",
        because=""
        if within
        else "The model alone takes longer than the whole answer may: a smaller model, or one that"
        " can be compiled, is faster.",
        values=values,
        detail=detail,
    )


def _asked(subject: Subject) -> list[float]:
    """Return the milliseconds that single rows took."""
    rows = subject.few()
    count = len(next(iter(rows.values()), ()))
    single: list[Columns] = [
        {name: values[i : i + 1] for name, values in rows.items()} for i in range(count)
    ]
    for row in single[:WARM]:
        subject.score(row, subject.served)
    taken: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(taken) < ASKED and (time.perf_counter() < until or len(taken) < FEWEST):
        row = single[len(taken) % count]
        began = time.perf_counter()
        subject.served.score(row)
        taken.append(1000 * (time.perf_counter() - began))
    return taken
