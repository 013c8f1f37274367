"""The gate a version goes through: chosen from risk, traffic and evidence, or said by a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from jupyter_mlops.domain import gates
from jupyter_mlops.domain.answers import Gate, Risk
from jupyter_mlops.domain.deployments import WHOLE
from jupyter_mlops.domain.health import FIRST_METRIC
from jupyter_mlops.locale import tell
from jupyter_mlops.services import profiles, rawrows, rules
from jupyter_mlops.services.window import Window
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.store import tables

DAY: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Way:
    """How a version takes over: its gate, the share it begins with, and the plan it follows."""

    gate: Gate
    share: float
    because: str = ""
    plan: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a person said of the gate; ``auto`` and no share leave it to us."""

    gate: str
    share: float | None


def rows_per_hour(ws: Workspace, deployment: str) -> float:
    """Return how many rows an hour a deployment answered over the last day, in whole hours."""
    now = ws.clock()
    span = Window(rawrows.floor(now - DAY), now, goes_on=True)
    answered = sum(traffic.answered for _, traffic in profiles.requests(ws, deployment, span))
    return answered / ((now - span.since) / timedelta(hours=1))


def way(
    ws: Workspace,
    deployment: str,
    asked: Asked,
    *,
    version: tables.Version,
    champion: tables.Version | None,
    task: str,
    rate: float,
) -> Way:
    """Return how a version takes over: as a person said, else as the facts advise."""
    if asked.share is not None:
        gate: Gate = "swap" if asked.share >= WHOLE else "canary"
        return Way(gate, asked.share, tell("A share was said."))
    if asked.gate != "auto":
        chosen, because = cast("Gate", asked.gate), tell("The gate was said.")
    else:
        facts = gates.Facts(
            has_champion=champion is not None,
            risk=cast("Risk", version.risk),
            rows_per_hour=rate,
            proven=_proven(version, champion, task),
        )
        choice = gates.choose(facts)
        chosen, because = choice.gate, _because(choice.because, facts)
    if chosen == "swap":
        return Way("swap", WHOLE, because)
    pace = _pace(ws, deployment)
    steps = gates.steps_for(rate, pace)
    plan = {**pace.to_dict(), "steps": list(steps), "began": ""}
    return Way(chosen, 0.0 if chosen == "shadow" else steps[0], because, plan)


def _pace(ws: Workspace, deployment: str) -> gates.Pace:
    found = rules.applied(ws).get(deployment)
    return found.rollout if found else gates.DEFAULT


def _proven(version: tables.Version, champion: tables.Version | None, task: str) -> gates.Proof:
    metric = FIRST_METRIC[task]
    data = version.lineage.get("data") or {}
    return gates.proven(
        metric,
        version.metrics.get(metric),
        champion.metrics.get(metric) if champion else None,
        int((data.get("holdout") or {}).get("rows", 0)),
    )


def _because(why: gates.Why, facts: gates.Facts) -> str:
    key = "low_risk" if (why, facts.risk) == ("strong_evidence", "low") else why
    return tell(_WHY[key], rows=f"{facts.rows_per_hour:,.0f}", risk=tell(_RISKS[facts.risk]))


_RISKS: Final = {"low": "low", "moderate": "moderate", "high": "high", "critical": "critical"}
_WHY: Final = {
    "first_release": "It is the first release here: there is nothing to protect.",
    "little_traffic": "With {rows} rows an hour a share would learn too little.",
    "high_risk": "The risk is {risk}: it scores in shadow first, then on a share.",
    "weak_evidence": "Its holdout does not speak for it beside the champion's.",
    "some_evidence": "The risk is {risk}, and {rows} rows an hour can show how it does.",
    "strong_evidence": (
        "Its holdout shows it is no worse than the champion; {rows} rows an hour confirm it."
    ),
    "low_risk": "The risk is low, and its holdout shows it is no worse than the champion.",
}
