"""What is kept of a column: counts over frozen bins, and sums. Profiles add up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import columns, tally
from jupyter_mlops.stats.bins import Bins, bins, of_finite
from jupyter_mlops.stats.columns import Numbers

__all__ = ["Bins", "Moments", "Profile", "bins", "counted", "profile", "reference"]

REASONABLE: Final = 1e150
"""Values beyond it are counted in their bins but left out of the sums: squares would overflow."""


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations, least and greatest of the finite values."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def __add__(self, other: Moments) -> Moments:
        """Merge by the update of Chan, Golub & LeVeque (1979)."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * other.count / count,
            self.m2 + other.m2 + apart * apart * self.count * other.count / count,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def deviation(self) -> float:
        """Return the sample standard deviation; NaN below two values."""
        return math.sqrt(self.m2 / (self.count - 1)) if self.count > 1 else math.nan


@dataclass(frozen=True)
class Profile:
    """Counts of a batch over frozen bins; ``p + q`` is the profile of both batches together.

    ``counts`` follows the cells of ``bins``: below, fine bins, above; or levels, other, new.
    """

    bins: Bins
    counts: tuple[int, ...]
    missing: int = 0
    moments: Moments = Moments()

    def __add__(self, other: Profile) -> Profile:
        """Add counts exactly and sums to rounding; the bins have to be the same."""
        if self.bins is not other.bins and self.bins != other.bins:
            raise Invalid(
                "These profiles are cut differently and cannot be added or compared.",
                "profile both batches with the bins of the same reference.",
                code="bins_differ",
            )
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Profile(
            self.bins, counts, self.missing + other.missing, self.moments + other.moments
        )

    @property
    def present(self) -> int:
        """Return how many values are not missing."""
        return sum(self.counts)

    @property
    def n(self) -> int:
        """Return how many rows there are, missing values included."""
        return self.present + self.missing

    @property
    def new(self) -> int:
        """Return how many labels the reference did not have; 0 for numbers."""
        return self.counts[-1] if self.bins.kind == "category" else 0

    def display(self) -> Display:
        """Return the few bins that a picture shows, as sums of the fine ones."""
        if self.bins.kind == "number":
            return Display(self.bins, displayed(self), self.missing)
        head = self.counts[: min(SHOWN_LEVELS, len(self.bins.levels))]
        rest = sum(self.counts[len(head) : -1])
        return Display(self.bins, (*head, rest, self.new), self.missing)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile with its bins as JSON-safe values."""
        m = self.moments
        ends = (m.low, m.high) if m.count else (None, None)
        return {
            "bins": self.bins.to_dict(),
            "counts": list(self.counts),
            "missing": self.missing,
            "moments": [m.count, m.mean, m.m2, *ends],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Profile:
        """Return the profile that ``to_dict`` wrote, equal to the original."""
        count, mean, m2, low, high = data["moments"]
        moments = Moments(count, float(mean), float(m2), float(low), float(high)) if count else None
        return cls(
            Bins.from_dict(data["bins"]),
            tuple(data["counts"]),
            data["missing"],
            moments or Moments(),
        )


SHOWN_LEVELS: Final = 10


@dataclass(frozen=True)
class Display:
    """The bins of a picture.

    number: below, up to ten bins, above; category: up to ten levels, the other known ones, new.
    """

    bins: Bins
    counts: tuple[int, ...]
    missing: int

    @property
    def ends(self) -> tuple[tuple[float, float], ...]:
        """Return lower and upper end of each bin between below and above; none for labels."""
        uppers = [self.bins.edges[i] for i in self.bins.display]
        lowers = [self.bins.low, *uppers[:-1]] if self.bins.low is not None else []
        return tuple((float(a), b) for a, b in zip(lowers, uppers, strict=True) if a is not None)

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the levels that have a bin of their own; none for numbers."""
        return self.bins.levels[:SHOWN_LEVELS]

    @property
    def shares(self) -> tuple[float, ...]:
        """Return the share of all rows in each bin; the last is the share of missing values."""
        cells = (*self.counts, self.missing)
        whole = sum(cells) or 1
        return tuple(count / whole for count in cells)


def profile(values: Any, b: Bins) -> Profile:
    """Count a batch of values over frozen bins.

    >>> p = profile([1, 2, 9, None], bins([1, 2, 3]))
    >>> p.counts, p.missing, p.moments.mean
    ((0, 1, 1, 0, 1), 1, 4.0)
    >>> profile(["a", "z"], bins(["a", "b"])).counts
    (1, 0, 1)
    """
    if b.kind == "number":
        return _of_numbers(columns.numbers(values), b)
    return _of_labels(values, b)


def counted(counts: Mapping[str, int], missing: int, b: Bins) -> Profile:
    """Return the profile of labels that somebody has counted already.

    >>> counted({"a": 2, "z": 1}, 4, bins(["a", "b"])).counts
    (2, 0, 1)
    """
    return Profile(b, tuple(_tally(counts, b).tolist()), missing)


def displayed(p: Profile) -> tuple[int, ...]:
    """Return the counts of a column of numbers as below, up to ten bins, above."""
    if not p.bins.edges:
        return p.counts
    starts = [1, *(end + 2 for end in p.bins.display[:-1])]
    inner = np.add.reduceat(np.array(p.counts[1:-1]), np.array(starts) - 1)
    return (p.counts[0], *inner.tolist(), p.counts[-1])


def reference(values: Any, *, kind: columns.Kind | None = None) -> Profile:
    """Return the profile of a column over bins cut by itself: what others are measured against.

    >>> reference([1.0, 1.0, 2.0]).counts
    (0, 2, 1, 0)
    """
    if (kind or columns.kind_of(values)) == "category":
        return profile(values, bins(values, kind="category"))
    everything = columns.numbers(values)
    present = _present(everything)
    moments = _moments(present)
    if moments.count == len(present):
        cut, cells = of_finite(present)
        found = (0, *cells.tolist(), 0)
    else:
        cut, cells = of_finite(present[np.isfinite(present)])
        found = (int((present == -np.inf).sum()), *cells.tolist(), int((present == np.inf).sum()))
    return Profile(cut, found, len(everything) - len(present), moments)


def _of_numbers(values: Numbers, b: Bins) -> Profile:
    present = _present(values)
    found = tally.counts(present, b.low, np.array(b.edges, dtype=np.float64))
    return Profile(b, tuple(found.tolist()), len(values) - len(present), _moments(present))


def _present(values: Numbers) -> Numbers:
    """Leave out what is missing; a minimum is no number as soon as one value is none."""
    whole = bool(len(values)) and not math.isnan(values.min())
    return values if whole else values[~np.isnan(values)]


def _moments(present: Numbers) -> Moments:
    if not len(present):
        return Moments()
    low, high = float(present.min()), float(present.max())
    if low <= -REASONABLE or high >= REASONABLE:
        return _moments(present[np.abs(present) < REASONABLE])
    mean = float(present.mean())
    deviations = present - mean
    return Moments(
        len(present), mean, float(np.square(deviations, out=deviations).sum()), low, high
    )


def _of_labels(values: Any, b: Bins) -> Profile:
    counts, missing = columns.label_counts(values)
    return counted(counts, missing, b)


def _tally(counts: Mapping[str, int], b: Bins) -> npt.NDArray[np.int64]:
    """Put each label into its level; a label without one is *other* if there is such, else new."""
    positions = _positions(b.levels)
    elsewhere = len(b.levels)  # *other* when it exists, else *new*: both follow the levels
    cells = np.zeros(len(b.levels) + (2 if b.other else 1), dtype=np.int64)
    for name, count in counts.items():
        cells[positions.get(name, elsewhere)] += count
    return cells


@lru_cache(maxsize=64)
def _positions(levels: tuple[str, ...]) -> dict[str, int]:
    return {level: i for i, level in enumerate(levels)}
