"""Where a column is cut: frozen once from the reference, the same for every batch after it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.stats import columns
from jupyter_mlops.stats.columns import Kind, Numbers
from jupyter_mlops.stats.order import Order, partial, whole
from jupyter_mlops.stats.tally import Counts

FINE: Final = 256
DISPLAYED: Final = 10
MOST_LEVELS: Final = 1_000
LARGEST: Final = 12_000
"""Bytes that the compressed levels of a column may take, so that a profile stays under 15 kB."""


@dataclass(frozen=True)
class Bins:
    """Cells that every value falls into exactly one of.

    number: *below* (< low), then one cell for each edge, closed on the right, then *above*.
    category: one cell for each level, then *other* (rare levels of the reference, present only
    when the reference had more levels than are kept), then *new*.
    ``display`` holds the last edge of each of the (up to ten) bins that pictures show.
    """

    kind: Kind
    low: float | None = None
    edges: tuple[float, ...] = ()
    display: tuple[int, ...] = ()
    levels: tuple[str, ...] = ()
    other: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the cuts as JSON-safe values."""
        if self.kind == "category":
            return {"kind": self.kind, "levels": list(self.levels), "other": self.other}
        return {
            "kind": self.kind,
            "low": self.low,
            "edges": list(self.edges),
            "display": list(self.display),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Bins:
        """Return the cuts that ``to_dict`` wrote."""
        if data["kind"] == "category":
            return cls("category", levels=tuple(data["levels"]), other=bool(data["other"]))
        edges = tuple(float(edge) for edge in data["edges"])
        low = None if data["low"] is None else float(data["low"])
        return cls("number", low=low, edges=edges, display=tuple(data["display"]))


def bins(
    reference_values: Any, *, kind: Kind | None = None, levels: Iterable[Any] | None = None
) -> Bins:
    """Cut a column by its reference values: quantiles for numbers, levels for labels.

    ``kind`` is told from the values when it is None; ``levels`` names the levels outright.
    Numbers with at most 256 distinct values get a cell for each of them.

    >>> bins([1, 2, 2, 3]).edges
    (1.0, 2.0, 3.0)
    >>> bins(["b", "a", "b"]).levels
    ('b', 'a')
    """
    if levels is not None:
        return Bins("category", levels=tuple(dict.fromkeys(map(columns.label, levels))))
    if (kind or columns.kind_of(reference_values)) == "category":
        return of_counts(columns.label_counts(reference_values)[0])
    return _of_numbers(columns.numbers(reference_values))


def _of_numbers(values: Numbers) -> Bins:
    return of_finite(values[np.isfinite(values)])[0]


def of_finite(values: Numbers) -> tuple[Bins, Counts]:
    """Cut finite numbers; return the cuts, and how many numbers each cell between the ends holds."""
    if not len(values):
        return Bins("number"), np.zeros(0, dtype=np.int64)
    wanted = np.ceil(np.arange(1, FINE + 1) * len(values) / FINE).astype(np.int64) - 1
    order = partial(values, wanted)
    if len(order.kept) < len(values) and len(_steps(order.kept)) < FINE:
        order = whole(values)  # perhaps few are distinct, and every one has to be seen
    edges = _edges(order, wanted)
    up_to = order.up_to(edges)
    found = Bins(
        "number",
        low=float(values.min()),
        edges=tuple(edges.tolist()),
        display=_displayed(up_to),
    )
    return found, np.diff(up_to, prepend=0)


def _edges(order: Order, wanted: Counts) -> Numbers:
    """Return the distinct values when they are few, else quantiles that are values themselves."""
    steps = _steps(order.kept)
    if len(steps) < FINE:
        return np.asarray(order.kept[np.append(steps, len(order.kept) - 1)])
    return np.unique(order.at(wanted))


def _steps(ordered: Numbers) -> Counts:
    """Return after which of the numbers a greater one follows."""
    return np.flatnonzero(ordered[1:] > ordered[:-1])


def _displayed(below: npt.NDArray[Any]) -> tuple[int, ...]:
    if len(below) <= DISPLAYED:
        return tuple(range(len(below)))
    wanted = np.arange(1, DISPLAYED + 1) * below[-1] / DISPLAYED
    ends = np.minimum(np.searchsorted(below, wanted - 1e-9), len(below) - 1)
    return tuple(np.unique(ends).tolist())


def of_counts(counts: Mapping[str, int]) -> Bins:
    """Cut labels that are counted already: the most frequent, as many as stay small compressed."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    kept = ranked[:MOST_LEVELS]
    while len(zlib.compress(json.dumps(kept).encode())) > LARGEST:
        kept = kept[: len(kept) * 4 // 5]
    return Bins("category", levels=tuple(kept), other=len(kept) < len(ranked))
