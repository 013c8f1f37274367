"""The worst segments are found, none where none is worse, and a shift is explained to the last bit."""

import math

import numpy as np
import pytest

from jupyter_mlops.stats.drift import compare
from jupyter_mlops.stats.explained import of_distribution
from jupyter_mlops.stats.slices import worst


def people(random, n):
    return {
        "age": random.integers(18, 80, n).astype(float),
        "region": random.choice(["north", "south", "west"], n),
        "income": random.lognormal(10, 1, n),
        "plan": random.choice([*"abcdefgh"], n),
    }


def test_the_pair_that_is_worse_is_found_and_its_parts_are_not_blamed_more():
    random = np.random.default_rng(1)
    rows = people(random, 20_000)
    bad = (rows["region"] == "west") & (rows["age"] <= 30)
    wrong = random.random(20_000) < np.where(bad, 0.4, 0.1)
    found = worst(rows, wrong.astype(float))[0]
    assert dict(found.conditions)["region"] == "west"
    assert dict(found.conditions)["age"].startswith("≤ 3")
    assert found.loss.low <= wrong[bad].mean() <= found.loss.high
    assert found.p_value < 1e-6


def test_one_attribute_is_enough_where_one_explains_it():
    random = np.random.default_rng(2)
    rows = people(random, 10_000)
    loss = random.exponential(np.where(rows["plan"] == "c", 2.0, 1.0))
    found = worst(rows, loss)
    assert found[0].conditions == (("plan", "c"),)
    assert [f for f in found if ("plan", "c") not in f.conditions] == []


@pytest.mark.parametrize("kind", ["wrong", "squared"])
def test_where_nothing_is_worse_a_segment_is_named_once_in_twenty_searches(kind):
    random, named, rounds = np.random.default_rng(3), 0, 150
    for _ in range(rounds):
        rows = people(random, 1_500)
        loss = random.random(1_500) < 0.1 if kind == "wrong" else random.normal(size=1_500) ** 2
        named += bool(worst(rows, loss.astype(float)))
    assert named / rounds <= 0.09


def test_a_segment_without_enough_rows_is_not_named():
    loss = np.zeros(1_000)
    loss[:20] = 1.0
    rare = np.where(np.arange(1_000) < 20, "rare", "usual")
    assert worst({"kind": rare}, loss) == []
    assert worst({"kind": rare}, loss, fewest=10)[0].conditions == (("kind", "rare"),)


def test_missing_values_are_a_segment():
    loss = np.r_[np.ones(100), np.zeros(900)]
    age = np.where(np.arange(1_000) < 100, np.nan, np.arange(1_000.0))
    assert worst({"age": age}, loss)[0].conditions == (("age", "missing"),)


@pytest.mark.parametrize(
    ("attributes", "loss"),
    [
        ({}, []),
        ({"a": []}, []),
        ({"a": [None]}, [1.0]),
        ({"a": [1.0] * 300}, [1.0] * 300),
        ({"a": [None] * 300}, [0.0, 1.0] * 150),
        ({"a": ["x", "y"] * 150}, [None] * 300),
        ({"a": [float("inf"), 1.0] * 150}, [0.0] * 300),
    ],
)
def test_where_nothing_can_be_told_no_segment_is_named(attributes, loss):
    assert worst(attributes, loss) == []


def moved(random, n, west=0.0, share=0.3):
    segment = random.choice(["west", "east"], n, p=[share, 1 - share])
    return random.normal(np.where(segment == "west", west, 0.0)), segment


def test_the_segment_that_moved_explains_the_shift():
    random = np.random.default_rng(5)
    (old, was), (new, now) = moved(random, 8_000), moved(random, 8_000, 1.5)
    parts = of_distribution(old, new, reference_segment=was, current_segment=now)
    assert parts[0].segment == "west"
    assert parts[0].share > 0.85
    whole = compare(old, new).psi
    assert sum(p.contribution for p in parts) == pytest.approx(whole, rel=0.02)


def test_a_segment_that_is_new_is_told_by_its_rows():
    old, new = [0.0] * 40, [0.0] * 20 + [4.0] * 20
    was, now = ["a"] * 40, ["a"] * 20 + ["b"] * 20
    parts = of_distribution(old, new, reference_segment=was, current_segment=now)
    assert next((p.segment, p.n_reference, p.n_current) for p in parts) == ("b", 0, 20)
    assert sum(p.contribution for p in parts) == pytest.approx(compare(old, new).psi, rel=0.1)


@pytest.mark.parametrize(
    ("old", "new"),
    [([], []), ([1.0], []), ([None], [None]), ([1.0], [1.0]), ([2.0] * 9, [2.0] * 3)],
)
def test_no_shift_has_no_explanation(old, new):
    was, now = ["s"] * len(old), ["s"] * len(new)
    parts = of_distribution(old, new, reference_segment=was, current_segment=now)
    assert all(p.contribution == 0 and math.isnan(p.share) for p in parts)
