"""Intervals hold what they promise, whatever the model and whatever the noise."""

import numpy as np
import pytest

from jupyter_mlops.domain.limits import LEVELS
from jupyter_mlops.stats import conformal, unusual

NOISES = {
    "normal": lambda rng, x: rng.normal(size=len(x)),
    "heavy": lambda rng, x: rng.standard_t(2, size=len(x)),
    "skewed": lambda rng, x: rng.exponential(size=len(x)),
    "growing": lambda rng, x: x * rng.normal(size=len(x)),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("level", map(float, LEVELS))
@pytest.mark.parametrize("rows", [60, 600])
def test_an_interval_holds_the_truth_as_often_as_it_says(noise, level, rows):
    rng = np.random.default_rng(rows)
    held = []
    for _ in range(150):
        x, fresh, trained = (rng.uniform(1, 5, size=n) for n in (rows, 400, 400))
        edges = conformal.categories(2 * trained, 2 * x)
        truth = 2.1 * x + NOISES[noise](rng, x)
        half = np.array(conformal.half_widths(truth, 2 * x, edges, level=level))
        apart = np.abs(2.1 * fresh + NOISES[noise](rng, fresh) - 2 * fresh)
        held.append((apart <= half[conformal.category(2 * fresh, edges)]).mean())
    assert level - 0.02 <= np.mean(held) <= level + 0.04


@pytest.mark.parametrize("level", map(float, LEVELS))
def test_a_set_of_classes_holds_the_truth_as_often_as_it_says(level):
    rng = np.random.default_rng(1)
    held = []
    for _ in range(150):
        chances = rng.dirichlet([1, 1, 1], size=700)
        wrong = rng.dirichlet([1, 1, 1], size=700)  # the model is not calibrated
        told = 0.5 * chances + 0.5 * wrong
        truth = (chances.cumsum(axis=1) < rng.uniform(size=(700, 1))).sum(axis=1)
        least = conformal.least_probability(told[:300], truth[:300], level=level)
        held.append((told[np.arange(300, 700), truth[300:]] >= least).mean())
    assert level - 0.02 <= np.mean(held) <= level + 0.04


def test_too_few_rows_give_no_interval():
    assert conformal.quantile([], 0.8) == np.inf
    assert conformal.quantile(range(18), 0.95) == np.inf
    assert conformal.quantile(range(19), 0.95) == 18
    assert conformal.least_probability(np.eye(3), [0, 1, 2], level=0.95) == -np.inf


def test_answers_are_cut_only_where_each_part_has_rows_enough():
    assert conformal.categories(range(1000), range(40)) == []
    assert len(conformal.categories(range(1000), range(1000))) == 9
    assert conformal.categories([5.0] * 1000, [5.0] * 1000) == []


def test_the_shrunk_correlation_is_the_one_of_scikit_learn():
    from sklearn.covariance import oas

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    rows -= rows.mean(axis=0)
    ours = unusual.shrunk(rows.T @ rows / len(rows), len(rows))
    assert ours == pytest.approx(oas(rows, assume_centered=True)[0])


def test_the_distance_is_the_one_of_scipy():
    from scipy.spatial.distance import mahalanobis

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3))
    found = unusual.cloud(rows)
    turned = np.diag(1 / found.scale) @ found.root
    inverse = turned @ turned.T
    expected = [mahalanobis(row, found.center, inverse) for row in rows[:20]]
    assert found.distance(rows[:20]) == pytest.approx(expected)


@pytest.mark.parametrize("width", [1, 5, 20])
def test_as_many_fresh_rows_are_unusual_as_was_asked_for(width):
    rng = np.random.default_rng(width)
    mixed = rng.normal(size=(width, width))
    found = unusual.cloud(rng.standard_t(4, size=(4000, width)) @ mixed)
    fresh = found.distance(rng.standard_t(4, size=(4000, width)) @ mixed)
    assert (fresh > found.threshold(0.99)).mean() == pytest.approx(0.01, abs=0.008)


def test_one_value_of_a_million_millions_hides_no_other():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 4))
    clean = unusual.cloud(rows)
    rows[7, 2] = 1e12
    found = unusual.cloud(rows)
    odd = np.array([[0, 0, 6.0, 0]])
    assert found.distance(odd) == pytest.approx(clean.distance(odd), rel=0.05)
    assert found.distance(odd)[0] > found.threshold(0.995)


def test_missing_and_constant_and_endless_numbers_are_borne():
    rows = np.random.default_rng(0).normal(size=(100, 3))
    rows[:, 1], rows[5, 0], rows[6, 0], rows[7, 0] = 3.0, np.nan, np.inf, 1e300
    found = unusual.cloud(rows)
    told = found.distance([[np.nan, np.nan, np.nan], [0, 3, 0], [1e308, 3, 0]])
    assert np.isfinite(told).all()
    assert told[0] < told[2]
    assert np.isfinite(found.distances).all()
