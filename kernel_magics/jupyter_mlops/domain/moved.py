"""The shapes of drift: features, periods, and what explains a shift."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from jupyter_mlops.domain.measured import Batches, Figure, Status, Unusual


class Period(TypedDict):
    """One period of a heat map, and how many were answered in it."""

    start: str
    end: str
    n: int


class HeatRow(TypedDict):
    """The PSI of one feature, period by period, over the bins that pictures show; null without rows."""

    feature: str
    psi: list[float | None]
    unusual: NotRequired[Unusual]


class DriftRow(TypedDict):
    """One feature, now against the reference.

    Distances: the square root of the Jensen–Shannon divergence (base 2), Hellinger's, Wasserstein's
    in interquartile ranges (numbers), Kullback–Leibler's divergence in nats, Cramér's V (labels).
    """

    feature: str
    of: Literal["feature", "answers", "target"]
    kind: Literal["number", "category"]
    finding: Literal["stable", "shifted", "drifted", "unknown"]
    status: Status
    why: Literal["none", "small", "distribution", "missing", "new_levels", "too_few_rows"]
    p_value: float | None
    psi: float | None
    missing_p_value: float | None
    jensen_shannon: float | None
    hellinger: float | None
    wasserstein: float | None
    kl: float | None
    cramers_v: float | None
    importance: float | None
    n_reference: int
    n_current: int
    because: str
    bins: list[str]
    reference: list[float]
    current: list[float]


class Driver(TypedDict):
    """A feature by which rows are told apart, and the area that is lost without it."""

    feature: str
    lost: float


class Together(TypedDict):
    """How well a classifier tells rows of now from the reference: 0.5 is not at all.

    ``differ`` is null where there are too few rows; ``n_current`` of ``of_current`` rows were drawn.
    """

    auc: Figure
    p_value: float | None
    differ: bool | None
    because: str
    reference: str
    n_reference: int
    n_current: int
    of_current: int
    drivers: list[Driver]


class ExplainedPart(TypedDict):
    """What a segment adds to the PSI; ``share`` is of the whole, below 0 where it moved against it."""

    segment: str
    psi: float
    share: float | None
    n_reference: int
    n_current: int


class ExplainedBy(TypedDict):
    """The segments of an attribute, whose parts add up.

    ``apart`` is the share of the shift that lies elsewhere than its share of the rows would have it.
    """

    attribute: str
    apart: float | None
    p_value: float | None
    parts: list[ExplainedPart]


class Explained(TypedDict):
    """Which segments explain that a feature or the answers moved, the best attribute first."""

    feature: str
    of: Literal["feature", "answers"]
    psi: float | None
    stands_out: bool
    because: str
    reference: str
    n_reference: int
    n_current: int
    of_current: int
    attributes: list[ExplainedBy]


class WeighedPeriod(TypedDict):
    """One period in which importance was measured: its labelled rows, and how many were looked at."""

    start: str
    end: str
    labelled: int
    rows: int


class WeighedRow(TypedDict):
    """How much the loss grows when a feature is shuffled: at registration, and in each period.

    Null where it was never checked, or where a period has too few labelled rows.
    """

    feature: str
    before: float | None
    now: list[Figure]


class Weighed(TypedDict):
    """What the answers depend on, over time: log-loss of classes, squared error of numbers."""

    because: str
    periods: list[WeighedPeriod]
    features: list[WeighedRow]


class Drift(TypedDict):
    """What moved, feature by feature, and the prediction itself.

    ``rows`` says which rows are compared, where they are none that were scored in the window.
    """

    deployment: str
    version: str
    status: Status
    because: str
    reference: str
    rows: NotRequired[str]
    items: list[DriftRow]
    periods: list[Period]
    heat: list[HeatRow]
    batches: NotRequired[Batches]
    together: NotRequired[Together]
    explained: NotRequired[Explained]
    weighed: NotRequired[Weighed]
    beside: NotRequired[list[Drift]]
