"""Accuracy agrees with scikit-learn; intervals cover what they promise."""

import math

import numpy as np
import pytest
from sklearn import metrics

from jupyter_mlops.stats.accuracy import binary, multiclass, regression
from jupyter_mlops.stats.importance import permutation
from jupyter_mlops.stats.intervals import wilson
from jupyter_mlops.stats.service import error_rate, latency_profile


def scored(n=3_000, seed=0, *, ties=False):
    random = np.random.default_rng(seed)
    truth = random.random(n) < 0.3
    score = 1 / (1 + np.exp(-random.normal(truth * 1.5 - 1, 1.0)))
    return truth, score.round(1) if ties else score


@pytest.mark.parametrize("ties", [False, True])
def test_two_classes_are_measured_as_scikit_learn_does(ties):
    truth, score = scored(ties=ties)
    said = score >= 0.5
    found = binary(truth, score)
    expected = {
        "log_loss": metrics.log_loss(truth, np.clip(score, 1e-15, 1 - 1e-15)),
        "roc_auc": metrics.roc_auc_score(truth, score),
        "pr_auc": metrics.average_precision_score(truth, score),
        "accuracy": metrics.accuracy_score(truth, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, said),
        "f1": metrics.f1_score(truth, said),
        "mcc": metrics.matthews_corrcoef(truth, said),
        "tpr": metrics.recall_score(truth, said),
        "tnr": metrics.recall_score(~truth, ~said),
        "ppv": metrics.precision_score(truth, said),
        "npv": metrics.precision_score(~truth, ~said),
        "brier": metrics.brier_score_loss(truth, score),
        "gini": 2 * metrics.roc_auc_score(truth, score) - 1,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name
    fpr, tpr, _ = metrics.roc_curve(truth, score)
    assert found["ks"] == pytest.approx((tpr - fpr).max(), rel=1e-12)
    assert set(found) >= {*expected, "ks", "ece", "lift_5", "lift_10"}


def test_several_classes_are_measured_as_scikit_learn_does():
    random = np.random.default_rng(1)
    labels = ["a", "b", "c"]
    truth = random.choice(labels, 2_000, p=[0.6, 0.3, 0.1])
    score = random.dirichlet([1, 1, 1], 2_000)
    said = np.array(labels)[score.argmax(axis=1)]
    found = multiclass(truth, score, labels=labels)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, score), rel=1e-12)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said), rel=1e-12)
    for average in ("macro", "weighted"):
        theirs = metrics.f1_score(truth, said, average=average)
        assert found[f"{average}_f1"] == pytest.approx(theirs, rel=1e-12)
    assert found["recall:b"] == pytest.approx(metrics.recall_score(truth == "b", said == "b"))


def test_numbers_are_measured_as_scikit_learn_does():
    random = np.random.default_rng(2)
    truth = random.gamma(2, 3, 2_000)
    said = truth * random.lognormal(0, 0.3, 2_000)
    found = regression(truth, said)
    expected = {
        "rmse": metrics.root_mean_squared_error(truth, said),
        "mae": metrics.mean_absolute_error(truth, said),
        "mape": metrics.mean_absolute_percentage_error(truth, said),
        "rmsle": metrics.root_mean_squared_log_error(truth, said),
        "r2": metrics.r2_score(truth, said),
        "mad": metrics.median_absolute_error(truth, said),
        "bias": float((said - truth).mean()),
        "poisson_deviance": metrics.mean_poisson_deviance(truth, said),
        "gamma_deviance": metrics.mean_gamma_deviance(truth, said),
        "tweedie_deviance": metrics.mean_tweedie_deviance(truth, said, power=1.5),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name


COVERED = ["roc_auc", "pr_auc", "accuracy", "f1", "brier", "log_loss", "ks", "mcc", "ece"]


@pytest.fixture(scope="module")
def coverage():
    """How often the intervals of 200 samples hold what is true of all 400,000 rows."""
    truth, score = scored(400_000, seed=3)
    real, random, rounds = binary(truth, score), np.random.default_rng(4), 200
    covered = dict.fromkeys(COVERED, 0)
    for _ in range(rounds):
        rows = random.integers(0, len(truth), 1_000)
        found = binary(truth[rows], score[rows], interval=0.95)
        for name in COVERED:
            covered[name] += found[name].low <= real[name] <= found[name].high
    return {name: count / rounds for name, count in covered.items()}


@pytest.mark.parametrize("name", COVERED)
def test_an_interval_covers_the_truth_about_nineteen_times_in_twenty(coverage, name):
    assert coverage[name] >= 0.9


@pytest.mark.parametrize(
    ("truth", "score"), [([], []), ([1, 1], [0.2, 0.9]), ([0], [0.3]), ([0, 1], [0.0, 1.0])]
)
def test_what_is_not_defined_is_nan_and_nothing_raises(truth, score):
    found = binary(truth, score, interval=0.95)
    for name, value in found.items():
        assert math.isnan(value.value) or math.isfinite(value.value), name
        if not (math.isnan(value.low) or math.isnan(value.value)):
            assert value.low <= value.value + 1e-9, name
            assert value.value <= value.high + 1e-9, name


@pytest.mark.parametrize(("truth", "said"), [([], []), ([1.0], [1.0]), ([0.0, -1.0], [1.0, 2.0])])
def test_numbers_that_a_measure_does_not_allow_are_nan(truth, said):
    found = regression(truth, said, interval=0.95)
    assert math.isnan(found["gamma_deviance"].value) or truth == [1.0]
    assert math.isnan(found["r2"].value) or len(truth) > 1


def test_a_share_has_the_interval_of_wilson():
    from scipy.stats import binomtest

    theirs = binomtest(7, 50).proportion_ci(method="wilson")
    ours = wilson(7, 50)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert error_rate(0, 0).value != error_rate(0, 0).value


def test_latencies_keep_their_quantiles_when_they_are_added():
    random = np.random.default_rng(5)
    first, second = random.lognormal(1, 1, 5_000), random.lognormal(2, 1, 3_000)
    both = latency_profile(first) + latency_profile(second)
    for q in (0.5, 0.9, 0.99):
        theirs = np.quantile(np.concatenate([first, second]), q)
        assert both.quantile(q) == pytest.approx(theirs, rel=0.03)


def test_the_feature_that_matters_has_the_importance():
    random = np.random.default_rng(6)
    columns = {"signal": random.normal(size=500), "noise": random.normal(size=500)}
    truth = columns["signal"] * 3
    told = permutation(
        lambda given: given["signal"] * 3,
        columns,
        truth,
        loss=lambda a, b: float(((a - b) ** 2).mean()),
    )
    assert told["signal"] > 1
    assert told["noise"] == 0
