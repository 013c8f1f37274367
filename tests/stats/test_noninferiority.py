"""No worse than another is proved, or not, from the same rows."""

import math

import numpy as np
from scipy import stats

from jupyter_mlops.stats import paired
from jupyter_mlops.stats.intervals import quantile
from jupyter_mlops.stats.noninferiority import NoWorse, rmse_gain


def test_the_gain_of_an_rmse_is_known_as_well_as_it_says():
    random, held, rounds = np.random.default_rng(4), 0, 400
    for _ in range(rounds):
        common = random.normal(size=400)
        found = rmse_gain(common + random.normal(0, 0.5, 400), common + random.normal(0, 0.8, 400))
        held += found.low <= 1 - math.sqrt(1.25 / 1.64) <= found.high
    assert 0.92 <= held / rounds <= 0.98


def test_worse_by_exactly_the_margin_is_let_through_once_in_forty():
    random, let, rounds = np.random.default_rng(5), 0, 2_000
    for _ in range(rounds):
        theirs = random.random(400) < 0.85
        mine = np.where(random.random(400) < 0.2, random.random(400) < 0.6, theirs)
        let += NoWorse(paired.share(theirs, mine).difference, margin=0.05).is_proven
    assert 0.01 <= let / rounds <= 0.04


def test_the_same_model_is_no_worse_and_too_little_proves_nothing():
    same = rmse_gain([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
    assert NoWorse(same, margin=0.0).is_proven
    for nothing in (
        paired.auc([1, 0, 0], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]).difference,
        paired.share([], []).difference,
        rmse_gain([], []),
    ):
        assert not NoWorse(nothing, margin=1.0).is_proven
        assert not NoWorse(nothing, margin=1.0).is_worse


def test_the_interval_of_a_quantile_holds_it_whatever_the_distribution():
    random, held, rounds = np.random.default_rng(6), 0, 1_000
    for _ in range(rounds):
        found = quantile(random.lognormal(0, 2, 300), 0.95)
        held += found.low <= stats.lognorm.ppf(0.95, 2) <= found.high
    assert 0.93 <= held / rounds <= 0.98
