"""Order statistics of many numbers: exact, and without sorting all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.stats import tally
from jupyter_mlops.stats.tally import Reals

Places = npt.NDArray[np.int64]

SAMPLE: Final = 8_192
"""Numbers that tell where the grid of all has to lie."""
WORTH: Final = 65_536
"""Numbers up to which sorting all of them is as fast."""
MOST: Final = 0.4
"""The share of them that may have to be sorted for it to be faster than sorting all."""


@dataclass(frozen=True)
class Order:
    """Some of many numbers in ascending order, and the rank that each of them has among all.

    ``places`` counts from 0. Of equal numbers all are kept or none.
    """

    kept: Reals
    places: Places

    def at(self, ranks: Places) -> Reals:
        """Return the numbers of these ranks, which have to be among those asked for at first."""
        return self.kept[np.searchsorted(self.places, ranks)]

    def up_to(self, values: Reals) -> Places:
        """Return how many of all numbers are not greater than each of these kept ones."""
        found: Places = self.places[np.searchsorted(self.kept, values, side="right") - 1] + 1
        return found


def whole(values: Reals) -> Order:
    """Rank all of them by sorting; NaN must not be among them."""
    return Order(np.sort(values), np.arange(len(values)))


def partial(values: Reals, ranks: Places) -> Order:
    """Rank what is needed to tell these order statistics; infinities and NaN must not be among them.

    An even grid is laid over the numbers by a sample of them and each is put into its cell; rounding
    is monotone, so that the cells are in order. Only cells that hold a wanted rank are sorted: with
    256 ranks and 8,192 cells, 3 % of numbers that are spread evenly.

    >>> partial(np.array([5.0, 1.0, 3.0]), np.array([1])).at(np.array([1])).tolist()
    [3.0]
    """
    if len(values) <= WORTH:
        return whole(values)
    first, scale = tally.grid(np.sort(values[:: len(values) // SAMPLE]))
    cells = np.empty(len(values), dtype=np.int16)
    held = np.zeros(tally.GRID, dtype=np.int64)
    for start in range(0, len(values), tally.BLOCK):
        part = slice(start, start + tally.BLOCK)
        cells[part] = placed = tally.placed(values[part], first, scale)
        held += np.bincount(placed, minlength=tally.GRID)
    wanted = np.zeros(tally.GRID, dtype=bool)
    wanted[np.searchsorted(np.cumsum(held), ranks, side="right")] = True
    if held[wanted].sum() > MOST * len(values):
        return whole(values)
    kept = np.sort(values[wanted[cells]])
    left_out = np.cumsum(np.where(wanted, 0, held))[wanted]
    return Order(kept, np.arange(len(kept)) + np.repeat(left_out, held[wanted]))
