"""The shapes of what somebody must see: alerts, their causes, and who else hears of them."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

JSON = Any


class AlertCause(TypedDict):
    """A likely cause, and what to type next; likelihoods of one alert add to one."""

    why: str
    likelihood: float
    because: str
    next: list[str]


class AlertRow(TypedDict):
    """A finding that somebody must see, with what may be behind it."""

    id: int
    deployment: str
    part: Literal["service", "drift", "accuracy", "quality", "humility", "policy", "approval"]
    subject: str
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "acknowledged", "resolved"]
    because: str
    since: str
    last_seen: str
    windows: int
    version: str
    figures: dict[str, JSON]
    causes: list[AlertCause]
    next: str
    opened_at: str
    acknowledged_by: str
    acknowledged_at: str
    comment: str
    resolved_at: str


class Alerts(TypedDict):
    """The alerts that match: those that are open first, the most severe first among them."""

    items: list[AlertRow]
    open: int


class RehearsedAlert(TypedDict):
    """An alert that rules would have raised, without anything written."""

    part: str
    subject: str
    severity: Literal["info", "warning", "critical"]
    because: str
    since: str
    last_seen: str
    windows: int
    resolved_at: str


class Rehearsal(TypedDict):
    """What rules would have done over a past period, whole window by whole window."""

    since: str
    until: str
    windows: int
    items: list[RehearsedAlert]


class Delivery(TypedDict):
    """The last that is known of a message to the webhook, about an alert or a request."""

    alert: int | None
    request: int | None
    event: str
    state: Literal["waiting", "delivered", "given up"]
    attempts: int
    outcome: str
    at: str


class Webhook(TypedDict):
    """Who outside hears of alerts; ``secret`` is told once, when it is made."""

    name: str
    url: str
    severities: list[str]
    at: str
    secret: NotRequired[str]
    delivered: NotRequired[bool]
    outcome: NotRequired[str]
    ms: NotRequired[float]
    items: list[Delivery]
