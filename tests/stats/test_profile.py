"""Profiles add up, survive being written down, and count what they are given."""

import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import Invalid
from jupyter_mlops.stats.profile import Profile, bins, profile

REALS = st.lists(st.floats(width=64) | st.none() | st.integers(-5, 5).map(float), max_size=60)
WORDS = st.lists(st.text(max_size=3) | st.none() | st.booleans(), max_size=60)


@settings(max_examples=150, deadline=None)
@given(REALS, REALS, REALS)
def test_two_profiles_of_numbers_add_to_that_of_both(reference, a, b):
    cut = bins(reference, kind="number")
    both, whole = profile(a, cut) + profile(b, cut), profile(a + b, cut)
    assert (both.counts, both.missing) == (whole.counts, whole.missing)
    assert both.moments.count == whole.moments.count
    assert (both.moments.low, both.moments.high) == (whole.moments.low, whole.moments.high)
    largest = max((abs(v) for v in a + b if v is not None and abs(v) < 1e150), default=1.0)
    assert math.isclose(both.moments.mean, whole.moments.mean, rel_tol=1e-9, abs_tol=1e-9 * largest)


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_two_profiles_of_labels_add_to_that_of_both(reference, a, b):
    cut = bins(reference, kind="category")
    assert profile(a, cut) + profile(b, cut) == profile(a + b, cut)


@settings(max_examples=100, deadline=None)
@given(REALS, REALS)
def test_every_value_falls_into_one_cell(reference, values):
    found = profile(values, bins(reference, kind="number"))
    assert found.n == len(values)
    assert sum(found.display().counts) == found.present


@settings(max_examples=100, deadline=None)
@given(st.one_of(REALS, WORDS))
def test_a_profile_survives_being_written_down(values):
    kind = "number" if all(v is None or isinstance(v, float) for v in values) else "category"
    found = profile(values, bins(values, kind=kind))
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@settings(max_examples=60, deadline=None)
@given(REALS, st.randoms())
def test_the_order_of_rows_does_not_matter(values, random):
    cut = bins(values, kind="number")
    shuffled = random.sample(values, len(values))
    assert profile(shuffled, cut).counts == profile(values, cut).counts
    assert bins(shuffled, kind="number") == cut


def test_profiles_with_other_bins_are_not_added():
    with pytest.raises(Invalid) as error:
        profile([1.0], bins([1.0, 2.0])) + profile([1.0], bins([1.0, 3.0]))
    assert error.value.code == "bins_differ"


def test_the_moments_are_those_of_the_values():
    values = np.random.default_rng(1).lognormal(size=5_000)
    found = profile(values, bins(values)).moments
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(ddof=1))


def test_one_wild_value_spoils_no_sum():
    found = profile([1.0, 2.0, 1e300, -1e300, math.inf], bins([1.0, 2.0]))
    assert found.moments.mean == 1.5
    assert found.counts == (1, 1, 1, 2)


def test_bins_of_many_values_are_quantiles():
    values = np.random.default_rng(2).normal(size=100_000)
    found = profile(values, bins(values))
    inner = np.array(found.counts[1:-1])
    assert len(inner) == 256
    assert inner.max() - inner.min() <= 1


@pytest.mark.parametrize("hostile", ["<script>", "\x00", "\ud800", "🦊" * 5_000, "a\nb", ""])
def test_a_hostile_label_is_a_label(hostile):
    found = profile([hostile, "b", hostile], bins([hostile, "b"]))
    assert found.counts in ((2, 1, 0), (1, 2, 0))
    assert Profile.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("kind", ["numbers", "many labels", "long labels"])
def test_a_profile_is_small(kind):
    random = np.random.default_rng(3)
    values = {
        "numbers": lambda: random.normal(size=200_000),
        "many labels": lambda: np.array([f"customer-{i}" for i in range(30_000)]),
        "long labels": lambda: np.array([random.bytes(60).hex() for _ in range(3_000)]),
    }[kind]()
    found = profile(values, bins(values))
    assert len(zlib.compress(json.dumps(found.to_dict()).encode())) <= 15_000


def test_text_in_a_column_of_numbers_is_told():
    with pytest.raises(Invalid, match="something else"):
        profile([1.0, "two"], bins([1.0, 2.0]))
