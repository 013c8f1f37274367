"""Order statistics without sorting everything are those of sorting everything."""

import numpy as np
import pytest

from jupyter_mlops.stats import order
from jupyter_mlops.stats.bins import bins
from jupyter_mlops.stats.profile import profile, reference

ROWS = 150_000
SHAPES = {
    "normal": lambda random: random.normal(1e6, 1e-3, ROWS),
    "heavy": lambda random: random.lognormal(0, 3, ROWS),
    "wild": lambda random: np.append(random.normal(size=ROWS - 1), 1e300),
    "two heaps": lambda random: random.normal(size=ROWS) + 1e9 * random.integers(0, 2, ROWS),
    "ties": lambda random: random.integers(0, 1_000, ROWS).astype(float),
    "mostly nought": lambda random: np.where(random.random(ROWS) < 0.7, 0.0, random.random(ROWS)),
    "ordered": lambda random: np.sort(random.random(ROWS)),
    "one value": lambda _: np.full(ROWS, 3.0),
    "two values": lambda random: random.integers(0, 2, ROWS).astype(float),
    "few": lambda random: random.random(100),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_ranks_are_those_of_sorting(shape):
    values = SHAPES[shape](np.random.default_rng(7))
    ordered = np.sort(values)
    wanted = np.unique(np.linspace(0, len(values) - 1, 97).astype(np.int64))
    found = order.partial(values, wanted)
    assert found.at(wanted).tolist() == ordered[wanted].tolist()
    expected = np.searchsorted(ordered, ordered[wanted], side="right")
    assert found.up_to(ordered[wanted]).tolist() == expected.tolist()


def test_few_of_evenly_spread_numbers_are_sorted():
    values = np.random.default_rng(8).normal(size=ROWS)
    wanted = np.arange(1, 257) * ROWS // 256 - 1
    assert len(order.partial(values, wanted).kept) < ROWS / 4


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reference_counts_as_a_batch_over_its_bins_does(shape):
    values = SHAPES[shape](np.random.default_rng(9))
    values[[3, 5]], values[7], values[11] = np.nan, np.inf, -np.inf
    found = reference(values)
    assert found.bins == bins(values)
    assert found == profile(values, found.bins)
    assert (found.counts[0], found.counts[-1], found.missing) == (1, 1, 2)


def test_quantiles_are_values_with_as_many_rows_each():
    values = np.random.default_rng(10).lognormal(size=ROWS)
    found = reference(values)
    assert set(found.bins.edges) <= set(values.tolist())
    assert len(found.bins.edges) == 256
    assert max(found.counts) - min(found.counts[1:-1]) <= 1
