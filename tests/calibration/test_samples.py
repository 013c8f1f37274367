"""What the calibration draws as counts is distributed as the rows would be."""

import numpy as np
import pytest

from calibration.samples import by_ranks, labels, zipf
from jupyter_mlops.stats.profile import bins, profile

ROUNDS = 2_000


def by_rows(random, reference, window):
    values = random.lognormal(sigma=3, size=reference)
    cut = bins(values)
    return profile(random.lognormal(sigma=3, size=window), cut).counts


def by_counts(random, reference, window):
    _, windows = by_ranks(random, reference)
    return windows(random, window).counts


@pytest.mark.parametrize("place", [0, 1, 100, 256, 257])
def test_counts_between_ranks_are_those_of_a_continuous_column(place):
    """Below, the first bin, one in the middle, the last and above: mean and spread agree."""
    random = np.random.default_rng(place)
    rows, counts = (
        np.array([draw(random, 600, 3_000)[place] for _ in range(ROUNDS)], dtype=float)
        for draw in (by_rows, by_counts)
    )
    spread = rows.std()
    assert counts.mean() == pytest.approx(rows.mean(), abs=4 * spread * np.sqrt(2 / ROUNDS))
    assert counts.std() == pytest.approx(spread, rel=0.2)


def test_profiles_of_label_counts_are_those_of_the_labels():
    random = np.random.default_rng(1)
    before, windows = labels(zipf(50, 1.5))(random, 60)
    now = windows(random, 400)
    rows = np.repeat(before.bins.levels, before.counts[:-1])
    assert bins(rows) == before.bins
    assert profile(rows, bins(rows)).counts == before.counts
    assert now.new > 0
    unseen = np.repeat([*before.bins.levels, "never seen"], now.counts)
    assert profile(unseen, before.bins) == now
