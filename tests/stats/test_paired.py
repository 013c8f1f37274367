"""Two models on the same rows: the differences against what others compute, and honest errors."""

import numpy as np
import pytest
from scipy import stats

from jupyter_mlops.stats import paired
from jupyter_mlops.stats.accuracy import binary, regression


def two_scores(n, seed, *, better=0.0, shared=1.0):
    """Return truths and the scores of two models that see about the same."""
    random = np.random.default_rng(seed)
    truth = random.random(n) < 0.4
    seen = random.normal(size=n) * shared
    first = truth + seen + random.normal(size=n)
    other = truth * (1 + better) + seen + random.normal(size=n)
    return truth, np.round(first, 1), np.round(other, 1)


def by_pairs(hit, first, other):
    """Return DeLong's difference and its standard error by comparing every hit with every miss."""
    placed = []
    for score in (first, other):
        hits, misses = score[hit][:, None], score[~hit][None, :]
        wins = (hits > misses) + 0.5 * (hits == misses)
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    apart = [placed[1][part] - placed[0][part] for part in (0, 1)]
    error = sum(part.var(ddof=1) / len(part) for part in apart) ** 0.5
    return apart[0].mean(), error


def test_areas_differ_by_what_all_pairs_say():
    truth, first, other = two_scores(300, 1, better=0.5)
    value, error = by_pairs(truth, first, other)
    found = paired.auc(truth, first, other)
    assert found.difference.value == pytest.approx(value)
    assert found.difference.high - value == pytest.approx(1.959964 * error)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(value) / error))
    own = [binary(truth, (score + 9) / 20)["roc_auc"] for score in (first, other)]
    assert found.difference.value == pytest.approx(own[1] - own[0])


def test_shares_differ_as_mcnemar_says():
    random = np.random.default_rng(2)
    first, other = random.random((2, 500)) < [[0.8], [0.85]]
    lost, won = int((first & ~other).sum()), int((~first & other).sum())
    found = paired.share(first, other)
    exact = stats.binomtest(won, lost + won).pvalue
    mid = exact - stats.binom.pmf(min(lost, won), lost + won, 0.5)
    assert found.p_value == pytest.approx(mid)
    assert found.difference.value == pytest.approx(other.mean() - first.mean())
    assert found.difference.low < found.difference.value < found.difference.high


def test_errors_differ_as_a_paired_test_says():
    random = np.random.default_rng(3)
    truth = random.normal(size=400)
    first, other = truth + random.normal(size=(2, 400)) * [[1.0], [0.9]]
    found = paired.rmse(truth, first, other)
    roots = [regression(truth, said)["rmse"] for said in (first, other)]
    assert found.difference.value == pytest.approx(roots[1] - roots[0])
    theirs = stats.ttest_rel((other - truth) ** 2, (first - truth) ** 2)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.005)
    drawn = [
        np.sqrt((((other - truth) ** 2)[at]).mean()) - np.sqrt((((first - truth) ** 2)[at]).mean())
        for at in random.integers(0, 400, size=(4000, 400))
    ]
    assert (found.difference.high - found.difference.low) / 3.92 == pytest.approx(
        np.std(drawn), rel=0.06
    )


def test_the_same_answers_are_no_evidence_and_never_an_error():
    truth, first, _ = two_scores(60, 4)
    assert paired.auc(truth, first, first).p_value == 1
    assert paired.share(truth, truth).p_value == 1
    assert paired.rmse(truth * 1.0, first, first).p_value == 1
    assert paired.rmse([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]).p_value == 1


def test_what_cannot_be_told_is_no_number():
    assert np.isnan(paired.auc([1, 1], [0.1, 0.2], [0.2, 0.1]).p_value)
    assert np.isnan(paired.share([], []).p_value)
    assert np.isnan(paired.rmse([1.0], [1.0], [2.0]).p_value)


def test_turning_the_models_around_turns_the_difference_around():
    truth, first, other = two_scores(200, 5, better=0.3)
    for test in (paired.auc, paired.rmse):
        there, back = test(truth, first, other), test(truth, other, first)
        assert there.difference.value == pytest.approx(-back.difference.value)
        assert there.difference.low == pytest.approx(-back.difference.high)
        assert there.p_value == pytest.approx(back.p_value)


@pytest.mark.parametrize("kind", ["auc", "share", "rmse"])
def test_models_that_are_equally_good_are_seldom_told_apart(kind):
    """False alarms and coverage over 1,000 draws of 150 rows; four standard errors are allowed."""
    draws = 1000
    alarms, covered = 0, 0
    for seed in range(draws):
        truth, first, other = two_scores(150, seed)
        if kind == "auc":
            found = paired.auc(truth, first, other)
        elif kind == "share":
            found = paired.share((first > 0.6) == truth, (other > 0.6) == truth)
        else:
            found = paired.rmse(truth * 1.0, first, other)
        alarms += found.p_value < 0.05
        covered += found.difference.low <= 0 <= found.difference.high
    assert 0.02 < alarms / draws < 0.078
    assert 0.922 < covered / draws < 0.985


def test_a_paired_test_sees_what_two_intervals_hide():
    truth, first, other = two_scores(800, 7, better=0.35, shared=1.5)
    own = [binary(truth, (s + 12) / 24, interval=0.95)["roc_auc"] for s in (first, other)]
    assert own[0].high > own[1].low
    assert paired.auc(truth, first, other).p_value < 0.01
