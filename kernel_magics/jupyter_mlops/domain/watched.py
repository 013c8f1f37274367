"""The shapes of what is watched: figures, series, and the three parts of a monitor."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from jupyter_mlops.domain.compared import (
    Absent,
    ApartRow,
    Change,
    CodeChange,
    Compare,
    ComparedVersion,
    MetricRow,
    PairedTest,
    Pictured,
    SameRows,
)
from jupyter_mlops.domain.measured import Batches, Figure, Line, Point, Status, Unusual
from jupyter_mlops.domain.moved import (
    Drift,
    DriftRow,
    Driver,
    Explained,
    ExplainedBy,
    ExplainedPart,
    HeatRow,
    Period,
    Together,
    Weighed,
    WeighedPeriod,
    WeighedRow,
)

__all__ = [
    "Absent",
    "Accuracy",
    "ApartRow",
    "Batches",
    "Budget",
    "ChallengerRow",
    "Challengers",
    "Change",
    "CodeChange",
    "Compare",
    "Compared",
    "ComparedVersion",
    "Coverage",
    "Curves",
    "Drift",
    "DriftRow",
    "Driver",
    "Estimated",
    "Explained",
    "ExplainedBy",
    "ExplainedPart",
    "Figure",
    "FiredRule",
    "HeatRow",
    "Humility",
    "Line",
    "MetricRow",
    "Miss",
    "Monitor",
    "PairedTest",
    "Period",
    "Pictured",
    "Point",
    "Reliability",
    "Review",
    "SameRows",
    "Service",
    "Spread",
    "Status",
    "Table",
    "Together",
    "Unlabelled",
    "Unusual",
    "Watch",
    "Weighed",
    "WeighedPeriod",
    "WeighedRow",
    "WorstSegment",
]


class Budget(TypedDict):
    """What an objective still allows in the thirty days up to the end of the window.

    ``measured`` is the error rate or the latency that was held against ``agreed``; ``bad`` of ``n``
    requests (or answers, of a latency) broke it, where a share of ``allowed`` may. ``left`` is below
    zero when more did. ``burn`` is how many times faster than allowed they came in the last
    ``burn_hours``: the first of one, six and 72 that had requests enough to tell. ``hours_left`` is
    null where nothing burns, or where that is not known.
    """

    objective: Literal["error_rate", "latency_p95_ms"]
    status: Status
    because: str
    agreed: float
    measured: float | None
    share: Figure
    bad: int
    n: int
    allowed: float
    left: float | None
    burn: float | None
    burn_hours: float | None
    hours_left: float | None
    since: str
    until: str


class Service(TypedDict):
    """How the service behaves: traffic, latency, errors.

    ``budgets`` are there when objectives were agreed and all requests are looked at; ``version``
    when one alone is looked at.
    """

    deployment: str
    version: NotRequired[str]
    status: Status
    because: str
    requests: int
    predictions: int
    errors: int
    error_rate: Figure
    errors_by_kind: dict[str, int]
    latency_ms: dict[str, float | None]
    refused_at_the_door: dict[str, int]
    end_to_end_ms: dict[str, float | None]
    series: list[Point]
    batches: NotRequired[Batches]
    budgets: NotRequired[list[Budget]]
    beside: NotRequired[list[Service]]


class Reliability(TypedDict):
    """Answers of about the same probability: what was said on average, and what came."""

    said: float
    came: float
    low: float
    high: float
    rows: int


class Table(TypedDict):
    """Counts of truth (rows) by answer (columns), over labels, or over the edges of cells.

    Over edges the first and last of each lie below and above all of them.
    """

    labels: NotRequired[list[str]]
    edges: NotRequired[list[float]]
    counts: list[list[int]]


class Spread(TypedDict):
    """How often predictions missed by how much: counts between edges, and what lies outside."""

    edges: list[float]
    counts: list[int]
    below: int
    above: int


class Curves(TypedDict):
    """What pictures of accuracy are drawn from; what a task does not have is absent."""

    roc: NotRequired[Line]
    precision_recall: NotRequired[Line]
    lift: NotRequired[Line]
    gain: NotRequired[Line]
    calibration: NotRequired[list[Reliability]]
    confusion: NotRequired[Table]
    residuals: NotRequired[Spread]
    predicted: NotRequired[Table]


class Estimated(TypedDict):
    """How right answers will turn out to be, before their labels have come, each with its band.

    ``trusted`` is what the back-test says: over so many periods whose labels came, were the
    estimates right? Null where too few have.
    """

    metrics: dict[str, Figure]
    trusted: bool | None
    because: str
    periods: int


class Miss(TypedDict):
    """One answer whose label has come, and its loss: log-loss of a class, distance of a number."""

    id: str
    prediction_id: str
    at: str
    version: str
    prediction: str | float
    actual: str | float
    loss: float | str


class WorstSegment(TypedDict):
    """A segment that is proved worse than all other rows; ``difference`` is of the mean losses."""

    segment: str
    rows: int
    loss: float
    difference: float
    low: float
    high: float
    p_value: float


class Unlabelled(TypedDict):
    """One answer that still has no label."""

    id: str
    prediction_id: str
    at: str
    version: str


class Accuracy(TypedDict):
    """How right the answers were, as far as the truth is known.

    ``unmatched`` labels belong to no prediction of the deployment. ``items`` are rows, segments or
    cases without a label, when these are asked for.
    """

    deployment: str
    version: str
    status: Status
    because: str
    metric: str
    metrics: dict[str, Figure]
    reference: dict[str, Figure]
    n: int
    labelled: float
    unmatched: int
    since: str
    until: str
    series: list[Point]
    estimated: Estimated
    curves: Curves
    batches: NotRequired[Batches]
    items: NotRequired[list[Miss] | list[WorstSegment] | list[Unlabelled]]
    beside: NotRequired[list[Accuracy]]


class Coverage(TypedDict):
    """How often the intervals of one level held the truth, with the interval of that share."""

    level: float
    n: int
    value: float | None
    low: float | None
    high: float | None
    status: Status


class FiredRule(TypedDict):
    """A rule of humility in a period: how often it fired, and the cases it made wait.

    One that has ended since has no trigger and no action any more.
    """

    name: str
    when: str
    then: str
    in_force: bool
    fired: int
    refused: int
    share: float
    waiting: list[str]
    series: list[Point]


class Review(TypedDict):
    """A case that waits for a person, with the answer that was given."""

    id: str
    prediction_id: str
    at: str
    prediction: float | str
    rules: list[str]
    version: str


class Humility(TypedDict):
    """How often a deployment doubted itself, what waits, and whether its intervals hold."""

    deployment: str
    version: str
    status: Status
    because: str
    since: str
    until: str
    n: int
    items: list[FiredRule]
    waiting: int
    reviews: list[Review]
    coverage: list[Coverage]
    batches: NotRequired[Batches]


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
    unusual: NotRequired[str]


class Compared(TypedDict):
    """One metric of both on the same rows."""

    challenger: Figure
    champion: Figure


class ChallengerRow(TypedDict):
    """How a version does that scores beside the answers; ``difference`` is of its score less theirs."""

    ref: str
    digest: str
    state: Literal["loading", "live", "ended", "failed"]
    since: str
    because: str
    rows: int
    agreement: Figure
    apart: float | None
    difference: Figure
    latency_ms: dict[str, float | None]
    errors: int
    dropped: int
    labelled: int
    metrics: dict[str, Compared]


class Challengers(TypedDict):
    """What scores beside the answers of a deployment, on the same rows."""

    deployment: str
    version: str
    since: str
    until: str
    because: str
    items: list[ChallengerRow]


class Watch(TypedDict):
    """Who keeps the profiles up to date; ``pieces`` and ``rows`` are what a single round has done."""

    running: bool
    pid: int
    since: str
    pieces: int
    rows: int
    because: str
