"""The shapes of what was agreed for a deployment: its rules."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from jupyter_mlops.domain.alerted import Rehearsal

JSON = Any


class HumilityRule(TypedDict):
    """One rule of humility as it applies: its trigger, its bounds and its action."""

    name: str
    when: Literal["uncertain", "outlying", "unseen", "missing", "unusual", "disagree", "expression"]
    then: Literal["note", "override", "refuse", "review", "fallback"]
    low: float
    high: float
    features: list[str]
    more_than: float
    value: JSON
    wider_than: float | None
    level: str
    rarer_than: float
    expression: str
    with_ref: str
    to: str
    to_ref: str


class Rules(TypedDict):
    """The rules in force at a deployment; number 0 where there are none, and what is proposed.

    ``rehearsal`` is what the rules that were asked about would have done.
    """

    deployment: str
    number: int
    digest: str
    text: str
    objectives: dict[str, float | None]
    rollout: dict[str, JSON]
    monitoring: dict[str, JSON]
    release: dict[str, JSON]
    items: list[HumilityRule]
    at: str
    proposal: str
    rehearsal: NotRequired[Rehearsal]
