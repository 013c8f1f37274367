"""The shapes of what is measured: a status, a figure with its interval, a point of a series."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Status = Literal["passing", "warning", "failing", "unknown"]


class Figure(TypedDict):
    """A measured number with its 95 % interval; null where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


class Unusual(TypedDict):
    """A newest complete point that is unusual against its own history, and what was to be expected.

    ``seasonal`` says whether it was set against the same hour or day of other weeks.
    """

    measure: str
    start: str
    value: float | None
    expected: float | None
    low: float | None
    high: float | None
    p_value: float | None
    seasonal: bool


class Batches(TypedDict):
    """The batches that the periods of an answer are, and how many older ones are left out."""

    n: int
    left_out: int
    because: str


class Point(TypedDict):
    """One period of a series."""

    start: str
    end: str
    n: int
    value: float | None
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    labelled: NotRequired[float]
    metrics: NotRequired[dict[str, Figure]]
    estimated: NotRequired[Figure]
    refused: NotRequired[int]
    requests: NotRequired[int]
    errors: NotRequired[int]
    unusual: NotRequired[list[Unusual]]


class Line(TypedDict):
    """Points of a curve, and the threshold of each."""

    x: list[float]
    y: list[float]
    threshold: list[float]
