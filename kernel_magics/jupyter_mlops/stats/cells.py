"""Where scores between 0 and 1 are cut: frozen once for all models, so that any counts add."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import columns

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

EQUAL: Final = 1_000
"""Equal cells, so that any threshold of three decimals is a cut."""


def _edges() -> Numbers:
    """Return the equal cuts, and towards 0 and 1 further ones: a rare class has tiny scores."""
    tail = 0.02 / 1.05 ** np.arange(1, 203)  # steps of 5 %, down to 1e-6
    equal = np.arange(EQUAL + 1) / EQUAL
    return np.unique(np.concatenate([equal, tail, 1 - tail]))


EDGES: Final = _edges()
CELLS: Final = len(EDGES) - 1
MIDDLES: Final = (EDGES[1:] + EDGES[:-1]) / 2


def cell(score: Any) -> npt.NDArray[np.intp]:
    """Return the cell of each score, closed on the left; what is outside counts at the ends.

    >>> bool(EDGES[cell([0.29])[0]] == 0.29)
    True
    """
    found = np.searchsorted(EDGES, score, side="right") - 1
    return np.asarray(np.clip(found, 0, CELLS - 1), dtype=np.intp)


def histogram(score: Any) -> Counts:
    """Count scores over the cells; what is missing is left out.

    >>> int(histogram([0.1, 0.1, None]).sum())
    2
    """
    known = columns.numbers(score)
    return np.bincount(cell(known[np.isfinite(known)]), minlength=CELLS).astype(np.int64)


def middles(count: int) -> Numbers:
    """Return the middle of each of so many cells: ours, or equal ones that others have counted.

    >>> middles(2).tolist()
    [0.25, 0.75]
    """
    if not count:
        raise Invalid("A score histogram has at least one cell.", code="no_cells")
    return MIDDLES if count == CELLS else (np.arange(count) + 0.5) / count


def reached(threshold: float, count: int = CELLS) -> int:
    """Return the first of so many cells whose scores reach a threshold, the nearest cut to it.

    >>> reached(0.5, 10)
    5
    """
    cuts = EDGES if count == CELLS else np.arange(count + 1) / count
    return int(np.abs(cuts - threshold).argmin())


def equal(counts: Any) -> Counts:
    """Return counts over our cells, of shape (…, cells), as counts over the equal ones.

    >>> equal(histogram([0.0001, 0.0009, 0.5])).nonzero()[0].tolist()
    [0, 500]
    """
    starts = np.searchsorted(EDGES, np.arange(EQUAL) / EQUAL)
    return np.asarray(np.add.reduceat(np.asarray(counts), starts, axis=-1))
