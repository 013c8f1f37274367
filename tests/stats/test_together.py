"""Rows that moved together are told apart; rows that did not are, once in twenty times."""

import math

import numpy as np
import pytest

from jupyter_mlops.stats.together import apart


def test_columns_that_stopped_going_together_are_found_though_none_of_them_moved():
    random = np.random.default_rng(1)
    x, z = random.normal(size=(2, 3_000))
    before = {"x": x, "y": 0.9 * x + 0.44 * z, "noise": random.normal(size=3_000)}
    now = {"x": x[::-1], "y": z, "noise": random.normal(size=3_000)}
    found = apart(before, now)
    assert found.auc.low > 0.6
    assert found.p_value < 1e-6
    assert set(list(found.drivers)[:2]) == {"x", "y"}
    assert abs(found.drivers["noise"]) < 0.02


def test_labels_and_missing_values_tell_too():
    random = np.random.default_rng(2)
    before = {"plan": random.choice(["a", "b"], 500), "n": random.normal(size=500)}
    now = {"plan": random.choice(["a", "c"], 500), "n": [None] * 250 + [0.0] * 250}
    found = apart(before, now)
    assert found.auc.value > 0.8
    assert min(found.drivers.values()) > 0


def test_the_same_rows_are_told_apart_by_chance_alone():
    random, alarms, rounds, areas = np.random.default_rng(3), 0, 60, []
    for _ in range(rounds):
        found = apart(random.normal(size=(150, 3)), random.normal(size=(120, 3)), drivers=False)
        alarms += found.p_value < 0.05
        areas.append(found.auc.value)
    assert alarms / rounds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.02)


def test_no_more_than_the_rows_asked_for_are_looked_at():
    found = apart({"a": np.arange(900.0)}, {"a": np.arange(900.0)}, rows=200, drivers=False)
    assert (found.n_reference, found.n_current) == (200, 200)


@pytest.mark.parametrize(
    "sample", [{}, {"a": []}, {"a": [1.0]}, {"a": [None] * 100}, {"a": ["x"] * 100}]
)
def test_rows_that_tell_nothing(sample):
    found = apart(sample, sample)
    assert math.isnan(found.auc.value) or found.auc.value == 0.5
    assert not found.p_value < 0.5
