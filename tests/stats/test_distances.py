"""Distances agree with scipy, are nothing between equals, and do not overflow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.spatial.distance import jensenshannon

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats import size
from jupyter_mlops.stats.drift import compare
from jupyter_mlops.stats.profile import bins, profile

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12)


def columns_of(pairs):
    before, now = np.array(pairs).T
    before[0] += 1
    now[0] += 1
    return before, now


@settings(max_examples=200, deadline=None)
@given(COUNTS)
def test_distances_are_as_scipy_has_them(pairs):
    before, now = columns_of(pairs)
    p, q = before / before.sum(), now / now.sum()
    assert size.jensen_shannon(before, now) == pytest.approx(jensenshannon(p, q, 2), abs=1e-7)
    hellinger = math.sqrt(max(0.0, 1 - float(np.sqrt(p * q).sum())))
    assert size.hellinger(before, now) == pytest.approx(hellinger, abs=1e-7)


@settings(max_examples=200, deadline=None)
@given(COUNTS)
def test_distances_are_symmetric_finite_and_nothing_between_equals(pairs):
    before, now = columns_of(pairs)
    for distance in (size.population_stability_index, size.jensen_shannon, size.hellinger):
        assert distance(before, now) == pytest.approx(distance(now, before), abs=1e-9)
        assert distance(before, 3 * before) == pytest.approx(0.0, abs=1e-7)
        assert 0 <= distance(before, now) < math.inf


def test_psi_is_the_worked_figure():
    before, now = np.array([20, 30, 50]), np.array([30, 30, 40])
    p, q = before / 100, now / 100
    expected = float(((q - p) * np.log(q / p)).sum())
    assert size.population_stability_index(before, now) == pytest.approx(expected)


def test_wasserstein_is_scipys_in_units_of_the_iqr():
    random = np.random.default_rng(0)
    before, now = random.normal(size=20_000), random.normal(0.5, 1.2, size=20_000)
    iqr = np.subtract(*np.quantile(before, [0.75, 0.25]))
    theirs = scipy_stats.wasserstein_distance(before, now) / iqr
    assert compare(before, now).wasserstein == pytest.approx(theirs, rel=0.08)


def test_cramers_v_is_scipys():
    table = np.array([[50, 30, 20], [30, 30, 40]])
    theirs = scipy_stats.contingency.association(table, method="cramer")
    assert size.cramers_v(*table) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0, 2.0], []),
        ([], [1.0]),
        ([], []),
        ([None, None], [1.0]),
        ([math.inf, -math.inf], [1.0, math.nan]),
        (["a"], []),
        ([7.0] * 50, [7.0] * 50),
        ([1e308, -1e308], [1e308]),
    ],
)
def test_what_cannot_be_told_is_not_told(before, now):
    found = compare(before, now)
    assert (found.n_reference, found.n_current) == (len(before), len(now))
    assert math.isnan(found.p_value) or 0 < found.p_value <= 1


def test_arrays_and_profiles_tell_the_same():
    random = np.random.default_rng(4)
    before, now = random.normal(size=500), random.normal(0.3, size=300)
    cut = bins(before)
    assert compare(before, now) == compare(profile(before, cut), profile(now, cut))


def test_profiles_over_other_bins_are_not_compared():
    with pytest.raises(Invalid):
        compare(profile([1.0], bins([1.0])), profile([1.0], bins([2.0])))


def test_numbers_that_became_text_are_compared_as_labels():
    assert compare([1, 2, 3] * 20, ["1", "2", "x"] * 20).kind == "category"
