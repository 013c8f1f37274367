"""Why something was found: causes ranked by the evidence at hand, each with the next words to type.

The weights order what usually stands behind such evidence; as shares of one they say which cause to
look at first, and are no measured probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from jupyter_mlops.domain.alerts import ALL_INPUTS, Finding

Why = Literal[
    "vanished",
    "partly_missing",
    "new_levels",
    "out_of_range",
    "fills_again",
    "deployed",
    "population",
    "all_at_once",
    "callers",
    "model_fails",
    "overload",
    "rows_larger",
    "inputs_moved",
    "meaning_changed",
    "labels_late",
    "unlike_training",
    "chance",
    "policy",
    "other",
]

ALMOST_ALL: Final = 0.95
MANY_OUTSIDE: Final = 0.2
FEW_LABELLED: Final = 0.5
OTHER: Final = 0.1
"""The weight of what no rule here knows of: nothing is ever certain."""
_OURS: Final = (
    "model_",
    "deadline",
    "internal",
    "overload",
    "unavailable",
    "disk",
    "still_",
    "not_answerable",
)


@dataclass(frozen=True)
class Evidence:
    """What is known about the time in which something was found.

    ``went_live`` is when the version began to answer, empty when that was not lately; ``before`` is
    the version it replaced. ``others`` are findings of the same window. ``labelled`` is the share of
    predictions whose label has arrived.
    """

    deployment: str
    version: str
    went_live: str = ""
    before: str = ""
    others: tuple[Finding, ...] = ()
    labelled: float | None = None


@dataclass(frozen=True)
class Cause:
    """A likely reason: its code, its share of what speaks for any, and what to type next."""

    why: Why
    likelihood: float
    next: tuple[str, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)


Weighed = tuple[Why, float, Sequence[str], Mapping[str, Any]]


def diagnose(found: Finding, evidence: Evidence) -> tuple[Cause, ...]:
    """Return what may be the cause of a finding, the likeliest first; their likelihoods add to one.

    >>> gone = Finding("quality", "feature:age", "failing", "missing", {"missing": 1.0, "before": 0.0})
    >>> diagnose(gone, Evidence("churn-prod", "churn:2"))[0].why
    'vanished'
    """
    other: Weighed = ("other", OTHER, [f"%mlops audit {evidence.deployment}"], {})
    weighed = [*_CAUSES[found.part](found, evidence), *_lately(found, evidence), other]
    whole = sum(weight for _, weight, _, _ in weighed)
    causes = [
        Cause(why, round(weight / whole, 3), tuple(words), figures)
        for why, weight, words, figures in weighed
    ]
    return tuple(sorted(causes, key=lambda cause: -cause.likelihood))


def _lately(found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    """A version that went live at that moment explains much; what it answers with first of all."""
    if not evidence.went_live:
        return
    weight = 0.9 if found.part in ("service", "accuracy", "humility") else 0.4
    words = [f"%mlops show {evidence.version}"]
    if evidence.before:
        words = [
            f"%mlops rollback {evidence.deployment}",
            f"%mlops compare {evidence.before} {evidence.version}",
        ]
    yield "deployed", weight, words, {"version": evidence.version, "at": evidence.went_live}


def _of_policy(found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    where = f"{evidence.version} --for {evidence.deployment}"
    words = {
        "review": f"%mlops request {where}",
        "documents": f"%mlops document {evidence.version}",
    }
    yield "policy", 0.9, [words.get(found.subject, f"%mlops check {where}")], {}


def _of_quality(found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    look = [f"%mlops drift {evidence.deployment}"]
    if found.subject == ALL_INPUTS:
        yield "all_at_once", 0.9, look, {"n": len(found.figures.get("features", ()))}
        return
    if found.why == "new_levels":
        yield "new_levels", 0.8, look, {"share": found.figures.get("new")}
        yield "meaning_changed", 0.2, look, {}
        return
    now, before = found.figures.get("missing") or 0.0, found.figures.get("before") or 0.0
    if now < before:
        yield "fills_again", 0.7, look, {"share": now}
    elif now >= ALMOST_ALL:
        yield "vanished", 0.95, look, {"share": now}
    else:
        yield "partly_missing", 0.8, look, {"share": now}


def _of_drift(found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    look = [f"%mlops drift {evidence.deployment}"]
    if found.subject == ALL_INPUTS:
        yield "all_at_once", 0.7, look, {"n": len(found.figures.get("features", ()))}
        yield "population", 0.3, look, {}
        return
    outside = found.figures.get("outside") or 0.0
    if outside >= MANY_OUTSIDE:
        yield "out_of_range", 0.8, look, {"share": outside}
    if any(other.part in ("drift", "quality") for other in _beside(found, evidence)):
        yield "inputs_moved", 0.5, look, {"n": len(_beside(found, evidence))}
    yield "population", 0.5, look, {}
    yield "chance", 0.1, [f"%mlops rules {evidence.deployment}"], {}


def _of_accuracy(_found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    name = evidence.deployment
    moved = [one for one in evidence.others if one.part in ("drift", "quality")]
    if moved:
        yield "inputs_moved", 0.7, [f"%mlops drift {name}"], {"n": len(moved)}
    else:
        yield "meaning_changed", 0.5, [f"%mlops accuracy {name}", f"%mlops challengers {name}"], {}
    if evidence.labelled is not None and evidence.labelled < FEW_LABELLED:
        share = {"share": evidence.labelled}
        yield "labels_late", 0.4, [f"%mlops accuracy {name} --since 30d"], share
    yield "chance", 0.1, [f"%mlops rules {name}"], {}


def _of_service(found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    look = [f"%mlops service {evidence.deployment}"]
    if found.why == "slow":
        yield "overload", 0.5, look, {}
        yield "rows_larger", 0.3, look, {}
        return
    kinds: Mapping[str, int] = found.figures.get("kinds") or {}
    whole = sum(kinds.values()) or 1
    by_callers = sum(n for kind, n in kinds.items() if not kind.startswith(_OURS)) / whole
    if by_callers > 0:
        yield "callers", 0.8 * by_callers, look, {"share": by_callers}
    if by_callers < 1:
        yield "model_fails", 0.8 * (1 - by_callers), look, {"share": 1 - by_callers}


def _of_humility(_found: Finding, evidence: Evidence) -> Iterator[Weighed]:
    look = [f"%mlops humility {evidence.deployment}"]
    if any(one.part in ("drift", "quality") for one in evidence.others):
        yield (
            "inputs_moved",
            0.7,
            [f"%mlops drift {evidence.deployment}"],
            {"n": len(evidence.others)},
        )
    yield "unlike_training", 0.5, look, {}


def _beside(found: Finding, evidence: Evidence) -> list[Finding]:
    return [one for one in evidence.others if one.key != found.key]


_CAUSES: Final = {
    "quality": _of_quality,
    "drift": _of_drift,
    "accuracy": _of_accuracy,
    "service": _of_service,
    "humility": _of_humility,
    "policy": _of_policy,
}
