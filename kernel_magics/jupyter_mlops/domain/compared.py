"""The shapes of versions side by side: what differs, and how they do on the same rows."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from jupyter_mlops.domain.measured import Figure, Line

Part = Literal["features", "parameters", "data", "environment", "registration", "release checks"]


class MetricRow(TypedDict):
    """One metric of one version: as it was registered, or on rows that all have scored."""

    metric: str
    ref: str
    measured: Literal["registered", "same rows"]
    value: float | None
    low: float | None
    high: float | None


class ComparedVersion(TypedDict):
    """One of the versions: what it is, and what its newest release checks said."""

    ref: str
    digest: str
    created_at: str
    estimator: str
    deployments: list[str]
    measured_by: str
    checks: dict[str, str]
    checked_at: str | None


class Change(TypedDict):
    """One thing in which a version differs from the first; null where there is none of it."""

    part: Part
    name: str
    ref: str
    before: str | None
    now: str | None


class CodeChange(TypedDict):
    """The cell that registered a version against that of the first, as a unified diff."""

    ref: str
    because: str
    lines: list[str]


class Absent(TypedDict):
    """A version that could not be asked, and why."""

    ref: str
    because: str


class PairedTest(TypedDict):
    """How a version differs from the first in the first metric, on the same rows.

    ``difference`` is its metric less the first one's; p-values and intervals hold for all versions
    at once. ``agreement`` is the share of rows with the same label, ``apart`` the mean distance of
    the scores.
    """

    ref: str
    metric: str
    test: str
    rows: int
    difference: Figure
    p_value: float | None
    verdict: Literal["better", "worse", "not proven", "unknown"]
    because: str
    agreement: Figure
    apart: float


class ApartRow(TypedDict):
    """A row on which a version and the first are far apart; long texts are cut."""

    ref: str
    row: int
    apart: float
    first: float | str
    other: float | str
    truth: NotRequired[float | str | None]
    features: dict[str, Any]


class Pictured(TypedDict):
    """What pictures of one version are drawn from; what a task does not have is absent."""

    ref: str
    roc: NotRequired[Line]
    lift: NotRequired[Line]
    predicted: NotRequired[list[float]]
    residuals: NotRequired[list[float]]


class SameRows(TypedDict):
    """What all versions said of the same rows; of none, with the reason.

    ``sample`` is the version whose rows these are, ``unseen`` are those that were registered with
    the same holdout, so that surely no one learned from it.
    """

    sample: str | None
    rows: int
    labelled: int
    unseen: list[str]
    because: str
    absent: list[Absent]
    tests: list[PairedTest]
    apart: list[ApartRow]
    pictures: list[Pictured]


class Compare(TypedDict):
    """Versions side by side; the first is what the others are compared with."""

    refs: list[str]
    task: str
    target: str
    metric: str
    because: str
    items: list[MetricRow]
    versions: list[ComparedVersion]
    changes: list[Change]
    code: list[CodeChange]
    same_rows: SameRows
