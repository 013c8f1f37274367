"""What each value of a row leaves of an ensemble of trees, as bits: one for each leaf of each tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from jupyter_mlops.formats.cells import Cell
from jupyter_mlops.formats.ensemble import PAIR, Ensemble

MOST_BYTES: Final = 32 << 20

Array = np.ndarray[Any, Any]


class Levels(dict[str, int]):
    """What each text leaves of the trees; ``other`` is what one that is not there leaves."""

    other: int

    def __missing__(self, _: str) -> int:
        return self.other


@dataclass(frozen=True)
class Lanes:
    """Where each tree has its bits and its weights; trees of one class each lie round by round."""

    kind: np.dtype[Any]
    count: int
    of_tree: Array
    slots: int
    weights: Array
    outputs: int

    @property
    def ones(self) -> int:
        """Return the lowest bit of every tree."""
        return self.whole(np.ones(self.count, self.kind))

    @property
    def bytes(self) -> int:
        """Return what one row of a table takes."""
        return self.count * self.kind.itemsize

    def whole(self, bits: Array) -> int:
        """Return the bits of all trees as one number."""
        return int.from_bytes(bits.tobytes(), "little")


@dataclass(frozen=True)
class _Asked:
    """The nodes that ask about one cell."""

    cell: Cell
    nodes: Array


@dataclass(frozen=True)
class Steps:
    """What a number leaves of the trees: ``left[i]`` where just ``i`` of the thresholds are below it."""

    thresholds: list[float]
    left: list[int]


def _asked(trees: Ensemble, cells: Sequence[Cell]) -> list[_Asked]:
    features, rank = _once(trees.feature)
    parts = np.split(np.argsort(rank, kind="stable"), np.cumsum(np.bincount(rank))[:-1])
    return [_Asked(cells[at], nodes) for at, nodes in zip(features, parts, strict=False)]


def _once(values: Array) -> tuple[Array, Array]:
    """Return the values in order and once each, and which of them each is."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_new = np.ones(len(values), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    rank = np.empty(len(values), np.intp)
    rank[order] = np.cumsum(is_new) - 1
    return ordered[is_new], rank


def laid_out(trees: Ensemble, width: Any) -> Lanes | None:
    """Give each tree its lane; None where the weights would take too much memory."""
    outputs = trees.weights.shape[1]
    weighed = np.zeros((trees.trees, outputs), bool)
    np.logical_or.at(weighed, trees.leaf_tree, trees.has_weight)
    if trees.classes == PAIR and not weighed[:, 1].any():
        outputs = 1
    lane, count, columns = np.arange(trees.trees), trees.trees, outputs
    weights = trees.weights[:, :outputs]
    if outputs > 1 and (weighed.sum(axis=1) == 1).all():
        own = weighed.argmax(axis=1)
        lane, columns = _rounds(own, outputs) * outputs + own, 1
        count = (int(lane.max()) // outputs + 1) * outputs
        weights = weights.sum(axis=1, keepdims=True)
    most = int(trees.leaf_place.max()) + 1
    slots = most + 1
    if count * slots * columns * np.dtype(width).itemsize > MOST_BYTES:
        return None
    table = np.zeros((count * slots, columns), width)
    table[lane[trees.leaf_tree] * slots + trees.leaf_place + 1] = weights
    kind = next(np.dtype(f"<u{size}") for size in (1, 2, 4, 8) if most <= 8 * size)
    return Lanes(kind, count, lane, slots, table[:, 0] if columns == 1 else table, outputs)


def _rounds(own: Array, outputs: int) -> Array:
    """Return the how many-th tree of its class each tree is."""
    found = np.zeros_like(own)
    for one in range(outputs):
        mine = np.flatnonzero(own == one)
        found[mine] = np.arange(len(mine))
    return found


class Bits:
    """Makes what each number and each text leaves of the trees."""

    def __init__(self, trees: Ensemble, lanes: Lanes, cells: Sequence[Cell]) -> None:
        self._trees = trees
        self._lanes = lanes
        self._keep = trees.keep.astype(lanes.kind)  # the lowest bits are those of the leaves
        self._lane = lanes.of_tree[trees.tree]
        self._numbers: dict[int, list[_Asked]] = {}
        self._texts: dict[int, list[_Asked]] = {}
        for one in _asked(trees, cells):
            by_place = self._numbers if one.cell.levels is None else self._texts
            by_place.setdefault(one.cell.place, []).append(one)
        told = [one for found in self._numbers.values() for one in found]
        bounds = iter(_bounds([trees.threshold[one.nodes] for one in told], [o.cell for o in told]))
        self._bounds = {
            at: np.concatenate([next(bounds) for _ in found]) for at, found in self._numbers.items()
        }

    @property
    def bytes(self) -> int:
        """Return about how much the tables will take, before they are made."""
        steps = sum(len(_once(bounds)[0]) + 1 for bounds in self._bounds.values())
        for found in self._texts.values():
            steps += len(found) * (len(_words(found)) + 1)
        return steps * self._lanes.bytes + self._lanes.weights.nbytes

    def of_number(self, place: int) -> Steps:
        """Return the thresholds of a number and what is left between them."""
        found = self._numbers.get(place, [])
        nodes = np.concatenate([np.zeros(0, int), *(one.nodes for one in found)])
        bounds = self._bounds.get(place, np.zeros(0))
        thresholds, left = self._between(nodes, bounds)
        return Steps(thresholds.tolist(), [self._lanes.whole(row) for row in left])

    def of_text(self, place: int) -> Levels:
        """Return what each text leaves."""
        found = self._texts.get(place, [])
        words = _words(found)
        left = self._full(len(words) + 1)
        for one in found:
            left &= self._looked_up(one, words)
        levels = Levels(zip(words, map(self._lanes.whole, left), strict=False))
        levels.other = self._lanes.whole(left[-1])
        return levels

    def _looked_up(self, one: _Asked, words: Sequence[str]) -> Array:
        """Return what each word leaves, and after them any other."""
        known, other = one.cell.levels or {}, one.cell.other
        values = np.array([*(known.get(word, other) for word in words), other])
        thresholds, left = self._between(one.nodes, self._trees.threshold[one.nodes])
        rows = left[np.searchsorted(thresholds, values)]
        if np.isnan(values).any():
            to_false = one.nodes[~self._trees.missing_is_true[one.nodes]]
            rows[np.isnan(values)] = self._between(to_false, np.zeros(len(to_false)))[1][-1]
        return rows

    def _between(self, nodes: Array, bounds: Array) -> tuple[Array, Array]:
        """Return the bounds once each and, for as many as are below a value, what is left."""
        once, rank = _once(bounds)
        left = self._full(len(once) + 1)
        np.bitwise_and.at(left, (rank + 1, self._lane[nodes]), self._keep[nodes])
        return once, np.bitwise_and.accumulate(left, axis=0)

    def _full(self, rows: int) -> Array:
        return np.full((rows, self._lanes.count), np.iinfo(self._lanes.kind).max, self._lanes.kind)


def _words(found: Sequence[_Asked]) -> list[str]:
    return list(dict.fromkeys(word for one in found for word in one.cell.levels or ()))


def _bounds(thresholds: Sequence[Array], cells: Sequence[Cell]) -> list[Array]:
    """Return the largest numbers of a row that cells make no more than their thresholds of."""
    found: list[Array] = [np.zeros(0)] * len(cells)
    alike: dict[Any, list[int]] = {}
    for at, cell in enumerate(cells):
        names = tuple(name for name, _ in cell.steps)
        alike.setdefault((cell.is_narrow, names), []).append(at)
    for (is_narrow, names), places in alike.items():
        sizes = [len(thresholds[at]) for at in places]
        told = [[number for _, number in cells[at].steps] for at in places]
        numbers = np.repeat(np.array(told).reshape(len(places), len(names)), sizes, axis=0).T
        whole = np.concatenate([thresholds[at] for at in places])
        whole = _before(whole, names, numbers, np.float32 if is_narrow else np.float64)
        whole = _rounded_to(whole) if is_narrow else whole
        for at, part in zip(places, np.split(whole, np.cumsum(sizes)[:-1]), strict=True):
            found[at] = part
    return found


def _before(thresholds: Array, names: Sequence[str], numbers: Array, width: Any) -> Array:
    """Return the largest value before some steps that is no more than a threshold after them."""
    if not names:
        return thresholds.astype(width)
    whole = np.int32 if width is np.float32 else np.int64
    infinity = int(np.array(np.inf, width).view(whole))
    low = np.full(len(thresholds), ~infinity, np.int64)  # minus infinity, which is never too much
    high = np.full(len(thresholds), infinity, np.int64)
    with np.errstate(all="ignore"):
        for _ in range(8 * np.dtype(width).itemsize):
            middle = (low >> 1) + (high >> 1) + ((low | high) & 1)
            after = _after(_in_order(middle.astype(whole)).view(width), names, numbers)
            low = np.where(after <= thresholds, middle, low)
            high = np.where(after <= thresholds, high, middle - 1)
    return np.asarray(_in_order(low.astype(whole)).view(width))


def _after(values: Array, names: Sequence[str], numbers: Array) -> Array:
    for name, number in zip(names, numbers, strict=True):
        if name in _DOES:
            values = _DOES[name](values, number.astype(values.dtype))
        else:
            values = values.astype(name)
    return values


_DOES: Final = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


def _in_order(places: Array) -> Array:
    """Return the bits of floating-point numbers by their places in their order."""
    return np.where(places < 0, places ^ np.iinfo(places.dtype).max, places)


_HALF: Final = 2.0**103
"""Half the distance of the largest two float32."""


def _rounded_to(thresholds: Array) -> Array:
    """Return the largest float64 that is rounded to no more than each float32.

    >>> float(_rounded_to(np.array([1], np.float32))[0])
    1.0000000596046448
    """
    wide = thresholds.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        above = np.nextafter(thresholds, np.float32(np.inf)).astype(np.float64)
        half = np.where(np.isinf(above), _HALF, (above - wide) / 2)  # none is above the last one
        middle = np.where(np.isinf(wide), np.maximum(wide, _HALF - 2.0**128), wide + half)
    is_even = thresholds.view(np.uint32) % 2 == 0  # what is half way is rounded to the even one
    return np.asarray(np.where(is_even, middle, np.nextafter(middle, -np.inf)))
