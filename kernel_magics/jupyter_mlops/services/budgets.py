"""What the objectives of a service still allow, how fast it is used up, and how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from jupyter_mlops.domain import health
from jupyter_mlops.domain.answers import Budget, Service
from jupyter_mlops.domain.objectives import Objectives
from jupyter_mlops.locale import tell
from jupyter_mlops.services import profiles
from jupyter_mlops.services import rules as written
from jupyter_mlops.services.packing import figure, finite
from jupyter_mlops.services.rawrows import floor
from jupyter_mlops.services.traffic import Traffic
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

SLOW_ALLOWED: Final = 0.05
"""The share of answers that an objective for the p95 lets be slower: what a p95 means."""


@dataclass(frozen=True)
class _Objective:
    """What was agreed, and the share of requests that may break it."""

    name: Literal["error_rate", "latency_p95_ms"]
    agreed: float
    allowed: float

    def spent(self, found: Traffic) -> tuple[int, int]:
        """Return how many requests broke it, of how many."""
        if self.name == "error_rate":
            return found.errors, found.requests
        answers = found.requests - found.errors
        return found.slower(self.agreed), answers

    def measured(self, found: Traffic) -> float | None:
        """Return what is held against it."""
        if self.name == "latency_p95_ms":
            value = finite(found.quantile(1 - SLOW_ALLOWED))
            return None if value is None else round(value, 3)
        return found.errors / found.requests if found.requests else None


def put(ws: Workspace, found: Service, span: Window, *, versions: Sequence[str] = ()) -> None:
    """Add to an answer the budgets of the objectives that were agreed."""
    if told := of_window(ws, found["deployment"], span, versions=versions):
        found["budgets"] = told


def of_window(
    ws: Workspace, deployment: str, span: Window, *, versions: Sequence[str] = ()
) -> list[Budget]:
    """Return the budget of each objective over the thirty days up to the end of a window.

    The objectives are those that were in force when the window ended; none means no budget.
    """
    from jupyter_mlops.stats.budget import PERIOD_HOURS

    rules = written.of_deployment(ws, deployment, span.until)
    objectives = _objectives(rules.objectives) if rules else []
    if not objectives or rules is None:
        return []
    past = _last(span, PERIOD_HOURS)
    past = replace(past, since=floor(past.since))  # so that no raw row has to be read there
    whole = _traffic(ws, deployment, past, versions)
    lately = _lately(ws, deployment, span, versions)
    slow, _ = rules.monitoring.burn
    return [_budget(one, past, whole, lately, slow) for one in objectives]


def _objectives(agreed: Objectives) -> list[_Objective]:
    found = []
    if agreed.error_rate is not None:
        found.append(_Objective("error_rate", agreed.error_rate, agreed.error_rate))
    if agreed.latency_p95_ms is not None:
        found.append(_Objective("latency_p95_ms", agreed.latency_p95_ms, SLOW_ALLOWED))
    return found


def _last(span: Window, hours: float) -> Window:
    return replace(span, since=span.until - timedelta(hours=hours))


def _traffic(ws: Workspace, deployment: str, span: Window, versions: Sequence[str]) -> Traffic:
    found = profiles.requests(ws, deployment, span, versions=versions)
    return sum((one for _, one in found), Traffic())


def _lately(
    ws: Workspace, deployment: str, span: Window, versions: Sequence[str]
) -> tuple[float, Traffic]:
    """Return the traffic of the shortest time before the end that had requests enough to tell."""
    from jupyter_mlops.stats.budget import RULES

    hours, found = 0.0, Traffic()
    for hours in sorted({rule.long_hours for rule in RULES}):
        found = _traffic(ws, deployment, _last(span, hours), versions)
        if found.requests >= health.FEWEST_REQUESTS:
            break
    return hours, found


def _budget(
    objective: _Objective, past: Window, whole: Traffic, lately: tuple[float, Traffic], slow: float
) -> Budget:
    from jupyter_mlops.stats import budget
    from jupyter_mlops.stats.service import error_rate

    bad, n = objective.spent(whole)
    hours, found = lately
    good = 1 - objective.allowed
    left = round(budget.budget_left(bad, n, good), 12)  # nothing left is no tiny rest of rounding
    is_known = found.requests >= health.FEWEST_REQUESTS
    burn = budget.burn_rate(*objective.spent(found), good) if is_known else float("nan")
    rest = budget.hours_left(left, burn)
    surely = budget.by_chance(bad, n, objective.allowed) < budget.CHANCE
    verdict = health.of_budget(n, left, burn, surely=surely, slow=slow)
    since, until = past.told
    told = Budget(
        objective=objective.name,
        status=verdict.status,
        because="",
        agreed=objective.agreed,
        measured=objective.measured(whole),
        share=figure(error_rate(bad, n)),
        bad=bad,
        n=n,
        allowed=objective.allowed,
        left=finite(left),
        burn=finite(burn),
        burn_hours=hours if is_known else None,
        hours_left=finite(rest),
        since=since,
        until=until,
    )
    return {**told, "because": _because(told, verdict.why)}


def _because(told: Budget, why: str) -> str:
    name = {"error_rate": tell("errors"), "latency_p95_ms": tell("slow answers")}[told["objective"]]
    if why == "too_few":
        return tell("Budget for {name}: too few requests to tell ({n}).", name=name, n=told["n"])
    if why == "spent":
        return tell(
            "The budget for {name} is spent: {bad} of {n}, where {share} may be.",
            name=name,
            bad=f"{told['bad']:,}",
            n=f"{told['n']:,}",
            share=f"{100 * told['allowed']:.3g} %",
        )
    left = f"{told['left'] or 0:.1%}"
    if told["burn"] is None:
        return tell(
            "{left} of the budget for {name} is left; too few requests of late to tell how fast it burns.",
            left=left,
            name=name,
        )
    if told["hours_left"] is None:
        return tell(
            "{left} of the budget for {name} is left; nothing burns at present.",
            left=left,
            name=name,
        )
    return tell(
        "{left} of the budget for {name} is left; at the present burn ({burn} times as agreed) "
        "it lasts {hours} h.",
        left=left,
        name=name,
        burn=f"{told['burn']:.3g}",
        hours=f"{told['hours_left']:,.0f}",
    )
