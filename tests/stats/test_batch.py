"""The profiles of all columns as one vector: they add in any order and grouping, and survive writing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import Corrupt, Invalid
from jupyter_mlops.stats import tally
from jupyter_mlops.stats.batch import Layout, packed, together, unpacked, unpacked_all
from jupyter_mlops.stats.bins import bins
from jupyter_mlops.stats.profile import profile, reference
from jupyter_mlops.stats.size import population_stability_index, stability_over

REALS = st.floats(allow_nan=True, width=64) | st.none() | st.integers(-3, 3).map(float)
WORDS = st.sampled_from(["a", "b", "c", "new", None, True])
ROWS = st.lists(st.tuples(REALS, WORDS), max_size=40)


def layout(rows):
    numbers, words = [row[0] for row in rows], [row[1] for row in rows]
    return Layout({"x": bins(numbers, kind="number"), "w": bins(words, kind="category")})


def batch(rows, of):
    columns = {
        name: profile([row[at] for row in rows], of.bins[name]) for at, name in enumerate("xw")
    }
    return of.batch(len(rows), columns)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(ROWS, max_size=5), st.randoms())
def test_batches_add_in_any_order_and_grouping(first, parts, random):
    of = layout(first)
    whole = batch([row for part in parts for row in part], of)
    shuffled = random.sample(parts, len(parts))
    one = together(of, [batch(part, of) for part in shuffled])
    other = of.empty()
    for part in shuffled:
        other = other + batch(part, of)
    for found in (one, other):
        assert found.rows == whole.rows
        assert found.counts.tolist() == whole.counts.tolist()
        assert found.shown.tolist() == whole.shown.tolist()
        largest = max([abs(v) for p in parts for v, _ in p if v and abs(v) < 1e150], default=1.0)
        assert np.allclose(found.sums[:, 1], whole.sums[:, 1], rtol=1e-9, atol=1e-9 * largest)
        assert (found.sums[:, [0, 3, 4]] == whole.sums[:, [0, 3, 4]]).all()


@settings(max_examples=100, deadline=None)
@given(ROWS, ROWS)
def test_a_batch_holds_the_profiles_of_its_columns(first, rows):
    found = batch(rows, layout(first))
    for at, name in enumerate("xw"):
        told = profile([row[at] for row in rows], found.layout.bins[name])
        assert found.column(name) == told
        shown = found.shown[found.layout.shown_place(name)].tolist()
        display = told.display()
        assert sum(shown) == told.n
        assert [n for n in shown if n] == [n for n in (*display.counts, display.missing) if n]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-200, 200), max_size=200))
def test_counts_survive_being_written_down(numbers):
    assert unpacked(packed(np.array(numbers, dtype=np.int64))).tolist() == numbers


@pytest.mark.parametrize("data", [b"", b"\x08nonsense", b"\x01abc", b"\x07abc"])
def test_what_nobody_wrote_is_told(data):
    with pytest.raises(Corrupt):
        unpacked(data)


def test_batches_of_other_bins_are_not_added():
    with pytest.raises(Invalid):
        batch([], layout([(1.0, "a")])) + batch([], layout([(2.0, "b")]))


def test_a_hundred_thousand_levels_add():
    values = [f"level {at}" for at in range(100_000)]
    cut = bins(values[:50_000])
    assert profile(values[:70_000], cut) + profile(values[70_000:], cut) == profile(values, cut)


@pytest.mark.parametrize(
    "draw",
    ["normal", "lognormal", "standard_cauchy", "wild", "few", "constant", "huge", "steps"],
)
def test_numbers_are_counted_as_if_they_were_sorted(draw):
    random = np.random.default_rng(5)
    values = {
        "wild": lambda: random.lognormal(0, 9, 30_000),
        "few": lambda: random.integers(0, 5, 30_000).astype(float),
        "constant": lambda: np.full(30_000, 3.0),
        "huge": lambda: random.normal(size=30_000) * 1e307,
        "steps": lambda: np.repeat(random.normal(size=300), 100),
    }.get(draw, lambda: getattr(random, draw)(size=30_000))()
    cut = bins(values[:20_000])
    edges = np.array(cut.edges)
    odd = [math.inf, -math.inf, 0.0, -0.0, *edges, *np.nextafter(edges, np.inf)]
    values = np.concatenate([values, odd, np.nextafter(edges, -np.inf)])
    quick = tally.counts(values, cut.low, edges)
    assert quick.tolist() == tally.of_sorted(np.sort(values), cut.low, edges).tolist()
    whole, again = reference(values), profile(values, bins(values))
    assert (whole.bins, whole.counts) == (again.bins, again.counts)
    assert whole.moments.mean == pytest.approx(again.moments.mean)


@given(st.lists(st.lists(st.integers(-(2**40), 2**40), max_size=30), max_size=12))
def test_many_are_unpacked_as_each_is(written):
    data = [packed(np.array(numbers, dtype=np.int64)) for numbers in written]
    assert [one.tolist() for one in unpacked_all(data)] == written


def test_stability_of_columns_is_that_of_each():
    random = np.random.default_rng(6)
    before, after = random.integers(0, 50, 12), random.integers(0, 3, (30, 12))
    found = stability_over(before, after, [0, 5, 7])
    for at, place in enumerate((slice(0, 5), slice(5, 7), slice(7, 12))):
        each = stability_over(before[place], after[:, place])[:, 0]
        assert np.allclose(found[:, at], each, equal_nan=True)


def test_stability_of_many_periods_is_that_of_each():
    random = np.random.default_rng(6)
    before, after = random.integers(0, 50, 12), random.integers(0, 20, (30, 12))
    after[3] = 0
    found = stability_over(before, after)[:, 0]
    assert math.isnan(found[3])
    rest = [at for at in range(30) if at != 3]
    each = [population_stability_index(before, after[at]) for at in rest]
    assert np.allclose(found[rest], each)
