"""The shapes of what is watched: figures, series, and the three parts of a monitor."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Status = Literal["passing", "warning", "failing", "unknown"]


class Figure(TypedDict):
    """A measured number with its 95 % interval; null where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


class Point(TypedDict):
    """One period of a series."""

    start: str
    end: str
    n: int
    value: float | None
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    labelled: NotRequired[float]


class Service(TypedDict):
    """How the service behaves: traffic, latency, errors."""

    deployment: str
    status: Status
    because: str
    requests: int
    predictions: int
    errors: int
    error_rate: Figure
    errors_by_kind: dict[str, int]
    latency_ms: dict[str, float | None]
    series: list[Point]


class DriftRow(TypedDict):
    """One feature, now against the reference."""

    feature: str
    kind: Literal["number", "category"]
    finding: Literal["stable", "shifted", "drifted", "unknown"]
    status: Status
    p_value: float | None
    psi: float | None
    missing_p_value: float | None
    importance: float | None
    n_reference: int
    n_current: int
    because: str
    bins: list[str]
    reference: list[float]
    current: list[float]


class Drift(TypedDict):
    """What moved, feature by feature, and the prediction itself."""

    deployment: str
    version: str
    status: Status
    because: str
    reference: str
    items: list[DriftRow]


class Accuracy(TypedDict):
    """How right the answers were, as far as the truth is known."""

    deployment: str
    version: str
    status: Status
    because: str
    metric: str
    metrics: dict[str, Figure]
    reference: dict[str, Figure]
    n: int
    labelled: float
    series: list[Point]


class Monitor(TypedDict):
    """A deployment on one page, with the sentence that explains its status."""

    deployment: str
    version: str
    status: Status
    because: str
    since: str
    until: str
    service: Service
    drift: Drift
    accuracy: Accuracy
