"""What a version knows of its own limits: measured where its data was, kept with the version."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from jupyter_mlops.errors import Invalid

RAREST: Final = 0.1
"""Levels of a category are remembered as rare up to this share of the training rows."""
LEVELS: Final = ("0.8", "0.9", "0.95")
USUAL_LEVEL: Final = "0.9"

Shares = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Cloud:
    """Where the training rows lie, all numbers together; ``stats.unusual`` says how it is meant."""

    features: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    root: tuple[tuple[float, ...], ...]
    distances: tuple[float, ...]


@dataclass(frozen=True)
class Limits:
    """Figures about a version's own doubt, as the person who registered it measured them.

    ``half`` holds, for each level, half the width of the interval around an answer in each of the
    categories that ``edges`` cut (None: too few rows); ``least`` the probability from which on a
    class belongs to an answer's set; ``sure`` how many holdout rows the model was at most so sure
    of, and how many of those it got right; ``rare`` the shares of rare levels in training.
    """

    rows: int = 0
    edges: tuple[float, ...] = ()
    half: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    sure: tuple[tuple[float, int, int], ...] = ()
    rare: Shares = field(default_factory=dict)
    cloud: Cloud | None = None

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the levels for which there are intervals, or sets of classes."""
        return tuple(self.half or self.least)

    def half_at(self, value: float, level: str) -> float | None:
        """Return half the width of the interval around an answer; None where too little is known."""
        widths = self.half.get(level)
        return widths[bisect_right(self.edges, value)] if widths else None


NONE: Final = Limits()


def read(told: Any) -> Limits:
    """Return the figures that a version was registered with; none at all are fine too.

    Raises:
        Invalid: they are not what such figures look like.
    """
    if not told:
        return NONE
    try:
        return _read(told)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise Invalid(
            "The figures about the model's limits are not what they have to be.",
            "register the model from the process that trained it: they are measured there.",
            code="limits_invalid",
        ) from None


def _read(told: Mapping[str, Any]) -> Limits:
    target = told.get("target") or {}
    intervals = told.get("intervals") or {}
    edges = _numbers(intervals.get("edges", ()))
    half = {
        level: tuple(None if width is None else _number(width) for width in widths)
        for level, widths in intervals.get("half", {}).items()
    }
    if any(len(widths) != len(edges) + 1 for widths in half.values()) or not set(half) <= {*LEVELS}:
        raise ValueError("a width for each category")
    return Limits(
        rows=int(told.get("rows", 0)),
        edges=edges,
        half=half,
        least={level: _number(told["least"][level]) for level in LEVELS if level in told["least"]}
        if told.get("least")
        else {},
        mean=_known(target, "mean"),
        low=_known(target, "low"),
        high=_known(target, "high"),
        sure=tuple((_number(t), int(n), int(hits)) for t, n, hits in told.get("sure", ())),
        rare={
            str(name): {str(level): _number(share) for level, share in levels.items()}
            for name, levels in told.get("rare", {}).items()
        },
        cloud=_cloud(told["cloud"]) if told.get("cloud") else None,
    )


def _cloud(told: Mapping[str, Any]) -> Cloud:
    features = tuple(str(name) for name in told["features"])
    found = Cloud(
        features=features,
        center=_numbers(told["center"]),
        scale=_numbers(told["scale"]),
        root=tuple(_numbers(row) for row in told["root"]),
        distances=_numbers(told["distances"]),
    )
    sizes = {len(found.center), len(found.scale), len(found.root), *map(len, found.root)}
    if sizes != {len(features)} or not found.distances or not all(found.scale):
        raise ValueError("as many figures as features")
    return found


def _numbers(told: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(_number, told))


def _number(told: Any) -> float:
    if not isinstance(told, int | float) or not math.isfinite(told):
        raise ValueError("a number")
    return float(told)


def _known(told: Mapping[str, Any], name: str) -> float | None:
    return None if told.get(name) is None else _number(told[name])
