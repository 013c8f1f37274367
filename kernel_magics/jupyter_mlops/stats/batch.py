"""What is kept of a batch of rows: the profiles of all its columns, as one vector of counts.

The columns of a version lie behind one another in the order of its reference, each as the cells of
its bins and one for what is missing. So a thousand hours add up as one sum over a matrix.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.stats.bins import Bins
from jupyter_mlops.stats.profile import SHOWN_LEVELS, Moments, Profile

__all__ = ["Batch", "Layout", "packed", "together", "unpacked", "unpacked_all"]

Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]

FIGURES: Final = 5
"""Count, mean, sum of squared deviations, least, greatest."""
_WIDTHS: Final = (1, 2, 4, 8)
"""Bytes of a whole number, the least first."""
_FASTEST: Final = 1
_NOTHING: Final = np.zeros(0, dtype=np.int64)
_PLAIN: Final = 64
"""Bytes up to which nothing is gained by compressing."""


@dataclass(frozen=True)
class Layout:
    """The frozen bins of the columns of a version, one after another."""

    bins: Mapping[str, Bins]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the columns in their order."""
        return tuple(self.bins)

    @cached_property
    def ends(self) -> Counts:
        """Return where the cells of each column end, shape (columns + 1,); the first is 0."""
        sizes = [_cells(cut) + 1 for cut in self.bins.values()]
        return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)

    @cached_property
    def shown_ends(self) -> Counts:
        """Return where the display cells of each column end, shape (columns + 1,)."""
        sizes = [len(_starts(cut)) + 1 for cut in self.bins.values()]
        return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)

    @cached_property
    def shown_starts(self) -> Counts:
        """Return the fine cells at which the display cells begin."""
        ends = self.ends
        starts = [
            [*(start + int(ends[at]) for start in _starts(cut)), int(ends[at + 1]) - 1]
            for at, cut in enumerate(self.bins.values())
        ]
        return np.array([start for column in starts for start in column], dtype=np.int64)

    def empty(self) -> Batch:
        """Return the profile of no row."""
        return Batch(
            self, 0, np.zeros(int(self.ends[-1]), dtype=np.int64), _no_sums(len(self.bins))
        )

    def batch(self, rows: int, columns: Mapping[str, Profile]) -> Batch:
        """Return the profiles of the columns of a batch as one."""
        told = [columns[name] for name in self.names]
        cells = [count for p in told for count in (*p.counts, p.missing)]
        sums = [(m.count, m.mean, m.m2, m.low, m.high) for m in (p.moments for p in told)]
        return Batch(
            self,
            rows,
            np.array(cells, dtype=np.int64),
            np.array(sums, dtype=np.float64).reshape(-1, FIGURES),
        )

    def place(self, name: str) -> slice:
        """Return where the cells of a column are, the last one for what is missing."""
        at = self.names.index(name)
        return slice(int(self.ends[at]), int(self.ends[at + 1]))

    def shown_place(self, name: str) -> slice:
        """Return where the display cells of a column are, the last one for what is missing."""
        at = self.names.index(name)
        return slice(int(self.shown_ends[at]), int(self.shown_ends[at + 1]))


@dataclass(frozen=True, eq=False)
class Batch:
    """Counts of all columns over their frozen bins, and their sums; batches of a layout add."""

    layout: Layout
    rows: int
    counts: Counts
    sums: Sums

    def __add__(self, other: Batch) -> Batch:
        return together(self.layout, [self, other])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Batch)
            and self.layout == other.layout
            and self.rows == other.rows
            and bool(np.array_equal(self.counts, other.counts))
            and bool(np.array_equal(self.sums, other.sums))
        )

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> Profile:
        """Return the profile of one column."""
        cells = self.counts[self.layout.place(name)].tolist()
        count, mean, m2, low, high = self.sums[self.layout.names.index(name)].tolist()
        moments = Moments(int(count), mean, m2, low, high) if count else Moments()
        return Profile(self.layout.bins[name], tuple(cells[:-1]), cells[-1], moments)

    @cached_property
    def shown(self) -> Counts:
        """Return the display cells of all columns: the few bins that a picture shows."""
        if not len(self.counts):
            return self.counts
        return np.add.reduceat(self.counts, self.layout.shown_starts)


def together(layout: Layout, batches: Sequence[Batch]) -> Batch:
    """Add batches of one layout: counts exactly, sums to rounding.

    Raises:
        Invalid: one is cut differently.
    """
    if any(one.layout is not layout and one.layout != layout for one in batches):
        raise Invalid(
            "These profiles are cut differently and cannot be added or compared.",
            "profile both batches with the bins of the same reference.",
            code="bins_differ",
        )
    if not batches:
        return layout.empty()
    return Batch(
        layout,
        sum(one.rows for one in batches),
        np.sum([one.counts for one in batches], axis=0, dtype=np.int64),
        _merged(np.stack([one.sums for one in batches])),
    )


def _merged(sums: Sums) -> Sums:
    """Merge moments of shape (batches, columns, 5), by the pairwise sums of Chan et al. (1979)."""
    count, mean, m2, low, high = np.moveaxis(sums, -1, 0)
    whole = count.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # around the mean of the first batch that has rows, so that large values lose no digits
        near = np.take_along_axis(mean, np.argmax(count != 0, axis=0)[None], axis=0)[0]
        middle = near + np.where(whole != 0, (count * (mean - near)).sum(axis=0) / whole, 0.0)
        spread = m2.sum(axis=0) + (count * (mean - middle) ** 2).sum(axis=0)
    some = whole != 0
    return np.stack(
        [
            whole,
            np.where(some, middle, 0.0),
            np.where(some, spread, 0.0),
            low.min(axis=0),
            high.max(axis=0),
        ],
        axis=-1,
    )


def packed(counts: Counts) -> bytes:
    """Write whole numbers as few bytes: the width that holds them all, compressed where it pays.

    >>> len(packed(np.array([0] * 5_000 + [3]))) < 50
    True
    """
    most = int(np.abs(counts).max(initial=0))
    at = next(i for i, width in enumerate(_WIDTHS) if most < 1 << (8 * width - 1))
    plain = counts.astype(f"<i{_WIDTHS[at]}").tobytes()
    small = zlib.compress(plain, _FASTEST) if len(plain) > _PLAIN else plain
    if len(small) < len(plain):
        return bytes([at | 8]) + small
    return bytes([at]) + plain


def unpacked(data: bytes) -> Counts:
    """Return the whole numbers that :func:`packed` wrote.

    Raises:
        Corrupt: nobody wrote that.
    """
    return unpacked_all([data])[0]


def unpacked_all(written: Sequence[bytes]) -> list[Counts]:
    """Return what :func:`packed` wrote, many at once: those of one width and length are read as one.

    Raises:
        Corrupt: nobody wrote one of them.
    """
    alike: dict[tuple[int, int], tuple[list[int], list[bytes]]] = {}
    found: list[Counts] = [_NOTHING] * len(written)
    try:
        for at, data in enumerate(written):
            plain = zlib.decompress(data[1:]) if data[0] & 8 else data[1:]
            places, same = alike.setdefault((data[0] & 7, len(plain)), ([], []))
            places.append(at)
            same.append(plain)
        for (mark, _), (places, same) in alike.items():
            numbers = np.frombuffer(b"".join(same), dtype=f"<i{_WIDTHS[mark]}").astype(np.int64)
            for at, row in zip(places, numbers.reshape(len(places), -1), strict=True):
                found[at] = row
    except (IndexError, ValueError, zlib.error) as error:
        raise Corrupt(
            "A kept profile cannot be read: {why}.",
            "restore the store from its backup; the prediction log itself is whole.",
            code="profile_corrupt",
            why=error,
        ) from error
    return found


def _cells(cut: Bins) -> int:
    if cut.kind == "number":
        return len(cut.edges) + 2
    return len(cut.levels) + (2 if cut.other else 1)


def _starts(cut: Bins) -> list[int]:
    """Return the fine cells at which display cells begin; see :meth:`Profile.display`."""
    if cut.kind == "number":
        return [0, *([1, *(end + 2 for end in cut.display)] if cut.edges else [1])]
    own = min(SHOWN_LEVELS, len(cut.levels))
    rest = [own] if _cells(cut) - 1 > own else []
    return [*range(own), *rest, _cells(cut) - 1]


def _no_sums(columns: int) -> Sums:
    return np.tile(np.array([0.0, 0.0, 0.0, np.inf, -np.inf]), (columns, 1))
