"""One row through an ensemble of trees as a few steps on tables of bits.

Each tree has a bit for each of its leaves, and all trees together are one long integer. A value of a
feature clears the leaves that it rules out, whatever the others are; what it leaves of all trees is a
row of a table, found by bisection. The rows of all features are put together with *and*, and the
lowest bit that is left of each tree is the leaf that is reached. Source: C. Lucchese, F. M. Nardini,
S. Orlando, R. Perego, N. Tonellotto, R. Venturini, "QuickScorer: a Fast Algorithm to Rank Documents
with Additive Ensembles of Regression Trees", SIGIR 2015.

What is added up is added in the order and the width of the ONNX operator, so that a row is answered
alone as it is answered among others. Up to 500 trees no other thread is let in between (from there on
numpy does so), and the tables are used only where they agree with the runtime on rows at their own
thresholds.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, getitem
from typing import Any, Final

import numpy as np

from jupyter_mlops.formats import ensemble
from jupyter_mlops.formats.cells import DOUBLE, FLOAT, TABLE, read
from jupyter_mlops.formats.ensemble import PAIR, Ensemble
from jupyter_mlops.formats.treebits import MOST_BYTES, Bits, Lanes, Levels, Steps, laid_out

ROWS: Final = 64
WITHIN: Final = 1e-6

Array = np.ndarray[Any, Any]
End = Callable[[Array], list[float]]


class TreeTables:
    """Answers one row that has nothing missing; made by :func:`of`."""

    def __init__(
        self, lanes: Lanes, numbers: Sequence[Steps], texts: Sequence[Levels], end: End
    ) -> None:
        self._thresholds = [steps.thresholds for steps in numbers]
        self._by_number = [steps.left for steps in numbers]
        self._by_text = texts
        self._ones = lanes.ones
        self._size = lanes.bytes
        self._kind = lanes.kind
        self._weights = lanes.weights
        self._offsets = np.arange(lanes.count) * lanes.slots
        self._end = end

    def score_one(self, numbers: Sequence[float], texts: Sequence[str]) -> list[float]:
        """Return the scores of one row, given its numbers and its texts in their order."""
        left = reduce(
            and_,
            [
                *map(getitem, self._by_number, map(bisect_left, self._thresholds, numbers)),
                *map(getitem, self._by_text, texts),
            ],
        )
        # each tree keeps its lowest bit and those below it: as many as the place of its leaf, and one
        leaves = (left ^ (left - self._ones)).to_bytes(self._size, "little")
        places = np.bitwise_count(np.frombuffer(leaves, self._kind)) + self._offsets
        return self._end(self._weights[places])

    def rows(self, chance: random.Random, count: int) -> tuple[list[list[float]], list[list[str]]]:
        """Return rows at the thresholds and right beside them, with each text and others besides."""
        near = [_near(chance, thresholds, count) for thresholds in self._thresholds]
        said = [[*levels, max(levels, default="") + "?"] for levels in self._by_text]
        numbers = [[values[at] for values in near] for at in range(count)]
        return numbers, [[chance.choice(words) for words in said] for _ in range(count)]


def _near(chance: random.Random, thresholds: Sequence[float], count: int) -> list[float]:
    at = np.array(chance.choices(thresholds or [0.0], k=count))
    beside = [at]
    with np.errstate(over="ignore"):
        for exactly in (at, at.astype(np.float32)):
            beside += [np.nextafter(exactly, exactly.dtype.type(to)) for to in (-np.inf, np.inf)]
    return [float(chance.choice(beside)[row]) for row in range(count)]


def of(graph: Any, numbers: str, texts: str) -> TreeTables | None:
    """Return the tables of a graph of trees whose row comes in two tensors of these names.

    None where it is none, has steps that are not read here, or would take too much memory.
    """
    last = _last(graph)
    if last is None:
        return None
    tensors = read(graph, (numbers, texts))
    into = tensors.get(last.input[0])
    if into is None or into.rank != TABLE or into.kind not in (FLOAT, DOUBLE):
        return None
    trees = ensemble.read(last)
    if trees is None or not _within(trees.feature, len(into.cells)):
        return None
    lanes = laid_out(trees, np.float64 if into.kind == DOUBLE else np.float32)
    end = _end(trees, lanes) if lanes is not None else None
    if lanes is None or end is None:
        return None
    made = Bits(trees, lanes, into.cells)
    if made.bytes > MOST_BYTES:
        return None
    counts = [len(tensors[name].cells) if name in tensors else 0 for name in (numbers, texts)]
    of_numbers = [made.of_number(at) for at in range(counts[0])]
    return TreeTables(lanes, of_numbers, [made.of_text(at) for at in range(counts[1])], end)


def _last(graph: Any) -> Any:
    """Return the node of trees that the answer comes from, untouched; None where there is none."""
    made_by = {name: node for node in graph.node for name in node.output}
    name = graph.output[-1].name if graph.output else ""
    for _ in graph.node:
        node = made_by.get(name)
        if node is None:
            return None
        if node.op_type in _OUTPUTS:
            at = _OUTPUTS[node.op_type]
            fits = len(node.output) > at and node.output[at] == name and len(node.input) == 1
            return node if fits else None
        if node.op_type != "Identity" or len(node.input) != 1:
            return None
        name = node.input[0]
    return None


_OUTPUTS: Final = {"TreeEnsembleClassifier": 1, "TreeEnsembleRegressor": 0}


def _within(values: Array, end: int) -> bool:
    return bool(((values >= 0) & (values < end)).all())


def _end(trees: Ensemble, lanes: Lanes) -> End | None:
    """Return what makes scores of the weights that were reached; None where ONNX is vague about it."""
    base = trees.base.astype(lanes.weights.dtype)
    if not np.isfinite(base).all():
        return None
    if lanes.outputs == 1:
        start = base[0] if len(base) == 1 else lanes.weights.dtype.type(0)
        return _of_one(trees, start) if len(base) <= 1 else None
    is_whole = trees.classes > PAIR or (trees.classes == PAIR and bool(trees.has_weight.all()))
    if not is_whole or len(base) not in ((0,) if trees.classes == PAIR else (0, trees.classes)):
        return None
    return _of_many(trees.post, lanes.outputs, base)


def _of_one(trees: Ensemble, start: Any) -> End | None:
    add, narrow, exp = np.add.accumulate, np.float32, math.exp
    one = narrow(1)
    rounded: Callable[[Any], float] = float if isinstance(start, narrow) else _rounded

    def value(weights: Array) -> list[float]:
        return [rounded(add(weights)[-1] + start)]

    def logistic(weights: Array) -> list[float]:
        raw = rounded(add(weights)[-1] + start)
        large = float(one / (one + narrow(exp(-abs(raw)))))
        return [large, 1.0 - large] if raw < 0 else [1.0 - large, large]

    def share(weights: Array) -> list[float]:
        found = add(weights)[-1] + start
        return [rounded(1 - found), rounded(found)]

    if trees.classes == 0:
        return value if trees.post == "NONE" else None
    is_mixed = bool((trees.weights < 0).any())
    known = {("LOGISTIC", True): logistic, ("NONE", False): share}
    return known.get((trees.post, is_mixed)) if trees.classes == PAIR else None


def _rounded(value: Any) -> float:
    return float(np.float32(value))


def _of_many(post: str, outputs: int, base: Array) -> End | None:
    add, narrow = np.add.reduce, np.float32

    def added(weights: Array) -> Array:
        found: Array = add(weights.reshape(-1, outputs), axis=0)
        return (found + base if len(base) else found).astype(narrow)

    def sums(weights: Array) -> list[float]:
        found: list[float] = added(weights).tolist()
        return found

    def softmax(weights: Array) -> list[float]:
        raw = added(weights)
        away = (raw - max(raw.tolist())).tolist()
        powers = np.array([math.exp(one) for one in away], narrow)
        found: list[float] = (powers / np.add.accumulate(powers)[-1]).tolist()
        return found

    return {"NONE": sums, "SOFTMAX": softmax}.get(post)


def agrees(tables: TreeTables, ask: Callable[[Any, Any], Array], *, seed: int = 0) -> bool:
    """Say whether the tables answer as ``ask(numbers, texts)`` does on rows at their own thresholds."""
    chance = random.Random(seed)  # noqa: S311  (rows to try: nothing secret)
    numbers, texts = tables.rows(chance, ROWS)
    theirs = ask(numbers, texts)
    ours = [tables.score_one(*row) for row in zip(numbers, texts, strict=True)]
    return bool(np.allclose(np.array(ours), theirs.astype(np.float64), rtol=WITHIN, atol=0))
